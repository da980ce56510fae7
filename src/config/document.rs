//! A parsed file and the mistakes that reading it finds.

use std::path::{Path, PathBuf};

use toml_span::Span;
use toml_span::value::{self, ValueInner};

use super::mistake::{Mistake, Mistakes, Places};
use super::notation::Notation;
use super::table::Table;

/// A parsed file and its mistakes.
pub(super) struct Document<'t> {
    path: PathBuf,
    text: &'t str,
    root: Option<value::Value<'t>>,
    /// Whether messages spell keys with dashes, as EDN does.
    dashes: bool,
    /// The mistakes of the parser, and the spans of the placeholders for invalid values.
    syntax_mistakes: Vec<(Span, String, String)>,
    placeholders: Vec<Span>,
    mistakes: Vec<(Span, String, String)>,
}

impl<'t> Document<'t> {
    /// Parses TOML. A syntax error is the only mistake that is reported for a file.
    pub(super) fn parse(path: &Path, text: &'t str) -> Result<Self, Mistakes> {
        Self::read(path, text, Notation::Toml)
    }

    /// Parses any notation.
    pub(super) fn read(path: &Path, text: &'t str, notation: Notation) -> Result<Self, Mistakes> {
        match notation.read(text) {
            Ok(tree) => Ok(Self {
                path: path.to_owned(),
                text,
                root: Some(tree.root),
                dashes: notation == Notation::Edn,
                syntax_mistakes: tree.mistakes,
                placeholders: tree.placeholders,
                mistakes: Vec::new(),
            }),
            Err(fault) => Err(Mistakes(vec![Mistake {
                path: path.to_owned(),
                at: Some(Places::of(text).place(fault.offset)),
                key: String::new(),
                message: fault.message,
            }])),
        }
    }

    /// Whether the root table has one of `keys`.
    pub(super) fn has_any(&self, keys: &[&str]) -> bool {
        let root = self.root.as_ref();
        root.is_some_and(|root| keys.iter().any(|key| root.has_key(key)))
    }

    /// The string at `key` of the root table, which stays there.
    pub(super) fn string(&self, key: &str) -> Option<&str> {
        self.root.as_ref()?.as_table()?.get(key)?.as_str()
    }

    /// The folder that paths in the file are relative to.
    pub(super) fn folder(&self) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).to_owned()
    }

    /// The root table. The first call takes it.
    pub(super) fn root(&mut self) -> Table<'t, '_> {
        let root = self
            .root
            .take()
            .unwrap_or_else(|| value::Value::new(ValueInner::Table(value::Table::new())));
        let mut table = Table::open(root, String::new(), &mut self.mistakes);
        if self.dashes {
            table.use_dashes_in_messages();
        }
        table
    }

    /// The file, line and column of each span, in the same order.
    pub(super) fn places(&self, spans: &[Span]) -> Vec<(PathBuf, (usize, usize))> {
        let mut order: Vec<(usize, usize)> =
            spans.iter().map(|span| span.start).enumerate().collect();
        // Sorted offsets need one pass through the text.
        order.sort_by_key(|(_, start)| *start);
        let mut walk = Places::of(self.text);
        let mut places: Vec<_> = order
            .into_iter()
            .map(|(position, start)| (position, walk.place(start)))
            .collect();
        places.sort_by_key(|(position, _)| *position);
        let places = places.into_iter();
        places.map(|(_, at)| (self.path.clone(), at)).collect()
    }

    /// Returns the value, or every mistake in the order of the text.
    pub(super) fn finish<T>(self, read: Option<T>) -> Result<T, Mistakes> {
        match read {
            Some(read) if self.mistakes.is_empty() && self.syntax_mistakes.is_empty() => Ok(read),
            _ => {
                let mut mistakes = self.mistakes;
                mistakes.retain(|(span, ..)| !self.placeholders.contains(span));
                mistakes.extend(self.syntax_mistakes);
                mistakes.sort_by_key(|(span, ..)| span.start);
                let mut places = Places::of(self.text);
                let mistakes = mistakes.into_iter().map(|(span, key, message)| Mistake {
                    path: self.path.clone(),
                    at: Some(places.place(span.start)),
                    key,
                    message,
                });
                Err(Mistakes(mistakes.collect()))
            }
        }
    }
}
