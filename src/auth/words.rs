//! A scheme in an endpoint's own words: the keys of the mode `signature`, and what an endpoint changes
//! about a provider's preset.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Scheme;
use super::parts::{Words, names, signing_names};

/// What was said, word for word; docs/guide/custom-signature.md describes each key.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct SchemeWords(BTreeMap<String, String>);

/// A word that cannot be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct WrongWord {
    /// The key.
    pub key: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl WrongWord {
    /// The key with the table that it stands in.
    pub fn place(&self) -> &'static str {
        let mut places = SchemeWords::KEYS.iter();
        let found = places.find(|place| place.strip_prefix("auth.") == Some(self.key));
        found.copied().unwrap_or("auth")
    }
}

impl SchemeWords {
    /// Every key, in its table.
    pub const KEYS: &[&str] = &[
        "auth.algorithm",
        "auth.secret_format",
        "auth.secret_prefix",
        "auth.signature_header",
        "auth.signature_from",
        "auth.signature_format",
        "auth.signature_prefix",
        "auth.signature_separator",
        "auth.signed_message",
        "auth.timestamp_header",
        "auth.timestamp_tag",
        "auth.timestamp_format",
        "auth.timestamp_tolerance",
        "auth.timestamp_future",
        "auth.id",
        "auth.event",
    ];

    /// Every key by itself.
    pub fn keys() -> impl Iterator<Item = &'static str> {
        Self::KEYS
            .iter()
            .filter_map(|place| place.strip_prefix("auth."))
    }

    /// The key that is written like `name`, with `-` or with `_`.
    pub fn key(name: &str) -> Option<&'static str> {
        let name = name.replace('-', "_");
        Self::keys().find(|key| *key == name)
    }

    /// Says `value` about `key`.
    pub fn say(&mut self, key: &'static str, value: impl Into<String>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scheme that results: `base` with what was said, or what was said alone.
    pub fn scheme(&self, base: Option<Scheme>) -> Result<Scheme, Vec<WrongWord>> {
        let mut said = Words {
            words: &self.0,
            wrong: Vec::new(),
        };
        for key in self.0.keys().filter(|key| Self::key(key).is_none()) {
            let known: Vec<&str> = Self::keys().collect();
            said.wrong.push(WrongWord {
                key: "auth",
                message: format!("no key `{key}`; there is `{}`", known.join("`, `")),
            });
        }
        if base.as_ref().is_some_and(|base| !base.covers_body()) {
            for key in Self::keys().filter(|key| self.0.contains_key(*key)) {
                let of_tokens = [
                    "signature_header",
                    "signature_from",
                    "signature_prefix",
                    "id",
                    "event",
                ];
                if !of_tokens.contains(&key) {
                    let message = "a token is compared and signs nothing".to_owned();
                    said.wrong(key, message);
                }
            }
        }
        let is_new = base.is_none();
        let least = base.as_ref().map(Scheme::covers);
        let mut scheme = base.unwrap_or_else(Scheme::of_body);
        if is_new && !self.0.contains_key("algorithm") {
            let message = format!("is missing: one of `{}`", names(&signing_names()));
            said.wrong("algorithm", message);
        }
        let places = ["signature_header", "signature_from"];
        if is_new && !places.iter().any(|key| self.0.contains_key(*key)) {
            let message = "is missing: the header of the signature, such as \"X-Signature\"";
            said.wrong("signature_header", message.to_owned());
        }
        said.key(&mut scheme.key);
        said.signature(&mut scheme.signatures);
        if said.message(&mut scheme.signed) {
            // What the preset says of its methods holds for what its provider signs, and for nothing else.
            scheme.methods = Scheme::only_post();
        }
        said.time(&mut scheme.timestamp);
        if let Some(id) = said.parsed("id") {
            scheme.id = Some(id);
        }
        if let Some(event) = said.parsed("event") {
            scheme.event = Some(event);
        }
        if let (true, Some(message)) = (said.wrong.is_empty(), scheme.inconsistency(least)) {
            said.wrong("signed_message", message.to_owned());
        }
        if said.wrong.is_empty() {
            Ok(scheme)
        } else {
            Err(said.wrong)
        }
    }
}
