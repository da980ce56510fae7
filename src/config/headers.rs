//! The names of headers: `[headers]`.

use std::str::FromStr;

use http::HeaderName;

use super::table::Table;
use super::units::Expected;
use crate::proxy::{
    HeaderNames, NAMES, WITHHELD, belongs_to_others, covers_others, describes_body,
};

/// What the section says.
pub(super) struct Headers {
    /// Whether refusals say why, in a header.
    pub(super) reason: bool,
    /// Whether answers carry the id of the request.
    pub(super) request_id: bool,
    /// The portal's own names; `None` if they cannot be used, which was reported.
    pub(super) names: Option<HeaderNames>,
}

pub(super) fn read(mut table: Table<'_, '_>) -> Headers {
    let withheld = withheld(&mut table);
    Headers {
        reason: table.flag("reason").unwrap_or(true),
        request_id: table.flag("request_id").unwrap_or(true),
        names: names(&mut table).map(|names| {
            let withheld = withheld.iter().map(|Withheld(name)| name.as_str());
            names.withholding(withheld)
        }),
    }
}

fn withheld(table: &mut Table<'_, '_>) -> Vec<Withheld> {
    let default = || WITHHELD.iter().map(|name| Withheld((*name).to_owned()));
    table
        .list("withheld")
        .unwrap_or_else(|| default().collect())
}

fn names(table: &mut Table<'_, '_>) -> Option<HeaderNames> {
    let span = table.span_of("namespace");
    let was_there = table.has("namespace");
    let given = table.parsed::<String>("namespace");
    let namespace = match given.as_deref() {
        None if was_there => None,
        None => Some("X-Portal-"),
        Some("") => {
            let message = "must not be empty: what it covers is kept from senders".to_owned();
            table.wrong_at(span, "namespace", message);
            None
        }
        Some(text) if text.ends_with('-') && HeaderName::try_from(text).is_ok() => {
            if covers_others(text.as_bytes()) {
                let message = "covers headers that are not the portal's, which would be withheld";
                table.wrong_at(span, "namespace", message.to_owned());
                None
            } else {
                Some(text)
            }
        }
        Some(_) => {
            let message = "expected the beginning of a name and a `-`, such as \"X-Portal-\"";
            table.wrong_at(span, "namespace", message.to_owned());
            None
        }
    };
    let span = table.span_of("names");
    let mut inner = table.table("names");
    let mut right = true;
    let mut given: Vec<(&str, String)> = Vec::new();
    for (key, _) in NAMES {
        let was_there = inner.has(key);
        match inner.parsed::<HeaderText>(key) {
            Some(HeaderText(name)) => given.push((key, name)),
            None => right &= !was_there,
        }
    }
    drop(inner);
    let own = |key: &str| given.iter().find(|(known, _)| *known == key);
    let names = HeaderNames::new(namespace.filter(|_| right)?, |key| {
        own(key).map(|(_, name)| name.clone())
    });
    names
        .map_err(|error| table.wrong_at(span, "names", error.to_string()))
        .ok()
}

/// The name of a header that is kept from backends.
struct Withheld(String);

impl FromStr for Withheld {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        match HeaderName::try_from(text) {
            Ok(_) if !describes_body(text.as_bytes()) => Ok(Self(text.to_owned())),
            _ => Err(Expected(
                "the name of a header that the backend does not need to read the body, such as \"X-Original-URL\"",
            )),
        }
    }
}

/// The name of a header, or its beginning, as it was spelt.
struct HeaderText(String);

impl FromStr for HeaderText {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        match HeaderName::try_from(text) {
            Err(_) => Err(Expected(
                "the name of a header (RFC 9110 §5.1), such as \"X-Portal-Org-Id\"",
            )),
            Ok(_) if belongs_to_others(text.as_bytes()) => Err(Expected(
                "a name without a meaning of its own, such as \"X-Portal-Org-Id\"",
            )),
            Ok(_) => Ok(Self(text.to_owned())),
        }
    }
}
