//! The transport to backends, on Pingora's connectors, connection pool and HTTP/1 client.
//!
//! Head and body of a delivery leave in one write. A delivery is sent once: another connection or address is tried only
//! while no socket has taken a byte of it. After that, every failure is the sender's to repeat, and the gate releases the
//! claim for the retry. Delivery is at-least-once: the backend may see it twice.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use pingora_core::connectors::{ConnectorOptions, TransportConnector};
use pingora_core::protocols::Stream;
use pingora_core::protocols::http::v1::client::HttpSession;
use pingora_http::ResponseHeader;
use tokio::io::AsyncWriteExt;

use super::answer::{self, BackendBody};
use super::fault::fault_of;
use super::upstream::{Address, Upstream};
use crate::clock::within;
use crate::gate::{
    AddressFault, Deadline, Reason, UpstreamFailure, UpstreamFault, UpstreamRequest,
    UpstreamResponse, UpstreamTransport,
};

/// Forwards deliveries to all upstreams through one pool of connections.
pub struct Forwarder {
    connector: Arc<TransportConnector>,
    upstreams: BTreeMap<Box<str>, Arc<Upstream>>,
}

impl Forwarder {
    /// A forwarder to `upstreams`, by name, that keeps up to `pool_size` unused connections.
    pub fn new(pool_size: usize, upstreams: BTreeMap<Box<str>, Arc<Upstream>>) -> Self {
        let options = ConnectorOptions::new(pool_size);
        Self {
            connector: Arc::new(TransportConnector::new(Some(options))),
            upstreams,
        }
    }

    pub(super) fn upstream(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.upstreams.get(name)
    }

    /// Connects to every address of `upstream`, as a delivery would, and sends nothing.
    pub async fn probe(&self, upstream: &Upstream) -> Vec<Result<String, AddressFault>> {
        let addresses = upstream.order();
        if addresses.is_empty() {
            return vec![Err(upstream.without_address())];
        }
        let mut results = Vec::new();
        for address in addresses {
            let connected = self.connector.new_stream(address.peer()).await;
            results.push(match connected {
                Ok(_) => Ok(address.shown()),
                Err(error) => Err(address.fault(fault_of(&error))),
            });
        }
        results
    }

    /// Sends a request, and reads the head of the answer.
    async fn exchange(
        &self,
        request: &UpstreamRequest<'_>,
        upstream: &Upstream,
        progress: &mut Progress,
    ) -> Result<UpstreamResponse<Box<ResponseHeader>, BackendBody>, UpstreamFailure> {
        let SentRequest {
            stream,
            address,
            result,
        } = self.send_once(request, upstream, progress).await?;
        let mut session = HttpSession::new(stream);
        session.read_timeout = Some(match result {
            Ok(()) => upstream.settings().timeouts.read,
            // It may have answered before it stopped reading the body.
            Err(_) => EARLY_ANSWER,
        });
        let head = answer::read_head(&mut session).await.map_err(|error| {
            let (reason, fault) = match result {
                Err(reason) => (reason, UpstreamFault::Reset),
                Ok(()) => (answer::reason(&error), fault_of(&error)),
            };
            failure(reason, address.fault(fault))
        })?;
        let status = head.status;
        let Some(length) = answer::body_length(&head, &session.get_headers_raw_bytes()) else {
            return Err(UpstreamFailure {
                status: Some(status),
                ..failure(
                    Reason::UpstreamUnreachable,
                    address.fault(UpstreamFault::Protocol),
                )
            });
        };
        let connector = result.is_ok().then(|| Arc::clone(&self.connector));
        let idle_timeout = upstream.settings().idle_timeout;
        Ok(UpstreamResponse {
            status,
            head,
            length,
            body: BackendBody::new(session, address, connector, idle_timeout),
        })
    }

