//! Sends one request of the demonstration over a socket.

use std::net::SocketAddr;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The response of the gate.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) body: String,
}

/// Sends a request and waits for the whole answer.
pub(super) async fn send(
    gate: SocketAddr,
    request: http::Request<Bytes>,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(gate).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // The gate may refuse and close before the whole body is sent. The response counts then.
    let driving = tokio::spawn(connection);
    let answer = sender.send_request(request.map(Full::new)).await?;
    let status = answer.status().as_u16();
    let reason = answer
        .headers()
        .get("portcullis-reason")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("-")
        .to_owned();
    let body = answer.into_body().collect().await?.to_bytes();
    driving.abort();
    Ok(Answer {
        status,
        reason,
        body: String::from_utf8_lossy(&body).trim_end().to_owned(),
    })
}
