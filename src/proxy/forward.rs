//! Forwarding: from an admitted delivery to the end of the backend's answer.
//!
//! This is the one place that knows how it is done: on Pingora's connectors, pool and HTTP/1 client, with
//! the head and the body in one write. It takes bytes and an upstream, and says what became of them.
//!
//! A delivery is sent once. Another connection or address is tried only while not one byte of it has
//! been taken by a socket; after that, whatever goes wrong is the sender's to repeat. So that it can, a
//! delivery whose answer was lost, or broke off, is released in the ledger as one that was refused is: delivery
//! is at-least-once.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pingora_core::connectors::{ConnectorOptions, TransportConnector};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v1::client::HttpSession;
use pingora_core::upstreams::peer::Peer;
use tokio_util::sync::CancellationToken;

use super::answer;
use super::fault::{FaultAt, UpstreamFault};
use super::parcel::{Parcel, Stopped, write};
use super::reply::Reply;
use super::upstream::{Address, Upstream};
use crate::clock::{Stopwatch, within};
use crate::gate::{Reason, Turn};
use crate::ledger::Held;

/// Forwards deliveries through one pool of connections.
pub struct Forwarder {
    connector: TransportConnector,
}

impl Forwarder {
    /// A forwarder that keeps up to `pool_size` unused connections.
    pub fn new(pool_size: usize) -> Self {
        Self {
            connector: TransportConnector::new(Some(ConnectorOptions::new(pool_size))),
        }
    }

    /// Sends `parcel` to `upstream`, settles its claim by what the backend says, and sends its answer to
    /// the sender. The time of the backend is up when `cut_off` is cancelled.
    pub(super) async fn forward(
        &self,
        reply: &mut Reply,
        parcel: &Parcel<'_>,
        (held, turn): (Option<Held>, Option<Turn>),
        upstream: &Upstream,
        cut_off: &CancellationToken,
    ) -> Forwarded {
        let mut done = Forwarded::default();
        let total = upstream.settings().timeouts.total;
        let watch = Stopwatch::start();
        let asked = {
            let asking = pin!(self.ask(parcel, upstream, &mut done));
            let asking = pin!(cut_off.run_until_cancelled(asking));
            within(total, asking).await.flatten()
        };
        let asked = match asked {
            Some(asked) => asked,
            // A backend that was never reached is not one that is slow.
            None if done.reached => Err(Reason::UpstreamTimeout),
            None => Err(Reason::UpstreamUnreachable),
        };
        let unsettled = Unsettled { held, turn };
        let passed = match asked {
            Err(reason) => {
                // Before the sender hears of it: it may send the same again at once.
                unsettled.settle(false);
                Err(reason)
            }
            Ok(asked) => {
                done.answered = true;
                let is_success = done.is_success();
                let patience = total.saturating_sub(watch.elapsed());
                let is_whole = AtomicBool::new(false);
                let when_whole = || {
                    is_whole.store(true, Ordering::Relaxed);
                    unsettled.settle(is_success);
                };
                let passing = pin!(self.pass_on(reply, asked, upstream, patience, when_whole));
                let passed = cut_off.run_until_cancelled(passing).await;
                // Once the whole answer is here, only the sender can be late.
                passed.unwrap_or(Err(if is_whole.load(Ordering::Relaxed) {
                    Reason::SenderLeft
                } else {
                    Reason::UpstreamTimeout
                }))
            }
        };
        done.failure = passed.err();
        if let (Some(Reason::UpstreamTimeout), Some(at)) = (done.failure, &mut done.fault) {
            at.fault = UpstreamFault::Timeout;
        } else if let (true, Some(at)) = (done.answered, &mut done.fault) {
            // The head was good, and the rest did not come.
            at.fault = UpstreamFault::Reset;
        }
        done
    }

    /// Connects to every address of `upstream`, as a delivery would, and sends nothing.
    pub async fn probe(&self, upstream: &Upstream) -> Vec<Result<String, FaultAt>> {
        let addresses = upstream.order();
        if addresses.is_empty() {
            return vec![Err(upstream.nowhere())];
        }
        let mut found = Vec::new();
        for address in addresses {
            let connected = self.connector.new_stream(address.peer()).await;
            found.push(match connected {
                Ok(_) => Ok(address.shown()),
                Err(error) => Err(address.fault(UpstreamFault::of(&error))),
            });
        }
        found
    }

    /// Sends the parcel, and waits for the head of the answer.
    async fn ask(
        &self,
        parcel: &Parcel<'_>,
        upstream: &Upstream,
        done: &mut Forwarded,
    ) -> Result<Asked, Reason> {
        let (stream, address, sent) = self.send(parcel, upstream, done).await?;
        let mut backend = HttpSession::new(stream);
        backend.read_timeout = Some(match sent {
            Ok(()) => upstream.settings().timeouts.read,
            // It may have answered before it stopped to take the body.
            Err(_) => EARLY_ANSWER,
        });
        let head = answer::read_head(&mut backend).await.map_err(|error| {
            let failed_to_send = sent.as_ref().err().copied();
            done.fault = Some(match failed_to_send {
                Some(Reason::UpstreamTimeout) => address.fault(UpstreamFault::Timeout),
                Some(_) => address.fault(UpstreamFault::Reset),
                None => address.fault(UpstreamFault::of(&error)),
            });
            failed_to_send.unwrap_or_else(|| answer::reason(&error))
        })?;
        done.status = Some(head.status.as_u16());
        // What is wrong from here on is wrong with the answer.
        done.fault = Some(address.fault(UpstreamFault::Protocol));
        Ok(Asked {
            answer: answer::prepare(&mut backend, head, parcel).await?,
            backend,
            address,
            reusable: sent.is_ok(),
        })
    }

