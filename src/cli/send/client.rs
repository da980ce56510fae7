//! One request over one connection, plain or over TLS.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

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
    pub(super) took: Duration,
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
        let sending = async {
            let place = || format!("{}:{}", self.host, self.port);
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
            let stream = stream.map_err(|error| format!("{}: {error}", place()))?;
            match &self.tls {
                None => self.exchange(stream, request).await,
                Some((connector, name)) => {
                    let stream = connector.connect(name.clone(), stream).await;
                    let stream = stream.map_err(|error| format!("{}: {error}", place()))?;
                    self.exchange(stream, request).await
                }
            }
        };
        let sent = tokio::time::timeout(self.timeout, sending).await;
        sent.unwrap_or_else(|_| Err(format!("no answer within {:?}", self.timeout)))
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        mut request: Request<Bytes>,
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
        let took = Stopwatch::start();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        // A refusal ends the connection while the body is still on its way: the answer counts.
        let driving = tokio::spawn(connection);
        let mut answer = sender
            .send_request(request.map(Full::new))
            .await
            .map_err(failed)?;
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
        let took = took.elapsed();
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
        })
    }
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector, Failure> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        let wrong =
            |error: &dyn std::fmt::Display| Failure::Other(format!("{}: {error}", path.display()));
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        let found = found.map_err(|error| Failure::Other(error.to_string()))?;
        roots.add_parsable_certificates(found);
    }
    if roots.is_empty() {
        let text = "no authority is trusted: there are no certificates; name them with --ca";
        return Err(Failure::Other(text.to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Other(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// An answer is looked at, not stored.
const MAX_ANSWER_BYTES: usize = 64 << 10;
