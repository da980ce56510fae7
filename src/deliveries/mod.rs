//! Recorded deliveries: the last ones of each endpoint, and their counts by hour.
//!
//! ```text
//! end of a delivery → counted in memory → queued, or dropped if there is no room
//!                   → one task writes rows and counts at most once a second, and expires old ones
//! ```
//!
//! No delivery waits for its record. A flood at one endpoint fills neither the queue nor the rows of other endpoints:
//! each endpoint has a number of rows a second, and a number of rows in the store. While the store is away, rows are
//! dropped and counted. Counts stay in memory and are written later.

mod counter;
mod recorder;
mod store;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use self::counter::{CountKey, EndpointCounts, HourlyCounts, LatestDelivery, UnrecordedCounts};
pub use self::recorder::{DeliveryRecorder, DeliveryWriter, EndedDelivery};
pub use self::store::{DeliveryFilter, DeliveryLimits, DeliveryStore};
use crate::directory::EndpointId;

/// A delivery to store, without its headers, query string and body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewDelivery {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The random number of the creation of the endpoint. A later owner of its id does not see the delivery.
    pub generation: i64,
    /// When its head was read.
    pub at: Timestamp,
    /// The request id, as in the log.
    pub request_id: String,
    /// The id that the sender gave it: at most 128 characters, without control characters.
    pub sender_id: Option<String>,
    /// The name of its event: at most 128 characters, without control characters.
    pub event: Option<String>,
    /// How it ended.
    pub outcome: OutcomeClass,
    /// The reason, as one word.
    pub reason: &'static str,
    /// The status of the response; `None` if the sender had left.
    pub status: Option<u16>,
    /// Details for operators: at most 256 characters, without control characters.
    pub cause: Option<String>,
    /// The version of the secret that proved it.
    pub secret_version: Option<u32>,
    /// The length of a body that arrived completely.
    pub body_bytes: Option<u64>,
    /// The durations of its parts.
    pub durations: DeliveryDurations,
    /// The address of the sender.
    pub client: Option<IpAddr>,
}

/// A stored delivery. Its fields are those of [`NewDelivery`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordedDelivery {
    /// The position in the store: newer deliveries have greater numbers.
    pub number: i64,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// When its head was read.
    pub at: Timestamp,
    /// The request id, as in the log.
    pub request_id: String,
    /// The id that the sender gave it.
    pub sender_id: Option<String>,
    /// The name of its event.
    pub event: Option<String>,
    /// How it ended.
    pub outcome: OutcomeClass,
    /// The reason, as one word.
    pub reason: String,
    /// The status of the response.
    pub status: Option<u16>,
    /// Details for operators.
    pub cause: Option<String>,
    /// The version of the secret that proved it.
    pub secret_version: Option<u32>,
    /// The length of a body that arrived completely.
    pub body_bytes: Option<u64>,
    /// The durations of its parts.
    pub durations: DeliveryDurations,
    /// The address of the sender.
    pub client: Option<IpAddr>,
}

/// The durations of a delivery, in whole microseconds; `None` for a part that was not reached.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DeliveryDurations {
    /// From the end of the head to the last byte of the body.
    pub receive: Option<Duration>,
    /// From the last byte of the body to the verdict.
    pub verify: Option<Duration>,
    /// From the verdict to the end of the backend response.
    pub backend: Option<Duration>,
    /// From the end of the head to the end of the response.
    pub total: Duration,
}

/// How a delivery ended, in five classes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a delivery ends in one of these classes"
)]
pub enum OutcomeClass {
    /// The backend received it and responded.
    Admitted,
    /// It was a provider challenge, which the gate answered.
    Challenge,
    /// The endpoint has not subscribed to its event.
    Ignored,
    /// The gate refused it, because of the sender.
    Refused,
    /// The gate or the backend failed.
    Failed,
}

impl OutcomeClass {
    /// Every class.
    pub const ALL: [Self; 5] = [
        Self::Admitted,
        Self::Challenge,
        Self::Ignored,
        Self::Refused,
        Self::Failed,
    ];

    /// The word in logs, metrics and the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Challenge => "handshake",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for OutcomeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for OutcomeClass {
    type Err = ParseOutcomeError;

    fn from_str(text: &str) -> Result<Self, ParseOutcomeError> {
        let found = Self::ALL.into_iter().find(|class| class.word() == text);
        found.ok_or(ParseOutcomeError)
    }
}

/// Text that names no class of outcomes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `admitted`, `handshake`, `ignored`, `refused` or `failed`")]
pub struct ParseOutcomeError;

/// How long counts by hour are kept. Surfaces show the last 24 hours.
pub const HOURS_KEPT: SignedDuration = SignedDuration::from_hours(48);
