//! The query of a `GET` as Vonage signs it: written as the JSON object that a `POST` would have as its body.
//!
//! <https://api.support.vonage.com/hc/en-us/articles/19033783342876>

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::auth::form;

/// Whether `digest` is the SHA-256 of the parameters of `query` as a JSON object.
pub(super) fn has_digest(query: Option<&str>, digest: &[u8]) -> bool {
    let json = json(query.unwrap_or_default());
    json.is_some_and(|json| Sha256::digest(json).ct_eq(digest).into())
}

/// The parameters as a JSON object, in their order and without white space.
///
/// `None` if a name occurs twice, because parsers disagree about which value counts.
pub(super) fn json(query: &str) -> Option<Vec<u8>> {
    let mut names = HashSet::new();
    let mut json = vec![b'{'];
    for (name, value) in form::fields(query.as_bytes())? {
        if json.len() > 1 {
            json.push(b',');
        }
        serde_json::to_writer(&mut json, &name).ok()?;
        json.push(b':');
        serde_json::to_writer(&mut json, &value).ok()?;
        if !names.insert(name) {
            return None;
        }
    }
    json.push(b'}');
    Some(json)
}
