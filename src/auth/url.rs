//! The public URL that some providers sign, in the spellings that they are known to use.

use std::borrow::Cow;

/// How a scheme writes the URL.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent habits of different providers"
)]
pub struct UrlRule {
    /// Whether it may be written with the port or without it (Twilio).
    pub any_port: bool,
    /// Whether an apostrophe may be written `%27` (Twilio).
    pub any_apostrophe: bool,
    /// Whether the query is left out (Plivo).
    pub without_query: bool,
    /// Whether some characters are written out that were percent-encoded (`HubSpot`).
    pub decoded: bool,
}

impl UrlRule {
    /// Every spelling of `url`, the most likely one first.
    pub(super) fn spellings(self, url: &str) -> Vec<Cow<'_, str>> {
        let url = match url.split_once('?') {
            Some((path, _)) if self.without_query => path,
            _ => url,
        };
        if self.decoded {
            return vec![Cow::Owned(decoded(url))];
        }
        let mut spellings = vec![Cow::Borrowed(url)];
        if self.any_port {
            spellings.extend(other_port(url).map(Cow::Owned));
        }
        if self.any_apostrophe && url.contains('\'') {
            let quoted = spellings.clone().into_iter();
            spellings.extend(quoted.map(|url| Cow::Owned(url.replace('\'', "%27"))));
        }
        spellings
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
