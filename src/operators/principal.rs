//! Who is signed in.

use std::net::IpAddr;

use jiff::Timestamp;

use super::{Permission, RoleGrant};
use crate::audit::Actor;

/// A person or a script that is signed in at the admin API.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Principal {
    /// The name in the audit log: the subject of the identity provider, or the label of an operator token.
    pub subject: String,
    /// How the principal signed in.
    pub kind: PrincipalKind,
    /// What the principal may do.
    pub grants: Vec<RoleGrant>,
}

/// How a principal signed in.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no other way in")]
pub enum PrincipalKind {
    /// A person, with a session in the browser.
    Session {
        /// When the person signed in last. A reveal needs a recent sign-in.
        signed_in_at: Timestamp,
    },
    /// A script, with an operator token.
    Token {
        /// The public id of the token.
        id: String,
    },
}

impl Principal {
    /// Whether a grant allows `permission` on what an organisation and one of its workspaces own.
    pub fn may(&self, permission: Permission, organisation: &str, workspace: &str) -> bool {
        let mut grants = self
            .grants
            .iter()
            .filter(|grant| grant.role.allows(permission));
        grants.any(|grant| grant.covers(organisation, workspace))
    }

    /// Whether a grant allows `permission` in every organisation.
    pub fn may_everywhere(&self, permission: Permission) -> bool {
        let mut grants = self
            .grants
            .iter()
            .filter(|grant| grant.role.allows(permission));
        grants.any(|grant| grant.organisation.is_none())
    }

    /// The actor for the audit log.
    pub fn actor(&self, address: IpAddr) -> Actor {
        Actor::Operator {
            subject: self.subject.clone(),
            surface: match self.kind {
                PrincipalKind::Session { .. } => "console",
                PrincipalKind::Token { .. } => "api",
            },
            address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_come_from_a_grant_that_covers_the_owner() {
        let principal = Principal {
            subject: "ana@acme.example".to_owned(),
            kind: PrincipalKind::Session {
                signed_in_at: Timestamp::UNIX_EPOCH,
            },
            grants: ["viewer@globex", "operator@acme/shop", "revealer@acme"]
                .map(|grant| grant.parse().unwrap())
                .into(),
        };
        for (permission, owner, allowed) in [
            (Permission::Read, ("globex", "ops"), true),
            (Permission::Change, ("globex", "ops"), false),
            (Permission::Change, ("acme", "shop"), true),
            (Permission::Change, ("acme", "ops"), false),
            (Permission::Reveal, ("acme", "ops"), true),
            (Permission::Reveal, ("globex", "ops"), false),
            (Permission::Read, ("initech", "ops"), false),
            (Permission::Administer, ("acme", "shop"), false),
        ] {
            let may = principal.may(permission, owner.0, owner.1);
            assert_eq!(may, allowed, "{permission:?} {owner:?}");
        }
        assert!(!principal.may_everywhere(Permission::Read));
    }
}
