//! What the gate itself asks of the outside: the certificates of senders, and a word that confirms their
//! handshake. Nothing else leaves it but admitted deliveries.
//!
//! A stranger's delivery can lead here before anything is proven, so it can lead only to one provider's
//! own host, few questions are under way at once, and no answer is asked for twice in a row.

mod certificates;
mod client;

use std::sync::Arc;

use self::certificates::Certificates;
use self::client::Client;
pub use self::client::{NotAProxy, OutboundError, OutboundSettings, Proxy};
use crate::auth::{Algorithm, CertificateUrl, Certified};
use crate::clock::Clock;

/// The way out.
pub struct Outbound {
    /// For what strangers can cause.
    client: Client,
    /// For what was proven.
    confirming: Client,
    certificates: Certificates,
}

impl Outbound {
    /// A way out that nobody has gone yet.
    pub fn new(settings: OutboundSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            client: Client::new(settings.clone()),
            confirming: Client::new(settings),
            certificates: Certificates::new(clock),
        }
    }

    /// The certificate at `url`, for signatures of one kind.
    pub async fn certificate(
        &self,
        url: &CertificateUrl,
        algorithm: Algorithm,
    ) -> Result<Certified, OutboundError> {
        let fetching = self.client.get(url.as_str());
        self.certificates.at(url, algorithm, fetching).await
    }

    /// The file at `url`, as it is served now.
    pub async fn certificate_file(&self, url: &CertificateUrl) -> Result<Vec<u8>, OutboundError> {
        self.client.get(url.as_str()).await.map(Into::into)
    }

    /// Asks for `url`, which confirms something by that.
    pub async fn confirm(&self, url: &str) -> Result<(), OutboundError> {
        self.confirming.get(url).await.map(drop)
    }
}
