//! Operators: who uses the admin API, and what they may do there.
//!
//! ```text
//! Role              what a person or a script may do
//! RoleGrant         a role in one organisation, in one of its workspaces, or everywhere
//! Principal         who is signed in, with the grants of the session or the operator token
//! OperatorToken     the credential of a script
//! LoginLink         signs a person in once, and starts a session
//! Session           a person in a browser; CsrfToken: the proof that a request comes from its page
//! SignInAttempts    the pauses after failed sign-ins; RefusalQuota: how many refusals are audited
//! IdempotencyKey    a repeated request gets the first answer
//! OperatorStore     the interface of a store of all these, which `store` implements
//! ```
//!
//! Everything is denied unless a grant allows it. The store holds hashes of tokens, links and sessions only.

pub mod attempts;
mod idempotency;
mod principal;
mod role;
mod session;
mod store;
mod token;

pub use self::idempotency::{
    IdempotencyKey, IdempotencyState, ParseIdempotencyKeyError, RequestDigest, StoredAnswer,
};
pub use self::principal::{Principal, PrincipalKind};
pub use self::role::{ParseRoleError, Permission, Role, RoleGrant};
pub use self::session::{CsrfToken, LoginLink, Session, SignOut, is_new_use};
pub use self::store::{MAX_IDEMPOTENCY_KEYS, OperatorStore};
pub use self::token::OperatorToken;
