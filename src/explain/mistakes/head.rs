//! Changes of the header value that carries the proof.

use std::ops::ControlFlow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};

use super::Try;
use super::form::percent_decoded;
use crate::auth::{ProofTag, Source};
use crate::explain::attempt::Attempt;

pub(super) fn quotes(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    each_value(base, try_it, |value, _| {
        let quote = [b'"', b'\'']
            .into_iter()
            .find(|it| value.first() == Some(it))?;
        value
            .strip_prefix(&[quote])?
            .strip_suffix(&[quote])
            .map(<[u8]>::to_vec)
    })
}

pub(super) fn whitespace(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    each_value(base, try_it, |value, _| {
        let kept = value
            .iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace());
        Some(kept.collect())
    })
}

pub(super) fn percent_encoded(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    each_value(base, try_it, |value, _| Some(percent_decoded(value)))
}

pub(super) fn padding(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    each_value(base, try_it, |value, _| {
        let missing = match value.len() % 4 {
            2 => "==",
            3 => "=",
            _ => return None,
        };
        Some([value, missing.as_bytes()].concat())
    })
}

pub(super) fn encoded_twice(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    each_value(base, try_it, |value, _| {
        let once = STANDARD
            .decode(value)
            .ok()
            .or_else(|| hex::decode(value).ok())?;
        once.iter().all(u8::is_ascii_graphic).then_some(once)
    })
}

pub(super) fn prefix_case(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    each_value(base, try_it, |value, tagged| {
        let tag = tagged?.tag.as_deref()?.as_bytes();
        let (prefix, rest) = value.split_at_checked(tag.len())?;
        let same = prefix.eq_ignore_ascii_case(tag);
        same.then(|| [tag, rest].concat())
    })
}

/// Applies `change` to each header with a proof: to the whole value, and to the part after its prefix.
fn each_value(
    base: &Attempt,
    try_it: Try<'_>,
    change: impl Fn(&[u8], Option<&ProofTag>) -> Option<Vec<u8>>,
) -> ControlFlow<()> {
    for rule in base.scheme.signatures() {
        let tagged = rule.tagged.as_ref();
        for name in headers_of(&rule.from) {
            let Some(value) = base.headers.get(&name).map(HeaderValue::as_bytes) else {
                continue;
            };
            let parts = split_after_prefix(value, tagged);
            let whole = change(value, tagged);
            let part =
                parts.and_then(|(prefix, rest)| Some([prefix, &change(rest, None)?].concat()));
            for changed in [whole, part].into_iter().flatten() {
                let Ok(changed) = HeaderValue::from_bytes(&changed) else {
                    continue;
                };
                if changed.as_bytes() != value {
                    let mut headers = (*base.headers).clone();
                    headers.insert(&name, changed);
                    try_it(&format!("the header is {name}"), base.with_headers(headers))?;
                }
            }
        }
    }
    ControlFlow::Continue(())
}

/// Splits a value after the last occurrence of its prefix.
fn split_after_prefix<'v>(
    value: &'v [u8],
    tagged: Option<&ProofTag>,
) -> Option<(&'v [u8], &'v [u8])> {
    let prefix = tagged?.to_string();
    let at = memchr::memmem::rfind(value, prefix.as_bytes())?;
    value.split_at_checked(at + prefix.len())
}

/// The headers in a source.
pub(in crate::explain) fn headers_of(source: &Source) -> Vec<HeaderName> {
    let text = source.to_string();
    text.split('|')
        .filter_map(|place| place.strip_prefix("header:")?.parse().ok())
        .collect()
}
