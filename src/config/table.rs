//! Reading tables key by key, so that no mistake hides another.
//!
//! Whoever reads a table takes every key that it knows, in any order, and at the end drops it: the keys
//! that are left are unknown ones, and each is a mistake.

use toml_span::Span;
use toml_span::value::{self, ValueInner};

/// A table that is being read.
pub(super) struct Table<'t, 'm> {
    entries: value::Table<'t>,
    span: Span,
    path: String,
    well_formed: bool,
    known: Vec<&'static str>,
    /// Whether `a-key` is read as `a_key`, here and in the tables below.
    dashes: bool,
    /// Whether words are said with dashes to people.
    says_dashes: bool,
    /// What was read as another key than it is written, as it is written.
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

    /// Reads `a-key` as `a_key` from here on: what people have written for other systems says it so. The
    /// names of what people name themselves stay as they are.
    pub(super) fn take_dashes(&mut self) {
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
                let message = "is there twice, with `-` and with `_`".to_owned();
                let path = self.path_of(&key.name);
                self.mistakes.push((key.span, path, message));
            }
            self.entries.insert(key, value);
        }
    }

    /// Says `a-key` to people for `a_key`, as they write it in this notation.
    pub(super) fn say_dashes(&mut self) {
        self.says_dashes = true;
    }

    /// Reads `other` as `key`: two words for one thing, of which a table has one.
    pub(super) fn take_as(&mut self, key: &'static str, other: &'static str) {
        let Some((old, value)) = self.entries.remove_entry(other) else {
            return;
        };
        if self.has(key) {
            let message =
                format!("`{key}` and `{other}` are two words for one thing; say one of them");
            self.wrong_at(old.span, other, message);
            return;
        }
        let name = self.written(other).to_owned();
        self.written.push((key.to_owned(), name));
        let span = old.span;
        let name = key.into();
        self.entries.insert(value::Key { name, span }, value);
    }

    /// Puts other words in the place of the string at `key`, if `word` has some for it.
    pub(super) fn respell(&mut self, key: &str, word: impl Fn(&str) -> Option<&'static str>) {
        if let Some(value) = self.entries.get_mut(key)
            && let Some(other) = value.as_str().and_then(word)
        {
            value.set(ValueInner::String(other.into()));
        }
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

    /// Where `inner` stands in the table at `outer`, or where that stands.
    pub(super) fn span_within(&self, outer: &str, inner: &str) -> Span {
        let table = self.entries.get(outer);
        let found = table.and_then(|value| {
            let table = value.as_table()?;
            let spellings = spellings(inner);
            spellings.iter().find_map(|it| table.get(it.as_str()))
        });
        found.map_or_else(|| self.span_of(outer), |value| value.span)
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

    /// A key as it stands in the file.
    fn written<'k>(&'k self, key: &'k str) -> &'k str {
        let mut written = self.written.iter();
        let found = written.find(|(read, _)| read == key);
        found.map_or(key, |(_, written)| written)
    }

    /// A key of a table inside this one, as both stand in the file.
    pub(super) fn written_within(&self, outer: &str, inner: &str) -> String {
        let table = self.entries.get(outer).and_then(value::Value::as_table);
        let spellings = spellings(inner);
        let mut found = spellings
            .iter()
            .filter(|it| table.is_some_and(|table| table.contains_key(it.as_str())));
        let inner = found.next().map_or(inner, String::as_str);
        format!("{}.{inner}", self.written(outer))
    }

    fn path_of(&self, key: &str) -> String {
        let mut key = self.written(key);
        let with_dashes = key.replace('_', "-");
        if self.says_dashes && self.known.contains(&key) {
            key = &with_dashes;
        }
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

/// How a key may be written.
fn spellings(key: &str) -> Vec<String> {
    let mut spellings = vec![key.to_owned(), key.replace('_', "-")];
    if key == "algorithm" {
        spellings.push("algo".to_owned());
    }
    spellings
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
