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
    session: Box<ServerSession>,
    connection: Connection,
    pub(super) status: Option<u16>,
    /// Why the backend's answer did not come, or not whole.
    pub(super) failure: Option<Reason>,
    pub(super) backend: Option<Duration>,
}

/// What becomes of a connection.
enum Connection {
    /// It is of no use any more.
    Close,
    /// The sender may still be sending what nobody will read.
    Linger,
    /// Another delivery may follow.
    Reuse,
}

impl Ended {
    /// Answers a refusal. `body_received` is whether the body was read to its end: only then is what
    /// follows on the connection known to be another request.
    pub(super) async fn refused(
        mut session: Box<ServerSession>,
        refusal: &Refusal,
        body_received: bool,
        stamp: &Stamp,
    ) -> Self {
        if !body_received {
            session.set_keepalive(None);
        }
        let status = respond::write(&mut session, refusal, stamp).await;
        Self {
            connection: match status {
                Some(_) if body_received => Connection::Reuse,
                Some(_) => Connection::Linger,
                None => Connection::Close,
            },
            session,
            status: status.map(|status| status.as_u16()),
            failure: None,
            backend: None,
        }
    }

    /// Ends what was admitted and forwarded.
    pub(super) async fn forwarded(
        mut session: Box<ServerSession>,
        forwarded: &Forwarded,
        stamp: &Stamp,
    ) -> Self {
        let connection = match forwarded.failure {
            None => Connection::Reuse,
            // Nothing has gone to the sender yet: it gets the answer of the contract.
            Some(reason) if forwarded.status.is_none() => {
                let mut ended = Self::refused(session, &reason.into(), true, stamp).await;
                ended.failure = Some(reason);
                return ended;
            }
            Some(_) => {
                // Half an answer must not look like a whole one.
                session.shutdown().await;
                Connection::Close
            }
        };
        Self {
            session,
            connection,
            status: forwarded.status,
            failure: forwarded.failure,
            backend: None,
        }
    }

    /// Lets go of the session, or gives it back if another delivery may follow on its connection.
    pub(super) async fn release(mut self) -> Option<Box<ServerSession>> {
        match self.connection {
            Connection::Close => None,
            Connection::Linger => {
                linger(&mut self.session).await;
                None
            }
            Connection::Reuse => Some(self.session),
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
