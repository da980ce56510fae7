//! The hash of method and URL that Atlassian's apps are called with: `qsh`.
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
    /// What the app has registered as its base URL: the path that is hashed begins behind it.
    pub base: Template,
}

/// The hash for a request; `None` if the URL does not lie below the base.
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

/// In the order of the names, the values of one name together, everything encoded as in OAuth 1
/// (RFC 5849 §3.6). The token itself, which may be one of the parameters, is left out.
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
        let values: Vec<String> = values.iter().map(|value| encoded(value)).collect();
        format!("{}={}", encoded(&name), values.join(","))
    });
    Some(pairs.collect::<Vec<_>>().join("&"))
}

fn encoded(text: &str) -> String {
    percent::encoded(text.as_bytes(), b"-._~", "%")
}

/// More parameters than Atlassian adds to a URL.
const MAX_PARAMETERS: usize = 64;
/// Longer than any query that is hashed.
const MAX_QUERY_LEN: usize = 2 * 1024;
