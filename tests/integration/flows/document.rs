//! docs/flows.md, typed: from an empty folder to a draft delivery, a release, a live Stripe delivery and the
//! URL of an installation. What it says is printed has to be printed, line for line.

use super::*;
use crate::readme::{Reader, blocks_of, shows};

const DOCUMENT: &str = include_str!("../../../docs/flows.md");

#[test]
fn what_the_document_says_can_be_typed_and_comes_out_so() {
    let backend = Backend::accepting();
    let mut reader = Reader::new(&backend);
    let mut printed = String::new();
    let mut walked = 0;
    for (info, text) in blocks_of(DOCUMENT) {
        match info {
            "sh walk" => {
                printed = reader.types(&text);
                walked += 1;
            }
            "text shows" => {
                let expected = reader.here(&text);
                let (said, shown): (Vec<&str>, Vec<&str>) =
                    (expected.lines().collect(), printed.lines().collect());
                assert_eq!(said.len(), shown.len(), "{said:#?}\n{printed}");
                for (pattern, line) in said.iter().zip(shown) {
                    let same = pattern.contains('…') && shows(line, pattern) || *pattern == line;
                    assert!(same, "`{pattern}` is not `{line}`\n{printed}");
                }
            }
            _ => {}
        }
    }
    assert!(walked >= 11, "{walked} blocks");

    let targets: Vec<String> = backend
        .received()
        .iter()
        .map(|it| it.header("X-Portal-Target").to_owned())
        .collect();
    assert_eq!(targets, ["draft", "live", "installation"]);
}

#[test]
fn the_words_of_the_document_are_those_of_the_program() {
    let gate = Gate::before(&Backend::refusing());
    let help = gate.run(&["flow", "--help"]).succeeded();
    for command in [
        "release", "promote", "rollback", "history", "list", "show", "delete",
    ] {
        assert!(help.contains(command), "{command}");
        assert!(DOCUMENT.contains(&format!("`flow {command}")), "{command}");
    }
    for link in DOCUMENT.split("](").skip(1) {
        let link = link.split(')').next().unwrap();
        let heading = |text: &str, anchor: &str| {
            let titles = text.lines().filter(|line| line.starts_with('#'));
            let anchors = titles.map(|line| {
                let title = line.trim_start_matches('#').trim().to_lowercase();
                title.replace(' ', "-").replace(['\'', ',', '`'], "")
            });
            anchors.into_iter().any(|it| it == anchor)
        };
        let readme = include_str!("../../../README.md");
        match link.split_once('#') {
            Some(("", anchor)) => assert!(heading(DOCUMENT, anchor), "{link}"),
            Some(("../README.md", anchor)) => assert!(heading(readme, anchor), "{link}"),
            _ => panic!("{link}"),
        }
    }
}
