//! configuration.md: the keys of the configuration file and of endpoints.
//!
//! conf/portcullis.toml is the source of the first ones: tests/integration/configuration/example.rs compares it with the
//! program.

use std::collections::BTreeSet;

use crate::page::{Page, prose, table};

const FILE: &str = include_str!("../../conf/portcullis.toml");

struct Section {
    name: String,
    intro: String,
    keys: Vec<Key>,
}

struct Key {
    name: String,
    value: String,
    /// How the line begins: nothing, `#` or `##`.
    mark: String,
    meaning: String,
}

/// The sections of the file, in its order. Sections of the same name are several.
fn sections() -> Vec<Section> {
    // What stands before the first empty line that follows prose alone is about the file.
    let (_, text) = FILE.split_once("\n\n# The process.").unwrap();
    let text = format!("# The process.{text}");
    let mut sections: Vec<Section> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in text.lines() {
        let bare = line.trim_start_matches('#');
        let mark = &line[..line.len() - bare.len()];
        if line.is_empty() {
            assert!(comment.is_empty(), "prose without a key: {comment:?}");
        } else if mark == "#" && bare.starts_with(' ') {
            comment.push(bare.trim());
        } else if let Some(name) = bare.strip_prefix('[') {
            sections.push(Section {
                name: name.trim_matches(['[', ']']).to_owned(),
                intro: std::mem::take(&mut comment).join(" "),
                keys: Vec::new(),
            });
        } else {
            let (name, value) = bare.split_once(" = ").unwrap();
            sections.last_mut().unwrap().keys.push(Key {
                name: name.to_owned(),
                value: value.to_owned(),
                mark: mark.to_owned(),
                meaning: std::mem::take(&mut comment).join(" "),
            });
        }
    }
    sections
}

/// One section for each table of the file: every upstream has the same keys, and the routes are examples of one.
fn tables() -> Vec<Section> {
    let mut tables: Vec<Section> = Vec::new();
    for mut section in sections() {
        if section.name.starts_with("upstreams.") {
            section.name = "upstreams.NAME".to_owned();
        }
        match tables.iter_mut().find(|known| known.name == section.name) {
            None => tables.push(section),
            Some(known) => {
                for key in section.keys {
                    if known.keys.iter().all(|it| it.name != key.name) {
                        known.keys.push(key);
                    }
                }
            }
        }
    }
    tables
}

fn kind(value: &str) -> &'static str {
    let Some(text) = value.strip_prefix('"') else {
        return match value.chars().next() {
            Some('[') => "list",
            Some('t' | 'f') => "boolean",
            _ => "integer",
        };
    };
    let text = text.trim_end_matches('"');
    let unit = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    match unit {
        _ if unit == text => "string",
        "ms" | "s" | "m" | "h" => "time",
        " B" | " KiB" | " MiB" | " GiB" => "size",
        _ => "string",
    }
}

fn default(section: &str, key: &Key) -> String {
    let value = &key.value;
    match (section, key.name.as_str(), key.mark.as_str()) {
        ("routes", "wording", _) => format!("unset, e.g. `{value}`"),
        ("routes", _, _) | (_, _, "") => format!("required, e.g. `{value}`"),
        (_, _, "##") => format!("unset, e.g. `{value}`"),
        _ => format!("`{value}`"),
    }
}

#[test]
fn every_key_of_the_file_is_on_the_page_with_its_default() {
    let mut page = String::new();
    for section in tables() {
        let brackets = if section.name == "routes" {
            "[[routes]]".to_owned()
        } else {
            format!("[{}]", section.name)
        };
        let rows: Vec<Vec<String>> = section
            .keys
            .iter()
            .map(|key| {
                assert!(!key.meaning.is_empty(), "{} has no meaning", key.name);
                vec![
                    format!("`{}`", key.name),
                    kind(&key.value).to_owned(),
                    default(&section.name, key),
                    prose(&key.meaning),
                ]
            })
            .collect();
        page += &format!("## `{brackets}`\n\n{}\n", prose(&section.intro));
        if !rows.is_empty() {
            page += &format!("\n{}", table(&["Key", "Type", "Default", "Meaning"], &rows));
        }
        page += "\n";
    }
    page += &format!("The default routes:\n\n{}", default_routes());
    Page::open("configuration.md").is_generated(&[("sections", page)]);
}

fn default_routes() -> String {
    let routes = sections().into_iter().filter(|it| it.name == "routes");
    let rows: Vec<Vec<String>> = routes
        .map(|route| {
            let value = |name: &str| {
                let mut keys = route.keys.iter();
                let found = keys.find(|key| key.name == name);
                found.map_or_else(String::new, |key| {
                    format!("`{}`", key.value.trim_matches('"'))
                })
            };
            ["name", "pattern", "endpoint", "wording"]
                .map(value)
                .to_vec()
        })
        .collect();
    table(&["Name", "Pattern", "Endpoint", "Wording"], &rows)
}

#[test]
fn the_keys_of_endpoints_are_exactly_those_that_apply_reads() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("portcullis.toml", include_str!("../../conf/minimal.toml"));
    file("probed.toml", PROBED);
    let ran = crate::portcullis(folder.path())
        .args(["apply", "-f", "probed.toml"])
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(3));
    let told = String::from_utf8(ran.stderr).unwrap();

    let mut known = BTreeSet::new();
    let mut tables = BTreeSet::new();
    for line in told.lines().filter(|line| line.contains("unknown key")) {
        let (_, line) = line.split_once("endpoints[workflows/x].").unwrap();
        let (place, keys) = line
            .split_once("probe: unknown key; expected one of ")
            .unwrap();
        let place = place.replace("[0]", "[]");
        for key in keys.split('`').skip(1).step_by(2) {
            known.insert(format!("{place}{key}"));
        }
        tables.insert(place.trim_end_matches('.').to_owned());
    }
    assert_eq!(tables.len(), 8, "{told}");
    // A table is on the page by its keys.
    known.retain(|key| !tables.contains(key));

    let page = Page::open("configuration.md").section("## Endpoints");
    let listed: BTreeSet<String> = page
        .rows("Key")
        .into_iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    assert_eq!(listed, known);
}

/// An endpoint with an unknown key in each of its tables: what is said about it lists the known ones.
const PROBED: &str = r#"
[[endpoints]]
id = "workflows/x"
organisation = "acme"
workspace = "main"
probe = 1
[endpoints.auth]
mode = "hmac"
probe = 1
[endpoints.limits]
probe = 1
[endpoints.replay]
probe = 1
[endpoints.capture]
probe = 1
[endpoints.concurrency]
probe = 1
[endpoints.contract]
probe = 1
inputs = [{ name = "a", type = "text", probe = 1 }]
"#;
