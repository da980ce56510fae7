//! The listener: connections within limits, TLS, and deadlines for heads.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::Console;
use crate::task::Heartbeat;

/// Accepts connections until `ending` turns true, and lets the requests in flight finish for a short time.
pub(super) async fn serve(
    console: Arc<Console>,
    listener: TcpListener,
    mut ending: watch::Receiver<bool>,
    heartbeat: &Heartbeat,
) {
    let tls = console.settings.tls.clone().map(TlsAcceptor::from);
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut beat = tokio::time::interval(BEAT_EVERY);
    loop {
        let accepted = tokio::select! {
            () = ended(&mut ending) => break,
            _ = beat.tick() => {
                heartbeat.beat();
                continue;
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // A connection above the limit is closed at once, as on the public listener.
                if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
                    let connection = Connection {
                        console: Arc::clone(&console),
                        peer,
                        ending: ending.clone(),
                        _permit: permit,
                    };
                    connections.spawn(connection.accept(stream, tls.clone()));
                }
            }
            Err(error) => {
                debug!(%error, "the console cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    let finished = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LAST_REQUESTS, finished).await;
}

struct Connection {
    console: Arc<Console>,
    peer: SocketAddr,
    ending: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn accept(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        // A failure costs only latency.
        let _ = stream.set_nodelay(true);
        match tls {
            None => self.serve(TokioIo::new(stream)).await,
            Some(tls) => match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.serve(TokioIo::new(stream)).await,
                Ok(Err(error)) => debug!(%error, "TLS handshake with the console failed"),
                Err(_) => debug!("TLS handshake with the console took too long"),
            },
        }
    }

    async fn serve(self, io: impl Read + Write + Unpin + Send + 'static) {
        let Self {
            console,
            peer,
            mut ending,
            _permit,
        } = self;
        let service = service_fn(move |request| {
            let console = Arc::clone(&console);
            async move { Ok::<_, Infallible>(console.respond(request, peer.ip()).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => {}
            () = ended(&mut ending) => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}

/// Waits until the console ends.
async fn ended(ending: &mut watch::Receiver<bool>) {
    // An error means that the sender is dropped because the process ends.
    let _ = ending.wait_for(|ending| *ending).await;
}

const MAX_CONNECTIONS: usize = 100;
const MAX_HEAD: usize = 32 * 1024;
/// For a TLS handshake, for a request head, and for an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const BEAT_EVERY: Duration = Duration::from_secs(1);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const LAST_REQUESTS: Duration = Duration::from_secs(1);