    /// Passes the answer on, and keeps the connection if it is good for another delivery.
    async fn pass_on(
        &self,
        reply: &mut Reply,
        asked: Asked,
        upstream: &Upstream,
        patience: Duration,
        when_whole: impl FnOnce(),
    ) -> Result<(), Reason> {
        let Asked {
            answer,
            mut backend,
            address,
            reusable,
        } = asked;
        answer::pass_on(reply, &mut backend, answer, patience, when_whole).await?;
        let own = upstream.settings().idle_timeout;
        if let Some(idle) = answer::keep_for(&backend, own).filter(|_| reusable) {
            backend.respect_keepalive();
            if let Some(stream) = backend.reuse().await {
                let pool = address.peer().reuse_hash();
                self.connector.release_stream(stream, pool, Some(idle));
            }
        }
        Ok(())
    }

    /// Sends the parcel over the first connection that takes any of it.
    ///
    /// The inner result is whether that one took all of it.
    async fn send(
        &self,
        parcel: &Parcel<'_>,
        upstream: &Upstream,
        done: &mut Forwarded,
    ) -> Result<(Stream, Arc<Address>, Result<(), Reason>), Reason> {
        let timeout = upstream.settings().timeouts.write;
        done.fault = Some(upstream.nowhere());
        for address in upstream.order() {
            let peer = address.peer();
            // Until the time is up it is the connection that takes too long.
            done.fault = Some(address.fault(UpstreamFault::Timeout));
            let (mut stream, reused) = match self.connector.get_stream(peer).await {
                Ok(connected) => connected,
                Err(error) => {
                    done.fault = Some(address.fault(UpstreamFault::of(&error)));
                    upstream.failed(&address);
                    continue;
                }
            };
            // Who has taken the connection and not the delivery is slow, and not out of reach.
            done.reached = true;
            match write(&mut stream, parcel, timeout).await {
                // A kept connection that the backend has closed: the socket has taken nothing.
                Err(Stopped { sent: 0, .. }) if reused && !peer.is_tls() => {}
                Err(stopped) => return Ok((stream, address, Err(stopped.reason))),
                Ok(()) => return Ok((stream, address, Ok(()))),
            }
            done.reached = false;
            let mut stream = match self.connector.new_stream(peer).await {
                Ok(stream) => stream,
                Err(error) => {
                    done.fault = Some(address.fault(UpstreamFault::of(&error)));
                    upstream.failed(&address);
                    continue;
                }
            };
            done.reached = true;
            let sent = write(&mut stream, parcel, timeout).await;
            return Ok((stream, address, sent.map_err(|stopped| stopped.reason)));
        }
        Err(Reason::UpstreamUnreachable)
    }
}

/// What ends when the backend has done its part. Dropped, the claim is released and the turn passed on.
struct Unsettled {
    held: Option<Held>,
    turn: Option<Turn>,
}

impl Unsettled {
    /// Settles the claim, without waiting for a ledger that is far away, and passes the turn on: a sender that reads
    /// its answer slowly keeps none of the same key waiting.
    fn settle(self, accepted: bool) {
        if let Some(held) = self.held {
            held.settle_unwatched(accepted);
        }
        drop(self.turn);
    }
}

/// A delivery that the backend has begun to answer.
struct Asked {
    answer: answer::Ready,
    backend: HttpSession,
    address: Arc<Address>,
    /// Whether the whole delivery was sent, so that another one may follow it.
    reusable: bool,
}

/// What became of a delivery.
#[derive(Debug, Default)]
pub(super) struct Forwarded {
    /// The status that the backend answered with, if it did.
    pub(super) status: Option<u16>,
    /// Why there is no answer, or no whole one.
    pub(super) failure: Option<Reason>,
    /// What went wrong, or was under way when the time was up; it counts if there is a failure.
    fault: Option<FaultAt>,
    /// Whether there was a connection to it.
    reached: bool,
    /// Whether its answer was good enough to be passed on.
    pub(super) answered: bool,
}

impl Forwarded {
    /// Whether the backend's status says that it took the delivery.
    fn is_success(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }

    /// Why the backend did not answer, or not whole.
    pub(super) fn fault(&self) -> Option<&FaultAt> {
        let is_its_own = matches!(
            self.failure,
            Some(Reason::UpstreamTimeout | Reason::UpstreamUnreachable)
        );
        self.fault.as_ref().filter(|_| is_its_own)
    }

    /// There is no such upstream.
    pub(super) fn to_nowhere(name: &str) -> Self {
        Self {
            failure: Some(Reason::UpstreamUnreachable),
            fault: Some(FaultAt {
                fault: UpstreamFault::Unknown,
                address: name.to_owned(),
            }),
            ..Self::default()
        }
    }
}

/// How long a backend that stopped to take the body may take to say why.
const EARLY_ANSWER: Duration = Duration::from_millis(250);
