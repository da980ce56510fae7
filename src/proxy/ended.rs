//! The end of a delivery on the sender's side: its answer, and what becomes of its connection.

use std::pin::pin;
use std::time::Duration;

use pingora_core::protocols::http::ServerSession;

use super::forward::Forwarded;
use super::respond::{self, Stamp};
use crate::clock::within;
use crate::gate::{Reason, Refusal};

/// How a delivery ended on the sender's side.
pub(super) struct Ended {
    /// The session, if its connection may go on.
    pub(super) session: Option<Box<ServerSession>>,
    pub(super) status: Option<u16>,
    /// Why the backend's answer did not come, or not whole.
    pub(super) failure: Option<Reason>,
    pub(super) backend: Option<Duration>,
}

impl Ended {
    /// Answers a delivery for which the gate has no refusal of its own.
    pub(super) async fn refused(
        session: Box<ServerSession>,
        reason: Reason,
        stamp: &Stamp,
    ) -> Self {
        let mut ended = Self::refused_with(session, &reason.into(), stamp).await;
        ended.failure = Some(reason);
        ended
    }

    /// Answers a refusal.
    pub(super) async fn refused_with(
        mut session: Box<ServerSession>,
        refusal: &Refusal,
        stamp: &Stamp,
    ) -> Self {
        let status = respond::write(&mut session, refusal, stamp).await;
        let whole = status.is_some() && session.is_body_done();
        if !whole {
            linger(&mut session).await;
        }
        Self {
            session: whole.then_some(session),
            status: status.map(|status| status.as_u16()),
            failure: None,
            backend: None,
        }
    }

    /// Ends what was forwarded.
    pub(super) async fn forwarded(
        mut session: Box<ServerSession>,
        forwarded: &Forwarded,
        stamp: &Stamp,
    ) -> Self {
        match forwarded.failure {
            // Nothing has gone to the sender yet: it gets the answer of the contract.
            Some(reason) if forwarded.status.is_none() => {
                return Self::refused(session, reason, stamp).await;
            }
            // Half an answer must not look like a whole one.
            Some(_) => session.shutdown().await,
            None => {}
        }
        Self {
            session: forwarded.failure.is_none().then_some(session),
            status: forwarded.status,
            failure: forwarded.failure,
            backend: None,
        }
    }
}

/// Ends the sending side, and takes for a moment what the sender still sends: closing at once would
/// reset the connection, and the sender would see that instead of the answer.
async fn linger(session: &mut ServerSession) {
    if session.is_http2() {
        return;
    }
    session.shutdown().await;
    let rest = async { while let Ok(Some(_)) = session.read_request_body().await {} };
    within(LINGER, pin!(rest)).await;
}

const LINGER: Duration = Duration::from_secs(2);
