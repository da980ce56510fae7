//! Revealing: a value is decrypted, and recorded before anybody sees it.

use jiff::Timestamp;

use super::{Vault, VaultError};
use crate::audit::{Action, Actor};
use crate::auth::KeyKind;
use crate::secrets::{EncryptionContext, Secret, SecretRef};

/// A secret that was asked for.
pub struct Revealed {
    /// The number of the version.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends or ended; `None` for the current one.
    pub ends_at: Option<Timestamp>,
    /// The kind of key that it was bound as.
    pub kind: Option<KeyKind>,
    /// The value.
    pub value: Secret,
}

impl Vault {
    /// Decrypts the current value. It is audited before it is shown.
    pub async fn reveal(&self, secret: &SecretRef, actor: &Actor) -> Result<Revealed, VaultError> {
        let current = self
            .store
            .versions(secret)
            .await?
            .into_iter()
            .find(|version| version.ends_at.is_none())
            .ok_or_else(|| VaultError::Unbound(secret.clone()))?;
        let context = EncryptionContext::new(secret, current.version);
        let value = self.service.decrypt(&current.sealed, &context).await?;
        self.store
            .record(self.entry(secret, Action::SecretRevealed, current.version, actor))
            .await?;
        Ok(Revealed {
            version: current.version,
            created_at: current.created_at,
            ends_at: None,
            kind: current.kind,
            value,
        })
    }

    /// Decrypts the newest versions, those that have ended too. Each is audited before it is given away.
    pub async fn reveal_all(
        &self,
        secret: &SecretRef,
        actor: &Actor,
    ) -> Result<Vec<Revealed>, VaultError> {
        let mut revealed = Vec::new();
        for version in self
            .store
            .versions(secret)
            .await?
            .into_iter()
            .take(MAX_REVEALED)
        {
            let context = EncryptionContext::new(secret, version.version);
            let value = self.service.decrypt(&version.sealed, &context).await?;
            self.store
                .record(self.entry(secret, Action::SecretRevealed, version.version, actor))
                .await?;
            revealed.push(Revealed {
                version: version.version,
                created_at: version.created_at,
                ends_at: version.ends_at,
                kind: version.kind,
                value,
            });
        }
        Ok(revealed)
    }
}

/// Older versions than that are nobody's secret any more.
const MAX_REVEALED: usize = 5;
