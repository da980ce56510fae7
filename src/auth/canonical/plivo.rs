//! The text that Plivo signs since version 3 of its signatures: the URL, the query, the form and a nonce.
//!
//! <https://github.com/plivo/plivo-python/blob/master/plivo/utils/signature_v3.py>

use http::HeaderName;

use super::{place_of, single_defect};
use crate::auth::form::{self, Field};
use crate::auth::view::View;
use crate::auth::{Defect, Place, PlaceValue};

/// The header with the nonce, which is unique to a delivery.
pub(super) const NONCE: HeaderName = HeaderName::from_static("x-plivo-signature-v3-nonce");

/// The URL, the sorted query as `name=value`, the sorted form as `name` and `value`, and the nonce.
pub(super) fn text(received: &View<'_>, url: &str) -> Option<Vec<u8>> {
    if url.ends_with('?') {
        return None;
    }
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let query = form::fields(query.as_bytes())?;
    let query = sorted(&query);
    // The parameters are signed decoded, so they must not contain the separators.
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
        PlaceValue::Value(nonce) if !nonce.is_empty() && !nonce.contains(&b'.') => {
            text.extend_from_slice(&nonce);
        }
        _ => return None,
    }
    Some(text)
}

/// Why [`text`] has no result: a defect of the URL, its query or the nonce, for `explain`.
pub(super) fn defect(received: &View<'_>, url: &str) -> Option<Defect> {
    let border = |value: String, text: &str| Defect::Border {
        value,
        text: Some(text.to_owned()),
    };
    if url.ends_with('?') {
        return Some(border("url".to_owned(), "?"));
    }
    let (_, query) = url.split_once('?').unwrap_or_default();
    let Some(query) = form::fields(query.as_bytes()) else {
        return Some(Defect::QueryMalformed);
    };
    let place = |name: &str| Place::Query(name.into()).to_string();
    let ambiguous = query.iter().find_map(|(name, value)| {
        let text = ["&", "="].into_iter().find(|text| name.contains(*text));
        let text = text.or_else(|| value.contains('&').then_some("&"));
        text.map(|text| border(place(name), text))
    });
    ambiguous
        .or_else(|| single_defect(received.head().headers, &NONCE))
        .or_else(|| {
            let PlaceValue::Value(nonce) = Place::Header(NONCE).read(&received.received) else {
                return None;
            };
            if nonce.is_empty() {
                return Some(Defect::Missing(place_of(&NONCE)));
            }
            nonce.contains(&b'.').then(|| border(place_of(&NONCE), "."))
        })
}

/// The fields sorted by name, and the fields of one name by value.
fn sorted<'f, 't>(fields: &'f [Field<'t>]) -> Vec<&'f Field<'t>> {
    let mut sorted: Vec<&Field<'_>> = fields.iter().collect();
    sorted.sort_unstable();
    sorted
}
