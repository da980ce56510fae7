//! One way in which a delivery may have been meant.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::delivery::Delivery;
use crate::auth::{Head, Scheme};
use crate::secrets::Secret;

/// Everything that decides about a proof. Copies are cheap: an attempt differs from another one in one
/// part, and shares the rest with it.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) scheme: Arc<Scheme>,
    pub(super) secret: Arc<Secret>,
    pub(super) headers: Arc<HeaderMap>,
    pub(super) body: Bytes,
    /// The public URL, for schemes that sign it.
    pub(super) url: Option<Arc<str>>,
    pub(super) known: Arc<Known>,
}

/// What else is known, and the same for every attempt.
pub(super) struct Known {
    pub(super) delivery: Delivery,
    /// Secrets that do not count any more, with the number of their version.
    pub(super) ended: Vec<(u32, Arc<Secret>)>,
}

impl Attempt {
    pub(super) fn head(&self) -> Head<'_> {
        Head {
            headers: &self.headers,
            url: self.url.as_deref(),
            ..self.known.delivery.head()
        }
    }

    pub(super) fn with_body(&self, body: impl Into<Bytes>) -> Self {
        Self {
            body: body.into(),
            ..self.clone()
        }
    }

    pub(super) fn with_headers(&self, headers: HeaderMap) -> Self {
        Self {
            headers: Arc::new(headers),
            ..self.clone()
        }
    }

    pub(super) fn with_scheme(&self, scheme: Scheme) -> Self {
        Self {
            scheme: Arc::new(scheme),
            ..self.clone()
        }
    }

    pub(super) fn with_url(&self, url: &str) -> Self {
        Self {
            url: Some(url.into()),
            ..self.clone()
        }
    }

    pub(super) fn with_secret(&self, secret: Vec<u8>) -> Self {
        Self {
            secret: Arc::new(Secret::new(secret)),
            ..self.clone()
        }
    }
}
