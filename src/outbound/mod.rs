//! Requests that the gate itself sends: for the certificates of providers, and to confirm a challenge. Apart from
//! these, only admitted deliveries leave the gate.
//!
//! An unauthenticated delivery can cause a request. The URL is therefore on one provider's own host, few requests
//! run at once, and results are cached, failures too.

mod certificates;
mod client;

use std::sync::Arc;

use self::certificates::Certificates;
use self::client::Client;
pub use self::client::{OutboundError, OutboundSettings, ParseProxyError, Proxy};
use crate::auth::{Algorithm, CertificateKeys, CertificateUrl};
use crate::clock::Clock;

/// The client for providers, with its cache of certificates.
pub struct Outbound {
    /// For requests that unauthenticated deliveries can cause.
    client: Client,
    /// For proven deliveries; it has places of its own.
    confirming: Client,
    certificates: Certificates,
}

impl Outbound {
    /// Connects to nothing until the first request.
    pub fn new(settings: OutboundSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            client: Client::new(settings.clone()),
            confirming: Client::new(settings),
            certificates: Certificates::new(clock),
        }
    }

    /// The certificate at `url` for one signature algorithm, from the cache or fetched.
    pub async fn certificate(
        &self,
        url: &CertificateUrl,
        algorithm: Algorithm,
    ) -> Result<CertificateKeys, OutboundError> {
        let fetch = self.client.get(url.as_str());
        self.certificates.at(url, algorithm, fetch).await
    }

    /// The bytes of the certificate at `url`, not cached.
    pub async fn certificate_file(&self, url: &CertificateUrl) -> Result<Vec<u8>, OutboundError> {
        self.client.get(url.as_str()).await.map(Into::into)
    }

    /// Sends `GET` to `url`, which confirms a subscription. A success status is enough.
    pub async fn confirm(&self, url: &str) -> Result<(), OutboundError> {
        self.confirming.get(url).await.map(drop)
    }
}
