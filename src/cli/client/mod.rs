//! One request over one connection, plain or over TLS, and how long each part of it took.

mod connector;
mod metered;

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
use self::metered::Metered;
use crate::cli::failure::Failure;
use crate::clock::Stopwatch;

/// Somebody to send to.
pub(super) struct Client {
    host: String,
    port: u16,
    authority: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) reason: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) body: String,
    /// From the first byte that is sent to the last one that came.
    pub(super) took: Duration,
    pub(super) times: Times,
}

/// How long the parts took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    /// The name's look-up and the connection.
    pub(super) connect: Duration,
    /// The handshake, if there was one.
    pub(super) tls: Option<Duration>,
    /// Until everything was handed over.
    pub(super) send: Duration,
    /// From there to the head of the answer.
    pub(super) wait: Duration,
    /// From there to the end of its body.
    pub(super) body: Duration,
}

impl Client {
    pub(super) fn to(url: &str, ca: Option<&Path>, timeout: Duration) -> Result<Self, Failure> {
        let wrong = || {
            Failure::Usage(format!(
                "`{url}` is no URL that begins with http:// or https://"
            ))
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host();
        let bare = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if authority.as_str().contains('@') {
            let text = "a name and a password in the URL are not sent: use --header";
            return Err(Failure::Usage(text.to_owned()));
        }
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => {
                let name = ServerName::try_from(bare.clone()).map_err(|_| wrong())?;
                Some((connector(ca)?, name))
            }
            _ => return Err(wrong()),
        };
        Ok(Self {
            port: authority
                .port_u16()
                .unwrap_or(if tls.is_some() { 443 } else { 80 }),
            authority: authority.as_str().parse().map_err(|_| wrong())?,
            host: bare,
            tls,
            timeout,
        })
    }

    /// Sends `request` and waits for the whole answer.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Answer, String> {
        let doing = Cell::new("connecting");
        let sending = async {
            let place = |error: &dyn std::fmt::Display| {
                format!("{}:{}, {}: {error}", self.host, self.port, doing.get())
            };
            let mut times = Times::default();
            let watch = Stopwatch::start();
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
            let stream = stream.map_err(|error| place(&error))?;
            // What is small must not wait for more.
            let _ = stream.set_nodelay(true);
            times.connect = watch.elapsed();
            let Some((connector, name)) = &self.tls else {
                doing.set("waiting for the answer");
                return self.exchange(stream, request, times).await;
            };
            doing.set("in the TLS handshake");
            let watch = Stopwatch::start();
            let stream = connector.connect(name.clone(), stream).await;
            let stream = stream.map_err(|error| place(&error))?;
            times.tls = Some(watch.elapsed());
            doing.set("waiting for the answer");
            self.exchange(stream, request, times).await
        };
        let sent = tokio::time::timeout(self.timeout, sending).await;
        sent.unwrap_or_else(|_| {
            Err(format!(
                "{}: no answer within {:?}",
                doing.get(),
                self.timeout
            ))
        })
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        mut request: Request<Bytes>,
        mut times: Times,
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
        let (stream, last_write) = Metered::new(stream, watch);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        // A refusal ends the connection while the body is still on its way: the answer counts.
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

/// An answer is looked at, not stored.
const MAX_ANSWER_BYTES: usize = 64 << 10;
