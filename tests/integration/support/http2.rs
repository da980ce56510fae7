//! A sender that speaks HTTP/2.

use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;

use super::{PATIENCE, tls};

/// A connection to the gate, with streams side by side.
pub(crate) struct Http2 {
    runtime: Runtime,
    /// Never dropped: a request that is begun while the gate closes the connection stays in h2's store for good, and
    /// a debug assertion of h2 would end the test for it.
    sender: ManuallyDrop<SendRequest<Bytes>>,
}

/// A request whose answer has not been waited for.
pub(crate) struct Pending {
    answer: ResponseFuture,
    /// Where the body goes; dropping it without an end resets the stream.
    pub(crate) body: Option<SendStream<Bytes>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Http2Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Http2 {
    /// Connects; trusts `authority` (PEM). `None` if the gate does not speak HTTP/2.
    pub(crate) fn connect(gate: SocketAddr, authority: &str) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let config = Arc::new(tls::client_config(authority, &[b"h2", b"http/1.1"]));
        let sender = runtime.block_on(async {
            let socket = TcpStream::connect(gate).await.unwrap();
            socket.set_nodelay(true).unwrap();
            let name = "portal.example.com".try_into().unwrap();
            let stream = TlsConnector::from(config)
                .connect(name, socket)
                .await
                .unwrap();
            if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                return None;
            }
            let (sender, connection) = h2::client::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            Some(sender)
        })?;
        let sender = ManuallyDrop::new(sender);
        Some(Self { runtime, sender })
    }

    /// Begins a request.
    #[track_caller]
    pub(crate) fn begin(&self, request: http::Request<()>, has_body: bool) -> Pending {
        self.try_begin(request, has_body).unwrap()
    }

    /// Begins a request; an error if the gate has closed the connection.
    pub(crate) fn try_begin(
        &self,
        request: http::Request<()>,
        has_body: bool,
    ) -> Result<Pending, h2::Error> {
        self.runtime.block_on(async {
            let mut sender = SendRequest::clone(&self.sender).ready().await?;
            let (answer, body) = sender.send_request(request, !has_body)?;
            Ok(Pending {
                answer,
                body: has_body.then_some(body),
            })
        })
    }

    /// Sends a part of a body.
    pub(crate) fn send(&self, pending: &mut Pending, bytes: &[u8], last: bool) {
        let body = pending.body.as_mut().unwrap();
        // A stream that was reset has an answer of its own.
        let _ = self.runtime.block_on(write(body, bytes, last));
    }

    /// Waits for the answer; an error if the stream was reset.
    pub(crate) fn answer(&self, pending: Pending) -> Result<Http2Answer, h2::Error> {
        self.runtime.block_on(async {
            let waiting = async {
                let (head, body) = pending.answer.await?.into_parts();
                Ok(Http2Answer {
                    status: head.status.as_u16(),
                    headers: head.headers,
                    body: read(body).await?,
                })
            };
            tokio::time::timeout(PATIENCE, waiting)
                .await
                .expect("an answer in time")
        })
    }

    /// Sends a whole request and waits for its answer.
    #[track_caller]
    pub(crate) fn deliver(&self, request: http::Request<()>, body: &[u8]) -> Http2Answer {
        let mut pending = self.begin(request, !body.is_empty());
        if !body.is_empty() {
            self.send(&mut pending, body, true);
        }
        self.answer(pending).unwrap()
    }
}

async fn write(body: &mut SendStream<Bytes>, bytes: &[u8], last: bool) -> Result<(), h2::Error> {
    let mut rest = Bytes::copy_from_slice(bytes);
    while !rest.is_empty() {
        body.reserve_capacity(rest.len());
        let Some(room) = std::future::poll_fn(|context| body.poll_capacity(context)).await else {
            return Ok(());
        };
        let part = rest.split_to(room?.min(rest.len()));
        body.send_data(part, last && rest.is_empty())?;
    }
    if bytes.is_empty() && last {
        body.send_data(Bytes::new(), true)?;
    }
    Ok(())
}

async fn read(mut body: RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut bytes = Vec::new();
    while let Some(part) = body.data().await {
        let part = part?;
        body.flow_control().release_capacity(part.len())?;
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}
