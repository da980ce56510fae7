//! Roles, and where they apply.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::directory::Name;

/// What somebody may do. Each role also reads.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "the contract has these four roles")]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads endpoints, deliveries and the audit log. No secret.
    Viewer,
    /// Also changes endpoints, flows, tokens and secrets. It sees no secret value.
    Operator,
    /// Reads, and reveals secrets. It changes nothing.
    Revealer,
    /// Does what an operator does, and manages operator tokens and sessions. It sees no secret value.
    Admin,
}

/// One kind of action.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "each route needs exactly one of them"
)]
pub enum Permission {
    /// Read everything but secret values.
    Read,
    /// Change endpoints, flows, tokens and secrets.
    Change,
    /// See the value of a secret.
    Reveal,
    /// Manage operator tokens and sessions.
    Administer,
}

/// A role and the part of the store that it applies to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RoleGrant {
    /// The role.
    pub role: Role,
    /// The organisation; `None` means every organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Name>,
    /// A workspace of the organisation; `None` means all of its workspaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Name>,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Revealer, Self::Admin];

    /// The word in configuration, arguments and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Revealer => "revealer",
            Self::Admin => "admin",
        }
    }

    /// Whether the role includes a permission.
    pub const fn allows(self, permission: Permission) -> bool {
        match permission {
            Permission::Read => true,
            Permission::Change => matches!(self, Self::Operator | Self::Admin),
            Permission::Reveal => matches!(self, Self::Revealer),
            Permission::Administer => matches!(self, Self::Admin),
        }
    }
}

impl FromStr for Role {
    type Err = ParseRoleError;

    fn from_str(text: &str) -> Result<Self, ParseRoleError> {
        let found = Self::ALL.into_iter().find(|role| role.word() == text);
        found.ok_or_else(|| ParseRoleError(text.chars().take(MAX_QUOTED_CHARS).collect()))
    }
}

impl RoleGrant {
    /// Whether the grant applies to what an organisation and one of its workspaces own.
    pub fn covers(&self, organisation: &str, workspace: &str) -> bool {
        let is = |granted: &Option<Name>, name: &str| {
            granted
                .as_ref()
                .is_none_or(|granted| granted.as_str() == name)
        };
        is(&self.organisation, organisation) && is(&self.workspace, workspace)
    }

    /// Whether the place of the grant includes the place of `other`. The roles do not matter.
    pub fn includes(&self, other: &Self) -> bool {
        let is = |own: &Option<Name>, other: &Option<Name>| own.is_none() || own == other;
        is(&self.organisation, &other.organisation) && is(&self.workspace, &other.workspace)
    }
}

/// Role grants are written `role`, `role@organisation` or `role@organisation/workspace`.
impl FromStr for RoleGrant {
    type Err = ParseRoleError;

    fn from_str(text: &str) -> Result<Self, ParseRoleError> {
        let refused = || ParseRoleError(text.chars().take(MAX_QUOTED_CHARS).collect());
        let (role, place) = match text.split_once('@') {
            None => (text, None),
            Some((role, place)) => (role, Some(place)),
        };
        let (organisation, workspace) = match place.map(|place| place.split_once('/')) {
            None => (None, None),
            Some(None) => (place, None),
            Some(Some((organisation, workspace))) => (Some(organisation), Some(workspace)),
        };
        let name = |text: Option<&str>| text.map(str::parse::<Name>).transpose();
        Ok(Self {
            role: role.parse().map_err(|_| refused())?,
            organisation: name(organisation).map_err(|_| refused())?,
            workspace: name(workspace).map_err(|_| refused())?,
        })
    }
}

impl std::fmt::Display for RoleGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.role.word())?;
        if let Some(organisation) = &self.organisation {
            write!(f, "@{organisation}")?;
            if let Some(workspace) = &self.workspace {
                write!(f, "/{workspace}")?;
            }
        }
        Ok(())
    }
}

/// Text that names no role or no valid place.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is not a role: write `viewer`, `operator`, `revealer` or `admin`, followed by `@organisation` or \
     `@organisation/workspace` to limit it"
)]
pub struct ParseRoleError(String);

const MAX_QUOTED_CHARS: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_allows_exactly_its_permissions() {
        use Permission::{Administer, Change, Read, Reveal};
        for (role, allowed) in [
            (Role::Viewer, &[Read][..]),
            (Role::Operator, &[Read, Change]),
            (Role::Revealer, &[Read, Reveal]),
            (Role::Admin, &[Read, Change, Administer]),
        ] {
            for permission in [Read, Change, Reveal, Administer] {
                let expected = allowed.contains(&permission);
                assert_eq!(role.allows(permission), expected, "{role:?} {permission:?}");
            }
        }
    }

    #[test]
    fn a_grant_covers_its_organisation_and_its_workspace_only() {
        for (grant, owner, covered) in [
            ("viewer", ("acme", "shop"), true),
            ("viewer@acme", ("acme", "shop"), true),
            ("viewer@acme", ("globex", "shop"), false),
            ("viewer@acme/shop", ("acme", "shop"), true),
            ("viewer@acme/shop", ("acme", "ops"), false),
            ("viewer@acme/shop", ("globex", "shop"), false),
        ] {
            let parsed: RoleGrant = grant.parse().unwrap();
            assert_eq!(
                parsed.covers(owner.0, owner.1),
                covered,
                "{grant} {owner:?}"
            );
            assert_eq!(parsed.to_string(), grant);
        }
    }

    #[test]
    fn text_that_is_no_grant_is_refused() {
        for text in [
            "",
            "root",
            "viewer@",
            "viewer@acme/",
            "viewer@/shop",
            "@acme",
            "Viewer",
            "viewer@a b",
        ] {
            assert!(text.parse::<RoleGrant>().is_err(), "{text}");
        }
    }
}
