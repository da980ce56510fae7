//! Captures: refused deliveries that an endpoint keeps for `explain`.
//!
//! ```text
//! refusal → redacted → a bounded queue, or dropped → one task writes the newest few of each endpoint, until they expire
//! ```
//!
//! No delivery waits for a capture. A full queue drops captures, one task writes at most once a second, and every
//! size is bounded. A flood of forgeries therefore fills neither memory nor disk. Captures are off by default.

mod queue;
mod redact;
mod render;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::queue::{CaptureQueue, CaptureWriter};
use crate::directory::{Endpoint, EndpointId};
use crate::gate::{Reason, Request};
use crate::secrets::StoreError;

/// A refused delivery, borrowed from the proxy.
pub struct RefusedDelivery<'d> {
    /// The endpoint that refused it.
    pub endpoint: &'d Endpoint,
    /// The head of the request.
    pub request: &'d Request<'d>,
    /// The body; `None` if it was not read.
    pub body: Option<&'d [u8]>,
    /// The request id, as in the log.
    pub request_id: &'d str,
    /// When the delivery arrived.
    pub at: Timestamp,
    /// The reason of the refusal.
    pub reason: Reason,
}

/// A refused delivery to store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewCapture {
    /// The endpoint that refused it.
    pub endpoint: EndpointId,
    /// The request id, as in the log.
    pub request_id: String,
    /// When the delivery arrived.
    pub at: Timestamp,
    /// When the capture expires.
    pub ends_at: Timestamp,
    /// How many captures the endpoint keeps.
    pub last: u16,
    /// The reason of the refusal.
    pub reason: &'static str,
    /// The delivery as raw HTTP, without credentials.
    pub http: Vec<u8>,
}

/// A stored capture, without its content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredCapture {
    /// The id of the endpoint.
    pub endpoint: String,
    /// The request id.
    pub request_id: String,
    /// When the delivery arrived.
    pub at: Timestamp,
    /// When the capture expires.
    pub ends_at: Timestamp,
    /// The reason of the refusal.
    pub reason: String,
    /// The length of the stored HTTP.
    pub bytes: u64,
}

/// A store that holds captures.
#[async_trait]
pub trait CaptureStore: Send + Sync {
    /// Stores captures whose endpoints exist. Deletes those that are expired or beyond the limit of their endpoint.
    async fn keep(&self, captured: Vec<NewCapture>, now: Timestamp) -> Result<(), StoreError>;

    /// The captures of an endpoint, the newest first.
    async fn kept(&self, endpoint: &str, now: Timestamp) -> Result<Vec<StoredCapture>, StoreError>;

    /// The newest capture of a request id, with its raw HTTP.
    async fn kept_one(
        &self,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Option<(StoredCapture, Vec<u8>)>, StoreError>;
}

/// The headers that a capture has in addition to those of the delivery.
pub mod marks {
    /// When the delivery arrived.
    pub const AT: &str = "Portcullis-Captured-At";
    /// Set if the body is incomplete: `none` if it was not read, `truncated` if it was cut.
    pub const BODY: &str = "Portcullis-Captured-Body";
    /// The headers and query parameters whose values were removed.
    pub const REDACTED: &str = "Portcullis-Captured-Redacted";
    /// The common prefix of these headers, in lower case.
    pub const PREFIX: &str = "portcullis-captured-";
}
