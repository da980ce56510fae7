//! Where the keys of an endpoint's declaration stand, for what is found wrong once all of it was read.

use toml_span::Span;

use super::table::Table;
use crate::auth::SchemeWords;

/// Where the keys of a declaration stand, kept for what is found wrong later.
pub(super) struct Spans(Vec<(&'static str, Span, String)>);

impl Spans {
    pub(super) fn of(table: &Table<'_, '_>) -> Self {
        let keys = KEYS.iter().chain(SchemeWords::KEYS);
        let span = |key: &&'static str| match key.split_once('.') {
            Some((outer, inner)) => {
                let written = table.written_within(outer, inner);
                (*key, table.span_within(outer, inner), written)
            }
            None => (*key, table.span_of(key), (*key).to_owned()),
        };
        Self(keys.map(span).collect())
    }

    /// The same, with what is said of `key` said of another one.
    pub(super) fn with(mut self, key: &'static str, (span, other): (Span, &str)) -> Self {
        self.0.retain(|(known, ..)| *known != key);
        self.0.push((key, span, other.to_owned()));
        self
    }

    /// Reports what is wrong with `key`, where it stands.
    pub(super) fn wrong(&self, table: &mut Table<'_, '_>, key: &str, message: String) {
        let found = self.0.iter().find(|(known, ..)| *known == key);
        match found {
            Some((_, span, written)) => table.wrong_at(*span, written, message),
            None => table.wrong_at(table.span(), key, message),
        }
    }
}

/// The keys that [`Definition::mistakes`](crate::directory::Definition::mistakes) speaks about.
const KEYS: [&str; 21] = [
    "id",
    "upstream",
    "target",
    "auth",
    "auth.header",
    "auth.preset",
    "auth.public_url",
    "auth.settings",
    "draft_auth",
    "handshake",
    "aliases",
    "path",
    "methods",
    "limits",
    "replay",
    "capture",
    "events",
    "contract",
    "key_field",
    "key_missing",
    "concurrency",
];
