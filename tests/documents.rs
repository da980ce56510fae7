//! The documents: every relative link and anchor leads somewhere, the book lists every page, every path of the tree that a
//! page for developers names exists, and the two pages that everybody reads first stay short.

#![allow(
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::Path;

const TOP_LEVEL: [&str; 6] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "RELEASING.md",
    "SECURITY.md",
];
const SUMMARY: &str = "docs/SUMMARY.md";

/// The documents by their path from the root of the repository.
type Documents = BTreeMap<String, String>;

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let faults = link_faults(&documents(), &|path| root().join(path).exists());
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_page_is_in_the_summary_of_the_book_once() {
    let documents = documents();
    let missing = unlisted(&documents);
    assert!(missing.is_empty(), "not in {SUMMARY}: {missing:#?}");
    let twice = listed_twice(&documents[SUMMARY]);
    assert!(twice.is_empty(), "twice in {SUMMARY}: {twice:#?}");
}

/// mdBook copies what stands beside the pages, and `scripts/book` puts it there.
#[test]
fn every_file_that_a_page_links_to_is_in_the_book() {
    let script = std::fs::read_to_string(root().join("scripts/book")).unwrap();
    let copies: BTreeSet<&str> = script
        .lines()
        .filter(|line| line.starts_with("cp "))
        .flat_map(str::split_whitespace)
        .collect();
    let documents = documents();
    let linked = documents.iter().flat_map(|(page, text)| {
        let targets = links(text).into_iter();
        targets.filter_map(|(_, link)| Some(resolved(page, &link)?.ok()?.0))
    });
    let missing: BTreeSet<String> = linked
        .filter(|path| !path.ends_with(".md"))
        .filter(|path| !copies.contains(path.split('/').next().unwrap()))
        .collect();
    assert!(missing.is_empty(), "not in the book: {missing:#?}");
}

