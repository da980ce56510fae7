//! SECURITY.md names what holds each of its promises: a test, a fuzz target, a benchmark or a type. This
//! file reads its tables and fails if a row names nothing, or names something that does not exist.

#![allow(
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

const SECURITY: &str = include_str!("../SECURITY.md");
/// The columns of a table of promises.
const COLUMNS: [&str; 3] = ["Promise", "Mechanism", "Held by"];

#[test]
fn every_promise_of_security_md_names_an_existing_test_fuzz_target_benchmark_or_type() {
    let rows = rows(SECURITY);
    assert!(rows.len() >= 40, "only {} promises were found", rows.len());
    let faults: Vec<String> = rows.iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn a_name_that_does_not_exist_is_found() {
    let table = "| Promise | Mechanism | Held by |\n|---|---|---|\n\
                 | One | | `promises::a_name_that_does_not_exist_is_found` |\n\
                 | Two | | `promises::nobody` |\n\
                 | Three | | `fuzz nothing` |\n\
                 | Four | | none |\n\
                 | Five | | `type gate::Nothing`, `bench nothing`, `a word` |\n";
    let faults: Vec<String> = rows(table).iter().flat_map(faults).collect();
    assert_eq!(
        faults,
        [
            "Two: no test `promises::nobody`",
            "Three: no fuzz target `nothing`",
            "Four: names nothing that holds it",
            "Five: no type `gate::Nothing`",
            "Five: no benchmark `nothing`",
            "Five: `a word` is no test, fuzz target, benchmark or type",
        ]
    );
}

/// A promise, and the code spans of its last column.
struct Row<'a> {
    promise: &'a str,
    held_by: Vec<&'a str>,
}

/// The rows of all tables that have the columns of promises.
fn rows(document: &str) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        let cells: Vec<&str> = line.trim().split('|').map(str::trim).collect();
        let [_, promise, mechanism, held_by, _] = cells[..] else {
            inside = false;
            continue;
        };
        if [promise, mechanism, held_by] == COLUMNS {
            inside = true;
        } else if inside && !promise.starts_with("---") {
            rows.push(Row {
                promise,
                held_by: held_by.split('`').skip(1).step_by(2).collect(),
            });
        }
    }
    rows
}

fn faults(row: &Row<'_>) -> Vec<String> {
    let mut faults: Vec<String> = row.held_by.iter().filter_map(|name| fault(name)).collect();
    if row.held_by.is_empty() {
        faults.push("names nothing that holds it".to_owned());
    }
    faults
        .into_iter()
        .map(|fault| format!("{}: {fault}", row.promise))
        .collect()
}

/// What is wrong with a name in the last column, if anything.
fn fault(name: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Some(target) = name.strip_prefix("fuzz ") {
        let file = root.join(format!("fuzz/fuzz_targets/{target}.rs"));
        return (!file.exists()).then(|| format!("no fuzz target `{target}`"));
    }
    if let Some(benchmark) = name.strip_prefix("bench ") {
        let files = [format!("{benchmark}.rs"), format!("{benchmark}/main.rs")];
        let exists = files
            .iter()
            .any(|file| root.join("benches").join(file).exists());
        return (!exists).then(|| format!("no benchmark `{benchmark}`"));
    }
    if let Some(path) = name.strip_prefix("type ") {
        return (!type_exists(root, path)).then(|| format!("no type `{path}`"));
    }
    if !name.contains("::") || name.contains(char::is_whitespace) {
        return Some(format!(
            "`{name}` is no test, fuzz target, benchmark or type"
        ));
    }
    (!test_exists(root, name)).then(|| format!("no test `{name}`"))
}

/// Whether `module::Name` is a struct or an enum in the files of that module.
fn type_exists(root: &Path, path: &str) -> bool {
    let Some((module, name)) = path.rsplit_once("::") else {
        return false;
    };
    let module = root.join("src").join(module.replace("::", "/"));
    let mut files = files_below(&module);
    files.push(module.with_extension("rs"));
    files.iter().any(|file| {
        let tokens = std::fs::read_to_string(file)
            .unwrap_or_default()
            .parse::<TokenStream>();
        tokens.is_ok_and(|tokens| defines(tokens, name))
    })
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .collect()
}

fn defines(tokens: TokenStream, name: &str) -> bool {
    let mut after_keyword = false;
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => {
            let found = after_keyword && ident == name;
            after_keyword = ident == "struct" || ident == "enum";
            found
        }
        _ => false,
    })
}

/// Whether there is a test of that path: `integration::bodies::the_cap_is_exact…`, or `lib::gate::…` for one
/// that stands beside the code.
fn test_exists(root: &Path, path: &str) -> bool {
    let mut segments: Vec<&str> = path.split("::").collect();
    let name = segments.pop().unwrap();
    let target = segments.remove(0);
    let (start, whole) = match target {
        "lib" => (root.join("src"), root.join("src/lib.rs")),
        _ => (
            root.join("tests").join(target),
            root.join("tests").join(target).join("main.rs"),
        ),
    };
    // The last segments may be modules inside a file.
    (0..=segments.len()).rev().any(|depth| {
        let file = start.join(segments[..depth].join("/"));
        let mut candidates = vec![file.with_extension("rs"), file.join("mod.rs")];
        if depth == 0 {
            candidates.push(whole.clone());
        }
        candidates.iter().any(|file| {
            std::fs::read_to_string(file)
                .is_ok_and(|text| tests_of(text.parse().unwrap()).contains(name))
        })
    })
}

/// The names of the tests in a file, those inside its modules and macros included.
fn tests_of(tokens: TokenStream) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut is_test = false;
    let mut after_fn = false;
    let mut generates_tests = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let words = words(&group.stream());
                if generates_tests {
                    names.extend(words.iter().cloned());
                    generates_tests = false;
                }
                // `#[test]`, `#[tokio::test(…)]`.
                let is_attribute = group.delimiter() == proc_macro2::Delimiter::Bracket;
                is_test |= is_attribute && words.last().is_some_and(|word| word == "test");
                names.extend(tests_of(group.stream()));
            }
            TokenTree::Ident(ident) => {
                if after_fn && is_test {
                    names.insert(ident.to_string());
                    is_test = false;
                }
                after_fn = ident == "fn";
                // The macro of tests/integration/stores makes two tests of each name.
                generates_tests = ident == "on_both_engines";
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    names
}

/// The words that stand directly in a group.
fn words(tokens: &TokenStream) -> Vec<String> {
    let idents = tokens.clone().into_iter().filter_map(|token| match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    });
    idents.collect()
}
