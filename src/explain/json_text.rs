//! Rewrites JSON in the style of other programs: white space, escapes and the order of keys.
//!
//! Numbers keep their source text, and objects keep their order unless keys are sorted. Only known differences
//! between programs are applied.

use std::fmt::Write;

/// A parsed JSON text that keeps the source of its values.
pub(super) struct JsonText<'t>(Node<'t>);

enum Node<'t> {
    /// The source of a number, `true`, `false` or `null`.
    Atom(&'t str),
    /// The source of a string, with its quotes.
    Text(&'t str),
    Array(Vec<Node<'t>>),
    Object(Vec<(&'t str, Node<'t>)>),
}

impl<'t> JsonText<'t> {
    /// Parses an object or an array within the limits of size and depth.
    pub(super) fn read(bytes: &'t [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        if bytes.len() > MAX_LEN
            || !bytes.trim_ascii_start().starts_with(b"{")
                && !bytes.trim_ascii_start().starts_with(b"[")
        {
            return None;
        }
        // serde_json checks the grammar, so the reader below can rely on it.
        serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
        let mut reader = Reader { text, at: 0 };
        reader.node(0).map(Self)
    }

    /// Writes the text in `style`.
    pub(super) fn write(&self, style: Style) -> String {
        let mut out = String::new();
        write(&self.0, style, 0, &mut out);
        out
    }
}

/// The style of a JSON writer.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) spacing: Spacing,
    pub(super) strings: Strings,
    pub(super) sorted: bool,
}

/// The white space of a writer.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Spacing {
    /// None: `JSON.stringify`.
    None,
    /// After commas and colons: Python's `json.dumps`.
    Python,
    /// One line for each value, indented by this many spaces.
    Lines(usize),
    /// One line for each value, indented by tabs.
    Tabs,
}

/// The escapes of a writer.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Strings {
    /// Unchanged.
    Same,
    /// Only the required escapes: JavaScript, Rust.
    Plain,
    /// Escapes for all non-ASCII characters: Python.
    Ascii,
    /// Escapes for all non-ASCII characters and `\/`: PHP.
    AsciiSlash,
    /// Only the required escapes and `\/`: PHP with `JSON_UNESCAPED_UNICODE`.
    Slash,
    /// Only the required escapes and `<`, `>` and `&`: Go.
    Html,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn node(&mut self, depth: usize) -> Option<Node<'t>> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'{' => {
                let mut members = Vec::new();
                self.at += 1;
                while self.peek()? != b'}' {
                    let key = self.string()?;
                    self.skip(b':')?;
                    members.push((key, self.node(depth + 1)?));
                    if self.peek()? == b',' {
                        self.at += 1;
                    }
                }
                self.at += 1;
                Some(Node::Object(members))
            }
            b'[' => {
                let mut items = Vec::new();
                self.at += 1;
                while self.peek()? != b']' {
                    items.push(self.node(depth + 1)?);
                    if self.peek()? == b',' {
                        self.at += 1;
                    }
                }
                self.at += 1;
                Some(Node::Array(items))
            }
            b'"' => self.string().map(Node::Text),
            _ => {
                let rest = self.text.get(self.at..)?;
                let ends = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | '}');
                let len = rest.find(ends).unwrap_or(rest.len());
                self.at += len;
                rest.get(..len).map(Node::Atom)
            }
        }
    }

    /// Skips white space and returns the next byte.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest
            .iter()
            .take_while(|it| it.is_ascii_whitespace())
            .count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn string(&mut self) -> Option<&'t str> {
        self.skip(b'"')?;
        let start = self.at - 1;
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.text.get(start..self.at)
    }
}

fn write(node: &Node<'_>, style: Style, depth: usize, out: &mut String) {
    match node {
        Node::Atom(text) => out.push_str(text),
        Node::Text(text) => write_string(text, style.strings, out),
        Node::Array(items) if items.is_empty() => out.push_str("[]"),
        Node::Object(members) if members.is_empty() => out.push_str("{}"),
        Node::Array(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                separate(number, style.spacing, depth + 1, out);
                write(item, style, depth + 1, out);
            }
            line(style.spacing, depth, out);
            out.push(']');
        }
        Node::Object(members) => {
            let mut members: Vec<&(&str, Node<'_>)> = members.iter().collect();
            if style.sorted {
                members.sort_by_key(|(key, _)| *key);
            }
            out.push('{');
            for (number, (key, value)) in members.into_iter().enumerate() {
                separate(number, style.spacing, depth + 1, out);
                write_string(key, style.strings, out);
                out.push_str(match style.spacing {
                    Spacing::None => ":",
                    _ => ": ",
                });
                write(value, style, depth + 1, out);
            }
            line(style.spacing, depth, out);
            out.push('}');
        }
    }
}

fn separate(number: usize, spacing: Spacing, depth: usize, out: &mut String) {
    if number > 0 {
        out.push_str(match spacing {
            Spacing::Python => ", ",
            _ => ",",
        });
    }
    line(spacing, depth, out);
}

fn line(spacing: Spacing, depth: usize, out: &mut String) {
    let (text, times) = match spacing {
        Spacing::None | Spacing::Python => return,
        Spacing::Lines(width) => (" ", width * depth),
        Spacing::Tabs => ("\t", depth),
    };
    out.push('\n');
    out.extend(std::iter::repeat_n(text, times));
}

fn write_string(text: &str, strings: Strings, out: &mut String) {
    let decoded = (strings != Strings::Same).then(|| serde_json::from_str::<String>(text).ok());
    let Some(decoded) = decoded.flatten() else {
        // A lone surrogate cannot be decoded, so the string stays unchanged.
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
        // Writing to a string cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// Larger texts are not rewritten: each style would need as much memory again.
const MAX_LEN: usize = 2 << 20;
const MAX_DEPTH: usize = 128;
