//! What the body shows: that it is not all there, or not as it was signed.

use http::header::CONTENT_ENCODING;

use super::{Case, cause, is_mismatch};
use crate::auth::ProofError;
use crate::explain::diagnosis::Cause;
use crate::explain::judge::Failed;

pub(super) fn not_captured(case: &Case<'_>) -> Option<Cause> {
    let is_needed = match case.failed {
        Failed::Proof(ProofError::SignatureMalformed | ProofError::SignatureMissing) => {
            case.base.scheme.waits_for_body()
        }
        Failed::Proof(ProofError::BodyDigestMismatch) => true,
        _ => is_mismatch(case),
    };
    let relevant = !case.question.delivery.has_body && is_needed;
    relevant.then(|| {
        let says =
            "the capture has no body, or not all of it: a signature over it cannot be judged";
        let operator = Some("capture the delivery with its exact bytes");
        cause("body-not-captured", says.to_owned(), None, operator)
    })
}

pub(super) fn other_digest(case: &Case<'_>) -> Option<Cause> {
    let differs = case.failed == Failed::Proof(ProofError::BodyDigestMismatch);
    (differs && case.question.delivery.has_body).then(|| {
        cause(
            "body-digest",
            "the digest that was sent is not that of the body: the body was changed after its digest was taken"
                .to_owned(),
            Some("take the digest of the bytes that are sent, and send them unchanged"),
            Some("make sure that nothing in front of the gate rewrites bodies"),
        )
    })
}

pub(super) fn cut_off(case: &Case<'_>) -> Option<Cause> {
    let delivery = &case.question.delivery;
    let announced = delivery.announced_len()?;
    let there = delivery.body.len() as u64;
    (is_mismatch(case) && announced > there).then(|| {
        cause(
            "body-truncated",
            format!("content-length says {announced} bytes, and {there} are there"),
            Some("send the whole body; count its bytes and not its characters"),
            Some("if the capture was saved by hand, it may be cut off: capture the exact bytes"),
        )
    })
}

pub(super) fn unpacked(case: &Case<'_>) -> Option<Cause> {
    let encoding = case.base.headers.get(CONTENT_ENCODING)?.to_str().ok()?;
    let packed = case.base.body.starts_with(&[0x1f, 0x8b]);
    (is_mismatch(case) && !encoding.eq_ignore_ascii_case("identity") && !packed).then(|| {
        cause(
            "body-decompressed",
            "content-encoding says that the body is compressed, and it is not: it was unpacked on the \
             way, and the sender signed the packed bytes"
                .to_owned(),
            None,
            Some("nothing in front of the gate may unpack bodies"),
        )
    })
}

pub(super) fn empty(case: &Case<'_>) -> Option<Cause> {
    // A form without fields is usual: all that is signed stands in the URL then.
    let is_odd = case.base.body.is_empty() && !case.base.scheme.reads_form();
    (is_mismatch(case) && is_odd && case.question.delivery.has_body).then(|| {
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
            "the body has U+FFFD in it: it was decoded as text on the way, and bytes were lost"
                .to_owned(),
            Some("treat the body as bytes"),
            Some("capture the exact bytes, not what a page shows"),
        )
    })
}
