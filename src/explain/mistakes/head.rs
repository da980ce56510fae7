//! What happens to the value of the header that has the proof.

use std::ops::ControlFlow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};

use super::Try;
use super::form::percent_decoded;
use crate::auth::{Source, Tagged};
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
        let (word, rest) = value.split_at_checked(tag.len())?;
        let same = word.eq_ignore_ascii_case(tag);
        same.then(|| [tag, rest].concat())
    })
}

/// Tries what `change` makes of the value of each header that has a proof: of the whole value, and of
/// what stands after its word.
fn each_value(
    base: &Attempt,
    try_it: Try<'_>,
    change: impl Fn(&[u8], Option<&Tagged>) -> Option<Vec<u8>>,
) -> ControlFlow<()> {
    for rule in base.scheme.signatures() {
        let tagged = rule.tagged.as_ref();
        for name in headers_of(&rule.from) {
            let Some(value) = base.headers.get(&name).map(HeaderValue::as_bytes) else {
                continue;
            };
            let parts = after_word(value, tagged);
            let whole = change(value, tagged);
            let part = parts.and_then(|(word, rest)| Some([word, &change(rest, None)?].concat()));
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

/// A value, cut behind its last word.
fn after_word<'v>(value: &'v [u8], tagged: Option<&Tagged>) -> Option<(&'v [u8], &'v [u8])> {
    let word = tagged?.to_string();
    let at = memchr::memmem::rfind(value, word.as_bytes())?;
    value.split_at_checked(at + word.len())
}

/// The headers that a source names.
pub(in crate::explain) fn headers_of(source: &Source) -> Vec<HeaderName> {
    let text = source.to_string();
    text.split('|')
        .filter_map(|place| place.strip_prefix("header:")?.parse().ok())
        .collect()
}
