//! What a look-up comes to.

use std::sync::Arc;

use super::{Endpoint, Route, Wording};
use crate::secrets::StoreError;

/// An endpoint that takes deliveries at a path.
#[derive(Clone, Debug)]
pub struct Found {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// The route that led to it; `None` for an alias.
    pub route: Option<Arc<Route>>,
}

/// A path that leads to no endpoint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// There is none, or it is disabled, or another workspace owns it.
    #[error("nothing is configured there")]
    NotConfigured(Wording),

    /// Nobody knows: the store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}
