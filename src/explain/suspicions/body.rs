//! Suspicions from the body: it is incomplete, or not the signed one.

use http::header::CONTENT_ENCODING;

use super::{Case, cause, is_mismatch};
use crate::auth::ProofError;
use crate::explain::diagnosis::Cause;
use crate::explain::judge::JudgeError;

pub(super) fn not_captured(case: &Case<'_>) -> Option<Cause> {
    let is_needed = match case.failed {
        JudgeError::Proof(ProofError::SignatureMalformed | ProofError::SignatureMissing) => {
            case.base.scheme.waits_for_body()
        }
        JudgeError::Proof(ProofError::BodyDigestMismatch) => true,
        _ => is_mismatch(case),
    };
    let applies = !case.question.delivery.has_body && is_needed;
    applies.then(|| {
        let says =
            "the capture has no body or only a part of it, so a signature over it cannot be checked";
        let operator = Some("capture the delivery with its exact bytes");
        cause("body-not-captured", says.to_owned(), None, operator)
    })
}

pub(super) fn other_digest(case: &Case<'_>) -> Option<Cause> {
    let differs = case.failed == JudgeError::Proof(ProofError::BodyDigestMismatch);
    (differs && case.question.delivery.has_body).then(|| {
        cause(
            "body-digest",
            "the digest that was sent does not match the body: the body was changed after its digest was computed"
                .to_owned(),
            Some("compute the digest of the bytes that are sent, and send them unchanged"),
            Some("make sure that nothing in front of the gate rewrites bodies"),
        )
    })
}

pub(super) fn cut_off(case: &Case<'_>) -> Option<Cause> {
    let delivery = &case.question.delivery;
    let announced = delivery.announced_len()?;
    let received = delivery.body.len() as u64;
    (is_mismatch(case) && announced > received).then(|| {
        cause(
            "body-truncated",
            format!("Content-Length is {announced}, but the body has {received} bytes"),
            Some("send the whole body; count bytes, not characters"),
            Some("if the capture was saved by hand, it may be truncated: capture the exact bytes"),
        )
    })
}

pub(super) fn decompressed(case: &Case<'_>) -> Option<Cause> {
    let encoding = case.base.headers.get(CONTENT_ENCODING)?.to_str().ok()?;
    let is_compressed = case.base.body.starts_with(&[0x1f, 0x8b]);
    (is_mismatch(case) && !encoding.eq_ignore_ascii_case("identity") && !is_compressed).then(|| {
        cause(
            "body-decompressed",
            "Content-Encoding declares a compressed body, and the body is not compressed: it was decompressed on the \
             way, and the sender signed the compressed bytes"
                .to_owned(),
            None,
            Some("make sure that nothing in front of the gate decompresses bodies"),
        )
    })
}

pub(super) fn empty(case: &Case<'_>) -> Option<Cause> {
    // A form without fields is normal: everything that is signed is in the URL.
    let is_unexpected = case.base.body.is_empty() && !case.base.scheme.reads_form();
    (is_mismatch(case) && is_unexpected && case.question.delivery.has_body).then(|| {
        cause(
            "body-empty",
            "the body is empty".to_owned(),
            Some("send what was signed"),
            Some("if the capture lost it, capture the exact bytes"),
        )
    })
}

pub(super) fn characters_lost(case: &Case<'_>) -> Option<Cause> {
    let lost = memchr::memmem::find(&case.base.body, "\u{fffd}".as_bytes());
    (is_mismatch(case) && lost.is_some()).then(|| {
        cause(
            "characters-lost",
            "the body contains U+FFFD: it was decoded as text on the way, and bytes were lost"
                .to_owned(),
            Some("treat the body as bytes"),
            Some("capture the exact bytes, not what a page shows"),
        )
    })
}
