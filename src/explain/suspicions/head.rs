//! What the head shows: that the proof or its time is not there, or not in its form.

use super::{Case, cause};
use crate::auth::{Preset, ProofError, Scheme, SignatureRule, TimestampSource, TimestampUnit};
use crate::explain::diagnosis::Cause;
use crate::explain::judge::Failed;
use crate::explain::mistakes::headers_of;
use crate::explain::wording::expectation;

pub(super) fn time_in_another_form(case: &Case<'_>) -> Option<Cause> {
    let scheme = &case.base.scheme;
    let rule = scheme.timestamp()?;
    let TimestampSource::Source(source) = &rule.from else {
        return None;
    };
    let name = headers_of(source)
        .into_iter()
        .find(|name| case.base.headers.contains_key(name));
    let Some(name) = name else {
        let missing = case.failed == Failed::Proof(ProofError::SignatureMissing);
        return missing.then(|| {
            let says = format!("the time of the signature is missing: {source}");
            let sender = Some("send the time that was signed, in this header");
            cause("timestamp-missing", says, sender, None)
        });
    };
    let value = case.base.headers.get(&name)?.to_str().ok()?;
    let wanted = match rule.unit {
        TimestampUnit::Milliseconds => "milliseconds since 1970, digits only",
        TimestampUnit::Rfc3339 => "RFC 3339",
        _ => "seconds since 1970, digits only",
    };
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let malformed = case.failed == Failed::Proof(ProofError::SignatureMalformed);
    let wrong = malformed && digits == (rule.unit == TimestampUnit::Rfc3339);
    wrong.then(|| {
        let shown: String = value.chars().take(40).collect();
        let says = format!("{name} says `{shown}`, and the scheme expects {wanted}");
        let sender = Some("send the time in the documented unit, and sign it as it is sent");
        cause("timestamp-form", says, sender, None)
    })
}

pub(super) fn header_missing(case: &Case<'_>) -> Option<Cause> {
    let missing = [ProofError::SignatureMissing, ProofError::TokenMissing];
    if !missing.map(Failed::Proof).contains(&case.failed) {
        return None;
    }
    let others: Vec<&str> = Preset::all()
        .iter()
        .filter(|preset| case.has_header_of(&preset.scheme))
        .map(|preset| preset.name)
        .take(MAX_PRESETS_NAMED)
        .collect();
    let expected = expectation(&case.base.scheme);
    if others.is_empty() {
        return Some(cause(
            "header-missing",
            format!("there is no proof; expected: {expected}"),
            Some(
                "fill in the secret where the webhook is configured, so that deliveries are signed",
            ),
            Some("look whether something in front of the gate takes headers away"),
        ));
    }
    let judged = if case.question.delivery.has_body {
        "but the secret does not verify them"
    } else {
        "and without the body nobody can say whether the secret verifies them"
    };
    Some(cause(
        "other-provider",
        format!(
            "the headers are those of {}, {judged}; expected: {expected}",
            others.join(", ")
        ),
        None,
        Some("give the endpoint the sender's preset, and its secret"),
    ))
}

pub(super) fn header_malformed(case: &Case<'_>) -> Option<Cause> {
    if case.failed != Failed::Proof(ProofError::SignatureMalformed) {
        return None;
    }
    let twice = |rule: &SignatureRule| {
        let mut names = headers_of(&rule.from).into_iter();
        names.any(|name| {
            let mut values = case.base.headers.get_all(name).iter();
            let first = values.next();
            values.any(|other| Some(other) != first)
        })
    };
    if case.base.scheme.signatures().iter().any(twice) {
        let says = "the header of the signature is there twice, with different values".to_owned();
        let sender = Some("send it once");
        return Some(cause("header-twice", says, sender, None));
    }
    Some(cause(
        "header-malformed",
        format!(
            "the signature has another form than expected: {}",
            expectation(&case.base.scheme)
        ),
        Some("write the header as documented: its word, its encoding, its whole length"),
        Some("if the capture was copied from a page, it may be shortened"),
    ))
}

impl Case<'_> {
    fn has_header_of(&self, scheme: &Scheme) -> bool {
        let rules = scheme.signatures().iter();
        rules.flat_map(|rule| headers_of(&rule.from)).any(|name| {
            // It carries proofs of all kinds.
            name != http::header::AUTHORIZATION && self.base.headers.contains_key(name)
        })
    }
}

const MAX_PRESETS_NAMED: usize = 3;
