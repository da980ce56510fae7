//! Refused deliveries, kept for `explain`, where an endpoint asks for it.
//!
//! ```text
//! refusal → offered to a bounded queue, or dropped → redacted → written by one task, the newest few of
//!         each endpoint, until their time is over
//! ```
//!
//! Nobody waits for it, and nothing here can keep a delivery: a queue that is full drops, one task writes
//! at most once a second, and every number is bounded, so that a flood of forgeries fills neither memory
//! nor disk. It is off unless an endpoint asks for it.

mod queue;
mod redact;
mod refused;
mod render;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::queue::{Captures, Keeper};
pub use self::refused::Refused;
use crate::directory::EndpointId;
use crate::secrets::StoreError;

/// A refused delivery that is to be kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Captured {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The id of the request, as in the log.
    pub request_id: String,
    /// When it arrived.
    pub at: Timestamp,
    /// How long it is kept.
    pub ends_at: Timestamp,
    /// How many of the endpoint are kept.
    pub last: u16,
    /// Why it was refused.
    pub reason: &'static str,
    /// The delivery as raw HTTP, redacted.
    pub http: Vec<u8>,
}

/// A refused delivery that was kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kept {
    /// The endpoint, by its id.
    pub endpoint: String,
    /// The id of the request.
    pub request_id: String,
    /// When it arrived.
    pub at: Timestamp,
    /// How long it is kept.
    pub ends_at: Timestamp,
    /// Why it was refused.
    pub reason: String,
    /// Its length.
    pub bytes: u64,
}

/// Where they are kept.
#[async_trait]
pub trait CaptureStore: Send + Sync {
    /// Keeps `captured` as far as their endpoints exist, and forgets what is over or too much.
    async fn keep(&self, captured: Vec<Captured>, now: Timestamp) -> Result<(), StoreError>;

    /// Those of an endpoint, the newest first.
    async fn kept(&self, endpoint: &str, now: Timestamp) -> Result<Vec<Kept>, StoreError>;

    /// The newest with that id of a request, as raw HTTP.
    async fn kept_one(
        &self,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Option<(Kept, Vec<u8>)>, StoreError>;
}

/// The headers that a capture has beside those of the delivery.
pub mod marks {
    /// When it arrived.
    pub const AT: &str = "Portcullis-Captured-At";
    /// What became of the body: `none` if it was not read, `truncated` if not all of it is kept.
    pub const BODY: &str = "Portcullis-Captured-Body";
    /// What was taken out.
    pub const REDACTED: &str = "Portcullis-Captured-Redacted";
    /// What they all begin with, in lower case.
    pub const PREFIX: &str = "portcullis-captured-";
}
