//! JSON, written again as other programs write it.
//!
//! Numbers keep their source text and objects their order, because that is what a program does that
//! reads a value and writes it again; only what is known to differ between writers is changed.

use super::json_style::{Spacing, Style, line, separate, write_string};

/// A JSON text, cut into its parts.
pub(super) struct JsonText<'t>(Node<'t>);

enum Node<'t> {
    /// A number, `true`, `false` or `null`, as it stands there.
    Atom(&'t str),
    /// A string with its quotes, as it stands there.
    Text(&'t str),
    Array(Vec<Node<'t>>),
    Object(Vec<(&'t str, Node<'t>)>),
}

impl<'t> JsonText<'t> {
    /// Reads `bytes`, if they are one JSON text of a sane size and depth.
    pub(super) fn read(bytes: &'t [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        if bytes.len() > MAX_LEN
            || !bytes.trim_ascii_start().starts_with(b"{")
                && !bytes.trim_ascii_start().starts_with(b"[")
        {
            return None;
        }
        // The grammar is serde_json's business; what follows may take it for granted.
        serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
        let mut reader = Reader { text, at: 0 };
        reader.node(0).map(Self)
    }

    /// Writes it in a style.
    pub(super) fn write(&self, style: Style) -> String {
        let mut out = String::new();
        write(&self.0, style, 0, &mut out);
        out
    }
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

    /// The next byte that is no white space.
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

/// Larger texts are not written again: each way of doing so would cost as much memory again.
const MAX_LEN: usize = 2 << 20;
const MAX_DEPTH: usize = 128;
