//! backend-headers.md: the names that the gate adds and withholds.

use std::collections::BTreeSet;

use portcullis::proxy::{NAMES, WITHHELD};

use crate::page::Page;

#[test]
fn the_headers_that_the_gate_adds_and_withholds_are_listed() {
    let page = Page::open("backend-headers.md");
    let withheld: Vec<String> = WITHHELD.iter().map(|name| format!("`{name}`")).collect();
    page.is_generated(&[("withheld", withheld.join(", "))]);

    let section = page.section("## Added by the gate");
    let rows = section.rows("Header");
    let listed: BTreeSet<(&str, &str)> = rows
        .iter()
        .filter(|row| row.len() == 3)
        .map(|row| (row[0].trim_matches('`'), row[1].trim_matches('`')))
        .collect();
    let names = NAMES.map(|(key, ending)| (key, format!("X-Portal-{ending}")));
    let added: BTreeSet<(&str, &str)> = names.iter().map(|(key, name)| (&**name, *key)).collect();
    assert_eq!(listed, added);
}
