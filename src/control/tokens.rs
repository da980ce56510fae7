//! Operations on workspace tokens: create, list and revoke.

use std::time::Duration;

use super::{Control, ControlError};
use crate::audit::Actor;
use crate::auth::TokenId;
use crate::directory::{Definition, Name};
use crate::tokens::{IssuedToken, Lifetime, NewToken, TokenStatus};

/// The parameters of a new token.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// The workspace whose drafts accept the token.
    pub workspace: Name,
    /// The organisation of the workspace. Default: the only organisation that owns endpoints of the workspace.
    pub organisation: Option<Name>,
    /// A label for lists.
    pub label: String,
    /// The time until the token expires.
    pub lifetime: Lifetime,
}

impl Control {
    /// Creates a token. Its text is returned once and never stored.
    pub async fn create_token(
        &self,
        actor: &Actor,
        request: TokenRequest,
    ) -> Result<IssuedToken, ControlError> {
        let organisation = match request.organisation {
            Some(organisation) => organisation.to_string(),
            None => self.only_organisation(request.workspace.clone()).await?,
        };
        let new = NewToken {
            organisation,
            workspace: request.workspace.to_string(),
            label: request.label,
            lifetime: request.lifetime,
        };
        Ok(self.issuer().create(new, actor).await?)
    }

    /// Creates a temporary token for deliveries to a draft that take at most `work`.
    pub async fn create_delivery_token(
        &self,
        actor: &Actor,
        definition: &Definition,
        work: Duration,
    ) -> Result<IssuedToken, ControlError> {
        let label = format!("for one delivery to {}", definition.id);
        let new = NewToken {
            organisation: definition.organisation.to_string(),
            workspace: definition.workspace.to_string(),
            label: label.chars().take(NewToken::MAX_LABEL_CHARS).collect(),
            lifetime: Lifetime::for_single_use(work),
        };
        Ok(self.issuer().create(new, actor).await?)
    }

    /// Validates the label of a token.
    pub fn check_token_label(label: &str) -> Result<(), ControlError> {
        NewToken::check_label(label).map_err(|error| ControlError::Token(error.into()))
    }

    /// All tokens, or those of one workspace.
    pub async fn tokens(&self, workspace: Option<&Name>) -> Result<Vec<TokenStatus>, ControlError> {
        Ok(self.issuer().list(workspace.map(Name::as_str)).await?)
    }

    /// Revokes a token. Returns false if it had already ended.
    pub async fn revoke_token(&self, actor: &Actor, id: &TokenId) -> Result<bool, ControlError> {
        Ok(self.issuer().revoke(id, actor).await?)
    }

    /// The organisation that owns the endpoints of a workspace, if there is exactly one.
    async fn only_organisation(&self, workspace: Name) -> Result<String, ControlError> {
        let found = self.store.organisations_of(workspace.as_str(), MAX_NAMED);
        let mut organisations = found.await?;
        match organisations.len() {
            0 => Err(ControlError::OrganisationUnknown(workspace)),
            1 => Ok(organisations.remove(0)),
            _ => Err(ControlError::OrganisationAmbiguous {
                workspace,
                organisations,
            }),
        }
    }
}

const MAX_NAMED: u32 = 5;
