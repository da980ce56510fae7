//! Workspace tokens: created, listed, revoked and cached.
//!
//! ```text
//! auth::WorkspaceToken   the text and the proof (pure)
//! RandomToken            a new token; RandomSecret: 256 random bits alone
//! TokenRecord            the stored part: id, hash of the secret, owner, expiry
//! Issuer                 create, list and revoke, audited
//! TokenStore             the interface of a store of tokens, which `store` implements
//! TokenCache             the bounded cache of deliveries, invalidated by store changes
//! TokenUses              when each was last used: collected in memory, written every few seconds
//! ```

mod cache;
mod issuer;
mod random;
mod record;
mod store;
mod uses;

pub use self::cache::TokenCache;
pub use self::issuer::{
    IssuedToken, Issuer, Lifetime, NewToken, ParseLabelError, ParseLifetimeError, TokenError,
};
pub use self::random::{RandomSecret, RandomToken};
pub use self::record::{TokenRecord, TokenState, TokenStatus};
pub use self::store::TokenStore;
pub use self::uses::TokenUses;
