//! The end of a delivery on the sender's side: its answer.

use std::time::Duration;

use http::StatusCode;

use super::fault::FaultAt;
use super::forward::Forwarded;
use super::reply::Reply;
use super::respond::{self, Stamp};
use crate::gate::{Reason, Refusal};
use crate::handshake::Answer;

/// How a delivery ended on the sender's side.
pub(super) struct Ended {
    /// Whether the sender has got an answer, and all of it.
    pub(super) whole: bool,
    pub(super) status: Option<u16>,
    /// Why the backend's answer did not come, or not whole.
    pub(super) failure: Option<Reason>,
    pub(super) backend: Option<Duration>,
    /// The backend's own status.
    pub(super) backend_status: Option<u16>,
    /// What went wrong at the backend.
    pub(super) fault: Option<FaultAt>,
}

impl Ended {
    /// Answers a refusal.
    pub(super) async fn refused(reply: &mut Reply, refusal: &Refusal, stamp: &Stamp) -> Self {
        Self::here(respond::write(reply, refusal, stamp).await)
    }

    /// Answers a handshake.
    pub(super) async fn handshaken(reply: &mut Reply, answer: &Answer, stamp: &Stamp) -> Self {
        Self::here(respond::write_handshake(reply, answer, stamp).await)
    }

    /// Acknowledges a delivery that its endpoint does not take.
    pub(super) async fn ignored(reply: &mut Reply, stamp: &Stamp) -> Self {
        Self::here(respond::write_ignored(reply, stamp).await)
    }

    /// The end of what went no further than to the gate.
    fn here(status: Option<StatusCode>) -> Self {
        Self {
            whole: status.is_some(),
            status: status.map(|status| status.as_u16()),
            failure: None,
            backend: None,
            backend_status: None,
            fault: None,
        }
    }

    /// Ends what was admitted and forwarded.
    pub(super) async fn forwarded(reply: &mut Reply, forwarded: &Forwarded, stamp: &Stamp) -> Self {
        match forwarded.failure {
            // Nothing has gone to the sender yet: it gets the answer of the contract.
            Some(reason) if !forwarded.answered => Self {
                failure: Some(reason),
                backend_status: forwarded.status,
                fault: forwarded.fault().cloned(),
                ..Self::refused(reply, &reason.into(), stamp).await
            },
            failure => Self {
                whole: failure.is_none(),
                status: forwarded.status,
                failure,
                backend: None,
                backend_status: forwarded.status,
                fault: forwarded.fault().cloned(),
            },
        }
    }
}
