//! What Plivo signs since its third version: the URL, the query, the form and a nonce.
//!
//! <https://github.com/plivo/plivo-python/blob/master/plivo/utils/signature_v3.py>

use http::HeaderName;

use crate::auth::form::{self, Field};
use crate::auth::view::View;
use crate::auth::{Place, Reading};

pub(super) const NONCE: HeaderName = HeaderName::from_static("x-plivo-signature-v3-nonce");

/// The URL, then the query as `name=value`, then the form as `name` and `value`, both sorted, then the
/// nonce.
pub(super) fn text(received: &View<'_>, url: &str) -> Option<Vec<u8>> {
    if url.ends_with('?') {
        return None;
    }
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let query = form::fields(query.as_bytes())?;
    let query = sorted(&query);
    // They are signed decoded: what separates them must not stand in them.
    if query
        .iter()
        .any(|(name, value)| name.contains(['&', '=']) || value.contains('&'))
    {
        return None;
    }
    let query: Vec<String> = query
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let query = query.join("&");
    let fields = sorted(received.fields()?);
    let mut text = base.to_owned();
    if !query.is_empty() || !fields.is_empty() {
        text.push('?');
        text.push_str(&query);
    }
    if !query.is_empty() && !fields.is_empty() {
        text.push('.');
    }
    for (name, value) in &fields {
        text.push_str(name);
        text.push_str(value);
    }
    text.push('.');
    let mut text = text.into_bytes();
    match Place::Header(NONCE).read(&received.received) {
        Reading::Value(nonce) if !nonce.is_empty() && !nonce.contains(&b'.') => {
            text.extend_from_slice(&nonce);
        }
        _ => return None,
    }
    Some(text)
}

/// In the order of the names, and the values of one name in theirs.
fn sorted<'f, 't>(fields: &'f [Field<'t>]) -> Vec<&'f Field<'t>> {
    let mut sorted: Vec<&Field<'_>> = fields.iter().collect();
    sorted.sort_unstable();
    sorted
}
