//! The gate's own answers: from a reason to a status and a body.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use pingora_http::ResponseHeader;

use super::PublicSettings;
use super::names::REQUEST_ID;
use super::reply::Reply;
use crate::challenge::ChallengeAnswer;
use crate::directory::Wording;
use crate::gate::{Reason, Refusal};
use crate::payload::Violations;
use crate::telemetry::Verdict;

/// The status and the body of every reason.
///
/// The match has no default, so a new reason does not compile before somebody has decided on its answer.
pub fn status_and_body(refusal: &Refusal) -> (StatusCode, Bytes) {
    let error = |status, text: &'static str| (status, Bytes::from_static(text.as_bytes()));
    match refusal.reason {
        Reason::BadRequest | Reason::SenderLeft => error(StatusCode::BAD_REQUEST, ""),
        Reason::AuthMissing
        | Reason::MethodNotSigned
        | Reason::Proof(_)
        | Reason::SecretUnbound
        | Reason::SignatureAtDraft => {
            error(StatusCode::UNAUTHORIZED, r#"{"error":"Unauthorized"}"#)
        }
        Reason::NotConfigured(Wording::Workflow) => error(
            StatusCode::NOT_FOUND,
            r#"{"error":"Workflow webhook not configured"}"#,
        ),
        Reason::NotConfigured(_) => error(
            StatusCode::NOT_FOUND,
            r#"{"error":"Webhook not configured"}"#,
        ),
        Reason::MethodNotAllowed => error(
            StatusCode::METHOD_NOT_ALLOWED,
            r#"{"error":"Method not allowed"}"#,
        ),
        Reason::BodyTimeout => error(
            StatusCode::REQUEST_TIMEOUT,
            r#"{"error":"Request timeout"}"#,
        ),
        Reason::BodyTooLarge => match refusal.limit_bytes {
            Some(limit) => {
                let body = format!(r#"{{"error":"Payload too large","limit_bytes":{limit}}}"#);
                (StatusCode::PAYLOAD_TOO_LARGE, Bytes::from(body))
            }
            // Another limit than one of bytes.
            None => error(
                StatusCode::PAYLOAD_TOO_LARGE,
                r#"{"error":"Payload too large"}"#,
            ),
        },
        Reason::PayloadInvalid => {
            let body = invalid_payload(refusal.details.as_deref());
            (StatusCode::UNPROCESSABLE_ENTITY, body)
        }
        Reason::ConcurrencyLimited => error(
            StatusCode::TOO_MANY_REQUESTS,
            r#"{"error":"Too many requests"}"#,
        ),
        Reason::ExpectationFailed => error(StatusCode::EXPECTATION_FAILED, ""),
        // A success for the sender: its event was accepted before.
        Reason::Duplicate => error(StatusCode::OK, r#"{"status":"duplicate"}"#),
        Reason::Replay => error(StatusCode::CONFLICT, r#"{"error":"Replay detected"}"#),
        Reason::InFlight => error(StatusCode::CONFLICT, r#"{"error":"Delivery in progress"}"#),
        Reason::LedgerUnavailable
        | Reason::Overloaded
        | Reason::ProviderUnreachable
        | Reason::SecretUndecryptable
        | Reason::SecretsUnavailable
        | Reason::StoreUnavailable => error(
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"error":"Temporarily unavailable"}"#,
        ),
        Reason::UpstreamUnreachable => error(StatusCode::BAD_GATEWAY, r#"{"error":"Bad gateway"}"#),
        Reason::UpstreamTimeout => error(
            StatusCode::GATEWAY_TIMEOUT,
            r#"{"error":"Gateway timeout"}"#,
        ),
    }
}

/// The body that lists the violations of a payload.
fn invalid_payload(violations: Option<&Violations>) -> Bytes {
    let details = violations.map(serde_json::to_string);
    let details = details
        .and_then(Result::ok)
        .unwrap_or_else(|| "[]".to_owned());
    Bytes::from(format!(
        r#"{{"error":"Invalid payload","details":{details}}}"#
    ))
}

/// Writes a refusal. Returns its status, or `None` if the sender did not take the whole answer.
pub(super) async fn write(
    reply: &mut Reply,
    refusal: &Refusal,
    stamp: &GateHeaders,
) -> Option<StatusCode> {
    let (status, body) = status_and_body(refusal);
    write_refusal(reply, refusal, (status, body), stamp).await
}

/// Writes a refusal without its body.
pub(super) async fn write_without_body(
    reply: &mut Reply,
    refusal: &Refusal,
    stamp: &GateHeaders,
) -> Option<StatusCode> {
    let (status, _) = status_and_body(refusal);
    write_refusal(reply, refusal, (status, Bytes::new()), stamp).await
}

async fn write_refusal(
    reply: &mut Reply,
    refusal: &Refusal,
    (status, body): (StatusCode, Bytes),
    stamp: &GateHeaders,
) -> Option<StatusCode> {
    let head = head(refusal, status, body.len(), stamp).ok()?;
    reply.whole(head, body).await.ok()?;
    Some(status)
}

/// Writes the answer to a provider challenge.
pub(super) async fn write_challenge(
    reply: &mut Reply,
    answer: &ChallengeAnswer,
    stamp: &GateHeaders,
) -> Option<StatusCode> {
    let head = challenge_head(answer, stamp).ok()?;
    reply.whole(head, answer.body.clone()).await.ok()?;
    Some(answer.status)
}

/// Writes the acknowledgement of a delivery that goes no further.
pub(super) async fn write_ignored(reply: &mut Reply, stamp: &GateHeaders) -> Option<StatusCode> {
    let body = Bytes::from_static(br#"{"status":"ignored"}"#);
    let status = StatusCode::ACCEPTED;
    let mut head = own_head(status, body.len()).ok()?;
    stamp.put(&mut head, Verdict::Ignored.reason()).ok()?;
    reply.whole(head, body).await.ok()?;
    Some(status)
}

/// The two headers of the gate in every answer, unless the configuration switches them off.
#[derive(Clone, Debug)]
pub(super) struct GateHeaders {
    request_id: Option<HeaderValue>,
    reason: bool,
}

impl GateHeaders {
    pub(super) fn new(settings: &PublicSettings, request_id: &HeaderValue) -> Self {
        Self {
            request_id: settings.request_id_header.then(|| request_id.clone()),
            reason: settings.reason_header,
        }
    }

    /// Puts the headers into `head`, in place of those of a backend.
    pub(super) fn put(
        &self,
        head: &mut ResponseHeader,
        reason: &'static str,
    ) -> pingora_error::Result<()> {
        head.remove_header(REASON);
        if self.reason {
            head.insert_header(REASON, HeaderValue::from_static(reason))?;
        }
        if let Some(id) = &self.request_id {
            head.insert_header(REQUEST_ID, id.clone())?;
        }
        Ok(())
    }
}

fn head(
    refusal: &Refusal,
    status: StatusCode,
    len: usize,
    stamp: &GateHeaders,
) -> pingora_error::Result<ResponseHeader> {
    let mut head = own_head(status, len)?;
    if let Some(seconds) = retry_after_seconds(refusal.reason, status) {
        head.insert_header("Retry-After", HeaderValue::from(seconds))?;
    }
    if let Some(endpoint) = &refusal.allow {
        let methods: Vec<&str> = endpoint.methods.iter().map(http::Method::as_str).collect();
        head.insert_header(header::ALLOW, methods.join(", "))?;
    }
    stamp.put(&mut head, refusal.reason.word())?;
    Ok(head)
}

/// The head of an answer of the gate itself.
fn own_head(status: StatusCode, len: usize) -> pingora_error::Result<ResponseHeader> {
    let mut head = ResponseHeader::build(status, Some(8))?;
    if len > 0 {
        head.insert_header(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )?;
    }
    head.insert_header(header::CONTENT_LENGTH, HeaderValue::from(len))?;
    head.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))?;
    Ok(head)
}

/// `Retry-After` in seconds: when the same request may get another answer.
pub fn retry_after_seconds(reason: Reason, status: StatusCode) -> Option<u16> {
    match (reason, status) {
        // The backend usually has the answer by then.
        (Reason::InFlight | Reason::ConcurrencyLimited, _) => Some(1),
        // Long enough for a restart, short enough for a sender that waits.
        (_, StatusCode::SERVICE_UNAVAILABLE) => Some(5),
        _ => None,
    }
}

fn challenge_head(
    answer: &ChallengeAnswer,
    stamp: &GateHeaders,
) -> pingora_error::Result<ResponseHeader> {
    let mut head = ResponseHeader::build(answer.status, Some(8))?;
    for (name, value) in &answer.headers {
        head.insert_header(name.clone(), value.clone())?;
    }
    if let Some(content_type) = answer.content_type {
        head.insert_header(header::CONTENT_TYPE, HeaderValue::from_static(content_type))?;
    }
    // RFC 9110 §8.6: a 204 has no length.
    if answer.status != StatusCode::NO_CONTENT {
        let len = HeaderValue::from(answer.body.len());
        head.insert_header(header::CONTENT_LENGTH, len)?;
    }
    head.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))?;
    // The body echoes a stranger: no browser may take it for a page.
    let nosniff = HeaderValue::from_static("nosniff");
    head.insert_header(header::X_CONTENT_TYPE_OPTIONS, nosniff)?;
    stamp.put(&mut head, Verdict::Challenge.reason())?;
    Ok(head)
}

const REASON: &str = "Portcullis-Reason";
