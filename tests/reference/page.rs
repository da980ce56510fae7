//! A page of docs/reference: its generated parts and its tables.

use std::path::PathBuf;

pub(crate) struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    pub(crate) fn open(name: &str) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference");
        let path = PathBuf::from(folder).join(name);
        let text = std::fs::read_to_string(&path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// Compares the generated parts of the page with `parts`, or writes them if `UPDATE_REFERENCE` is 1.
    pub(crate) fn is_generated(&self, parts: &[(&str, String)]) {
        let expected = with_parts(&self.text, parts);
        if std::env::var_os("UPDATE_REFERENCE").is_some_and(|value| value == "1") {
            // Other tests read the page meanwhile: it is never there in part.
            let new = self.path.with_extension("new");
            std::fs::write(&new, expected).unwrap();
            std::fs::rename(new, &self.path).unwrap();
            return;
        }
        let is_same = self.text == expected;
        let mut lines = (1..).zip(self.text.lines().zip(expected.lines()));
        let first = lines.find(|(_, (is, should))| is != should);
        assert!(
            is_same,
            "{} is not what the program says; run `make reference`. The first line that differs: {first:#?}",
            self.path.display()
        );
    }

    /// The rows of every table whose first column has this title.
    pub(crate) fn rows(&self, title: &str) -> Vec<Vec<String>> {
        rows(&self.text, title)
    }

    /// The page from a heading to the next one of the same level.
    pub(crate) fn section(&self, heading: &str) -> Self {
        let (_, rest) = self.text.split_once(&format!("\n{heading}\n")).unwrap();
        let level = heading.split(' ').next().unwrap();
        let section = rest.split(&format!("\n{level} ")).next().unwrap();
        Self {
            path: self.path.clone(),
            text: section.to_owned(),
        }
    }
}

fn with_parts(text: &str, parts: &[(&str, String)]) -> String {
    assert_eq!(text.matches(BEGIN).count(), parts.len(), "generated parts");
    parts
        .iter()
        .fold(text.to_owned(), |text, (name, generated)| {
            let begin = format!("{BEGIN}{name} -->\n");
            let (before, rest) = text.split_once(&begin).unwrap();
            let (_, after) = rest.split_once(END).unwrap();
            format!("{before}{begin}\n{}\n\n{END}{after}", generated.trim())
        })
}

fn rows(text: &str, title: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut header: Option<Vec<String>> = None;
    for line in text.lines() {
        let Some(line) = line.strip_prefix('|') else {
            header = None;
            continue;
        };
        let row = cells(line);
        match &header {
            None => header = Some(row),
            Some(header) if header[0] == title => {
                assert_eq!(row.len(), header.len(), "{line}");
                rows.push(row);
            }
            Some(_) => {}
        }
    }
    rows.retain(|row| !row[0].starts_with("---"));
    rows
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim_end().strip_suffix('|').unwrap_or(line);
    let cells = line.replace(r"\|", "\u{1}");
    let cells = cells.split('|');
    cells
        .map(|cell| cell.trim().replace('\u{1}', "|"))
        .collect()
}

/// A table in Markdown.
pub(crate) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut table = line(titles.iter().map(|title| (*title).to_owned()).collect());
    table += &format!("|{}\n", "---|".repeat(titles.len()));
    for row in rows {
        assert_eq!(row.len(), titles.len(), "{row:?}");
        table += &line(row.iter().map(|cell| cell.replace('|', r"\|")).collect());
    }
    table
}

/// Text for people as Markdown: what looks like a tag is no tag, unless it is code.
pub(crate) fn prose(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let escaped: Vec<String> = parts
        .map(|(position, part)| match position % 2 {
            0 => part.replace('<', "&lt;"),
            _ => part.to_owned(),
        })
        .collect();
    escaped.join("`")
}

#[test]
fn a_generated_part_is_replaced_and_nothing_else() {
    let page = "# A\n\n<!-- generated: one -->\nold\n<!-- end -->\n\nkept\n\n<!-- generated: two -->\n<!-- end -->\n";
    let parts = [("one", "new\n".to_owned()), ("two", "more".to_owned())];
    let written = with_parts(page, &parts);
    assert_eq!(
        written,
        "# A\n\n<!-- generated: one -->\n\nnew\n\n<!-- end -->\n\nkept\n\n<!-- generated: two -->\n\nmore\n\n<!-- end -->\n"
    );
    assert_eq!(with_parts(&written, &parts), written);
}

#[test]
fn a_table_is_read_as_it_was_written() {
    let row = vec!["`a|b`".to_owned(), String::new()];
    let written = format!(
        "text\n\n{}\ntext\n\n| other | x |\n|---|---|\n| no | row |\n",
        table(&["first", "second"], std::slice::from_ref(&row))
    );
    assert_eq!(rows(&written, "first"), [row]);
}

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";
