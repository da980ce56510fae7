//! Several complete signatures in one header, each with a time of its own.
//!
//! While a secret is being rotated, Persona sends `t=…,v1=… t=…,v1=…`. A time belongs to the signature
//! beside it, so each group is read as if it were alone.

use http::HeaderValue;

use super::envelope::{Sealed, Terms};
use super::signed::Signed;
use super::view::View;
use super::{Head, Place, ProofError, Received, Scheme};

/// What every group offers; `None` if there is one group at most, which is read like any signature.
pub(super) fn read(scheme: &Scheme, head: &Head<'_>) -> Option<Result<Vec<Sealed>, ProofError>> {
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
    let mut unfit = ProofError::SignatureMalformed;
    let mut fit = Vec::new();
    for group in groups.by_ref().take(MAX_GROUPS) {
        let mut headers = head.headers.clone();
        let Ok(alone) = HeaderValue::from_bytes(group) else {
            continue;
        };
        headers.insert(name, alone);
        let head = Head {
            headers: &headers,
            ..*head
        };
        match Signed::claimed(scheme, &View::of(scheme, Received::from(head))) {
            Ok((signatures, signed)) => fit.push(Sealed {
                signatures,
                message: signed.first,
                terms: Terms {
                    at: signed.at,
                    agrees: true,
                    ..Terms::default()
                },
            }),
            Err(error) => unfit = error,
        }
    }
    Some(if groups.next().is_some() || fit.is_empty() {
        Err(unfit)
    } else {
        Ok(fit)
    })
}

/// As many as secrets are valid at a time, and more.
const MAX_GROUPS: usize = 4;
