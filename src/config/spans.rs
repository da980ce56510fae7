//! The places of an endpoint's keys, for mistakes that are found after the whole declaration was read.

use toml_span::Span;

use super::table::Table;
use crate::auth::SchemeWords;

/// The span and the spelling of each key of a declaration.
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

    /// Reports mistakes of `key` at another key, which declares it in an older form.
    pub(super) fn with(mut self, key: &'static str, (span, other): (Span, &str)) -> Self {
        self.0.retain(|(known, ..)| *known != key);
        self.0.push((key, span, other.to_owned()));
        self
    }

    /// The span of `key`.
    pub(super) fn of_key(&self, key: &str) -> Span {
        let found = self.0.iter().find(|(known, ..)| *known == key);
        found.map_or_else(Span::default, |(_, span, _)| *span)
    }

    /// Reports a mistake of `key` at its place.
    pub(super) fn report(&self, table: &mut Table<'_, '_>, key: &str, message: String) {
        let found = self.0.iter().find(|(known, ..)| *known == key);
        match found {
            Some((_, span, written)) => table.report_at(*span, written, message),
            None => table.report_at(table.span(), key, message),
        }
    }
}

/// The keys that [`Definition::mistakes`](crate::directory::Definition::mistakes) reports.
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
