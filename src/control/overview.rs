//! What operators may list: endpoints with the state of their secrets, the audit log, and who owns a secret.

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Binding, Control, ControlError};
use crate::audit::AuditLine;
use crate::directory::{Definition, Name, Target};
use crate::flow::FlowTarget;
use crate::operators::{Permission, Principal};
use crate::secrets::SecretRef;
use crate::store::{
    AuditFilter, CurrentVersion, EndpointPage, EndpointQuery, EndpointRow, OwnerScope, StateFilter,
};

/// Which endpoints to list, of those that the principal may read.
#[derive(Clone, Debug, Default)]
pub struct EndpointFilter {
    /// Only endpoints of this organisation.
    pub organisation: Option<String>,
    /// Only endpoints of this workspace.
    pub workspace: Option<String>,
    /// Only endpoints of this run-time.
    pub target: Option<Target>,
    /// Only endpoints in this state.
    pub state: Option<StateFilter>,
    /// Only endpoints whose id, alias or public URL contains this text.
    pub search: Option<String>,
    /// Only endpoints after this id.
    pub after: Option<String>,
    /// The most endpoints of the page.
    pub limit: u32,
}

/// The state of an endpoint's secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum SecretState {
    /// The endpoint has no `auth`, so every delivery is refused.
    AuthMissing,
    /// A provider challenge may set the secret until a time.
    ChallengeOpen,
    /// Only the provider can issue the secret, and it is not bound.
    NeedsProviderSecret,
    /// The mode needs no secret.
    NotNeeded,
    /// The previous version is valid until a time, beside the current one.
    Overlap,
    /// The secret is bound.
    Ready,
    /// The secret is not bound, so every delivery is refused.
    Unbound,
    /// The secret is bound as another kind of key, so every delivery is refused.
    Unusable,
}

/// The owner of a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a secret belongs to somebody, or to nobody"
)]
pub enum SecretOwner {
    /// An endpoint or a flow of this organisation and workspace.
    Known(Name, Name),
    /// The scope of the secret is neither an endpoint nor a flow.
    Nobody,
}

impl EndpointRow {
    /// The state of the secret at `now`, and until when it lasts, if that is known.
    pub fn secret_state(&self, now: Timestamp) -> (SecretState, Option<Timestamp>) {
        let definition = &self.definition;
        if definition.auth.is_none() {
            return (SecretState::AuthMissing, None);
        }
        if definition.secret().is_none() {
            return (SecretState::NotNeeded, None);
        }
        let Some(CurrentVersion { kind, .. }) = self.current else {
            let window = definition.handshake_expected_until;
            return match window.filter(|until| now < *until) {
                Some(until) => (SecretState::ChallengeOpen, Some(until)),
                None if definition.can_generate_secret() => (SecretState::Unbound, None),
                None => (SecretState::NeedsProviderSecret, None),
            };
        };
        match (kind, Binding::needed_kind(definition)) {
            (Some(kind), Some(needed)) if kind != needed => (SecretState::Unusable, None),
            _ => match self.previous_ends_at {
                Some(until) => (SecretState::Overlap, Some(until)),
                None => (SecretState::Ready, None),
            },
        }
    }

    /// A strong digest of everything that a change of the endpoint depends on: its definition, its creation and the
    /// current version of its secret.
    pub fn digest(&self) -> Result<String, ControlError> {
        let definition = serde_json::to_vec(&self.definition)
            .map_err(|error| ControlError::Internal(error.to_string()))?;
        let version = self.current.map_or(0, |current| current.number);
        let digest = Sha256::new()
            .chain_update(self.generation.to_be_bytes())
            .chain_update(version.to_be_bytes())
            .chain_update(definition)
            .finalize();
        Ok(hex::encode(digest))
    }
}

impl Control {
    /// One page of the endpoints that the principal may read.
    pub async fn endpoint_page(
        &self,
        principal: &Principal,
        filter: EndpointFilter,
    ) -> Result<EndpointPage, ControlError> {
        let scopes = readable(principal, &filter);
        let query = EndpointQuery {
            scopes,
            target: filter.target,
            search: filter.search.map(|text| self.search_text(&text)),
            state: filter.state,
            after: filter.after,
            limit: filter.limit,
            now: self.clock.now(),
        };
        Ok(self.store.endpoint_page(&query).await?)
    }

    /// One endpoint with the state of its secret; `None` if it does not exist.
    pub async fn endpoint_row(&self, id: &str) -> Result<Option<EndpointRow>, ControlError> {
        Ok(self.store.endpoint_row(id, self.clock.now()).await?)
    }

