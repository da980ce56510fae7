//! How keys are spelt: `a-key` for `a_key`, two words for one thing, and how they are told to people.

use toml_span::Span;
use toml_span::value::{self, ValueInner};

use super::table::Table;

impl Table<'_, '_> {
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

    /// A key as it stands in the file.
    pub(super) fn written<'k>(&'k self, key: &'k str) -> &'k str {
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

    pub(super) fn path_of(&self, key: &str) -> String {
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
