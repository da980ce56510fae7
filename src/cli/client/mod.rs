//! A small HTTP client: one request per connection, plain or over TLS, with the time of each phase.

mod connector;
mod timed;

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use self::connector::connector;
use self::timed::TimedStream;
use crate::cli::failure::Failure;
use crate::clock::Stopwatch;

/// The destination of requests.
pub(super) struct Client {
    host: String,
    port: u16,
    authority: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
}

/// The response.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) reason: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) body: String,
    /// From the first byte sent to the last byte received.
    pub(super) took: Duration,
    pub(super) times: ResponseTimes,
}

/// How long each phase took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ResponseTimes {
    /// The DNS look-up and the connection.
    pub(super) connect: Duration,
    /// The TLS handshake, if there was one.
    pub(super) tls: Option<Duration>,
    /// From the handshake to the last write of the request.
    pub(super) send: Duration,
    /// From the last write to the head of the response.
    pub(super) wait: Duration,
    /// From the head to the end of the response body.
    pub(super) body: Duration,
}

impl Client {
    pub(super) fn to(url: &str, ca: Option<&Path>, timeout: Duration) -> Result<Self, Failure> {
        let invalid = || {
            Failure::Usage(format!(
                "`{url}`: not a URL. Use one that starts with http:// or https://"
            ))
        };
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let authority = uri.authority().ok_or_else(invalid)?;
        let host = authority.host();
        let bare = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if authority.as_str().contains('@') {
            let text = "--url: user and password in the URL are not sent. Use --header instead";
            return Err(Failure::Usage(text.to_owned()));
        }
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => {
                let name = ServerName::try_from(bare.clone()).map_err(|_| invalid())?;
                Some((connector(ca)?, name))
            }
            _ => return Err(invalid()),
        };
        Ok(Self {
            port: authority
                .port_u16()
                .unwrap_or(if tls.is_some() { 443 } else { 80 }),
            authority: authority.as_str().parse().map_err(|_| invalid())?,
            host: bare,
            tls,
            timeout,
        })
    }

    /// Sends `request` and waits for the whole response.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Answer, String> {
        let phase = Cell::new("connecting");
        let sending = async {
            let place = |error: &dyn std::fmt::Display| {
                format!("{}:{}, {}: {error}", self.host, self.port, phase.get())
            };
            let mut times = ResponseTimes::default();
            let watch = Stopwatch::start();
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
            let stream = stream.map_err(|error| place(&error))?;
            // Send small requests at once.
            let _ = stream.set_nodelay(true);
            times.connect = watch.elapsed();
            let Some((connector, name)) = &self.tls else {
                phase.set("waiting for the response");
                return self.exchange(stream, request, times).await;
            };
            phase.set("TLS handshake");
            let watch = Stopwatch::start();
            let stream = connector.connect(name.clone(), stream).await;
            let stream = stream.map_err(|error| place(&error))?;
            times.tls = Some(watch.elapsed());
            phase.set("waiting for the response");
            self.exchange(stream, request, times).await
        };
        let sent = tokio::time::timeout(self.timeout, sending).await;
        sent.unwrap_or_else(|_| {
            Err(format!(
                "timed out after {:?} during {}",
                self.timeout,
                phase.get()
            ))
        })
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        mut request: Request<Bytes>,
        mut times: ResponseTimes,
    ) -> Result<Answer, String> {
        let failed = |error: hyper::Error| error.to_string();
        let target = request.uri().path_and_query().map_or("/", |it| it.as_str());
        *request.uri_mut() = target
            .parse()
            .map_err(|error| format!("{target}: {error}"))?;
        request
            .headers_mut()
            .entry(HOST)
            .or_insert(self.authority.clone());
        let watch = Stopwatch::start();
        let (stream, last_write) = TimedStream::new(stream, watch);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        // The gate may refuse and close before the whole body is sent. The response counts then.
        let driving = tokio::spawn(connection);
        let mut answer = sender
            .send_request(request.map(Full::new))
            .await
            .map_err(failed)?;
        let head = watch.elapsed();
        times.send = last_write.after().min(head);
        times.wait = head.saturating_sub(times.send);
        let mut body = BytesMut::new();
        while let Some(frame) = answer.frame().await {
            let Ok(data) = frame.map_err(failed)?.into_data() else {
                continue;
            };
            body.extend_from_slice(&data);
            if body.len() > MAX_ANSWER_BYTES {
                break;
            }
        }
        let took = watch.elapsed();
        times.body = took.saturating_sub(head);
        driving.abort();
        let header = |name: &str| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        Ok(Answer {
            status: answer.status(),
            reason: header("portcullis-reason"),
            request_id: header("x-request-id"),
            body: String::from_utf8_lossy(&body).into_owned(),
            took,
            times,
        })
    }
}

/// The most bytes of a response body that are read.
const MAX_ANSWER_BYTES: usize = 64 << 10;
