//! An HTTPS client that bounds time, length and concurrency.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::BytesMut;
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use rustls::RootCertStore;
use tokio::sync::Semaphore;

use crate::tls;

/// How the gate reaches providers.
#[derive(Clone, Debug)]
pub struct OutboundSettings {
    /// Root certificates that replace those of the system.
    pub ca: Option<Arc<RootCertStore>>,
    /// The forward proxy (`CONNECT`, RFC 9110 §9.3.6).
    pub proxy: Option<Proxy>,
    /// The limit for a whole request. Waiting for a free place may take as long again.
    pub timeout: Duration,
}

/// A forward proxy. `Debug` hides its URL, which may contain a password.
#[derive(Clone)]
pub struct Proxy(Url);

impl Proxy {
    /// Parses a URL such as `http://proxy.internal:3128`, without path and query.
    pub fn at(url: &str) -> Result<Self, ParseProxyError> {
        let url: Url = url.parse().map_err(|_| ParseProxyError)?;
        let is_proxy = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && matches!(url.path(), "" | "/")
            && url.query().is_none();
        is_proxy.then_some(Self(url)).ok_or(ParseProxyError)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").finish_non_exhaustive()
    }
}

/// The text is not the URL of an HTTP proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected the URL of an HTTP proxy, such as \"http://proxy.internal:3128\"")]
pub struct ParseProxyError;

/// Sends `GET` over HTTPS only, follows no redirect and keeps no cookie.
pub(super) struct Client {
    settings: OutboundSettings,
    /// Created at the first request: most gates never send one.
    http: OnceLock<Result<reqwest::Client, OutboundError>>,
    running: Semaphore,
    waiting: Semaphore,
}

impl Client {
    pub(super) fn new(settings: OutboundSettings) -> Self {
        Self {
            settings,
            http: OnceLock::new(),
            running: Semaphore::new(MAX_RUNNING),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }

    /// The body of a successful response to `GET`.
    pub(super) async fn get(&self, url: &str) -> Result<BytesMut, OutboundError> {
        let Ok(_waiting) = self.waiting.try_acquire() else {
            return Err(OutboundError::Busy);
        };
        let permit = tokio::time::timeout(self.settings.timeout, self.running.acquire()).await;
        let Ok(Ok(_running)) = permit else {
            return Err(OutboundError::Busy);
        };
        let response = tokio::time::timeout(self.settings.timeout, self.fetch(url)).await;
        response.unwrap_or(Err(OutboundError::Slow(self.settings.timeout)))
    }

    async fn fetch(&self, url: &str) -> Result<BytesMut, OutboundError> {
        let client = self
            .http
            .get_or_init(|| build_client(&self.settings))
            .as_ref();
        let failed = |error: reqwest::Error| OutboundError::Unreachable(error_chain(&error));
        let client = client.map_err(Clone::clone)?;
        let mut response = client.get(url).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(OutboundError::Refused(response.status()));
        }
        let mut body = BytesMut::new();
        while let Some(part) = response.chunk().await.map_err(failed)? {
            if body.len() + part.len() > MAX_RESPONSE_BYTES {
                return Err(OutboundError::TooLong);
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }
}

fn build_client(settings: &OutboundSettings) -> Result<reqwest::Client, OutboundError> {
    let to_error = |error: &dyn std::error::Error| OutboundError::Unusable(error_chain(error));
    let roots = match &settings.ca {
        Some(roots) => Arc::clone(roots),
        None => tls::roots(None).map_err(|error| to_error(&error))?,
    };
    let tls = Arc::unwrap_or_clone(tls::client(roots, None));
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .redirect(Policy::none())
        .referer(false)
        .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(1);
    let builder = match &settings.proxy {
        Some(proxy) => {
            let proxy = reqwest::Proxy::https(proxy.0.clone());
            builder.proxy(proxy.map_err(|error| to_error(&error))?)
        }
        // A proxy of the environment is not part of the configuration.
        None => builder.no_proxy(),
    };
    builder.build().map_err(|error| to_error(&error))
}

/// The error with its sources, without the URL, which may contain a token.
fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = match error.source() {
        Some(_) => String::new(),
        None => error.to_string(),
    };
    let mut source = error.source();
    while let Some(error) = source {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// A request to a provider failed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// All places for running and waiting requests are taken.
    #[error("too many requests to providers are running")]
    Busy,

    /// The response body is not a certificate with a key of the algorithm.
    #[error("the provider's file is not a certificate with an RSA key")]
    NoCertificate,

    /// The status of the response is not a success.
    #[error("the provider responded with {0}")]
    Refused(StatusCode),

    /// The request exceeded [`OutboundSettings::timeout`].
    #[error("the provider did not respond within {0:?}")]
    Slow(Duration),

    /// The response body exceeds 64 KiB.
    #[error("the provider's response is longer than 64 KiB")]
    TooLong,

    /// DNS, connection, proxy or TLS failed.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),

    /// The HTTPS client cannot be created, for instance without root certificates.
    #[error("requests to providers are not possible: {0}")]
    Unusable(String),
}

/// A certificate has about 2 KB.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// Concurrent requests. Unauthenticated deliveries can cause them.
const MAX_RUNNING: usize = 4;
/// Running and waiting requests together.
const MAX_WAITING: usize = 16;
