//! The notations of a document: TOML, EDN and JSON, each read into the same tree, so that all that comes after
//! is one way.

mod edn;
mod edn_depth;
mod json;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use toml_span::Span;
use toml_span::value::{self, ValueInner};

/// How a document is written down.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Notation {
    /// Extensible data notation, as Clojure writes it.
    Edn,
    /// JSON (RFC 8259).
    Json,
    /// TOML 1.0.
    Toml,
}

impl Notation {
    /// The notation that the name of a file speaks of: TOML, if it speaks of no other.
    pub fn of(path: &Path) -> Self {
        let extension = path.extension().and_then(|it| it.to_str());
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("edn") => Self::Edn,
            Some("json") => Self::Json,
            _ => Self::Toml,
        }
    }

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Edn => "edn",
            Self::Json => "json",
            Self::Toml => "toml",
        }
    }

    /// Reads the syntax of `text`.
    pub(super) fn read(self, text: &str) -> Result<Tree<'_>, Fault> {
        match self {
            Self::Toml => toml_span::parse(text)
                .map(Tree::of)
                .map_err(|error| Fault::at(error.span.start, error.to_string())),
            _ if text.len() > MAX_LEN => Err(Fault::at(
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
    type Err = UnknownNotation;

    fn from_str(text: &str) -> Result<Self, UnknownNotation> {
        [Self::Edn, Self::Json, Self::Toml]
            .into_iter()
            .find(|notation| notation.word() == text)
            .ok_or(UnknownNotation)
    }
}

/// Text that names no notation.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the notations are `edn`, `json` and `toml`")]
pub struct UnknownNotation;

/// A document whose syntax is right.
pub(super) struct Tree<'t> {
    pub(super) root: value::Value<'t>,
    /// What is in it that has no place in a document, each with its place and the key that it is under.
    pub(super) wrong: Vec<(Span, String, String)>,
    /// Where something stands in for what was wrong: there is no more to be said about that.
    pub(super) stand_ins: Vec<Span>,
}

impl<'t> Tree<'t> {
    fn of(root: value::Value<'t>) -> Self {
        Self {
            root,
            wrong: Vec::new(),
            stand_ins: Vec::new(),
        }
    }

    fn wrong<T>(&mut self, span: Span, key: &str, message: impl Into<String>) -> Option<T> {
        self.wrong.push((span, key.to_owned(), message.into()));
        None
    }

    /// The value that was read, or something in its place, so that it does not hide other mistakes.
    fn or_stand_in(&mut self, read: Option<value::Value<'t>>, span: Span) -> value::Value<'t> {
        read.unwrap_or_else(|| {
            self.stand_ins.push(span);
            value::Value::with_span(ValueInner::String("".into()), span)
        })
    }
}

/// Text that cannot be read at all.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) message: String,
}

impl Fault {
    fn at(offset: usize, message: impl Into<String>) -> Self {
        Self {
            offset,
            message: message.into(),
        }
    }
}

/// The key of an entry under `path`.
fn below(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

const TWICE: &str = "is there twice";
/// Far more than anybody writes, and little enough to be parsed whole.
const MAX_LEN: usize = 16 * 1024 * 1024;