    /// Sends a request over the first connection that takes any byte of it.
    async fn send_once(
        &self,
        request: &UpstreamRequest<'_>,
        upstream: &Upstream,
        progress: &mut Progress,
    ) -> Result<SentRequest, UpstreamFailure> {
        let timeout = upstream.settings().timeouts.write;
        let mut last_fault = None;
        for address in upstream.order() {
            let peer = address.peer();
            progress.connecting_to(&address);
            let (mut stream, is_reused) = match self.connector.get_stream(peer).await {
                Ok(connected) => connected,
                Err(error) => {
                    last_fault = Some(address.fault(fault_of(&error)));
                    upstream.failed(&address);
                    continue;
                }
            };
            progress.is_connected = true;
            match write(&mut stream, request, timeout).await {
                // A kept connection that the backend has closed: the socket has taken nothing.
                Err(WriteFailure { sent: 0, .. }) if is_reused && !peer.is_tls() => {}
                result => return Ok(SentRequest::new(stream, address, result)),
            }
            progress.is_connected = false;
            let mut stream = match self.connector.new_stream(peer).await {
                Ok(stream) => stream,
                Err(error) => {
                    last_fault = Some(address.fault(fault_of(&error)));
                    upstream.failed(&address);
                    continue;
                }
            };
            progress.is_connected = true;
            let result = write(&mut stream, request, timeout).await;
            return Ok(SentRequest::new(stream, address, result));
        }
        let at = last_fault.unwrap_or_else(|| upstream.without_address());
        Err(failure(Reason::UpstreamUnreachable, at))
    }
}

impl UpstreamTransport for Forwarder {
    type Head = Box<ResponseHeader>;
    type Body = BackendBody;

    async fn send(
        &self,
        request: &UpstreamRequest<'_>,
        deadline: &Deadline<'_>,
    ) -> Result<UpstreamResponse<Self::Head, Self::Body>, UpstreamFailure> {
        let Some(upstream) = self.upstream(request.upstream) else {
            let at = AddressFault {
                fault: UpstreamFault::Unknown,
                address: request.upstream.to_owned(),
            };
            return Err(failure(Reason::UpstreamUnreachable, at));
        };
        let mut progress = Progress::default();
        let exchange = self.exchange(request, upstream, &mut progress);
        let result = deadline.bound(pin!(exchange)).await;
        result.unwrap_or_else(|| Err(progress.timed_out(upstream)))
    }
}

/// How far an exchange has come, for the failure when its time is up.
#[derive(Default)]
struct Progress {
    address: Option<Arc<Address>>,
    is_connected: bool,
}

impl Progress {
    fn connecting_to(&mut self, address: &Arc<Address>) {
        self.address = Some(Arc::clone(address));
    }

    /// A backend that was never reached is not one that is slow.
    fn timed_out(&self, upstream: &Upstream) -> UpstreamFailure {
        let reason = if self.is_connected {
            Reason::UpstreamTimeout
        } else {
            Reason::UpstreamUnreachable
        };
        let at = match &self.address {
            Some(address) => address.fault(UpstreamFault::Timeout),
            // A shutdown came before the first address was tried.
            None => AddressFault {
                fault: UpstreamFault::Timeout,
                ..upstream.without_address()
            },
        };
        failure(reason, at)
    }
}

/// A request of which a connection has taken at least a part.
struct SentRequest {
    stream: Stream,
    address: Arc<Address>,
    /// Whether the connection took all of it, or why not.
    result: Result<(), Reason>,
}

impl SentRequest {
    fn new(stream: Stream, address: Arc<Address>, result: Result<(), WriteFailure>) -> Self {
        Self {
            stream,
            address,
            result: result.map_err(|failure| failure.reason),
        }
    }
}

/// The failure of a backend before the head of its answer.
fn failure(reason: Reason, at: AddressFault) -> UpstreamFailure {
    let fault = match reason {
        Reason::UpstreamTimeout => UpstreamFault::Timeout,
        _ => at.fault,
    };
    UpstreamFailure {
        reason,
        status: None,
        at: AddressFault { fault, ..at },
    }
}

/// A write that a connection did not take completely.
struct WriteFailure {
    /// The bytes that it has taken.
    sent: usize,
    reason: Reason,
}

/// Writes head and body, together if the socket takes them. The timeout applies to each part.
async fn write(
    stream: &mut Stream,
    request: &UpstreamRequest<'_>,
    timeout: Duration,
) -> Result<(), WriteFailure> {
    let mut parts = request.head.chain(request.body.as_ref());
    let len = parts.remaining();
    let failed = |sent, reason| WriteFailure { sent, reason };
    while parts.has_remaining() {
        let sent = len - parts.remaining();
        match within(timeout, pin!(stream.write_buf(&mut parts))).await {
            Some(Ok(1..)) => {}
            Some(_) => return Err(failed(sent, Reason::UpstreamUnreachable)),
            None => return Err(failed(sent, Reason::UpstreamTimeout)),
        }
    }
    match within(timeout, pin!(stream.flush())).await {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) => Err(failed(len, Reason::UpstreamUnreachable)),
        None => Err(failed(len, Reason::UpstreamTimeout)),
    }
}

/// How long a backend that stopped reading the body may take to answer.
const EARLY_ANSWER: Duration = Duration::from_millis(250);
