//! Operators: who uses the admin API, and what they may do there.
//!
//! ```text
//! Role         what a person or a script may do
//! RoleGrant    a role in one organisation, in one of its workspaces, or everywhere
//! Principal    who is signed in, with the grants of the session or the operator token
//! ```
//!
//! Everything is denied unless a grant allows it.

mod principal;
mod role;

pub use self::principal::{Principal, PrincipalKind};
pub use self::role::{ParseRoleError, Permission, Role, RoleGrant};
