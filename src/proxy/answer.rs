//! A backend's answer on its way to the sender: its framing is written anew, its bytes are not touched.
//!
//! One rule decides what an answer means: a delivery is accepted when the whole of a 2xx answer has arrived. An
//! answer that breaks off is none, whatever its head said and however much of it the sender has got.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::{HeaderValue, StatusCode, Version, header};
use pingora_core::protocols::http::v1::client::HttpSession;
use pingora_error::{Error, ErrorType};
use pingora_http::ResponseHeader;

use super::filter::strip_hop_by_hop;
use super::parcel::Parcel;
use super::raw_head::length_of;
use super::reply::{Reply, SenderGone};
use crate::clock::{Stopwatch, within};
use crate::gate::Reason;

/// The head of the final answer. What comes before it is between the backend and the gate.
pub(super) async fn read_head(
    backend: &mut HttpSession,
) -> Result<Box<ResponseHeader>, Box<Error>> {
    for _ in 0..MAX_INFORMATIONAL {
        backend.read_response().await?;
        match backend.resp_header() {
            Some(head) if !head.status.is_informational() => return Ok(Box::new(head.clone())),
            // Nobody asked for another protocol.
            Some(head) if head.status == StatusCode::SWITCHING_PROTOCOLS => break,
            _ => {}
        }
    }
    Err(Error::new_up(ErrorType::InvalidHTTPHeader))
}

/// How long the connection may be kept: shorter than the backend keeps it, if it says so. A delivery
/// that meets its closing would be lost between the two.
pub(super) fn keep_for(backend: &HttpSession, own: Duration) -> Option<Duration> {
    let said = backend.resp_header()?.headers.get("keep-alive");
    let seconds = said.and_then(|value| {
        let parameters = value.to_str().ok()?.split(',');
        let mut timeouts = parameters.filter_map(|it| it.trim().strip_prefix("timeout="));
        timeouts.next()?.trim().parse().ok()
    });
    match seconds.map(Duration::from_secs) {
        None => Some(own),
        Some(theirs) => theirs
            .checked_sub(CLOSING_MARGIN)
            .filter(|left| !left.is_zero())
            .map(|left| left.min(own)),
    }
}

/// An answer that can be passed on.
pub(super) struct Ready {
    head: Box<ResponseHeader>,
    /// What was read of the body already.
    begun: Vec<u8>,
}

/// Makes the backend's answer one for the sender: its framing is the gate's, and so are two headers.
pub(super) async fn prepare(
    backend: &mut HttpSession,
    mut head: Box<ResponseHeader>,
    parcel: &Parcel<'_>,
) -> Result<Ready, Reason> {
    let mut length = answer_length(&head).ok_or(Reason::UpstreamUnreachable)?;
    if has_two_lengths(&head, &backend.get_headers_raw_bytes()) {
        return Err(Reason::UpstreamUnreachable);
    }
    let mut begun = Vec::new();
    let ends_by_chunk = length == AnswerLength::Unknown;
    // HTTP/1.0 knows no chunks, and without a length a broken answer looks like a whole one. One that is too
    // long to be read first ends where the connection does.
    let needs_length = ends_by_chunk && parcel.old_sender;
    if length != AnswerLength::None && (needs_length || parcel.in_turn) {
        let is_whole = gather(backend, &mut begun, parcel.most_gathered).await?;
        length = match is_whole {
            true if ends_by_chunk => AnswerLength::Known(begun.len() as u64),
            false if needs_length => AnswerLength::UntilClose,
            _ => length,
        };
    }
    write_framing(&mut head, length).map_err(|error| reason(&error))?;
    let stamped = parcel.stamp.put(&mut head, "admitted");
    stamped.map_err(|error| reason(&error))?;
    Ok(Ready { head, begun })
}

/// Passes the answer on, part by part. The backend may be waited for until `patience` is used up; how
/// long the sender may take is the reply's affair.
///
/// Calls `when_whole` once all of the answer has arrived, before the sender can know that. It is not called for an
/// answer that breaks off. A sender that leaves changes nothing: the rest of the answer is still read.
pub(super) async fn pass_on(
    reply: &mut Reply,
    backend: &mut HttpSession,
    answer: Ready,
    mut patience: Duration,
    when_whole: impl FnOnce(),
) -> Result<(), Reason> {
    let mut waiting_to_go = answer.begun;
    let mut sender = Sender {
        reply,
        head: Some(answer.head),
        has_left: false,
    };
    loop {
        let mut waiting = Stopwatch::start();
        let is_end = {
            let body = pin!(backend.read_body_ref());
            let mut reading = pin!(within(patience, body));
            let ready = poll_fn(|context| Poll::Ready(reading.as_mut().poll(context))).await;
            let read = match ready {
                Poll::Ready(read) => read,
                Poll::Pending => {
                    sender.send(std::mem::take(&mut waiting_to_go)).await;
                    waiting = Stopwatch::start();
                    reading.await
                }
            };
            match read {
                Some(Ok(part)) => {
                    waiting_to_go.extend_from_slice(part.unwrap_or_default());
                    Ok(part.is_none())
                }
                Some(Err(error)) => Err(reason(&error)),
                None => Err(Reason::UpstreamTimeout),
            }
        };
        let is_end = match is_end {
            Ok(is_end) => is_end,
            Err(broken) => {
                // The sender gets as much as there is, and sees that the end is missing.
                sender.send(waiting_to_go).await;
                return Err(broken);
            }
        };
        patience = patience.saturating_sub(waiting.elapsed());
        if is_end || backend.is_body_done() {
            break;
        }
        if waiting_to_go.len() >= SENT_AT_ONCE {
            sender.send(std::mem::take(&mut waiting_to_go)).await;
        }
    }
    when_whole();
    sender.send(waiting_to_go).await;
    sender.finish().await
}

