//! Forwarding: from an admitted delivery to the end of the backend's answer.
//!
//! This is the one place that knows how it is done. It takes a head, a body and an upstream, and gives
//! the sender's session back with what became of them.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::header;
use pingora_core::apps::HttpServerApp;
use pingora_core::protocols::Digest;
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::ShutdownWatch;
use pingora_core::server::configuration::ServerConf;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{Error, ErrorSource, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, HttpProxy, ProxyHttp, ProxyWarnLogContext, Session, http_proxy};

use super::buffered::Buffered;
use super::respond::Stamp;
use super::upstream::{Address, Upstream};
use crate::gate::Reason;

/// Forwards deliveries through one pool of connections.
pub struct Forwarder {
    proxy: Arc<HttpProxy<Backend>>,
}

impl Forwarder {
    /// A forwarder that keeps up to `pool_size` unused connections.
    pub fn new(pool_size: usize) -> Self {
        let conf = ServerConf {
            upstream_keepalive_pool_size: pool_size,
            ..ServerConf::default()
        };
        Self {
            proxy: Arc::new(http_proxy(&Arc::new(conf), Backend)),
        }
    }

    /// Sends `head` and `body` to `upstream` and its answer to the sender.
    pub(super) async fn forward(
        &self,
        session: Box<ServerSession>,
        mut head: RequestHeader,
        body: Bytes,
        exchange: Exchange,
        shutdown: &ShutdownWatch,
    ) -> Forwarded {
        let exchange = Arc::new(exchange);
        head.extensions_mut().insert(Arc::clone(&exchange));
        let total = exchange.upstream.settings().timeouts.total;
        let (buffered, mut returned) = Buffered::new(session, head, body);
        let proxied = self
            .proxy
            .process_new_http(ServerSession::new_custom(Box::new(buffered)), shutdown);
        if tokio::time::timeout(total, proxied).await.is_err() {
            exchange.fail(exchange.late());
        }
        // Whatever happened above, the session was dropped, and dropping it sends it back.
        let returned = returned.try_recv().ok();
        Forwarded {
            failure: exchange.failure(),
            status: exchange.status(),
            finished: returned.as_ref().is_some_and(|back| back.finished),
            session: returned.map(|back| back.session),
        }
    }
}

/// What became of a delivery.
pub(super) struct Forwarded {
    /// The sender's session.
    pub(super) session: Option<Box<ServerSession>>,
    /// The status that the backend answered with, if it did.
    pub(super) status: Option<u16>,
    /// Whether the answer was written to its end.
    pub(super) finished: bool,
    /// Why there is no answer, or no whole one.
    pub(super) failure: Option<Reason>,
}

/// One delivery on its way. Shared between the caller and the callbacks of the proxy.
pub(super) struct Exchange {
    upstream: Arc<Upstream>,
    order: Vec<Arc<Address>>,
    stamp: Stamp,
    /// HTTP/1.0 knows no chunks.
    plain_old_http: bool,
    attempt: AtomicUsize,
    connected: AtomicBool,
    status: AtomicU16,
    failure: Mutex<Option<Reason>>,
}

impl Exchange {
    pub(super) fn new(upstream: Arc<Upstream>, stamp: Stamp, plain_old_http: bool) -> Self {
        Self {
            order: upstream.order(),
            upstream,
            stamp,
            plain_old_http,
            attempt: AtomicUsize::new(0),
            connected: AtomicBool::new(false),
            status: AtomicU16::new(0),
            failure: Mutex::new(None),
        }
    }

    /// The address to try now.
    fn address(&self) -> Option<&Arc<Address>> {
        self.order.get(self.attempt.load(Ordering::Relaxed))
    }

    /// Goes on to the next address, if there is one.
    fn next_address(&self) -> bool {
        if let Some(address) = self.address() {
            self.upstream.failed(address);
        }
        self.attempt.fetch_add(1, Ordering::Relaxed) + 1 < self.order.len()
    }

