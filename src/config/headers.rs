//! The section `[headers]`: the names of the portal's headers, and the headers that backends never receive.

use std::str::FromStr;

use http::HeaderName;

use super::table::Table;
use super::units::ValueError;
use crate::proxy::{
    HeaderNames, NAMES, WITHHELD, belongs_to_others, covers_others, describes_body,
};

/// The section.
pub(super) struct HeadersSection {
    /// Whether responses carry the reason header.
    pub(super) reason: bool,
    /// Whether responses carry the request id.
    pub(super) request_id: bool,
    /// The header names of the portal; `None` if a mistake was reported.
    pub(super) names: Option<HeaderNames>,
}

pub(super) fn read(mut table: Table<'_, '_>) -> HeadersSection {
    let withheld = withheld(&mut table);
    HeadersSection {
        reason: table.flag("reason").unwrap_or(true),
        request_id: table.flag("request_id").unwrap_or(true),
        names: names(&mut table).map(|names| {
            let withheld = withheld.iter().map(|WithheldName(name)| name.as_str());
            names.withholding(withheld)
        }),
    }
}

fn withheld(table: &mut Table<'_, '_>) -> Vec<WithheldName> {
    let default = || WITHHELD.iter().map(|name| WithheldName((*name).to_owned()));
    table
        .list("withheld")
        .unwrap_or_else(|| default().collect())
}

fn names(table: &mut Table<'_, '_>) -> Option<HeaderNames> {
    let span = table.span_of("namespace");
    let is_given = table.has("namespace");
    let given = table.parsed::<String>("namespace");
    let namespace = match given.as_deref() {
        None if is_given => None,
        None => Some("X-Portal-"),
        Some("") => {
            let message =
                "must not be empty: the gate removes every header in the namespace from requests"
                    .to_owned();
            table.report_at(span, "namespace", message);
            None
        }
        Some(text) if text.ends_with('-') && HeaderName::try_from(text).is_ok() => {
            if covers_others(text.as_bytes()) {
                let message = "covers headers of others, which the gate would remove from requests; choose a longer prefix";
                table.report_at(span, "namespace", message.to_owned());
                None
            } else {
                Some(text)
            }
        }
        Some(_) => {
            let message = "expected a prefix that ends with `-`, such as \"X-Portal-\"";
            table.report_at(span, "namespace", message.to_owned());
            None
        }
    };
    let span = table.span_of("names");
    let mut inner = table.table("names");
    let mut is_valid = true;
    let mut given: Vec<(&str, String)> = Vec::new();
    for (key, _) in NAMES {
        let is_given = inner.has(key);
        match inner.parsed::<NameText>(key) {
            Some(NameText(name)) => given.push((key, name)),
            None => is_valid &= !is_given,
        }
    }
    drop(inner);
    let own = |key: &str| given.iter().find(|(known, _)| *known == key);
    let names = HeaderNames::new(namespace.filter(|_| is_valid)?, |key| {
        own(key).map(|(_, name)| name.clone())
    });
    names
        .map_err(|error| table.report_at(span, "names", error.to_string()))
        .ok()
}

/// The name of a header that backends do not receive.
struct WithheldName(String);

impl FromStr for WithheldName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match HeaderName::try_from(text) {
            Ok(_) if !describes_body(text.as_bytes()) => Ok(Self(text.to_owned())),
            _ => Err(ValueError(
                "a header name that does not describe the body, such as \"X-Original-URL\"",
            )),
        }
    }
}

/// A header name in its original spelling.
struct NameText(String);

impl FromStr for NameText {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match HeaderName::try_from(text) {
            Err(_) => Err(ValueError(
                "a header name (RFC 9110 §5.1), such as \"X-Portal-Org-Id\"",
            )),
            Ok(_) if belongs_to_others(text.as_bytes()) => Err(ValueError(
                "a header name that is not in use elsewhere, such as \"X-Portal-Org-Id\"",
            )),
            Ok(_) => Ok(Self(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_given_or_withheld_only_if_no_reader_needs_the_header() {
        for (name, can_be_given, can_be_withheld) in [
            ("X-Acme-Org", true, true),
            ("Acme_Org", true, true),
            ("X-Original-URL", true, true),
            // In use elsewhere.
            ("Authorization", false, true),
            ("X-Forwarded-Port", false, true),
            ("x_request_id", false, true),
            // They describe the body.
            ("Content-Type", false, false),
            ("content_encoding", false, false),
            ("Content-Anything", true, false),
            ("Digest", true, false),
            ("Mime-Version", true, false),
            // Not header names.
            ("", false, false),
            ("X Acme", false, false),
            ("X-Acme:", false, false),
            ("X-Ü", false, false),
        ] {
            assert_eq!(name.parse::<NameText>().is_ok(), can_be_given, "{name}");
            assert_eq!(
                name.parse::<WithheldName>().is_ok(),
                can_be_withheld,
                "{name}"
            );
        }
    }
}