/// The sender's side of an answer.
struct Sender<'s> {
    reply: &'s mut Reply,
    /// `None` once it has gone out.
    head: Option<Box<ResponseHeader>>,
    has_left: bool,
}

impl Sender<'_> {
    /// Sends the head, if it has not gone out, and a part of the body.
    async fn send(&mut self, part: Vec<u8>) {
        if !self.has_left {
            self.has_left = self.try_send(part).await.is_err();
        }
    }

    async fn try_send(&mut self, part: Vec<u8>) -> Result<(), SenderGone> {
        if let Some(head) = self.head.take() {
            self.reply.head(head).await?;
        }
        if !part.is_empty() {
            self.reply.part(part.into()).await?;
        }
        Ok(())
    }

    async fn finish(self) -> Result<(), Reason> {
        if self.has_left {
            return Err(Reason::SenderLeft);
        }
        self.reply.end().await.map_err(|_| Reason::SenderLeft)
    }
}

/// Where an answer ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum AnswerLength {
    /// At its head.
    None,
    /// After so many bytes.
    Known(u64),
    /// Where its chunks say so, or where the connection ends.
    Unknown,
    /// Where the connection ends.
    UntilClose,
}

/// Where the answer ends; `None` if two readers could disagree (RFC 9112 §6.3).
fn answer_length(head: &ResponseHeader) -> Option<AnswerLength> {
    if matches!(
        head.status,
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        return Some(AnswerLength::None);
    }
    let mut codings = head.headers.get_all(header::TRANSFER_ENCODING).iter();
    let mut lengths = head.headers.get_all(header::CONTENT_LENGTH).iter();
    match (codings.next(), codings.next(), lengths.next()) {
        (None, _, None) => Some(AnswerLength::Unknown),
        (None, _, Some(first)) if lengths.all(|other| other == first) => {
            length_of(first.as_bytes()).map(AnswerLength::Known)
        }
        (Some(only), None, None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Some(AnswerLength::Unknown)
        }
        _ => None,
    }
}

/// Whether a length stood beside a transfer coding. Pingora drops it before anybody sees the head.
fn has_two_lengths(head: &ResponseHeader, raw: &[u8]) -> bool {
    head.headers.contains_key(header::TRANSFER_ENCODING)
        && raw.split(|byte| *byte == b'\n').any(|line| {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(b"content-length")
        })
}

/// Reads a body as far as it fits. True if that was all of it.
async fn gather(
    backend: &mut HttpSession,
    into: &mut Vec<u8>,
    most: usize,
) -> Result<bool, Reason> {
    while into.len() < most {
        match backend.read_body_ref().await.map_err(|e| reason(&e))? {
            Some(part) => into.extend_from_slice(part),
            None => return Ok(true),
        }
    }
    Ok(false)
}

fn write_framing(head: &mut ResponseHeader, length: AnswerLength) -> pingora_error::Result<()> {
    strip_hop_by_hop(head);
    head.set_version(Version::HTTP_11);
    head.remove_header(&header::TRANSFER_ENCODING);
    head.remove_header(&header::CONTENT_LENGTH);
    match length {
        AnswerLength::None | AnswerLength::UntilClose => Ok(()),
        AnswerLength::Known(len) => {
            head.insert_header(header::CONTENT_LENGTH, HeaderValue::from(len))
        }
        AnswerLength::Unknown => head.insert_header(
            header::TRANSFER_ENCODING,
            HeaderValue::from_static("chunked"),
        ),
    }
}

/// What a failure to read is called.
pub(super) fn reason(error: &Error) -> Reason {
    match error.etype() {
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => Reason::UpstreamTimeout,
        _ => Reason::UpstreamUnreachable,
    }
}

/// The least time by which the gate gives a kept connection up before the backend does.
const CLOSING_MARGIN: Duration = Duration::from_secs(1);
/// As much of an answer goes to the sender at once, if the backend has sent it already.
const SENT_AT_ONCE: usize = 16 * 1024;
/// More than any backend has to say to a webhook.
pub(super) const MAX_GATHERED: usize = 1024 * 1024;
/// No backend has more to say before its answer.
const MAX_INFORMATIONAL: usize = 8;
