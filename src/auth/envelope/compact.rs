//! The compact form of a JWS (RFC 7515 §7.1): finds the token in a request, splits it and checks its header.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claims::Claims;
use crate::auth::{
    Algorithm, MAX_PARSED_BODY_BYTES, PartialRequest, PlaceValue, ProofError, Scheme,
};

/// The only token of the request.
pub(super) fn find_token<'a>(
    scheme: &Scheme,
    received: &PartialRequest<'a>,
) -> Result<Cow<'a, [u8]>, ProofError> {
    let mut found: Option<Cow<'a, [u8]>> = None;
    let mut present = false;
    for rule in &scheme.signatures {
        let value = match rule.from.read(received) {
            PlaceValue::Absent => continue,
            PlaceValue::Ambiguous | PlaceValue::Unreadable => {
                return Err(ProofError::SignatureMalformed);
            }
            PlaceValue::Value(value) => value,
        };
        present = true;
        let token = rule.untag_value(value);
        if let (Some(first), Some(token)) = (&found, &token)
            && first != token
        {
            return Err(ProofError::SignatureMalformed);
        }
        found = token.or(found);
    }
    let missing = if present {
        ProofError::SignatureMalformed
    } else {
        ProofError::SignatureMissing
    };
    let token = found.ok_or(missing)?;
    (token.len() <= MAX_PARSED_BODY_BYTES)
        .then_some(token)
        .ok_or(ProofError::SignatureMalformed)
}

/// The header, the payload and the signature of a token, still encoded.
pub(super) fn split(token: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut parts = token.split(|byte| *byte == b'.');
    let three = (parts.next()?, parts.next()?, parts.next()?);
    (parts.next().is_none() && three.0.len() <= MAX_HEADER_LEN).then_some(three)
}

/// Decodes base64url without padding. Only the canonical form is accepted, so that a token has one spelling
/// (RFC 7515 §2, RFC 4648 §3.5).
pub(super) fn decode(part: &[u8]) -> Result<Vec<u8>, ProofError> {
    let decoded = URL_SAFE_NO_PAD.decode(part);
    decoded.map_err(|_| ProofError::SignatureMalformed)
}

/// Checks that the header names the algorithm of the scheme and requires no extension.
pub(super) fn check_header(header: &[u8], algorithm: Algorithm) -> Result<(), ProofError> {
    let header = Claims::read(header).ok_or(ProofError::SignatureMalformed)?;
    let name = header.text("alg").ok_or(ProofError::SignatureMalformed)?;
    if !algorithm_names(algorithm).contains(&&*name) {
        return Err(ProofError::HeaderUnexpected);
    }
    // `crit` lists extensions that the verifier must support (RFC 7515 §4.1.11). The gate supports none.
    if header.has("crit") {
        return Err(ProofError::SignatureMalformed);
    }
    Ok(())
}

/// The names of an algorithm in a header (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2).
pub(super) const fn algorithm_names(algorithm: Algorithm) -> &'static [&'static str] {
    match algorithm {
        Algorithm::EcdsaP256Fixed => &["ES256"],
        Algorithm::Ed25519 => &["EdDSA", "Ed25519"],
        Algorithm::HmacSha256 => &["HS256"],
        Algorithm::HmacSha512 => &["HS512"],
        Algorithm::RsaSha256 => &["RS256"],
        Algorithm::Basic
        | Algorithm::EcdsaP256
        | Algorithm::HmacSha1
        | Algorithm::RsaSha1
        | Algorithm::Sha256
        | Algorithm::Token => &[],
    }
}

/// Leaves room for a certificate chain, which some libraries put into the header. The gate ignores it.
const MAX_HEADER_LEN: usize = 16 * 1024;
