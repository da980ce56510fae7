//! A table that is read key by key, so that no mistake hides another.
//!
//! A reader takes every key that it knows, in any order, and drops the table. The keys that are left are unknown, and
//! the drop reports each of them.

use std::fmt::Display;
use std::str::FromStr;

use toml_span::Span;
use toml_span::value::{self, ValueInner};

/// A table that is being read.
pub(super) struct Table<'t, 'm> {
    entries: value::Table<'t>,
    span: Span,
    path: String,
    well_formed: bool,
    known: Vec<&'static str>,
    /// Whether `a-key` is read as `a_key`, in this table and its subtables.
    dashes: bool,
    /// Whether messages spell keys with dashes.
    dashes_in_messages: bool,
    /// Pairs of the key that was read and its spelling in the file, where they differ.
    written: Vec<(String, String)>,
    mistakes: &'m mut Vec<(Span, String, String)>,
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
            dashes_in_messages: false,
            written: Vec::new(),
            mistakes,
        }
    }

    /// Opens a subtable with the spelling rules of its parent.
    fn open_below(
        value: value::Value<'t>,
        path: String,
        (dashes, dashes_in_messages): (bool, bool),
        mistakes: &'m mut Vec<(Span, String, String)>,
    ) -> Self {
        let mut table = Self::open(value, path, mistakes);
        table.dashes_in_messages = dashes_in_messages;
        if dashes {
            table.accept_dashes();
        }
        table
    }

    /// The table at `key`; empty if it is missing.
    pub(super) fn table(&mut self, key: &'static str) -> Table<'t, '_> {
        let value = self.take(key).unwrap_or_else(|| {
            value::Value::with_span(ValueInner::Table(value::Table::new()), self.span)
        });
        let path = self.path_of(key);
        Table::open_below(
            value,
            path,
            (self.dashes, self.dashes_in_messages),
            self.mistakes,
        )
    }

    /// Reads every table of the array at `key`; `None` if it is missing. Messages name an item by `name_of` its `id`, or
    /// by its position from 0.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        name_of: impl Fn(&str) -> Option<String>,
        mut read: impl FnMut(Table<'t, '_>) -> T,
    ) -> Option<Vec<T>> {
        let mut value = self.take(key)?;
        let path = self.path_of(key);
        let dashes = (self.dashes, self.dashes_in_messages);
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
                self.report_at(value.span, key, message);
                None
            }
        }
    }

    /// Reads every subtable, by name.
    pub(super) fn each<T>(mut self, mut read: impl FnMut(&str, Table<'t, '_>) -> T) -> Vec<T> {
        std::mem::take(&mut self.entries)
            .into_iter()
            .map(|(key, value)| {
                let name = self.written(&key.name).to_owned();
                let path = self.path_of(&key.name);
                let table = Table::open_below(
                    value,
                    path,
                    (self.dashes, self.dashes_in_messages),
                    self.mistakes,
                );
                read(&name, table)
            })
            .collect()
    }

    /// Every string of this table, by name.
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
                    self.report_at(value.span, &key.name, message);
                }
            }
        }
        strings
    }

    /// Whether the value was a table. If not, a mistake was reported.
    pub(super) fn is_well_formed(&self) -> bool {
        self.well_formed
    }

    /// Whether `key` exists and was not read yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The full key of the table, such as `interfaces.webhook[orders]`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The span of the table.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// The span of `key`, or of the table if the key is missing.
    pub(super) fn span_of(&self, key: &str) -> Span {
        self.entries.get(key).map_or(self.span, |value| value.span)
    }

    /// Reports a mistake of `key` at a span from [`span_of`](Self::span_of).
    pub(super) fn report_at(&mut self, span: Span, key: &str, message: String) {
        let key = self.path_of(key);
        self.mistakes.push((span, key, message));
    }

    /// Reports a mistake of the table itself.
    pub(super) fn report_here(&mut self, span: Span, message: String) {
        self.mistakes.push((span, self.path.clone(), message));
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<value::Value<'t>> {
        self.known.push(key);
        self.entries.remove(key)
    }
}

impl Table<'_, '_> {
    /// Reads a string and parses it as `T`.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        let (text, span) = self.string(key)?;
        text.parse()
            .map_err(|error: T::Err| self.report_at(span, key, error.to_string()))
            .ok()
    }

    /// Like [`parsed`](Self::parsed), for a required key.
    pub(super) fn required<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<T> {
        if !self.has(key) {
            let span = self.span();
            self.report_at(span, key, "is missing".to_owned());
        }
        self.parsed(key)
    }

    /// Reads a list of strings and parses each as `T`; `None` if the key is missing or an item is invalid.
    pub(super) fn list<T: FromStr<Err: Display>>(&mut self, key: &'static str) -> Option<Vec<T>> {
        let mut value = self.take(key)?;
        let items = match value.take() {
            ValueInner::Array(items) => items,
            other => {
                let message = format!("expected a list of strings, found {}", other.type_str());
                self.report_at(value.span, key, message);
                return None;
            }
        };
        let count = items.len();
        let mut list = Vec::with_capacity(count);
        for mut item in items {
            match item.take() {
                ValueInner::String(text) => match text.parse() {
                    Ok(parsed) => list.push(parsed),
                    Err(error) => self.report_at(item.span, key, format!("{error}")),
                },
                other => {
                    let message = format!("expected a string, found {}", other.type_str());
                    self.report_at(item.span, key, message);
                }
            }
        }
        (list.len() == count).then_some(list)
    }

    /// Reads a boolean.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let mut value = self.take(key)?;
        match value.take() {
            ValueInner::Boolean(flag) => Some(flag),
            other => {
                let message = format!("expected true or false, found {}", other.type_str());
                self.report_at(value.span, key, message);
                None
            }
        }
    }

    /// Reads an integer from `min` to `max`.
    pub(super) fn number(&mut self, key: &'static str, min: u64, max: u64) -> Option<u64> {
        let mut value = self.take(key)?;
        let message = match value.take() {
            ValueInner::Integer(number) => match u64::try_from(number) {
                Ok(number) if (min..=max).contains(&number) => return Some(number),
                _ => format!("expected a number from {min} to {max}, found {number}"),
            },
            other => format!("expected a number, found {}", other.type_str()),
        };
        self.report_at(value.span, key, message);
        None
    }

    /// Reads a string with a unit. A bare number is reported with an example.
    pub(super) fn with_unit<T: FromStr<Err: Display>>(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Option<T> {
        let mut value = self.take(key)?;
        let message = match value.take() {
            ValueInner::String(text) => match text.parse::<T>() {
                Ok(parsed) => return Some(parsed),
                Err(error) => error.to_string(),
            },
            other => format!(
                "expected a string with its unit, such as \"{example}\", found {}",
                other.type_str()
            ),
        };
        self.report_at(value.span, key, message);
        None
    }

    fn string(&mut self, key: &'static str) -> Option<(String, Span)> {
        let mut value = self.take(key)?;
        match value.take() {
            ValueInner::String(text) => Some((text.into(), value.span)),
            other => {
                let message = format!("expected a string, found {}", other.type_str());
                self.report_at(value.span, key, message);
                None
            }
        }
    }
}

