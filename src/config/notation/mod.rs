//! The notations of a document: TOML, EDN and JSON. All are read into the same tree, so later steps do not differ.

mod edn;
mod edn_depth;
mod json;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use toml_span::Span;
use toml_span::value::{self, ValueInner};

/// The notation of a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Notation {
    /// Extensible data notation of Clojure.
    Edn,
    /// JSON (RFC 8259).
    Json,
    /// TOML 1.0.
    Toml,
}

impl Notation {
    /// The notation by the extension of a file. Default: TOML.
    pub fn of(path: &Path) -> Self {
        let extension = path.extension().and_then(|it| it.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("edn") => Self::Edn,
            Some("json") => Self::Json,
            _ => Self::Toml,
        }
    }

    /// The name on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Edn => "edn",
            Self::Json => "json",
            Self::Toml => "toml",
        }
    }

    /// Parses `text` into a tree with spans.
    pub(super) fn read(self, text: &str) -> Result<Tree<'_>, SyntaxError> {
        match self {
            Self::Toml => toml_span::parse(text)
                .map(Tree::of)
                .map_err(|error| SyntaxError::at(error.span.start, error.to_string())),
            _ if text.len() > MAX_LEN => Err(SyntaxError::at(
                0,
                format!("is longer than {} MiB", MAX_LEN / (1024 * 1024)),
            )),
            Self::Edn => edn::read(text),
            Self::Json => json::read(text),
        }
    }
}

impl fmt::Display for Notation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Notation {
    type Err = ParseNotationError;

    fn from_str(text: &str) -> Result<Self, ParseNotationError> {
        [Self::Edn, Self::Json, Self::Toml]
            .into_iter()
            .find(|notation| notation.word() == text)
            .ok_or(ParseNotationError)
    }
}

/// The text is not the name of a notation.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `edn`, `json` or `toml`")]
pub struct ParseNotationError;

/// A parsed document.
pub(super) struct Tree<'t> {
    pub(super) root: value::Value<'t>,
    /// Values that a document must not have, each with its span and its key.
    pub(super) mistakes: Vec<(Span, String, String)>,
    /// The spans of placeholders for invalid values, which later mistakes ignore.
    pub(super) placeholders: Vec<Span>,
}

impl<'t> Tree<'t> {
    fn of(root: value::Value<'t>) -> Self {
        Self {
            root,
            mistakes: Vec::new(),
            placeholders: Vec::new(),
        }
    }

    fn report<T>(&mut self, span: Span, key: &str, message: impl Into<String>) -> Option<T> {
        self.mistakes.push((span, key.to_owned(), message.into()));
        None
    }

    /// The value, or a placeholder that keeps an invalid value from hiding other mistakes.
    fn or_placeholder(&mut self, read: Option<value::Value<'t>>, span: Span) -> value::Value<'t> {
        read.unwrap_or_else(|| {
            self.placeholders.push(span);
            value::Value::with_span(ValueInner::String("".into()), span)
        })
    }
}

/// A syntax error, which ends the reading.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) offset: usize,
    pub(super) message: String,
}

impl SyntaxError {
    fn at(offset: usize, message: impl Into<String>) -> Self {
        Self {
            offset,
            message: message.into(),
        }
    }
}

/// The key of an entry under `path`.
fn child_key(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

const DUPLICATE: &str = "is declared twice";
/// The largest EDN or JSON document, which is parsed in memory.
const MAX_LEN: usize = 16 * 1024 * 1024;
