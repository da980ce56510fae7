//! One attempt to explain a delivery: the delivery, its scheme and its secret, with some part changed.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::delivery::Delivery;
use crate::auth::{Head, Scheme};
use crate::secrets::Secret;

/// Everything that a proof depends on. Clones are cheap, because attempts share the parts that they do not change.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) scheme: Arc<Scheme>,
    pub(super) secret: Arc<Secret>,
    pub(super) headers: Arc<HeaderMap>,
    pub(super) body: Bytes,
    /// The public URL, for schemes that sign the URL.
    pub(super) url: Option<Arc<str>>,
    pub(super) context: Arc<Context>,
}

/// What is the same for every attempt.
pub(super) struct Context {
    pub(super) delivery: Delivery,
    /// Secret versions that are no longer valid, with their numbers.
    pub(super) ended: Vec<(u32, Arc<Secret>)>,
}

impl Attempt {
    pub(super) fn head(&self) -> Head<'_> {
        Head {
            headers: &self.headers,
            url: self.url.as_deref(),
            ..self.context.delivery.head()
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
