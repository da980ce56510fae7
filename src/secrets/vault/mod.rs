//! What people do with secrets. Everything here is audited; nothing here is on a delivery's way.

mod moving;
mod reveal;
mod status;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use self::moving::{Moved, Moving};
pub use self::reveal::Revealed;
pub use self::status::{VersionStanding, VersionStatus};
use super::{
    EncryptionContext, Installation, KeyService, KeyServiceError, Secret, SecretRef, SecretStore,
    StoreError, ValueHistory, Window,
};
use crate::audit::{Action, Actor, AuditEntry};
use crate::auth::{KeyKind, proves_nothing, spell_same_key};
use crate::clock::Clock;

/// Creates, sets, rotates and reveals secrets.
pub struct Vault {
    store: Arc<dyn SecretStore>,
    service: Arc<dyn KeyService>,
    clock: Arc<dyn Clock>,
    kind: Option<KeyKind>,
}

impl Vault {
    /// A vault over a store and a key service.
    pub fn new(
        store: Arc<dyn SecretStore>,
        service: Arc<dyn KeyService>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            service,
            clock,
            kind: None,
        }
    }

    /// The same, for secrets that are bound as keys of `kind` before an endpoint uses them.
    #[must_use]
    pub fn binding_as(self, kind: Option<KeyKind>) -> Self {
        Self { kind, ..self }
    }

    /// Whether `secret` has a version that counts.
    pub async fn is_bound(&self, secret: &SecretRef) -> Result<bool, VaultError> {
        let versions = self.store.versions(secret).await?;
        Ok(versions.iter().any(|version| version.ends_at.is_none()))
    }

    /// The first version of `secret`, generated and sealed, for whoever stores it together with what
    /// needs it. A secret that is bound already is left as it is, and there is none.
    pub async fn first_version(
        &self,
        secret: &SecretRef,
        actor: &Actor,
    ) -> Result<Option<Installation>, VaultError> {
        if self.is_bound(secret).await? {
            return Ok(None);
        }
        let overlap = SignedDuration::ZERO;
        self.seal_generated(secret, overlap, Action::SecretCreated, actor)
            .await
            .map(Some)
    }

    /// Replaces `secret` by a generated value and gives its number.
    ///
    /// The old value stays valid for `overlap`: not at all, if that is zero.
    pub async fn rotate(
        &self,
        secret: &SecretRef,
        overlap: SignedDuration,
        actor: &Actor,
    ) -> Result<u32, VaultError> {
        // One that was retired whole begins anew; one that never was has nothing to follow.
        if self.store.versions(secret).await?.is_empty() {
            return Err(VaultError::Unbound(secret.clone()));
        }
        let new = self.seal_generated(secret, overlap, Action::SecretRotated, actor);
        self.install(new.await?).await
    }

    /// Gives `secret` a generated value, whether it had one or not, and gives the number of the version.
    pub async fn generate(
        &self,
        secret: &SecretRef,
        overlap: SignedDuration,
        actor: &Actor,
    ) -> Result<u32, VaultError> {
        let action = if self.is_bound(secret).await? {
            Action::SecretRotated
        } else {
            Action::SecretCreated
        };
        let new = self.seal_generated(secret, overlap, action, actor);
        self.install(new.await?).await
    }

    /// Sets `secret` to a value that its provider issued, and gives the number of the version.
    pub async fn set(
        &self,
        secret: &SecretRef,
        value: &Secret,
        overlap: SignedDuration,
        actor: &Actor,
    ) -> Result<u32, VaultError> {
        if proves_nothing(value.expose()) {
            return Err(VaultError::Empty);
        }
        let history = self.history(secret, value).await?;
        let sealed = self.seal(secret, value, overlap, Action::SecretSet, actor);
        let new = Installation {
            history,
            ..sealed.await?
        };
        self.install(new).await
    }

    /// Binds `secret` to a value that came in `window`, and gives the number of the version.
    ///
    /// One that is bound already stays as it is, whoever else tries at the same time.
    pub async fn bind(
        &self,
        secret: &SecretRef,
        value: &Secret,
        window: &Window,
        actor: &Actor,
    ) -> Result<u32, VaultError> {
        if proves_nothing(value.expose()) {
            return Err(VaultError::Empty);
        }
        let history = self.history(secret, value).await?;
        let overlap = SignedDuration::ZERO;
        let sealed = self.seal(secret, value, overlap, Action::SecretBound, actor);
        let new = Installation {
            history,
            ..sealed.await?
        };
        let version = new.version;
        match self.store.install_first(new, window).await {
            Err(StoreError::Conflict(_)) => Err(VaultError::Bound(secret.clone())),
            installed => installed.map(|()| version).map_err(VaultError::from),
        }
    }

    async fn install(&self, installation: Installation) -> Result<u32, VaultError> {
        let version = installation.version;
        self.store.install(installation).await?;
        Ok(version)
    }

    async fn seal_generated(
        &self,
        secret: &SecretRef,
        overlap: SignedDuration,
        action: Action,
        actor: &Actor,
    ) -> Result<Installation, VaultError> {
        let value = Secret::generate().map_err(|_| KeyServiceError::Randomness)?;
        let sealed = self.seal(secret, &value, overlap, action, actor).await?;
        Ok(Installation {
            generated: true,
            ..sealed
        })
    }

    async fn seal(
        &self,
        secret: &SecretRef,
        value: &Secret,
        overlap: SignedDuration,
        action: Action,
        actor: &Actor,
    ) -> Result<Installation, VaultError> {
        let newest = self.store.versions(secret).await?;
        let version = newest.first().map_or(0, |newest| newest.version) + 1;
        let sealed = self
            .service
            .encrypt(value, &EncryptionContext::new(secret, version))
            .await?;
        let now = self.clock.now();
        Ok(Installation {
            secret: secret.clone(),
            version,
            created_at: now,
            previous_ends_at: now.checked_add(overlap).unwrap_or(Timestamp::MAX),
            kind: self.kind,
            generated: false,
            history: ValueHistory::default(),
            sealed,
            audit: self.entry(secret, action, version, actor),
        })
    }

    /// What the versions of `secret` with this value were used for.
    ///
    /// A value keeps its history when it is set again, in any spelling: codes that were given away still verify, and a
    /// public key is no shared secret. A version that does not decrypt may have the same value.
    async fn history(
        &self,
        secret: &SecretRef,
        value: &Secret,
    ) -> Result<ValueHistory, VaultError> {
        let needed = self.kind.unwrap_or(KeyKind::Shared);
        let mut history = ValueHistory::default();
        for earlier in self.store.versions(secret).await? {
            let known_as = earlier
                .kind
                .filter(|known| needed.or_better_known(*known) != needed);
            if known_as.is_none() && earlier.challenges.is_empty() {
                continue;
            }
            let context = EncryptionContext::new(secret, earlier.version);
            let is_same = match self.service.decrypt(&earlier.sealed, &context).await {
                Ok(known) => spell_same_key(known.expose(), value.expose()),
                Err(error) if error.is_refusal() => true,
                Err(error) => return Err(error.into()),
            };
            if is_same {
                let kinds = history.known_as.into_iter().chain(known_as);
                history.known_as = kinds.reduce(KeyKind::or_better_known);
                history.challenges.extend(earlier.challenges);
            }
        }
        Ok(history)
    }

    fn entry(&self, secret: &SecretRef, action: Action, version: u32, actor: &Actor) -> AuditEntry {
        AuditEntry {
            at: self.clock.now(),
            actor: actor.clone(),
            action,
            subject: secret.to_string(),
            detail: format!("version {version}"),
        }
    }
}

/// Something that could not be done with a secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The secret has a value, which has to stay, or no window is open.
    #[error("{0} is bound already, or may not be bound any more")]
    Bound(SecretRef),

    /// A part of the work broke off.
    #[error("a part of the work broke off: {0}")]
    Died(String),

    /// An empty value was given.
    #[error("a secret that is empty, or of zero bytes only, proves nothing and is never accepted")]
    Empty,

    /// The key service failed.
    #[error(transparent)]
    Service(#[from] KeyServiceError),

    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// There is no such secret.
    #[error("no secret is bound to {0}")]
    Unbound(SecretRef),
}
