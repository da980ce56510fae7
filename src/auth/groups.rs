//! Several complete signatures in one header, each with its own timestamp.
//!
//! During a key rotation Persona sends `t=…,v1=… t=…,v1=…`. A timestamp belongs to the signature in its group,
//! so each group is read as if it were the whole header.

use http::HeaderValue;

use super::envelope::{EnvelopeSignature, Terms};
use super::signed::SignedMessages;
use super::view::View;
use super::{Head, PartialRequest, Place, ProofError, Scheme};

/// The signatures of every group; `None` if there is at most one group, which is read like any signature.
pub(super) fn read(
    scheme: &Scheme,
    head: &Head<'_>,
) -> Option<Result<Vec<EnvelopeSignature>, ProofError>> {
    let mut rules = scheme.signatures.iter();
    let (separator, name) = rules.find_map(|rule| match rule.from.preferred() {
        Some(Place::Header(name)) => Some((rule.groups?, name)),
        _ => None,
    })?;
    let mut values = head.headers.get_all(name).iter();
    let value = values.next()?.as_bytes().trim_ascii();
    if values.next().is_some() || !value.contains(&separator) {
        return None;
    }
    let groups = value.split(|byte| *byte == separator);
    let mut groups = groups.filter(|group| !group.is_empty());
    let mut last_error = ProofError::SignatureMalformed;
    let mut accepted = Vec::new();
    for group in groups.by_ref().take(MAX_GROUPS) {
        let mut headers = head.headers.clone();
        let Ok(value) = HeaderValue::from_bytes(group) else {
            continue;
        };
        headers.insert(name, value);
        let head = Head {
            headers: &headers,
            ..*head
        };
        match SignedMessages::with_signatures(scheme, &View::of(scheme, PartialRequest::from(head)))
        {
            Ok((signatures, signed)) => accepted.push(EnvelopeSignature {
                signatures,
                message: signed.first,
                terms: Terms {
                    at: signed.at,
                    claims_match: true,
                    ..Terms::default()
                },
            }),
            Err(error) => last_error = error,
        }
    }
    Some(if groups.next().is_some() || accepted.is_empty() {
        Err(last_error)
    } else {
        Ok(accepted)
    })
}

/// Two secrets are valid at a time during a rotation; the rest is margin.
const MAX_GROUPS: usize = 4;
