//! What the gate looks up: endpoints, keys, tokens.

use std::sync::Arc;

use crate::directory::Directory;
use crate::secrets::KeyCache;
use crate::tokens::TokenCache;

/// What is known, each in a cache over the store.
pub struct Known {
    /// The endpoints.
    pub directory: Arc<Directory>,
    /// The keys that deliveries are proven with.
    pub keys: Arc<KeyCache>,
    /// The tokens that speak for workspaces.
    pub tokens: Arc<TokenCache>,
}
