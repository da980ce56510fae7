//! How programs that write JSON differ: in white space, in escapes, in the order of keys.

use std::fmt::Write;

/// How a writer writes.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) spacing: Spacing,
    pub(super) strings: Strings,
    pub(super) sorted: bool,
}

/// Where a writer puts white space.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Spacing {
    /// Nowhere: `JSON.stringify`.
    None,
    /// After commas and colons: Python's `json.dumps`.
    Python,
    /// A line for each value, indented by so many spaces.
    Lines(usize),
    /// A line for each value, indented by tabs.
    Tabs,
}

/// How a writer writes strings.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Strings {
    /// As they were.
    Same,
    /// With as few escapes as JSON needs: JavaScript, Rust.
    Plain,
    /// With escapes for all that is not ASCII: Python.
    Ascii,
    /// The same, and `\/`: PHP.
    AsciiSlash,
    /// As few as needed, and `\/`: PHP with `JSON_UNESCAPED_UNICODE`.
    Slash,
    /// As few as needed, and `<`, `>` and `&` escaped: Go.
    Html,
}

pub(super) fn separate(number: usize, spacing: Spacing, depth: usize, out: &mut String) {
    if number > 0 {
        out.push_str(match spacing {
            Spacing::Python => ", ",
            _ => ",",
        });
    }
    line(spacing, depth, out);
}

pub(super) fn line(spacing: Spacing, depth: usize, out: &mut String) {
    let (text, times) = match spacing {
        Spacing::None | Spacing::Python => return,
        Spacing::Lines(width) => (" ", width * depth),
        Spacing::Tabs => ("\t", depth),
    };
    out.push('\n');
    out.extend(std::iter::repeat_n(text, times));
}

pub(super) fn write_string(text: &str, strings: Strings, out: &mut String) {
    let decoded = (strings != Strings::Same).then(|| serde_json::from_str::<String>(text).ok());
    let Some(decoded) = decoded.flatten() else {
        // Half of a surrogate pair is no text; it stays as it was.
        out.push_str(text);
        return;
    };
    out.push('"');
    for character in decoded.chars() {
        let ascii = matches!(strings, Strings::Ascii | Strings::AsciiSlash);
        let slash = matches!(strings, Strings::Slash | Strings::AsciiSlash);
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '/' if slash => out.push_str("\\/"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' if strings == Strings::Html => {
                escape(character, out);
            }
            c if c < ' ' || ascii && !c.is_ascii() => escape(c, out),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn escape(character: char, out: &mut String) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a string does not fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}