impl Table<'_, '_> {
    /// Reads `a-key` as `a_key` from now on, because other systems spell keys with dashes. Names that users choose keep
    /// their spelling.
    pub(super) fn accept_dashes(&mut self) {
        if self.dashes {
            return;
        }
        self.dashes = true;
        let entries = std::mem::take(&mut self.entries).into_iter();
        for (mut key, value) in entries {
            if key.name.contains('-') {
                let name = key.name.replace('-', "_");
                self.written.push((name.clone(), key.name.into_owned()));
                key.name = name.into();
            }
            if self.entries.contains_key(&key) {
                let message = "is declared twice, with `-` and with `_`".to_owned();
                let path = self.path_of(&key.name);
                self.mistakes.push((key.span, path, message));
            }
            self.entries.insert(key, value);
        }
    }

    /// Spells keys with dashes in messages, as EDN documents do.
    pub(super) fn use_dashes_in_messages(&mut self) {
        self.dashes_in_messages = true;
    }

    /// Reads the synonym `other` as `key`. A table may have only one of them.
    pub(super) fn accept_synonym(&mut self, key: &'static str, other: &'static str) {
        let Some((old, value)) = self.entries.remove_entry(other) else {
            return;
        };
        if self.has(key) {
            let message = format!("`{key}` and `{other}` are synonyms; give one of them");
            self.report_at(old.span, other, message);
            return;
        }
        let name = self.written(other).to_owned();
        self.written.push((key.to_owned(), name));
        let span = old.span;
        let name = key.into();
        self.entries.insert(value::Key { name, span }, value);
    }

    /// Replaces the string at `key` by its canonical word, if `word` knows one.
    pub(super) fn canonicalize(&mut self, key: &str, word: impl Fn(&str) -> Option<&'static str>) {
        if let Some(value) = self.entries.get_mut(key)
            && let Some(other) = value.as_str().and_then(word)
        {
            value.set(ValueInner::String(other.into()));
        }
    }

    /// The span of `inner` in the table at `outer`, or of that table.
    pub(super) fn span_within(&self, outer: &str, inner: &str) -> Span {
        let table = self.entries.get(outer);
        let found = table.and_then(|value| {
            let table = value.as_table()?;
            let spellings = spellings(inner);
            spellings.iter().find_map(|it| table.get(it.as_str()))
        });
        found.map_or_else(|| self.span_of(outer), |value| value.span)
    }

    /// The spelling of a key in the file.
    pub(super) fn written<'k>(&'k self, key: &'k str) -> &'k str {
        let mut written = self.written.iter();
        let found = written.find(|(read, _)| read == key);
        found.map_or(key, |(_, written)| written)
    }

    /// The spelling of a key in a subtable, with the key of the subtable.
    pub(super) fn written_within(&self, outer: &str, inner: &str) -> String {
        let table = self.entries.get(outer).and_then(value::Value::as_table);
        let spellings = spellings(inner);
        let mut found = spellings
            .iter()
            .filter(|it| table.is_some_and(|table| table.contains_key(it.as_str())));
        let inner = found.next().map_or(inner, String::as_str);
        format!("{}.{inner}", self.written(outer))
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        let mut key = self.written(key);
        let with_dashes = key.replace('_', "-");
        if self.dashes_in_messages && self.known.contains(&key) {
            key = &with_dashes;
        }
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

/// Reports the keys that were not read as unknown.
impl Drop for Table<'_, '_> {
    fn drop(&mut self) {
        for key in std::mem::take(&mut self.entries).into_keys() {
            let mut known = self.known.join("`, `");
            if self.dashes_in_messages {
                known = known.replace('_', "-");
            }
            let path = self.path_of(&key.name);
            let message = format!("unknown key; expected one of `{known}`");
            self.mistakes.push((key.span, path, message));
        }
    }
}

/// The accepted spellings of a key.
fn spellings(key: &str) -> Vec<String> {
    let mut spellings = vec![key.to_owned(), key.replace('_', "-")];
    if key == "algorithm" {
        spellings.push("algo".to_owned());
    }
    spellings
}
