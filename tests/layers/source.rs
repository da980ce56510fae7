//! A source file, and the paths that its tokens name.

use std::path::Path;

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// A file of the crate.
pub(crate) struct Source {
    /// The path from the root of the repository.
    pub(crate) path: String,
    /// The module: `["gate", "decision"]`; empty for the root of the library.
    pub(crate) module: Vec<String>,
    pub(crate) names: Vec<Named>,
}

/// A path that a file names.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) line: usize,
    /// Its segments, as they stand there; `*` for a glob.
    pub(crate) path: Vec<String>,
    /// The module in which it stands.
    inside: Vec<String>,
    /// Whether it is called as a macro.
    pub(crate) is_macro: bool,
}

/// A module of the crate that a file names.
pub(crate) struct Import {
    pub(crate) line: usize,
    pub(crate) module: String,
}

impl Source {
    pub(crate) fn read(path: &str, text: &str) -> Self {
        let tokens: TokenStream = text
            .parse()
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let module = module_of(path);
        let mut names = Vec::new();
        collect(tokens, &[], &module, &mut names);
        Self {
            path: path.to_owned(),
            names,
            module,
        }
    }

    /// The modules of the crate that it names.
    pub(crate) fn imports(&self) -> impl Iterator<Item = Import> {
        self.names.iter().filter_map(|named| {
            Some(Import {
                line: named.line,
                module: named.of_crate()?,
            })
        })
    }
}

impl Named {
    /// The first name after the root of the crate, if that is where the path leads.
    fn of_crate(&self) -> Option<String> {
        let mut depth = self.inside.len();
        let mut rest = self.path.iter().map(String::as_str).peekable();
        match rest.next()? {
            "crate" | "portcullis" => depth = 0,
            "super" => depth = depth.checked_sub(1)?,
            "self" => {}
            _ => return None,
        }
        while rest.next_if_eq(&"super").is_some() {
            depth = depth.checked_sub(1)?;
        }
        match (depth, rest.next()?) {
            (0, "self") => Some("*".to_owned()),
            (0, name) => Some(name.to_owned()),
            _ => None,
        }
    }
}

/// Every file of the crate.
pub(crate) fn crate_sources() -> Vec<Source> {
    let texts = texts_of("src");
    let sources = texts.iter().map(|(path, text)| Source::read(path, text));
    sources.collect()
}

/// The Rust files in a folder of the repository, by their paths, and what they contain.
pub(crate) fn texts_of(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                texts.push((name.to_owned(), text));
            }
        }
    }
    assert!(texts.len() > 20, "the files were not found");
    texts.sort();
    texts
}

fn module_of(path: &str) -> Vec<String> {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "lib" => Vec::new(),
        _ => path.split('/').map(str::to_owned).collect(),
    }
}

/// Collects the paths of `tokens`, each with `prefix` before it: what stands before the braces of an
/// import that holds several.
fn collect(tokens: TokenStream, prefix: &[String], inside: &[String], into: &mut Vec<Named>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut rest = tokens.as_slice();
    let mut module = None;
    loop {
        match rest {
            [] => return,
            // Another name for what is imported is not imported itself.
            [TokenTree::Ident(word), _, after @ ..] if word == "as" && !prefix.is_empty() => {
                rest = after;
            }
            [TokenTree::Ident(word), after @ ..] if word == "mod" => {
                rest = after;
                module = match after {
                    [TokenTree::Ident(name), TokenTree::Group(_), ..] => Some(name.to_string()),
                    _ => None,
                };
            }
            [TokenTree::Ident(first), after @ ..] => {
                rest = collect_path(first, after, prefix, inside, into);
            }
            [TokenTree::Group(group), after @ ..] => {
                let mut inside = inside.to_vec();
                inside.extend(module.take());
                collect(group.stream(), &[], &inside, into);
                rest = after;
            }
            [_, after @ ..] => rest = after,
        }
    }
}

/// Collects the path that begins with `first`, or every path in its braces, and gives what is left.
fn collect_path<'t>(
    first: &Ident,
    after: &'t [TokenTree],
    prefix: &[String],
    inside: &[String],
    into: &mut Vec<Named>,
) -> &'t [TokenTree] {
    let mut path = prefix.to_vec();
    path.push(first.to_string());
    let rest = segments(after, &mut path);
    match rest {
        [TokenTree::Group(tree), after @ ..] if path.last().is_some_and(String::is_empty) => {
            path.pop();
            collect(tree.stream(), &path, inside, into);
            return after;
        }
        // The root with another name: what is then named by it could not be followed any more.
        [TokenTree::Ident(word), ..] if word == "as" && path.iter().all(|it| is_root(it)) => {
            path.push("self".to_owned());
        }
        _ => {}
    }
    into.push(Named {
        line: first.span().start().line,
        path,
        inside: inside.to_vec(),
        is_macro: matches!(rest, [TokenTree::Punct(mark), ..] if mark.as_char() == '!'),
    });
    rest
}

/// Whether a path of such words alone can be the root of the crate.
fn is_root(word: &str) -> bool {
    matches!(word, "crate" | "portcullis" | "self" | "super")
}

/// Adds the segments that follow to `path`, an empty one where braces follow, and gives what is left.
fn segments<'t>(mut rest: &'t [TokenTree], path: &mut Vec<String>) -> &'t [TokenTree] {
    while let [
        TokenTree::Punct(first),
        TokenTree::Punct(second),
        after @ ..,
    ] = rest
        && (first.as_char(), second.as_char()) == (':', ':')
    {
        rest = match after {
            [TokenTree::Ident(segment), after @ ..] => {
                path.push(segment.to_string());
                after
            }
            [TokenTree::Punct(star), after @ ..] if star.as_char() == '*' => {
                path.push("*".to_owned());
                return after;
            }
            [TokenTree::Group(tree), ..] if tree.delimiter() == Delimiter::Brace => {
                path.push(String::new());
                return after;
            }
            // Generic arguments: what they name are paths of their own.
            _ => return after,
        };
    }
    rest
}
