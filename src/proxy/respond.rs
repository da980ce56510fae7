//! Answers of the gate itself: from a reason to a status and a body.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use pingora_http::ResponseHeader;

use super::PublicSettings;
use super::names::REQUEST_ID;
use super::reply::Reply;
use crate::contract::Violations;
use crate::directory::Wording;
use crate::gate::{Reason, Refusal};
use crate::handshake::Answer;
use crate::telemetry::Verdict;

/// The status and the body of every reason.
///
/// There is no default: a new reason does not compile until somebody has decided what its senders see.
pub fn status_and_body(refusal: &Refusal) -> (StatusCode, Bytes) {
    let error = |status, text: &'static str| {
        let text = if refusal.without_body { "" } else { text };
        (status, Bytes::from_static(text.as_bytes()))
    };
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
            // There is too much of something else than of bytes.
            None => error(
                StatusCode::PAYLOAD_TOO_LARGE,
                r#"{"error":"Payload too large"}"#,
            ),
        },
        Reason::PayloadInvalid if refusal.without_body => {
            error(StatusCode::UNPROCESSABLE_ENTITY, "")
        }
        Reason::PayloadInvalid => {
            let body = invalid_payload(refusal.details.as_deref());
            (StatusCode::UNPROCESSABLE_ENTITY, body)
        }
        Reason::ConcurrencyLimited => error(
            StatusCode::TOO_MANY_REQUESTS,
            r#"{"error":"Too many requests"}"#,
        ),
        Reason::ExpectationFailed => error(StatusCode::EXPECTATION_FAILED, ""),
        // All is well for the sender: what it sent was accepted before.
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

/// The body that lists what is wrong with a payload.
fn invalid_payload(violations: Option<&Violations>) -> Bytes {
    let details = violations.map(serde_json::to_string);
    let details = details
        .and_then(Result::ok)
        .unwrap_or_else(|| "[]".to_owned());
    Bytes::from(format!(
        r#"{{"error":"Invalid payload","details":{details}}}"#
    ))
}

/// Writes the answer. Gives the status, or `None` if nobody was there to take it.
pub(super) async fn write(
    reply: &mut Reply,
    refusal: &Refusal,
    stamp: &Stamp,
) -> Option<StatusCode> {
    let (status, body) = status_and_body(refusal);
    let head = head(refusal, status, body.len(), stamp).ok()?;
    reply.whole(head, body).await.ok()?;
    Some(status)
}

/// Writes the answer to a handshake, likewise.
pub(super) async fn write_handshake(
    reply: &mut Reply,
    answer: &Answer,
    stamp: &Stamp,
) -> Option<StatusCode> {
    let head = handshake_head(answer, stamp).ok()?;
    reply.whole(head, answer.body.clone()).await.ok()?;
    Some(answer.status)
}

/// Writes the acknowledgement of a delivery that goes no further, likewise.
pub(super) async fn write_ignored(reply: &mut Reply, stamp: &Stamp) -> Option<StatusCode> {
    let body = Bytes::from_static(br#"{"status":"ignored"}"#);
    let status = StatusCode::ACCEPTED;
    let mut head = own_head(status, body.len()).ok()?;
    stamp.put(&mut head, Verdict::Ignored.reason()).ok()?;
    reply.whole(head, body).await.ok()?;
    Some(status)
}

/// The two headers that every answer carries, unless they are switched off.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    request_id: Option<HeaderValue>,
    reason: bool,
}

impl Stamp {
    pub(super) fn new(settings: &PublicSettings, request_id: &HeaderValue) -> Self {
        Self {
            request_id: settings.request_id_header.then(|| request_id.clone()),
            reason: settings.reason_header,
        }
    }

    /// Puts them into `head`, in place of what somebody else may have put there.
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
    stamp: &Stamp,
) -> pingora_error::Result<ResponseHeader> {
    let mut head = own_head(status, len)?;
    if let Some(seconds) = retry_after_seconds(refusal.reason, status) {
        head.insert_header(header::RETRY_AFTER, HeaderValue::from(seconds))?;
    }
    if let Some(endpoint) = &refusal.allow {
        let methods: Vec<&str> = endpoint.methods.iter().map(http::Method::as_str).collect();
        head.insert_header(header::ALLOW, methods.join(", "))?;
    }
    stamp.put(&mut head, refusal.reason.word())?;
    Ok(head)
}

/// The head of an answer of the gate's own.
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

/// `Retry-After`: when the same request has a chance to be answered otherwise.
pub fn retry_after_seconds(reason: Reason, status: StatusCode) -> Option<u16> {
    match (reason, status) {
        // The backend usually has the answer by then.
        (Reason::InFlight | Reason::ConcurrencyLimited, _) => Some(1),
        // Long enough for a restart, short enough for a sender that waits.
        (_, StatusCode::SERVICE_UNAVAILABLE) => Some(5),
        _ => None,
    }
}

fn handshake_head(answer: &Answer, stamp: &Stamp) -> pingora_error::Result<ResponseHeader> {
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
    // What a stranger has sent comes back: nobody may take it for a page.
    let nosniff = HeaderValue::from_static("nosniff");
    head.insert_header(header::X_CONTENT_TYPE_OPTIONS, nosniff)?;
    stamp.put(&mut head, Verdict::Handshake.reason())?;
    Ok(head)
}

const REASON: &str = "Portcullis-Reason";