    /// Up to `limit` lines of the audit log, the newest first.
    pub async fn audit_page(
        &self,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditLine>, ControlError> {
        Ok(self.store.audit_page(filter, limit).await?)
    }

    /// The endpoints that use a secret.
    pub async fn secret_users(&self, secret: &SecretRef) -> Result<Vec<Definition>, ControlError> {
        self.users_of(secret).await
    }

    /// The owner of the scope of a secret.
    pub async fn secret_owner(&self, secret: &SecretRef) -> Result<SecretOwner, ControlError> {
        if let Ok((flow, _)) = FlowTarget::of_scope(secret.scope())
            && let Some(flow) = self.find_flow(&flow).await?
        {
            return Ok(SecretOwner::Known(flow.organisation, flow.workspace));
        }
        let owner = self.store.endpoint(secret.scope()).await?;
        Ok(owner.map_or(SecretOwner::Nobody, |owner| {
            SecretOwner::Known(owner.organisation, owner.workspace)
        }))
    }

    /// Whether the principal may change every endpoint that uses a secret, and the owner of the secret.
    pub async fn may_change_secret(
        &self,
        principal: &Principal,
        secret: &SecretRef,
    ) -> Result<bool, ControlError> {
        let may = |organisation: &Name, workspace: &Name| {
            principal.may(
                Permission::Change,
                organisation.as_str(),
                workspace.as_str(),
            )
        };
        let users = self.users_of(secret).await?;
        if !users.iter().all(|it| may(&it.organisation, &it.workspace)) {
            return Ok(false);
        }
        Ok(match self.secret_owner(secret).await? {
            SecretOwner::Known(organisation, workspace) => may(&organisation, &workspace),
            // A secret without an owner may be left over from somebody else.
            SecretOwner::Nobody => {
                principal.may_everywhere(Permission::Change)
                    || self.store.versions(secret).await?.is_empty()
            }
        })
    }

    /// The text to search for: the id of the endpoint if `text` is a public URL or path, or else the text itself.
    fn search_text(&self, text: &str) -> String {
        let text = text.trim();
        let path = text.strip_prefix(&self.server.public_url).unwrap_or(text);
        let route = self.server.routes.resolve(path);
        route.map_or_else(|| path.to_owned(), |route| route.id.to_string())
    }
}

/// The owners whose endpoints the principal may read, within the filter.
fn readable(principal: &Principal, filter: &EndpointFilter) -> Vec<OwnerScope> {
    let within = |granted: Option<&Name>, wanted: Option<&String>| match (granted, wanted) {
        (Some(granted), Some(wanted)) if granted.as_str() != wanted => Err(()),
        (Some(granted), _) => Ok(Some(granted.to_string())),
        (None, wanted) => Ok(wanted.cloned()),
    };
    let mut scopes: Vec<OwnerScope> = Vec::new();
    for grant in principal
        .grants
        .iter()
        .filter(|grant| grant.role.allows(Permission::Read))
    {
        let organisation = within(grant.organisation.as_ref(), filter.organisation.as_ref());
        let workspace = within(grant.workspace.as_ref(), filter.workspace.as_ref());
        if let (Ok(organisation), Ok(workspace)) = (organisation, workspace) {
            let scope = OwnerScope {
                organisation,
                workspace,
            };
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::PrincipalKind;

    fn scopes(grants: &[&str], organisation: Option<&str>, workspace: Option<&str>) -> Vec<String> {
        let principal = Principal {
            subject: "ana".to_owned(),
            kind: PrincipalKind::Token { id: "1".to_owned() },
            grants: grants.iter().map(|grant| grant.parse().unwrap()).collect(),
        };
        let filter = EndpointFilter {
            organisation: organisation.map(str::to_owned),
            workspace: workspace.map(str::to_owned),
            ..EndpointFilter::default()
        };
        let all = readable(&principal, &filter).into_iter();
        all.map(|scope| {
            let text = |part: Option<String>| part.unwrap_or_else(|| "*".to_owned());
            format!("{}/{}", text(scope.organisation), text(scope.workspace))
        })
        .collect()
    }

    #[test]
    fn a_filter_narrows_the_grants_and_never_widens_them() {
        let all = &["viewer@acme", "operator@globex/ops", "revealer@acme"][..];
        assert_eq!(scopes(all, None, None), ["acme/*", "globex/ops"]);
        assert_eq!(scopes(all, Some("acme"), None), ["acme/*"]);
        assert_eq!(scopes(all, Some("acme"), Some("shop")), ["acme/shop"]);
        assert_eq!(scopes(all, Some("globex"), Some("shop")), [""; 0]);
        assert_eq!(scopes(all, Some("initech"), None), [""; 0]);
        assert_eq!(scopes(&["admin"], None, None), ["*/*"]);
        assert_eq!(scopes(&["admin"], Some("acme"), None), ["acme/*"]);
        assert_eq!(scopes(&[], None, None), [""; 0]);
    }
}
