//! What Hook0 signs between the time and the body; Coinbase Developer Platform sends through it.
//!
//! Version 1 signs the headers that its `h=` part lists: their names, then their values. Version 0 signs no
//! header, and nothing stands in between. A sender that offers version 1 is judged by it alone.
//!
//! <https://github.com/hook0/hook0/blob/master/output-worker/src/work.rs>

use http::{HeaderMap, HeaderName};

use super::{listed, place_of, single_defect};
use crate::auth::{Defect, Place};

/// The header with the time, the list of headers and the signatures.
const SIGNATURE: HeaderName = HeaderName::from_static("x-hook0-signature");
const EVENT_ID: HeaderName = HeaderName::from_static("x-event-id");
const EVENT_TYPE: HeaderName = HeaderName::from_static("x-event-type");

/// `NAMES.VALUES.`, or nothing for version 0.
///
/// Names and values are joined without being escaped. So that no other headers give the same text, a dot
/// stands in no name and in no value but the event type's, and nothing that begins a JSON body stands in any.
pub(super) fn headers(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = only(headers, &SIGNATURE)?;
    if !is_version_1(value) {
        return Some(Vec::new());
    }
    let mut lists = parts(value).filter_map(|part| part.strip_prefix(b"h="));
    let list = lists.next()?;
    if lists.next().is_some() {
        return None;
    }
    let names = names(list)?;
    let mut sorted: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    sorted.sort_unstable();
    let twice = sorted.windows(2).any(|pair| pair.first() == pair.last());
    // What the gate itself reads has to be signed if it is there.
    let unsigned = |name: &HeaderName| headers.contains_key(name) && !names.contains(name);
    if twice || names.contains(&SIGNATURE) || unsigned(&EVENT_ID) || unsigned(&EVENT_TYPE) {
        return None;
    }
    let mut text = list.to_vec();
    for name in &names {
        let value = only(headers, name)?;
        let dotted = *name != EVENT_TYPE && memchr::memchr(b'.', value).is_some();
        if dotted || memchr::memchr2(b'{', b'[', value).is_some() {
            return None;
        }
        text.push(b'.');
        text.extend_from_slice(value);
    }
    text.push(b'.');
    Some(text)
}

/// Why the headers cannot be signed.
pub(super) fn defect(headers: &HeaderMap) -> Option<Defect> {
    if let Some(defect) = single_defect(headers, &SIGNATURE) {
        return Some(defect);
    }
    let value = only(headers, &SIGNATURE)?;
    if !is_version_1(value) {
        return None;
    }
    let unclear = |name: Option<&HeaderName>| Defect::HeaderList {
        place: place_of(&SIGNATURE),
        name: name.map(ToString::to_string),
    };
    let mut lists = parts(value).filter_map(|part| part.strip_prefix(b"h="));
    let (Some(list), None) = (lists.next(), lists.next()) else {
        return Some(unclear(None));
    };
    let texts = list.split(|byte| *byte == b' ');
    if texts.clone().count() > MAX_HEADERS {
        return Some(unclear(None));
    }
    let names = match listed(&SIGNATURE, texts, name) {
        Ok(names) if names.contains(&SIGNATURE) => return Some(unclear(Some(&SIGNATURE))),
        Ok(names) => names,
        Err(defect) => return Some(defect),
    };
    let mut read = [EVENT_ID, EVENT_TYPE].into_iter();
    if let Some(name) = read.find(|name| headers.contains_key(name) && !names.contains(name)) {
        return Some(Defect::Component(name.to_string()));
    }
    names.iter().find_map(|name| {
        let separators: &[u8] = if *name == EVENT_TYPE { b"{[" } else { b"{[." };
        single_defect(headers, name).or_else(|| {
            let mut bytes = only(headers, name)?.iter();
            let found = bytes.find(|byte| separators.contains(byte))?;
            Some(Defect::Border {
                value: place_of(name),
                text: Some(char::from(*found).to_string()),
            })
        })
    })
}

/// Whether it is certain where `body` begins in what is signed.
///
/// An event type may end anywhere before a dot, so a body behind one has to begin as JSON does, which is what
/// this sender sends. A body of version 0 may not begin like the headers of version 1.
pub(super) fn may_precede(headers: &HeaderMap, body: &[u8]) -> bool {
    let Some(value) = only(headers, &SIGNATURE) else {
        return false;
    };
    if is_version_1(value) {
        let lists = parts(value).filter_map(|part| part.strip_prefix(b"h="));
        let mut listed = lists.flat_map(|list| list.split(|byte| *byte == b' '));
        let is_json = body.first().is_some_and(|byte| BODY_BEGINS.contains(byte));
        return is_json || !listed.any(|name| name == EVENT_TYPE.as_str().as_bytes());
    }
    let end = memchr::memchr(b'.', body);
    end.and_then(|end| names(body.get(..end)?)).is_none()
}

/// What a sender signs of the headers that it adds, as the header of the signature lists it.
pub(super) fn list(added: &[(Place, String)]) -> (HeaderName, String) {
    let is_there = |name: &HeaderName| {
        let place = Place::Header(name.clone());
        added.iter().any(|(known, _)| *known == place)
    };
    let names = [EVENT_ID, EVENT_TYPE].into_iter().filter(is_there);
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    (SIGNATURE, format!("h={}", names.join(" ")))
}

/// What a sender adds to the head, so that there is something to sign.
pub(super) const ADDED: HeaderName = EVENT_ID;

fn parts(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn is_version_1(value: &[u8]) -> bool {
    parts(value).any(|part| part.starts_with(b"v1="))
}

fn names(list: &[u8]) -> Option<Vec<HeaderName>> {
    let few = memchr::memchr_iter(b' ', list).count() < MAX_HEADERS;
    few.then(|| list.split(|byte| *byte == b' ').map(name).collect())
        .flatten()
}

/// A name as it is listed: in lower case and without a dot.
fn name(text: &[u8]) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text).ok()?;
    (name.as_str().as_bytes() == text && !text.contains(&b'.')).then_some(name)
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.as_bytes().trim_ascii();
    values.next().is_none().then_some(value)
}

/// What JSON begins with: an object or a list.
const BODY_BEGINS: &[u8] = b"{[";
/// More than any request has.
const MAX_HEADERS: usize = 100;
