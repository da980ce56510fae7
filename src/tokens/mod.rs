//! Tokens of workspaces: made, listed, revoked, and known to every gate.
//!
//! ```text
//! auth::WorkspaceToken   the text, and the proof that it makes (pure)
//! TokenRecord            what is kept of a token: its id, the hash of its secret, whose it is, how long
//! Issuer                 what people do: create, list, revoke; audited
//! TokenStore             keeps the records (a trait; `store` implements it)
//! TokenCache             what deliveries use: bounded, forgotten when the store says that something changed
//! TokenUses              when each was last used: counted in memory, written down now and then
//! ```

mod cache;
mod issuer;
mod record;
mod store;
mod uses;

pub use self::cache::TokenCache;
pub use self::issuer::{Issued, Issuer, Lifetime, NewToken, NotALabel, NotALifetime, TokenError};
pub use self::record::{TokenRecord, TokenState, TokenStatus};
pub use self::store::TokenStore;
pub use self::uses::TokenUses;
