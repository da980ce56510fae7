//! The headers and the path that Contentful signs around the body.
//!
//! <https://github.com/contentful/node-apps-toolkit/tree/main/src/requests>

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{MAX_HEADERS, parse_list, place_of, single_defect, single_value};
use crate::auth::Defect;
use crate::auth::percent::encode;

/// The header with the list of signed headers.
pub(super) const LIST: HeaderName = HeaderName::from_static("x-contentful-signed-headers");
/// The header with the timestamp in milliseconds.
pub(super) const TIMESTAMP: HeaderName = HeaderName::from_static("x-contentful-timestamp");

/// The shortest valid list: the two headers that a list must contain.
pub(super) fn shortest_list() -> String {
    format!("{LIST},{TIMESTAMP}")
}

/// The listed headers, sorted by name, as `name:value` joined by `;`.
///
/// The list must contain itself and the timestamp. Each listed header must be present exactly once.
pub(super) fn headers(headers: &HeaderMap) -> Option<Vec<u8>> {
    let list = single_value(headers, &LIST)?;
    if memchr::memchr_iter(b',', list).count() >= MAX_HEADERS {
        return None;
    }
    let names = list.split(|byte| *byte == b',');
    let mut names = names.map(parse_name).collect::<Option<Vec<HeaderName>>>()?;
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    let is_repeated = names.windows(2).any(|pair| pair.first() == pair.last());
    if is_repeated || !names.contains(&LIST) || !names.contains(&TIMESTAMP) {
        return None;
    }
    let sorted: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    let sorted = sorted.join(",");
    let len =
        |name: &HeaderName| name.as_str().len() + headers.get(name).map_or(0, HeaderValue::len);
    let mut text = Vec::with_capacity(names.iter().map(|name| len(name) + 2).sum());
    for name in &names {
        if !text.is_empty() {
            text.push(b';');
        }
        text.extend_from_slice(name.as_str().as_bytes());
        text.push(b':');
        text.extend_from_slice(if *name == LIST {
            sorted.as_bytes()
        } else {
            Some(single_value(headers, name)?).filter(|value| !contains_header(value))?
        });
    }
    Some(text)
}

/// Why [`headers`] has no result, for `explain`.
pub(super) fn headers_defect(headers: &HeaderMap) -> Option<Defect> {
    if let Some(defect) = single_defect(headers, &LIST) {
        return Some(defect);
    }
    let names = single_value(headers, &LIST)?.split(|byte| *byte == b',');
    if names.clone().count() > MAX_HEADERS {
        let (place, name) = (place_of(&LIST), None);
        return Some(Defect::HeaderList { place, name });
    }
    let names = match parse_list(&LIST, names, parse_name) {
        Ok(names) => names,
        Err(defect) => return Some(defect),
    };
    let mut required = [LIST, TIMESTAMP].into_iter();
    if let Some(unlisted) = required.find(|name| !names.contains(name)) {
        return Some(Defect::Component(unlisted.to_string()));
    }
    names.iter().find_map(|name| {
        let is_ambiguous =
            || *name != LIST && single_value(headers, name).is_some_and(contains_header);
        single_defect(headers, name).or_else(|| {
            is_ambiguous().then(|| Defect::Border {
                value: place_of(name),
                text: Some(";".to_owned()),
            })
        })
    })
}

/// Parses a listed name, which is in lower case, so that the list has one spelling.
fn parse_name(text: &[u8]) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text).ok()?;
    (name.as_str().as_bytes() == text).then_some(name)
}

/// Whether a part of `value` could pass for the next header. A parameter such as `; charset=utf-8` cannot.
fn contains_header(value: &[u8]) -> bool {
    // The text between a semicolon and the next colon could be a name.
    let mut name_at = None;
    for (at, byte) in value.iter().enumerate() {
        match byte {
            b';' => name_at = Some(at + 1),
            b':' => {
                let name = name_at.take().and_then(|start| value.get(start..at));
                if name.is_some_and(|name| HeaderName::from_bytes(name).is_ok()) {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// The path and the query, percent-encoded again by JavaScript's `encodeURI` and Node's `querystring.escape`.
///
/// Contentful's library omits the text after a second `?`. The backend would receive that text unsigned, so such a URL
/// has no result.
pub(super) fn path(url: &str) -> Option<Vec<u8>> {
    let (_, below) = url.split_once("://")?;
    let at = below.find(['/', '?'])?;
    let target = below.get(at..)?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !path.starts_with('/')
        || query.contains('?')
        || target.ends_with('?')
        || target.len() > MAX_TARGET_LEN
    {
        return None;
    }
    let mut text = encode(path.as_bytes(), b"-_.!~*'();,/?:@&=+$#", "%");
    if !query.is_empty() {
        text.push('?');
        text.push_str(&encode(query.as_bytes(), b"-_.!~*'()", "%25"));
    }
    Some(text.into_bytes())
}

/// Why [`path`] has no result, for `explain`.
pub(super) fn path_defect(url: &str) -> Option<Defect> {
    path(url).is_none().then(|| Defect::Border {
        value: "url".to_owned(),
        text: url.contains('?').then(|| "?".to_owned()),
    })
}

/// In bytes. The URLs of Contentful webhooks are shorter.
const MAX_TARGET_LEN: usize = 2 * 1024;
