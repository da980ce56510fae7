//! presets.md: every preset, as `portcullis presets list --json` prints it.

use jiff::SignedDuration;
use serde_json::Value;

use crate::page::{Page, prose, table};

fn presets() -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let ran = crate::portcullis(folder.path())
        .args(["presets", "list", "--json"])
        .output()
        .unwrap();
    assert!(ran.status.success());
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn text<'p>(preset: &'p Value, key: &str) -> &'p str {
    preset[key].as_str().unwrap()
}

fn retries(preset: &Value) -> String {
    let word = text(preset, "retries");
    match span(preset) {
        Some(span) => format!("{word}, {span}"),
        None => word.to_owned(),
    }
}

fn span(preset: &Value) -> Option<String> {
    let seconds = preset["retry_span_seconds"].as_i64()?;
    Some(format!("{:#}", SignedDuration::from_secs(seconds)))
}

fn window(preset: &Value) -> &str {
    match text(preset, "window") {
        "until the expiry in the token" => "stated",
        none if none.starts_with("none") => "none",
        window => window,
    }
}

fn row(preset: &Value) -> Vec<String> {
    let star = if preset["leaves_open"].is_null() {
        ""
    } else {
        "*"
    };
    vec![
        format!("`{}`", text(preset, "name")),
        prose(text(preset, "title")),
        text(preset, "algorithm").to_owned(),
        format!("{}{star}", text(preset, "covers")),
        window(preset).to_owned(),
        retries(preset),
        text(preset, "recipient").to_owned(),
        format!("[{}]({})", text(preset, "evidence"), text(preset, "source")),
    ]
}

#[test]
fn every_preset_is_on_the_page() {
    let presets = presets();
    let titles = [
        "Preset",
        "For",
        "Algorithm",
        "Covers",
        "Window",
        "Retries",
        "Recipient",
        "Evidence",
    ];
    let rows: Vec<Vec<String>> = presets.iter().map(row).collect();
    let open: Vec<String> = presets
        .iter()
        .filter_map(|preset| {
            let left = preset["leaves_open"].as_str()?;
            Some(format!(
                "- \\* `{}`: {}\n",
                text(preset, "name"),
                prose(left)
            ))
        })
        .collect();
    let all = format!("{}\n{}", table(&titles, &rows), open.concat());
    let after_failure = by_retries(&presets);
    Page::open("presets.md").is_generated(&[("presets", all), ("retries", after_failure)]);
}

/// What senders do after a failure. tests/auth/senders.rs makes the same table of the library.
fn by_retries(presets: &[Value]) -> String {
    let mut rows = Vec::new();
    for word in ["never", "same id", "new id", "unconfirmed"] {
        let with = presets.iter().filter(|it| text(it, "retries") == word);
        let names: Vec<String> = with
            .clone()
            .map(|preset| match span(preset) {
                Some(span) => format!("`{}` {span}", text(preset, "name")),
                None => format!("`{}`", text(preset, "name")),
            })
            .collect();
        if let Some(first) = with.clone().next() {
            rows.push(vec![
                format!("`{word}`"),
                format!("`{}`", text(first, "duplicates")),
                names.join(", "),
            ]);
        }
    }
    table(&["retries", "`duplicates` by default", "presets"], &rows)
}
