//! One question over HTTPS, with bounds on everything.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::BytesMut;
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use rustls::RootCertStore;
use tokio::sync::Semaphore;

use crate::tls;

/// How the gate gets outside.
#[derive(Clone, Debug)]
pub struct OutboundSettings {
    /// The authorities that are trusted instead of the system's.
    pub ca: Option<Arc<RootCertStore>>,
    /// The HTTP proxy that leads outside (`CONNECT`, RFC 9110 §9.3.6), if there is one.
    pub proxy: Option<Proxy>,
    /// How long one question may take, with everything.
    pub timeout: Duration,
}

/// An HTTP proxy. Its URL may have a password in it, so it is not shown.
#[derive(Clone)]
pub struct Proxy(Url);

impl Proxy {
    /// The proxy at an URL such as `http://proxy.internal:3128`.
    pub fn at(url: &str) -> Result<Self, NotAProxy> {
        let url: Url = url.parse().map_err(|_| NotAProxy)?;
        let is_one = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && matches!(url.path(), "" | "/")
            && url.query().is_none();
        is_one.then_some(Self(url)).ok_or(NotAProxy)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").finish_non_exhaustive()
    }
}

/// Text that is no URL of a proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected the URL of an HTTP proxy, such as \"http://proxy.internal:3128\"")]
pub struct NotAProxy;

/// Asks by HTTPS only, follows no redirect and keeps no cookie.
pub(super) struct Client {
    settings: OutboundSettings,
    /// Made when it is needed first: hardly any gate asks for anything.
    made: OnceLock<Result<reqwest::Client, OutboundError>>,
    places: Semaphore,
    waiting: Semaphore,
}

impl Client {
    pub(super) fn new(settings: OutboundSettings) -> Self {
        Self {
            settings,
            made: OnceLock::new(),
            places: Semaphore::new(MAX_UNDER_WAY),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }

    /// The answer to a `GET`, if it is one of success.
    pub(super) async fn get(&self, url: &str) -> Result<BytesMut, OutboundError> {
        let Ok(_waits) = self.waiting.try_acquire() else {
            return Err(OutboundError::Busy);
        };
        let place = tokio::time::timeout(self.settings.timeout, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(OutboundError::Busy);
        };
        let answered = tokio::time::timeout(self.settings.timeout, self.answer(url)).await;
        answered.unwrap_or(Err(OutboundError::Slow(self.settings.timeout)))
    }

    async fn answer(&self, url: &str) -> Result<BytesMut, OutboundError> {
        let client = self.made.get_or_init(|| made(&self.settings)).as_ref();
        let failed = |error: reqwest::Error| OutboundError::Unreachable(whole(&error));
        let client = client.map_err(Clone::clone)?;
        let mut answer = client.get(url).send().await.map_err(failed)?;
        if !answer.status().is_success() {
            return Err(OutboundError::Refused(answer.status()));
        }
        let mut body = BytesMut::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            if body.len() + part.len() > MAX_ANSWER_BYTES {
                return Err(OutboundError::TooLong);
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }
}

fn made(settings: &OutboundSettings) -> Result<reqwest::Client, OutboundError> {
    let unusable = |error: &dyn std::error::Error| OutboundError::Unusable(whole(error));
    let roots = match &settings.ca {
        Some(roots) => Arc::clone(roots),
        None => tls::roots(None).map_err(|error| unusable(&error))?,
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
            builder.proxy(proxy.map_err(|error| unusable(&error))?)
        }
        // The proxies of the environment are those of whoever started the process.
        None => builder.no_proxy(),
    };
    builder.build().map_err(|error| unusable(&error))
}

/// The error with what it came from; without the URL, which may have a token in it.
fn whole(error: &dyn std::error::Error) -> String {
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

/// A question without an answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundError {
    /// Too many others are asking.
    #[error("too many questions are under way")]
    Busy,

    /// The answer is no certificate.
    #[error("what the provider serves there is no certificate with an RSA key")]
    NoCertificate,

    /// The answer is not one of success.
    #[error("the provider answers {0}")]
    Refused(StatusCode),

    /// There was no answer in time.
    #[error("the provider does not answer within {0:?}")]
    Slow(Duration),

    /// The answer is longer than anything that is asked for.
    #[error("the provider's answer is too long")]
    TooLong,

    /// The provider cannot be reached.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),

    /// Nothing can be asked at all.
    #[error("nothing can be asked outside: {0}")]
    Unusable(String),
}

/// A certificate has some 2 KB.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Questions that strangers can cause.
const MAX_UNDER_WAY: usize = 4;
/// Those, and the ones that wait for a turn.
const MAX_WAITING: usize = 16;