#[test]
fn every_path_of_the_tree_that_a_page_for_developers_names_exists() {
    let faults: Vec<String> = documents()
        .iter()
        .filter(|(page, _)| page.starts_with("docs/develop/") || TOP_LEVEL.contains(&page.as_str()))
        .flat_map(|(page, text)| {
            let missing = named_paths(text).filter(|path| !root().join(path).exists());
            missing.map(move |path| format!("{page}: there is no {path}"))
        })
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_architecture_fits_on_a_page() {
    let size = documents()["ARCHITECTURE.md"].len();
    assert!(size <= 6144, "ARCHITECTURE.md has {size} bytes");
}

#[test]
fn the_readme_fits_on_a_page() {
    let size = documents()["README.md"].len();
    assert!(size <= 8192, "README.md has {size} bytes");
}

#[test]
fn the_usual_tasks_are_two_clicks_from_the_readme() {
    let documents = documents();
    let clicks = clicks_from("README.md", &documents);
    for (page, heading) in [
        ("docs/guide/stripe.md", None),
        ("docs/guide/rotation.md", None),
        ("docs/operate/metrics.md", Some("alerts")),
        ("CONTRIBUTING.md", Some("add-a-preset")),
    ] {
        let away = clicks.get(page);
        assert!(away.is_some_and(|away| *away <= 2), "{page}: {away:?}");
        if let Some(heading) = heading {
            assert!(
                anchors(&documents[page]).contains(heading),
                "{page}#{heading}"
            );
        }
    }
}

#[test]
fn a_link_that_leads_nowhere_is_reported() {
    let page = "# A page\n\n\
        [good](guide/b.md), [too](guide/b.md#two-words-and-code), [here](#a-page), [out](https://example.com/x.md)\n\
        [twice](guide/b.md#again-1) and [a file](../src/lib.rs)\n\
        [gone](guide/c.md) [no heading](guide/b.md#three) ![no image](d.png) [nobody](#nothing)\n\
        [outside](../../secret) [absolute](/docs/a.md)\n\
        `[code](is/no.md)`\n\n```md\n[fence](is/no.md)\n# Fenced\n```\n[fenced](#fenced)\n\n[later]: guide/e.md\n";
    let other = "# B\n\n## Two words, and `code`\n\n## Again\n\n## Again\n";
    let documents: Documents = [("docs/a.md", page), ("docs/guide/b.md", other)]
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into();
    let exists = |path: &str| documents.contains_key(path) || path == "src/lib.rs";
    assert_eq!(
        link_faults(&documents, &exists),
        [
            "docs/a.md:5: there is no docs/guide/c.md",
            "docs/a.md:5: there is no heading #three in docs/guide/b.md",
            "docs/a.md:5: there is no docs/d.png",
            "docs/a.md:5: there is no heading #nothing in docs/a.md",
            "docs/a.md:6: `../../secret` leaves the repository",
            "docs/a.md:6: `/docs/a.md` leaves the repository",
            "docs/a.md:13: there is no heading #fenced in docs/a.md",
            "docs/a.md:15: there is no docs/guide/e.md",
        ]
    );
}

#[test]
fn a_page_that_the_summary_forgets_or_lists_twice_is_reported() {
    let documents: Documents = [
        (SUMMARY, "# Summary\n\n- [B](guide/b.md)\n"),
        ("docs/guide/b.md", "# B\n"),
        ("docs/guide/c.md", "# C\n"),
        ("README.md", "# Portcullis\n"),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into();
    assert_eq!(unlisted(&documents), ["README.md", "docs/guide/c.md"]);
    assert_eq!(listed_twice(&documents[SUMMARY]), [""; 0]);
    let twice = format!("{0}{0}", documents[SUMMARY]);
    assert_eq!(listed_twice(&twice), ["guide/b.md"]);
}

#[test]
fn a_path_of_the_tree_is_told_from_other_code() {
    let text = "`src/a.rs`, `src/b/*.rs`, `src/NAME.rs`, `cargo run`, `src/c/`, `tests/d::e`\n```\n`src/fenced.rs`\n```\n";
    let named: Vec<&str> = named_paths(text).collect();
    assert_eq!(named, ["src/a.rs", "src/c/"]);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Documents {
    let mut pages: Vec<String> = TOP_LEVEL.map(str::to_owned).into();
    pages_below("docs", &mut pages);
    let read = |page: String| {
        let text = std::fs::read_to_string(root().join(&page));
        let text = text.unwrap_or_else(|error| panic!("{page}: {error}"));
        (page, text)
    };
    pages.into_iter().map(read).collect()
}

fn pages_below(folder: &str, pages: &mut Vec<String>) {
    for entry in std::fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            pages_below(&path, pages);
        } else if path.ends_with(".md") {
            pages.push(path);
        }
    }
}

/// The lines of a document outside of its fences, each with its number, without code spans.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    outside_fences(text).map(|(number, line)| {
        let spans = line.split('`').step_by(2).collect::<Vec<_>>();
        (number, spans.join("``"))
    })
}

fn outside_fences(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let ticks = line.trim_start();
        let marks = &ticks[..ticks.len() - ticks.trim_start_matches('`').len()];
        match fence {
            Some(open) => {
                if marks.len() >= open.len() && ticks.len() == marks.len() {
                    fence = None;
                }
                None
            }
            None if marks.len() >= 3 => {
                fence = Some(marks);
                None
            }
            None => Some((index + 1, line)),
        }
    })
}

/// The targets of the links in a document, each with its line.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        for rest in line.split("](").skip(1) {
            let target = rest.split(')').next().unwrap();
            links.push((number, target.split(' ').next().unwrap().to_owned()));
        }
        let definition = line.starts_with('[').then(|| line.split_once("]: "));
        if let Some((_, target)) = definition.flatten() {
            links.push((number, target.trim().to_owned()));
        }
    }
    links
}

