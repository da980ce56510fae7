//! What Contentful signs around the body.
//!
//! <https://github.com/contentful/node-apps-toolkit/tree/main/src/requests>

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{listed, place_of, single_defect};
use crate::auth::Defect;
use crate::auth::percent::encoded;

/// The list of the headers that are signed.
pub(super) const LIST: HeaderName = HeaderName::from_static("x-contentful-signed-headers");
pub(super) const TIMESTAMP: HeaderName = HeaderName::from_static("x-contentful-timestamp");

/// The least that is listed.
pub(super) fn least_list() -> String {
    format!("{LIST},{TIMESTAMP}")
}

/// Every listed header in the order of the names, as `name:value` joined by `;`.
///
/// The list and the time have to be in the list, and whatever is listed has to be there, once.
pub(super) fn headers(headers: &HeaderMap) -> Option<Vec<u8>> {
    let list = only(headers, &LIST)?;
    if memchr::memchr_iter(b',', list).count() >= MAX_HEADERS {
        return None;
    }
    let names = list.split(|byte| *byte == b',');
    let mut names = names.map(name).collect::<Option<Vec<HeaderName>>>()?;
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    let twice = names.windows(2).any(|pair| pair.first() == pair.last());
    if twice || !names.contains(&LIST) || !names.contains(&TIMESTAMP) {
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
            Some(only(headers, name)?).filter(|value| !holds_a_header(value))?
        });
    }
    Some(text)
}

/// Why the headers cannot be signed.
pub(super) fn headers_defect(headers: &HeaderMap) -> Option<Defect> {
    if let Some(defect) = single_defect(headers, &LIST) {
        return Some(defect);
    }
    let names = only(headers, &LIST)?.split(|byte| *byte == b',');
    if names.clone().count() > MAX_HEADERS {
        let (place, name) = (place_of(&LIST), None);
        return Some(Defect::HeaderList { place, name });
    }
    let names = match listed(&LIST, names, name) {
        Ok(names) => names,
        Err(defect) => return Some(defect),
    };
    let mut needed = [LIST, TIMESTAMP].into_iter();
    if let Some(unlisted) = needed.find(|name| !names.contains(name)) {
        return Some(Defect::Component(unlisted.to_string()));
    }
    names.iter().find_map(|name| {
        let holds_one = || only(headers, name).is_some_and(holds_a_header) && *name != LIST;
        single_defect(headers, name).or_else(|| {
            holds_one().then(|| Defect::Border {
                value: place_of(name),
                text: Some(";".to_owned()),
            })
        })
    })
}

/// A name as it is listed: in lower case, so that the list has one spelling.
fn name(text: &[u8]) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text).ok()?;
    (name.as_str().as_bytes() == text).then_some(name)
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.as_bytes().trim_ascii();
    values.next().is_none().then_some(value)
}

/// Whether a part of it could pass for the next header. A parameter such as `; charset=utf-8` cannot.
fn holds_a_header(value: &[u8]) -> bool {
    // What stands between a semicolon and the first colon behind it could be a name.
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

/// The path and the query, the way that JavaScript's `encodeURI` and Node's `querystring.escape` make
/// them: what was encoded is encoded again.
///
/// The library leaves out what follows a second `?`; it would be passed on unsigned, so it is refused.
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
    let mut text = encoded(path.as_bytes(), b"-_.!~*'();,/?:@&=+$#", "%");
    if !query.is_empty() {
        text.push('?');
        text.push_str(&encoded(query.as_bytes(), b"-_.!~*'()", "%25"));
    }
    Some(text.into_bytes())
}

/// Why the URL cannot be signed.
pub(super) fn path_defect(url: &str) -> Option<Defect> {
    path(url).is_none().then(|| Defect::Border {
        value: "url".to_owned(),
        text: url.contains('?').then(|| "?".to_owned()),
    })
}

/// Longer than any that Contentful is told to call.
const MAX_TARGET_LEN: usize = 2 * 1024;
/// More than any request has.
const MAX_HEADERS: usize = 100;