    /// What running out of time means: a backend that was never reached is not one that is slow.
    fn late(&self) -> Reason {
        if self.connected.load(Ordering::Relaxed) {
            Reason::UpstreamTimeout
        } else {
            Reason::UpstreamUnreachable
        }
    }

    /// The first failure counts: what follows from it says less.
    fn fail(&self, reason: Reason) {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(reason);
    }

    fn failure(&self) -> Option<Reason> {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> Option<u16> {
        Some(self.status.load(Ordering::Relaxed)).filter(|status| *status != 0)
    }
}

/// The callbacks of the proxy. They look things up in the exchange and decide nothing.
struct Backend;

type Context = Option<Arc<Exchange>>;

#[async_trait]
impl ProxyHttp for Backend {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        None
    }

    /// No compression, no caching: the answer is the backend's, byte for byte.
    fn init_downstream_modules(&self, _modules: &mut pingora_core::modules::http::HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Context) -> Result<()> {
        *ctx = session.req_header().extensions.get().cloned();
        Ok(())
    }

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        ctx: &mut Context,
    ) -> Result<Box<HttpPeer>> {
        ctx.as_ref()
            .and_then(|exchange| Some(exchange.upstream.peer(exchange.address()?)))
            .ok_or_else(|| Error::new_up(ErrorType::ConnectError))
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        _reused: bool,
        _peer: &HttpPeer,
        _fd: std::os::unix::io::RawFd,
        _digest: Option<&Digest>,
        ctx: &mut Context,
    ) -> Result<()> {
        if let Some(exchange) = ctx {
            exchange.connected.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Nothing was sent yet, so the same body may go to the next address.
    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut Context,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let again = ctx.as_ref().is_some_and(|exchange| exchange.next_address());
        error.set_retry(again);
        error
    }

    /// Something may have been sent: never again, whatever the method.
    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        _session: &mut Session,
        mut error: Box<Error>,
        _ctx: &mut Context,
        _client_reused: bool,
    ) -> Box<Error> {
        error.set_retry(false);
        error
    }

    async fn response_filter(
        &self,
        _session: &mut Session,
        head: &mut ResponseHeader,
        ctx: &mut Context,
    ) -> Result<()> {
        strip_hop_by_hop(head);
        let Some(exchange) = ctx else { return Ok(()) };
        if !head.status.is_informational() {
            exchange
                .status
                .store(head.status.as_u16(), Ordering::Relaxed);
        }
        if exchange.plain_old_http {
            head.remove_header(&header::TRANSFER_ENCODING);
        }
        exchange.stamp.put(head, "admitted")
    }

    /// The caller answers: it has the session, and the words of the contract.
    async fn fail_to_proxy(
        &self,
        _session: &mut Session,
        error: &Error,
        ctx: &mut Context,
    ) -> FailToProxy {
        if let Some(exchange) = ctx {
            exchange.fail(reason(error));
        }
        FailToProxy {
            error_code: 0,
            can_reuse_downstream: false,
        }
    }

    fn suppress_error_log(&self, _session: &Session, _ctx: &Context, _error: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _ctx: &Context,
        _error: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

fn reason(error: &Error) -> Reason {
    match (error.esource(), error.etype()) {
        (ErrorSource::Downstream, _) => Reason::SenderLeft,
        (_, ErrorType::ReadTimedout | ErrorType::WriteTimedout) => Reason::UpstreamTimeout,
        _ => Reason::UpstreamUnreachable,
    }
}

/// Removes what is between the backend and the gate only. The transfer coding stays: it says how
/// Pingora has to frame the answer.
fn strip_hop_by_hop(head: &mut ResponseHeader) {
    let nominated: Vec<header::HeaderName> = head
        .headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| header::HeaderName::from_bytes(name.trim_ascii()).ok())
        .filter(|name| name != header::TRANSFER_ENCODING && name != header::CONTENT_LENGTH)
        .collect();
    for name in &nominated {
        head.remove_header(name);
    }
    for name in ["connection", "keep-alive", "proxy-connection", "upgrade"] {
        head.remove_header(name);
    }
}
