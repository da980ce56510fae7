//! The token that a draft asks of its senders: a given one, or one that is made for this once.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::auth::{TokenId, WorkspaceToken};
use crate::directory::{Definition, DraftAuth};

/// Where the token comes from. It is no argument: every user of the machine sees those.
#[derive(Args, Debug)]
pub(super) struct TokenSource {
    /// The file with a token of the workspace, for a draft; without it the variable `PORTCULLIS_TOKEN` counts, and
    /// without that one a token is made that lasts as long as it may take, an hour at most, and revoked afterwards.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// A token in hand.
pub(super) struct DraftToken {
    text: Zeroizing<String>,
    /// What has to be revoked when it has done its work.
    own: Option<TokenId>,
}

impl TokenSource {
    /// The token for deliveries to an endpoint, if it asks for one. `work` is how long they may take;
    /// [`DraftToken::give_back`] ends it.
    pub(super) async fn token_for(
        &self,
        session: &Session,
        definition: &Definition,
        work: Duration,
    ) -> Result<Option<DraftToken>, Failure> {
        if session.control.draft_auth(definition) == DraftAuth::Interface {
            return Ok(None);
        }
        if let Some(text) = self.given()? {
            return Ok(Some(DraftToken { text, own: None }));
        }
        let control = &session.control;
        let issued = control.create_delivery_token(&session.actor, definition, work);
        let issued = issued.await?;
        Ok(Some(DraftToken {
            text: issued.text,
            own: Some(issued.record.id),
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
    /// One that nobody has made.
    pub(super) fn of_nobody() -> Result<Self, Failure> {
        let mut bytes = [0; 40];
        getrandom::fill(&mut bytes).map_err(|error| Failure::Other(error.to_string()))?;
        let (id, secret) = bytes.split_at(8);
        let id = id.try_into().map(TokenId::new);
        let (Ok(id), Ok(secret)) = (id, secret.try_into()) else {
            return Err(Failure::Other("8 and 32 bytes are 40".to_owned()));
        };
        let (text, _) = WorkspaceToken::write(id, secret);
        Ok(Self { text, own: None })
    }

    /// The value of `Authorization`.
    pub(super) fn authorization(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("Bearer {}", *self.text))
    }

    /// Whether it was made for this once.
    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Ends it, if it was made for this once.
    pub(super) async fn give_back(self, session: &Session) {
        let Some(id) = self.own else { return };
        if let Err(error) = session.control.revoke_token(&session.actor, &id).await {
            // It ends by itself soon.
            output::note(&format!("token {id} could not be revoked: {error}"));
        }
    }
}

/// Where `send`, `endpoint test` and the commands that `sign` prints find a token.
pub(super) const VARIABLE: &str = "PORTCULLIS_TOKEN";
