//! The workspace token for a delivery to a draft: a given token, or a temporary one.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::auth::{TokenId, TokenKind};
use crate::directory::{Definition, DraftAuth};
use crate::tokens::RandomToken;

/// The source of the token. It is never an argument, because every user of the machine sees arguments.
#[derive(Args, Debug)]
pub(super) struct TokenSource {
    /// A file with a workspace token, for a draft. Default: the variable `PORTCULLIS_TOKEN`, or else a temporary token
    /// that is revoked afterwards and expires within an hour.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// A workspace token for a delivery.
pub(super) struct DraftToken {
    text: Zeroizing<String>,
    /// The id of a temporary token, which is revoked after the delivery.
    temporary: Option<TokenId>,
}

impl TokenSource {
    /// The token for deliveries to an endpoint, if it requires one. `duration` is the longest time that they take.
    /// [`DraftToken::revoke`] ends a temporary token.
    pub(super) async fn token_for(
        &self,
        session: &Session,
        definition: &Definition,
        duration: Duration,
    ) -> Result<Option<DraftToken>, Failure> {
        if session.control.draft_auth(definition) == DraftAuth::Interface {
            return Ok(None);
        }
        if let Some(text) = self.given()? {
            return Ok(Some(DraftToken {
                text,
                temporary: None,
            }));
        }
        let control = &session.control;
        let issued = control.create_delivery_token(&session.actor, definition, duration);
        let issued = issued.await?;
        Ok(Some(DraftToken {
            text: issued.text,
            temporary: Some(issued.record.id),
        }))
    }

    fn given(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        let text = match &self.token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path).map(Zeroizing::new);
                let wrong = |error| Failure::Other(format!("{}: {error}", path.display()));
                text.map_err(wrong)?
            }
            None => match std::env::var(VARIABLE).map(Zeroizing::new) {
                Ok(text) if !text.is_empty() => text,
                _ => return Ok(None),
            },
        };
        Ok(Some(Zeroizing::new(text.trim().to_owned())))
    }
}

impl DraftToken {
    /// A well-formed token that no store has.
    pub(super) fn random() -> Result<Self, Failure> {
        let token = RandomToken::draw(TokenKind::Workspace);
        let token = token.map_err(|error| Failure::Other(error.to_string()))?;
        Ok(Self {
            text: token.text,
            temporary: None,
        })
    }

    /// The value of the `Authorization` header.
    pub(super) fn authorization(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("Bearer {}", *self.text))
    }

    /// Whether the token is temporary.
    pub(super) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// Revokes a temporary token.
    pub(super) async fn revoke(self, session: &Session) {
        let Some(id) = self.temporary else { return };
        if let Err(error) = session.control.revoke_token(&session.actor, &id).await {
            // It expires soon.
            output::note(&format!(
                "token {id}: cannot be revoked: {error}. It expires within an hour"
            ));
        }
    }
}

/// The variable that `send`, `endpoint test` and the commands of `sign` read the token from.
pub(super) const VARIABLE: &str = "PORTCULLIS_TOKEN";
