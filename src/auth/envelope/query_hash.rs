//! The hash of the method and the URL that Atlassian puts into its tokens: `qsh`.
//!
//! <https://developer.atlassian.com/cloud/bitbucket/query-string-hash>

use std::collections::BTreeMap;

use http::Method;
use sha2::{Digest, Sha256};

use crate::auth::{Template, percent, query};

/// A claim that binds a token to one method and URL.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct QueryHash {
    /// The name of the claim.
    pub claim: Box<str>,
    /// The base URL that the app registered. The hashed path is relative to it.
    pub base: Template,
}

impl QueryHash {
    /// The hash for a request; `None` if the URL is not below `base`.
    pub(super) fn hash(method: &Method, url: &str, base: &str) -> Option<String> {
        let below = url.strip_prefix(base.trim_end_matches('/'))?;
        let (path, query) = below.split_once('?').unwrap_or((below, ""));
        if !(path.is_empty() || path.starts_with('/')) {
            return None;
        }
        let path = path.trim_end_matches('/').replace('&', "%26");
        let path = if path.is_empty() { "/" } else { &path };
        let canonical = format!("{method}&{path}&{}", canonical_query(query)?);
        Some(hex::encode(Sha256::digest(canonical)))
    }
}

/// The parameters sorted by name, with the values of one name joined, encoded as in OAuth 1 (RFC 5849 §3.6).
///
/// The parameter `jwt` is omitted: it is the token itself.
fn canonical_query(query: &str) -> Option<String> {
    if query.len() > MAX_QUERY_LEN {
        return None;
    }
    let mut sorted: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let parameters: Vec<&str> = query::parameters(query)?.collect();
    if parameters.len() > MAX_PARAMETERS {
        return None;
    }
    let pairs = parameters
        .into_iter()
        .flat_map(|parameter| form_urlencoded::parse(parameter.as_bytes()));
    for (name, value) in pairs.filter(|(name, _)| name != "jwt") {
        sorted.entry(name).or_default().push(value);
    }
    let pairs = sorted.into_iter().map(|(name, mut values)| {
        values.sort();
        let values: Vec<String> = values.iter().map(|value| encode(value)).collect();
        format!("{}={}", encode(&name), values.join(","))
    });
    Some(pairs.collect::<Vec<_>>().join("&"))
}

fn encode(text: &str) -> String {
    percent::encode(text.as_bytes(), b"-._~", "%")
}

/// Atlassian adds fewer parameters to a URL.
const MAX_PARAMETERS: usize = 64;
/// The queries that Atlassian hashes are shorter.
const MAX_QUERY_LEN: usize = 2 * 1024;
