//! What the gate needs from the outside to carry an admitted delivery: a transport to the backend, and the sender's
//! side of the answer.
//!
//! The pipeline knows no sockets. It gives the bytes of a delivery to an [`UpstreamTransport`], reads the answer from
//! its [`UpstreamBody`] and writes it to a [`ResponseSink`]. The proxy implements all three on its connections; tests
//! implement them in memory. The traits have native async functions, so no future is boxed.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio_util::sync::CancellationToken;

use super::Reason;
use crate::clock::{Stopwatch, within};

/// Carries deliveries to backends.
pub trait UpstreamTransport: Sync {
    /// The head of an answer. The gate passes it on without reading it.
    type Head: Send;
    /// The body of an answer, which is still with the backend.
    type Body: UpstreamBody;

    /// Sends a delivery and returns the final answer's head, both before `deadline`.
    ///
    /// The delivery is sent at most once: another connection or address is tried only while no socket has taken a
    /// byte of it.
    fn send(
        &self,
        request: &UpstreamRequest<'_>,
        deadline: &Deadline<'_>,
    ) -> impl Future<Output = Result<UpstreamResponse<Self::Head, Self::Body>, UpstreamFailure>> + Send;
}

/// A delivery as it leaves for its backend.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamRequest<'a> {
    /// The name of the upstream.
    pub upstream: &'a str,
    /// The bytes of the head, from the request line to the empty line.
    pub head: &'a [u8],
    /// The bytes of the body: exactly those that were proven.
    pub body: &'a Bytes,
}

/// An answer that can be passed on.
#[derive(Debug)]
pub struct UpstreamResponse<H, B> {
    /// The status, which decides whether the backend has accepted the delivery.
    pub status: StatusCode,
    /// The head.
    pub head: H,
    /// How the end of the body is marked.
    pub length: BodyLength,
    /// The body, of which nothing has been read yet.
    pub body: B,
}

/// Reads the body of an answer.
pub trait UpstreamBody: Send {
    /// The next part; `None` at the end.
    ///
    /// A body that breaks off is a [`Reset`](UpstreamFault::Reset), and one that pauses for too long a
    /// [`Timeout`](UpstreamFault::Timeout).
    fn next(&mut self) -> impl Future<Output = Result<Option<&[u8]>, UpstreamFault>> + Send;

    /// Whether the last part has arrived, so that no further [`next`](Self::next) is needed.
    fn is_whole(&mut self) -> bool;

    /// The address that the answer comes from, for the log.
    fn address(&self) -> String;

    /// Returns the connection of a body that was read to its end, so that another delivery can use it.
    fn release(self) -> impl Future<Output = ()> + Send;
}

/// How the end of a body is marked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "HTTP/1.1 has no other framing")]
pub enum BodyLength {
    /// There is no body.
    None,
    /// By its length in bytes.
    Known(u64),
    /// By its last chunk, or by the end of the backend's connection. The sender gets chunks.
    Chunked,
    /// By the end of the sender's connection.
    UntilClose,
}

/// The sender's side of an answer whose head has the type `H`.
pub trait ResponseSink<H>: Send {
    /// Whether the sender cannot recognise the end of a body without its length (HTTP/1.0).
    fn needs_length(&self) -> bool;

    /// Writes the head, which announces a body of this length.
    fn head(
        &mut self,
        head: H,
        length: BodyLength,
    ) -> impl Future<Output = Result<(), SenderLeft>> + Send;

    /// Writes a part of the body; never an empty one.
    fn part(&mut self, part: Bytes) -> impl Future<Output = Result<(), SenderLeft>> + Send;

    /// Ends the body, and returns when the last byte has left for the socket.
    fn end(&mut self) -> impl Future<Output = Result<(), SenderLeft>> + Send;
}

/// The sender closed its connection, or did not read in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SenderLeft;

