//! The public URL that some providers sign, in each spelling that these providers use.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{form, percent};

/// How a scheme writes the URL.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent conventions of different providers"
)]
pub struct UrlRule {
    /// Whether the URL may be signed with its port or without it (Twilio).
    pub any_port: bool,
    /// Whether the query may be percent-encoded in each way that Twilio's own libraries accept.
    pub any_escaping: bool,
    /// Whether the URL is signed without its query (Plivo).
    pub without_query: bool,
    /// Whether some percent-encoded characters are decoded before signing (`HubSpot`).
    pub decoded: bool,
}

impl UrlRule {
    /// Every spelling of `url` without repetitions, the most likely one first.
    ///
    /// All spellings encode the same parameters, so a signature over one of them covers the others.
    pub(super) fn spellings(self, url: &str) -> Vec<Cow<'_, str>> {
        let url = match url.split_once('?') {
            Some((path, _)) if self.without_query => path,
            _ => url,
        };
        if self.decoded {
            return vec![Cow::Owned(decode_for_hubspot(url))];
        }
        let mut spellings = vec![Cow::Borrowed(url)];
        if self.any_escaping {
            spellings.extend(other_query_encodings(url).map(Cow::Owned));
        }
        if self.any_port {
            let others = spellings.iter().filter_map(|url| other_port(url));
            let others: Vec<_> = others.map(Cow::Owned).collect();
            spellings.extend(others);
        }
        spellings
    }
}

/// The URL with the other encodings of the query that Twilio's libraries try.
///
/// The libraries use the query as it was sent, as the WHATWG URL standard serialises it (twilio-node, `new URL`), or
/// re-encoded by Node's `querystring`. An empty query may be omitted.
fn other_query_encodings(url: &str) -> impl Iterator<Item = String> {
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (url, None),
    };
    let sent = query.unwrap_or_default();
    let without = (query == Some("")).then(|| path.to_owned());
    let by_whatwg = Some(encode_as_whatwg(sent)).filter(|other| other != sent);
    let by_node = re_encode_as_node(sent).filter(|other| other != sent);
    let by_node = by_node.filter(|other| Some(other) != by_whatwg.as_ref());
    let queries = by_whatwg.into_iter().chain(by_node);
    let queries = queries.map(move |query| format!("{path}?{query}"));
    without.into_iter().chain(queries)
}

/// Percent-encodes the characters that the WHATWG URL standard encodes in a query (§1.3, special-query).
fn encode_as_whatwg(query: &str) -> String {
    let mut text = String::with_capacity(query.len());
    for byte in query.bytes() {
        match byte {
            b'!' | b'$'..=b'&' | b'('..=b';' | b'=' | b'?'..=b'~' => text.push(char::from(byte)),
            _ => percent::push(&mut text, byte),
        }
    }
    text
}

/// Decodes and encodes a query as Node's `querystring.stringify(querystring.parse(query))` does.
///
/// `None` if the result could encode other parameters: Node changes text that is not percent-encoded UTF-8, and drops
/// parameters after the first 1000.
fn re_encode_as_node(query: &str) -> Option<String> {
    let mut fields: Vec<(Cow<'_, str>, Vec<Cow<'_, str>>)> = Vec::new();
    let mut places: HashMap<Cow<'_, str>, usize> = HashMap::new();
    for (name, value) in form::fields(query.as_bytes())? {
        let at = *places.entry(name.clone()).or_insert(fields.len());
        match fields.get_mut(at) {
            Some((_, values)) => values.push(value),
            None => fields.push((name, vec![value])),
        }
    }
    // JavaScript iterates over the integer keys of an object first, in ascending order.
    fields.sort_by_key(|(name, _)| array_index(name).map_or((1, 0), |index| (0, index)));
    let mut text = String::with_capacity(query.len());
    for (name, values) in &fields {
        for value in values {
            if !text.is_empty() {
                text.push('&');
            }
            push_as_node(&mut text, name);
            text.push('=');
            push_as_node(&mut text, value);
        }
    }
    Some(text)
}

/// The name as an integer key of JavaScript: `0` to 2³² - 2, without leading zeros.
fn array_index(name: &str) -> Option<u32> {
    let number: u32 = name.parse().ok()?;
    (number < u32::MAX && number.to_string() == name).then_some(number)
}

/// Appends `name_or_value`, encoded by the rules of Node's `querystring.escape`.
fn push_as_node(query: &mut String, name_or_value: &str) {
    for byte in name_or_value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            query.push(char::from(byte));
        } else {
            percent::push(query, byte);
        }
    }
}

/// The URL without its port, or with the default port of its scheme if it has none.
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

/// Decodes the characters that `HubSpot` decodes in a URL before it signs.
fn decode_for_hubspot(url: &str) -> String {
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
