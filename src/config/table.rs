//! Reading tables key by key, so that no mistake hides another.
//!
//! Whoever reads a table takes every key that it knows, in any order, and at the end drops it: the keys
//! that are left are unknown ones, and each is a mistake.

use toml_span::Span;
use toml_span::value::{self, ValueInner};

/// A table that is being read.
pub(super) struct Table<'t, 'm> {
    pub(super) entries: value::Table<'t>,
    span: Span,
    pub(super) path: String,
    well_formed: bool,
    pub(super) known: Vec<&'static str>,
    /// Whether `a-key` is read as `a_key`, here and in the tables below.
    pub(super) dashes: bool,
    /// Whether words are said with dashes to people.
    pub(super) says_dashes: bool,
    /// What was read as another key than it is written, as it is written.
    pub(super) written: Vec<(String, String)>,
    pub(super) mistakes: &'m mut Vec<(Span, String, String)>,
}

impl<'t, 'm> Table<'t, 'm> {
    pub(super) fn open(
        mut value: value::Value<'t>,
        path: String,
        mistakes: &'m mut Vec<(Span, String, String)>,
    ) -> Self {
        let span = value.span;
        let (entries, well_formed) = match value.take() {
            ValueInner::Table(entries) => (entries, true),
            other => {
                let message = format!("expected a table, found {}", other.type_str());
                mistakes.push((span, path.clone(), message));
                (value::Table::new(), false)
            }
        };
        Self {
            entries,
            span,
            path,
            well_formed,
            known: Vec::new(),
            dashes: false,
            says_dashes: false,
            written: Vec::new(),
            mistakes,
        }
    }

    /// The same, read as the table that it stands in.
    fn open_below(
        value: value::Value<'t>,
        path: String,
        (dashes, says_dashes): (bool, bool),
        mistakes: &'m mut Vec<(Span, String, String)>,
    ) -> Self {
        let mut table = Self::open(value, path, mistakes);
        table.says_dashes = says_dashes;
        if dashes {
            table.take_dashes();
        }
        table
    }

    /// The table at `key`; empty if it is not there.
    pub(super) fn table(&mut self, key: &'static str) -> Table<'t, '_> {
        let value = self.take(key).unwrap_or_else(|| {
            value::Value::with_span(ValueInner::Table(value::Table::new()), self.span)
        });
        let path = self.path_of(key);
        Table::open_below(value, path, (self.dashes, self.says_dashes), self.mistakes)
    }

    /// Reads every table of the array at `key`, or `None` if it is not there. In messages an item is
    /// called by what `name_of` gives for its `id`, or else by its position, from 0.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        name_of: impl Fn(&str) -> Option<String>,
        mut read: impl FnMut(Table<'t, '_>) -> T,
    ) -> Option<Vec<T>> {
        let mut value = self.take(key)?;
        let path = self.path_of(key);
        let dashes = (self.dashes, self.says_dashes);
        match value.take() {
            ValueInner::Array(items) => Some(
                items
                    .into_iter()
                    .enumerate()
                    .map(|(position, item)| {
                        let id = item.pointer("/id").and_then(value::Value::as_str);
                        let name = id.and_then(&name_of).unwrap_or(position.to_string());
                        let path = format!("{path}[{name}]");
                        read(Table::open_below(item, path, dashes, self.mistakes))
                    })
                    .collect(),
            ),
            other => {
                let message = format!("expected [[{key}]], found {}", other.type_str());
                self.wrong_at(value.span, key, message);
                None
            }
        }
    }

    /// Reads every table in this one, by name.
    pub(super) fn each<T>(mut self, mut read: impl FnMut(&str, Table<'t, '_>) -> T) -> Vec<T> {
        std::mem::take(&mut self.entries)
            .into_iter()
            .map(|(key, value)| {
                let name = self.written(&key.name).to_owned();
                let path = self.path_of(&key.name);
                let table =
                    Table::open_below(value, path, (self.dashes, self.says_dashes), self.mistakes);
                read(&name, table)
            })
            .collect()
    }

    /// Every string in this table, by name.
    pub(super) fn strings(mut self) -> Vec<(String, String)> {
        let entries = std::mem::take(&mut self.entries);
        let mut strings = Vec::new();
        for (key, mut value) in entries {
            match value.take() {
                ValueInner::String(text) => {
                    strings.push((self.written(&key.name).to_owned(), text.into()));
                }
                other => {
                    let message = format!("expected a string, found {}", other.type_str());
                    self.wrong_at(value.span, &key.name, message);
                }
            }
        }
        strings
    }

    /// Whether this is a table at all; if not, that was reported.
    pub(super) fn is_well_formed(&self) -> bool {
        self.well_formed
    }

    /// Whether `key` is there and was not read yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Where the table stands.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// Where `key` stands, or the table if it is not there.
    pub(super) fn span_of(&self, key: &str) -> Span {
        self.entries.get(key).map_or(self.span, |value| value.span)
    }

    /// Reports what is wrong with `key`, at a place that [`span_of`](Self::span_of) gave.
    pub(super) fn wrong_at(&mut self, span: Span, key: &str, message: String) {
        let key = self.path_of(key);
        self.mistakes.push((span, key, message));
    }

    /// Reports what is wrong with the table itself.
    pub(super) fn wrong_here(&mut self, span: Span, message: String) {
        self.mistakes.push((span, self.path.clone(), message));
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<value::Value<'t>> {
        self.known.push(key);
        self.entries.remove(key)
    }
}

/// The end of a table: what nobody has read is unknown.
impl Drop for Table<'_, '_> {
    fn drop(&mut self) {
        for key in std::mem::take(&mut self.entries).into_keys() {
            let mut known = self.known.join("`, `");
            if self.says_dashes {
                known = known.replace('_', "-");
            }
            let path = self.path_of(&key.name);
            let message = format!("unknown key; there is `{known}`");
            self.mistakes.push((key.span, path, message));
        }
    }
}
