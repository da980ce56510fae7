//! Suspicions from the head: the proof is missing or malformed.

use super::{Case, cause};
use crate::auth::{Preset, ProofError, Scheme};
use crate::explain::diagnosis::Cause;
use crate::explain::judge::{JudgeError, has_proof_value};
use crate::explain::mistakes::headers_of;
use crate::explain::wording::describe_expected_proof;

pub(super) fn header_missing(case: &Case<'_>) -> Option<Cause> {
    let missing = [ProofError::SignatureMissing, ProofError::TokenMissing];
    if !missing.map(JudgeError::Proof).contains(&case.failed)
        || has_proof_value(&case.base.scheme, &case.question.delivery)
    {
        return None;
    }
    let others: Vec<&str> = Preset::all()
        .iter()
        .filter(|preset| has_header_of(case, &preset.scheme))
        .map(|preset| preset.name)
        .take(MAX_PRESETS_NAMED)
        .collect();
    let expected = describe_expected_proof(&case.base.scheme);
    if others.is_empty() {
        return Some(cause(
            "header-missing",
            format!("there is no proof; expected: {expected}"),
            Some(
                "set the secret in the provider's webhook settings, so that deliveries are signed",
            ),
            Some("check whether something in front of the gate removes headers"),
        ));
    }
    let verdict = if case.question.delivery.has_body {
        "but the secret does not verify them"
    } else {
        "and without the body the secret cannot be checked"
    };
    Some(cause(
        "other-provider",
        format!(
            "the headers are those of {}, {verdict}; expected: {expected}",
            others.join(", ")
        ),
        None,
        Some("give the endpoint the sender's preset, and its secret"),
    ))
}

pub(super) fn header_malformed(case: &Case<'_>) -> Option<Cause> {
    let proof = match case.failed {
        JudgeError::Proof(ProofError::SignatureMalformed) => "signature",
        JudgeError::Proof(ProofError::TokenMissing)
            if has_proof_value(&case.base.scheme, &case.question.delivery) =>
        {
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
            describe_expected_proof(&case.base.scheme)
        ),
        Some("write the header as documented: prefix, encoding and full length"),
        Some("if the capture was copied from a page, it may be shortened"),
    ))
}

/// Whether the delivery has a header of this scheme. `Authorization` does not count: many schemes use it.
fn has_header_of(case: &Case<'_>, scheme: &Scheme) -> bool {
    let rules = scheme.signatures().iter();
    rules
        .flat_map(|rule| headers_of(&rule.from))
        .any(|name| name != http::header::AUTHORIZATION && case.base.headers.contains_key(name))
}

const MAX_PRESETS_NAMED: usize = 3;
