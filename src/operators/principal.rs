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

    /// Whether an admin grant covers the place of `grant`: who may list and revoke operator tokens that hold it.
    pub fn administers(&self, grant: &RoleGrant) -> bool {
        self.holds(Permission::Administer, grant)
    }

    /// Whether the principal may give `grant` to somebody. Nobody gives away the sight of secrets without having it.
    pub fn may_grant(&self, grant: &RoleGrant) -> bool {
        let reveals = grant.role.allows(Permission::Reveal);
        self.administers(grant) && (!reveals || self.holds(Permission::Reveal, grant))
    }

    fn holds(&self, permission: Permission, of: &RoleGrant) -> bool {
        let mut grants = self
            .grants
            .iter()
            .filter(|grant| grant.role.allows(permission));
        grants.any(|grant| grant.includes(of))
    }

    /// The name of the principal among all principals, for its idempotency keys.
    pub fn key(&self) -> String {
        match &self.kind {
            PrincipalKind::Session { .. } => format!("session:{}", self.subject),
            PrincipalKind::Token { id } => format!("token:{id}"),
        }
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

    #[test]
    fn nobody_grants_more_than_an_admin_grant_covers_nor_the_sight_of_secrets_without_it() {
        let of = |grants: &[&str]| Principal {
            subject: "ana".to_owned(),
            kind: PrincipalKind::Token { id: String::new() },
            grants: grants.iter().map(|it| it.parse().unwrap()).collect(),
        };
        for (grants, grant, administers, may_grant) in [
            (&["admin"][..], "admin", true, true),
            (&["admin"], "operator@acme/shop", true, true),
            (&["admin"], "revealer@acme", true, false),
            (&["admin", "revealer"], "revealer", true, true),
            (
                &["admin", "revealer@acme"],
                "revealer@acme/shop",
                true,
                true,
            ),
            (&["admin", "revealer@acme"], "revealer", true, false),
            (&["admin@acme"], "viewer@acme", true, true),
            (&["admin@acme"], "viewer@acme/shop", true, true),
            (&["admin@acme"], "viewer", false, false),
            (&["admin@acme"], "viewer@globex", false, false),
            (&["admin@acme/shop"], "viewer@acme/shop", true, true),
            (&["admin@acme/shop"], "viewer@acme", false, false),
            (&["operator", "revealer"], "viewer@acme", false, false),
        ] {
            let (principal, grant) = (of(grants), grant.parse().unwrap());
            assert_eq!(principal.administers(&grant), administers, "{grants:?}");
            assert_eq!(principal.may_grant(&grant), may_grant, "{grants:?} {grant}");
        }
    }
}