/// Where a link of `page` leads: a path from the root of the repository, and a heading. None if it leaves the documents for
/// the web.
fn resolved(page: &str, link: &str) -> Option<Result<(String, Option<String>), String>> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = match link.split_once('#') {
        Some((path, heading)) => (path, Some(heading.to_owned())),
        None => (link, None),
    };
    if path.is_empty() {
        return Some(Ok((page.to_owned(), heading)));
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_some() => {}
            ".." => return Some(Err(format!("`{link}` leaves the repository"))),
            part => parts.push(part),
        }
    }
    match path.starts_with('/') {
        true => Some(Err(format!("`{link}` leaves the repository"))),
        false => Some(Ok((parts.join("/"), heading))),
    }
}

fn link_faults(documents: &Documents, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (page, text) in documents {
        for (line, link) in links(text) {
            let fault = match resolved(page, &link) {
                None => continue,
                Some(Err(fault)) => Some(fault),
                Some(Ok((path, _))) if !exists(&path) => Some(format!("there is no {path}")),
                Some(Ok((path, Some(heading)))) => documents
                    .get(&path)
                    .filter(|text| !anchors(text).contains(&heading))
                    .map(|_| format!("there is no heading #{heading} in {path}")),
                Some(Ok(_)) => None,
            };
            faults.extend(fault.map(|fault| format!("{page}:{line}: {fault}")));
        }
    }
    faults
}

/// The anchors of the headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut anchors = BTreeSet::new();
    for (_, line) in outside_fences(text) {
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        if !(1..=6).contains(&level) || !title.starts_with(' ') {
            continue;
        }
        let kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
        let title: String = linked_text(title.trim()).chars().filter(kept).collect();
        let anchor = title.to_lowercase().replace(' ', "-");
        let count = seen.entry(anchor.clone()).or_default();
        anchors.insert(match *count {
            0 => anchor,
            n => format!("{anchor}-{n}"),
        });
        *count += 1;
    }
    anchors
}

/// A heading without the targets of its links.
fn linked_text(title: &str) -> String {
    let mut parts = title.split("](");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        text += part.split_once(')').map_or("", |(_, after)| after);
    }
    text
}

/// The documents that the summary of the book does not list.
fn unlisted(documents: &Documents) -> Vec<&str> {
    let listed: BTreeSet<String> = links(&documents[SUMMARY])
        .iter()
        .filter_map(|(_, link)| Some(resolved(SUMMARY, link)?.ok()?.0))
        .collect();
    documents
        .keys()
        .map(String::as_str)
        .filter(|page| *page != SUMMARY && !listed.contains(*page))
        .collect()
}

/// The pages that a summary lists more than once, which mdBook refuses.
fn listed_twice(summary: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let pages = links(summary).into_iter().map(|(_, page)| page);
    pages.filter(|page| !seen.insert(page.clone())).collect()
}

/// The files and folders of the tree that are named in code spans; a pattern names none.
fn named_paths(text: &str) -> impl Iterator<Item = &str> {
    const FOLDERS: [&str; 7] = ["benches", "conf", "docs", "fuzz", "scripts", "src", "tests"];
    outside_fences(text)
        .flat_map(|(_, line)| line.split('`').skip(1).step_by(2))
        .filter(|span| {
            let in_tree = span
                .split_once('/')
                .is_some_and(|(it, _)| FOLDERS.contains(&it));
            let is_pattern = ["NAME", "NNNN", "*", "…", " ", "::", "<"];
            in_tree && !is_pattern.iter().any(|it| span.contains(it))
        })
}

/// How many links lead from a page to each other one.
fn clicks_from(start: &str, documents: &Documents) -> HashMap<String, usize> {
    let mut clicks = HashMap::from([(start.to_owned(), 0)]);
    let mut next = VecDeque::from([start.to_owned()]);
    while let Some(page) = next.pop_front() {
        let away = clicks[&page] + 1;
        for (_, link) in links(documents.get(&page).map_or("", String::as_str)) {
            if let Some(Ok((path, _))) = resolved(&page, &link)
                && !clicks.contains_key(&path)
            {
                clicks.insert(path.clone(), away);
                next.push_back(path);
            }
        }
    }
    clicks
}
