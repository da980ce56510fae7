//! The public URL that some providers sign, in the spellings that they are known to use.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{form, percent};

/// How a scheme writes the URL.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent habits of different providers"
)]
pub struct UrlRule {
    /// Whether it may be written with the port or without it (Twilio).
    pub any_port: bool,
    /// Whether the query may be percent-encoded in the other ways that Twilio's own libraries accept.
    pub any_escaping: bool,
    /// Whether the query is left out (Plivo).
    pub without_query: bool,
    /// Whether some characters are written out that were percent-encoded (`HubSpot`).
    pub decoded: bool,
}

impl UrlRule {
    /// Every spelling of `url`, the most likely one first, each once.
    ///
    /// All spellings stand for the same parameters, so a signature over one of them covers them all.
    pub(super) fn spellings(self, url: &str) -> Vec<Cow<'_, str>> {
        let url = match url.split_once('?') {
            Some((path, _)) if self.without_query => path,
            _ => url,
        };
        if self.decoded {
            return vec![Cow::Owned(decoded(url))];
        }
        let mut spellings = vec![Cow::Borrowed(url)];
        if self.any_escaping {
            spellings.extend(other_escapings(url).map(Cow::Owned));
        }
        if self.any_port {
            let others = spellings.iter().filter_map(|url| other_port(url));
            let others: Vec<_> = others.map(Cow::Owned).collect();
            spellings.extend(others);
        }
        spellings
    }
}

/// The other ways in which Twilio's libraries write the query before they compare the signature.
///
/// They leave it as it was sent, or write it as the WHATWG URL standard does (twilio-node, `new URL`), or
/// decode it and write it again as Node's `querystring` does. An empty query may be left out.
fn other_escapings(url: &str) -> impl Iterator<Item = String> {
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (url, None),
    };
    let sent = query.unwrap_or_default();
    let without = (query == Some("")).then(|| path.to_owned());
    let escaped = Some(escaped(sent)).filter(|other| other != sent);
    let rewritten = rewritten(sent).filter(|other| other != sent);
    let rewritten = rewritten.filter(|other| Some(other) != escaped.as_ref());
    let queries = escaped.into_iter().chain(rewritten);
    let queries = queries.map(move |query| format!("{path}?{query}"));
    without.into_iter().chain(queries)
}

/// A query with the characters encoded that the WHATWG URL standard encodes (§1.3, special-query).
fn escaped(query: &str) -> String {
    let mut text = String::with_capacity(query.len());
    for byte in query.bytes() {
        match byte {
            b'!' | b'$'..=b'&' | b'('..=b';' | b'=' | b'?'..=b'~' => text.push(char::from(byte)),
            _ => percent::push(&mut text, byte),
        }
    }
    text
}

/// A query decoded and written again as Node's `querystring.stringify(querystring.parse(query))` does.
///
/// `None` if the result could stand for other parameters: what is not percent-encoded UTF-8 is changed on the
/// way, and whatever follows the first 1000 parameters is lost.
fn rewritten(query: &str) -> Option<String> {
    let mut fields: Vec<(Cow<'_, str>, Vec<Cow<'_, str>>)> = Vec::new();
    let mut places: HashMap<Cow<'_, str>, usize> = HashMap::new();
    for (name, value) in form::fields(query.as_bytes())? {
        let at = *places.entry(name.clone()).or_insert(fields.len());
        match fields.get_mut(at) {
            Some((_, values)) => values.push(value),
            None => fields.push((name, vec![value])),
        }
    }
    // JavaScript lists the members of an object that are whole numbers first, in their order.
    fields.sort_by_key(|(name, _)| array_index(name).map_or((1, 0), |index| (0, index)));
    let mut text = String::with_capacity(query.len());
    for (name, values) in &fields {
        for value in values {
            if !text.is_empty() {
                text.push('&');
            }
            encode(name, &mut text);
            text.push('=');
            encode(value, &mut text);
        }
    }
    Some(text)
}

/// The number that JavaScript takes a name for: `0` to 2³² - 2, without leading zeros.
fn array_index(name: &str) -> Option<u32> {
    let number: u32 = name.parse().ok()?;
    (number < u32::MAX && number.to_string() == name).then_some(number)
}

/// As Node's `querystring.escape` does.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            into.push(char::from(byte));
        } else {
            percent::push(into, byte);
        }
    }
}

/// Without its port, or with the one that its scheme stands for.
fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at_checked(end)?;
    let host_at = authority.rfind('@').map_or(0, |at| at + 1);
    let (user, host) = authority.split_at_checked(host_at)?;
    // The colons of an IPv6 address stand in brackets (RFC 3986 §3.2.2).
    let port_at = host
        .rfind(':')
        .filter(|colon| host.rfind(']') < Some(*colon));
    let host = match port_at {
        Some(at) => host.get(..at)?.to_owned(),
        None => format!("{host}:{}", if scheme == "http" { 80 } else { 443 }),
    };
    Some(format!("{scheme}://{user}{host}{after}"))
}

/// The characters that `HubSpot` signs as they are, in the URL only.
fn decoded(url: &str) -> String {
    let mut text = String::with_capacity(url.len());
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let plain = after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .filter(|byte| b":/?@!$'()*,;".contains(byte));
        rest = if let Some(byte) = plain {
            text.push(char::from(byte));
            after.get(2..).unwrap_or_default()
        } else {
            text.push('%');
            after
        };
    }
    text.push_str(rest);
    text
}
