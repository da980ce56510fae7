//! The headers that Hook0 signs between the timestamp and the body. Coinbase Developer Platform sends through Hook0.
//!
//! Version 1 signs the names and the values of the headers in its `h=` part. Version 0 signs no headers. If a delivery
//! has both versions, only version 1 counts.
//!
//! <https://github.com/hook0/hook0/blob/master/output-worker/src/work.rs>

use http::{HeaderMap, HeaderName};

use super::{MAX_HEADERS, parse_list, place_of, single_defect, single_value};
use crate::auth::{Defect, Place};

/// The header with the timestamp, the list of signed headers and the signatures.
const SIGNATURE: HeaderName = HeaderName::from_static("x-hook0-signature");
/// The header with the delivery id, which a sender always signs.
pub(super) const EVENT_ID: HeaderName = HeaderName::from_static("x-event-id");
const EVENT_TYPE: HeaderName = HeaderName::from_static("x-event-type");

/// The text `NAMES.VALUES.`; empty for version 0.
///
/// The text has no escapes, so other headers could produce the same one. To prevent that, no name contains a dot, and of
/// the values only the event type may. No value contains a byte that starts a JSON body.
pub(super) fn headers(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = single_value(headers, &SIGNATURE)?;
    if !is_version_1(value) {
        return Some(Vec::new());
    }
    let mut lists = parts(value).filter_map(|part| part.strip_prefix(b"h="));
    let list = lists.next()?;
    if lists.next().is_some() {
        return None;
    }
    let names = parse_names(list)?;
    let mut sorted: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    sorted.sort_unstable();
    let is_repeated = sorted.windows(2).any(|pair| pair.first() == pair.last());
    // The gate reads these two headers, so they must be signed if they are present.
    let unsigned = |name: &HeaderName| headers.contains_key(name) && !names.contains(name);
    if is_repeated || names.contains(&SIGNATURE) || unsigned(&EVENT_ID) || unsigned(&EVENT_TYPE) {
        return None;
    }
    let mut text = list.to_vec();
    for name in &names {
        let value = single_value(headers, name)?;
        let has_dot = *name != EVENT_TYPE && memchr::memchr(b'.', value).is_some();
        if has_dot || memchr::memchr2(b'{', b'[', value).is_some() {
            return None;
        }
        text.push(b'.');
        text.extend_from_slice(value);
    }
    text.push(b'.');
    Some(text)
}

/// Why [`headers`] has no result, for `explain`.
pub(super) fn defect(headers: &HeaderMap) -> Option<Defect> {
    if let Some(defect) = single_defect(headers, &SIGNATURE) {
        return Some(defect);
    }
    let value = single_value(headers, &SIGNATURE)?;
    if !is_version_1(value) {
        return None;
    }
    let invalid_list = |name: Option<&HeaderName>| Defect::HeaderList {
        place: place_of(&SIGNATURE),
        name: name.map(ToString::to_string),
    };
    let mut lists = parts(value).filter_map(|part| part.strip_prefix(b"h="));
    let (Some(list), None) = (lists.next(), lists.next()) else {
        return Some(invalid_list(None));
    };
    let texts = list.split(|byte| *byte == b' ');
    if texts.clone().count() > MAX_HEADERS {
        return Some(invalid_list(None));
    }
    let names = match parse_list(&SIGNATURE, texts, parse_name) {
        Ok(names) if names.contains(&SIGNATURE) => return Some(invalid_list(Some(&SIGNATURE))),
        Ok(names) => names,
        Err(defect) => return Some(defect),
    };
    let mut required = [EVENT_ID, EVENT_TYPE].into_iter();
    if let Some(name) = required.find(|name| headers.contains_key(name) && !names.contains(name)) {
        return Some(Defect::Component(name.to_string()));
    }
    names.iter().find_map(|name| {
        let separators: &[u8] = if *name == EVENT_TYPE { b"{[" } else { b"{[." };
        single_defect(headers, name).or_else(|| {
            let mut bytes = single_value(headers, name)?.iter();
            let found = bytes.find(|byte| separators.contains(byte))?;
            Some(Defect::Border {
                value: place_of(name),
                text: Some(char::from(*found).to_string()),
            })
        })
    })
}

/// Whether the signed message determines where `body` begins.
///
/// An event type may contain dots, so a body after one must start like JSON, which this sender always sends. A body of
/// version 0 must not start like the headers of version 1.
pub(super) fn may_precede(headers: &HeaderMap, body: &[u8]) -> bool {
    let Some(value) = single_value(headers, &SIGNATURE) else {
        return false;
    };
    if is_version_1(value) {
        let lists = parts(value).filter_map(|part| part.strip_prefix(b"h="));
        let mut names = lists.flat_map(|list| list.split(|byte| *byte == b' '));
        let is_json = body.first().is_some_and(|byte| JSON_STARTS.contains(byte));
        return is_json || !names.any(|name| name == EVENT_TYPE.as_str().as_bytes());
    }
    let end = memchr::memchr(b'.', body);
    end.and_then(|end| parse_names(body.get(..end)?)).is_none()
}

/// The list of those added headers that a sender signs, and the header that contains the list.
pub(super) fn list(added: &[(Place, String)]) -> (HeaderName, String) {
    let is_added = |name: &HeaderName| {
        let place = Place::Header(name.clone());
        added.iter().any(|(known, _)| *known == place)
    };
    let names = [EVENT_ID, EVENT_TYPE].into_iter().filter(is_added);
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    (SIGNATURE, format!("h={}", names.join(" ")))
}

fn parts(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn is_version_1(value: &[u8]) -> bool {
    parts(value).any(|part| part.starts_with(b"v1="))
}

fn parse_names(list: &[u8]) -> Option<Vec<HeaderName>> {
    let is_short = memchr::memchr_iter(b' ', list).count() < MAX_HEADERS;
    is_short
        .then(|| list.split(|byte| *byte == b' ').map(parse_name).collect())
        .flatten()
}

/// Parses a listed name, which is in lower case and has no dot.
fn parse_name(text: &[u8]) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text).ok()?;
    (name.as_str().as_bytes() == text && !text.contains(&b'.')).then_some(name)
}

/// The first bytes of a JSON object and a JSON array.
const JSON_STARTS: &[u8] = b"{[";