/// The time by which a backend has to be done. A shutdown can end it early.
#[derive(Clone, Copy, Debug)]
pub struct Deadline<'c> {
    limit: Duration,
    started: Stopwatch,
    cut_off: &'c CancellationToken,
}

impl<'c> Deadline<'c> {
    /// A deadline in `limit` from now, or at the time when `cut_off` is cancelled.
    pub fn start(limit: Duration, cut_off: &'c CancellationToken) -> Self {
        Self {
            limit,
            started: Stopwatch::start(),
            cut_off,
        }
    }

    /// Waits for `future`; `None` if the deadline is first.
    pub async fn bound<F: Future>(&self, future: Pin<&mut F>) -> Option<F::Output> {
        let future = std::pin::pin!(self.cut_off.run_until_cancelled(future));
        within(self.remaining(), future).await.flatten()
    }

    pub(super) fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }

    /// Waits for `future` without a time limit; `None` if a shutdown is first. It is polled once in any case, so that a
    /// sender that reads at once gets an answer that is here already.
    pub(super) async fn unless_cut_off<F: Future>(&self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = self.cut_off.cancelled() => None,
        }
    }
}

/// Why a backend gave no answer, or only a part of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpstreamFailure {
    /// [`UpstreamTimeout`](Reason::UpstreamTimeout) or [`UpstreamUnreachable`](Reason::UpstreamUnreachable).
    pub reason: Reason,
    /// The status of the answer, if its head arrived.
    pub status: Option<StatusCode>,
    /// The fault, for the log.
    pub at: AddressFault,
}

/// Why a backend could not be reached, or its answer broke off: a closed list of words for the log and the command
/// line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UpstreamFault {
    /// The name has no address.
    Dns,
    /// The connection was refused.
    Refused,
    /// The connection broke off.
    Reset,
    /// A timeout ended the wait.
    Timeout,
    /// No trusted authority has signed the certificate.
    TlsAuthority,
    /// The certificate has expired, or is not valid yet.
    TlsExpired,
    /// The certificate is for another name.
    TlsName,
    /// The TLS handshake failed for another reason.
    Tls,
    /// The answer is not well-formed HTTP/1.1.
    Protocol,
    /// The configuration has no such upstream.
    Unknown,
    /// There is no route to the address.
    Unreachable,
}

impl UpstreamFault {
    /// Every fault.
    pub const ALL: [Self; 11] = [
        Self::Dns,
        Self::Refused,
        Self::Reset,
        Self::Timeout,
        Self::TlsAuthority,
        Self::TlsExpired,
        Self::TlsName,
        Self::Tls,
        Self::Protocol,
        Self::Unknown,
        Self::Unreachable,
    ];

    /// The word in the log.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::TlsAuthority => "tls_authority",
            Self::TlsExpired => "tls_expired",
            Self::TlsName => "tls_name",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Unknown => "unknown_upstream",
            Self::Unreachable => "unreachable",
        }
    }

    /// The explanation for people.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Dns => "no address was found for its name",
            Self::Refused => "the connection was refused: nothing listens there",
            Self::Reset => "the connection was closed before the answer",
            Self::Timeout => "it did not answer in time",
            Self::TlsAuthority => "no trusted authority has signed its certificate",
            Self::TlsExpired => "its certificate has expired or is not valid yet",
            Self::TlsName => "its certificate is for another name",
            Self::Tls => "the TLS handshake failed",
            Self::Protocol => "its answer is not well-formed HTTP",
            Self::Unknown => "the configuration has no upstream of this name",
            Self::Unreachable => "there is no route to it",
        }
    }
}

/// A fault and its address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddressFault {
    /// The fault.
    pub fault: UpstreamFault,
    /// The name in the configuration, with the socket address that it resolved to.
    pub address: String,
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.fault.explanation())
    }
}

#[cfg(test)]
mod tests {
    use super::UpstreamFault;

    #[test]
    fn every_fault_has_a_word_of_its_own() {
        let mut words = UpstreamFault::ALL.map(UpstreamFault::word);
        words.sort_unstable();
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
