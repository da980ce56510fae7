//! What Plivo signs since its third version: the URL, the query, the form and a nonce.
//!
//! <https://github.com/plivo/plivo-python/blob/master/plivo/utils/signature_v3.py>

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::HeaderName;

use crate::auth::{Place, Reading, Received, form};

pub(super) const NONCE: HeaderName = HeaderName::from_static("x-plivo-signature-v3-nonce");

/// The URL, then the query as `name=value`, then the form as `name` and `value`, both sorted, then the
/// nonce.
pub(super) fn text(received: &Received<'_>, url: &str) -> Option<Vec<u8>> {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let query: Vec<String> = sorted(form::fields(query.as_bytes())?)
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let query = query.join("&");
    let fields = sorted(form::sent(received, received.body?)?);
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
    match Place::Header(NONCE).read(received) {
        Reading::Value(nonce) if !nonce.is_empty() => text.extend_from_slice(&nonce),
        _ => return None,
    }
    Some(text)
}

type Pair<'t> = (Cow<'t, str>, Cow<'t, str>);

/// In the order of the names, and the values of one name in theirs.
fn sorted<'t>(fields: impl Iterator<Item = Pair<'t>>) -> Vec<Pair<'t>> {
    let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, value) in fields {
        by_name.entry(name).or_default().push(value);
    }
    let by_name = by_name.into_iter();
    let pairs = by_name.flat_map(|(name, mut values)| {
        values.sort();
        values.into_iter().map(move |value| (name.clone(), value))
    });
    pairs.collect()
}
