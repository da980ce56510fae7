//! What the head shows: that the proof is not there, or not in its form.

use super::{Case, cause};
use crate::auth::{Preset, ProofError, Scheme};
use crate::explain::diagnosis::Cause;
use crate::explain::judge::Failed;
use crate::explain::mistakes::headers_of;
use crate::explain::steps::is_offered;
use crate::explain::wording::expectation;

pub(super) fn header_missing(case: &Case<'_>) -> Option<Cause> {
    let missing = [ProofError::SignatureMissing, ProofError::TokenMissing];
    if !missing.map(Failed::Proof).contains(&case.failed)
        || is_offered(&case.base.scheme, case.question)
    {
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
    let proof = match case.failed {
        Failed::Proof(ProofError::SignatureMalformed) => "signature",
        Failed::Proof(ProofError::TokenMissing) if is_offered(&case.base.scheme, case.question) => {
            "token"
        }
        _ => return None,
    };
    if case.defect.is_some()
        || !case.question.delivery.has_body && case.base.scheme.waits_for_body()
    {
        return None;
    }
    Some(cause(
        "header-malformed",
        format!(
            "the {proof} has another form than expected: {}",
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
