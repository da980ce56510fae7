//! What there is to know about the handshake of an endpoint: its token, and the secret that one brought.

use jiff::Timestamp;
use serde::Serialize;

use crate::audit::Action;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::directory::Definition;
use crate::handshake::Handshake;
use crate::secrets::SecretRef;

/// What there is to know about the handshake of an endpoint.
#[derive(Default, Serialize)]
pub(super) struct Shaken {
    #[serde(skip_serializing_if = "Option::is_none")]
    verify_token: Option<SecretRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verify_token_bound: Option<bool>,
    /// When a handshake has brought the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_from_handshake_at: Option<Timestamp>,
    #[serde(skip)]
    expected_until: Option<Timestamp>,
}

impl Shaken {
    pub(super) async fn of(session: &Session, definition: &Definition) -> Result<Self, Failure> {
        let custody = &session.custody;
        let verify_token = definition.verify_token();
        let verify_token_bound = match &verify_token {
            None => None,
            Some(token) => Some(custody.vault().is_bound(token).await?),
        };
        let handshake = definition.handshake.as_deref().and_then(Handshake::named);
        let brought = definition
            .secret()
            .filter(|_| handshake.is_some_and(Handshake::binds_secret));
        let bound = match brought {
            None => None,
            Some(secret) => brought_at(session, &secret).await?,
        };
        let now = custody.clock.now();
        Ok(Self {
            verify_token,
            verify_token_bound,
            secret_from_handshake_at: bound,
            expected_until: definition.handshake_expected_until.filter(|at| now < *at),
        })
    }

    pub(super) fn lines(&self, definition: &Definition) -> Vec<String> {
        let alarm = output::ALARM;
        let Some(name) = &definition.handshake else {
            return Vec::new();
        };
        let mut line = format!("handshake     {name}");
        if let Some(until) = self
            .expected_until
            .filter(|_| self.secret_from_handshake_at.is_none())
        {
            line.push_str(&format!(
                " {alarm}(may bring the secret until {until}){alarm:#}"
            ));
        }
        if let Some(at) = self.secret_from_handshake_at {
            line.push_str(&format!(" (brought a secret at {at})"));
        }
        let mut lines = vec![line];
        lines.extend(self.verify_token.as_ref().map(|token| {
            let bound = match self.verify_token_bound {
                Some(true) => "(bound)".to_owned(),
                _ => format!("{alarm}(not bound: no handshake is answered){alarm:#}"),
            };
            format!("verify token  {token} {bound}")
        }));
        lines
    }
}

/// When a handshake has brought the value that counts now, if one has.
async fn brought_at(session: &Session, secret: &SecretRef) -> Result<Option<Timestamp>, Failure> {
    let store = &session.custody.store;
    let versions = store.versions(secret).await?;
    let Some(current) = versions.iter().find(|version| version.ends_at.is_none()) else {
        return Ok(None);
    };
    let said = format!("version {}", current.version);
    let line = store.last(Action::SecretBound, &secret.to_string()).await?;
    Ok(line.filter(|line| line.detail == said).map(|line| line.at))
}
