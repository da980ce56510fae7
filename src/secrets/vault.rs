//! The operations on secrets for operators. Every one is audited, and no delivery passes here.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;
use tokio::task::{JoinError, JoinSet};

use super::{
    CiphertextReplacement, EncryptedSecret, EncryptionContext, ExpectationWindow, KeyService,
    KeyServiceError, NewSecretVersion, Retirement, Secret, SecretRef, SecretStore, StoreError,
    StoredVersion, ValueHistory, VersionRef,
};
use crate::audit::{Action, Actor, AuditEntry};
use crate::auth::{KeyKind, encode_same_key, is_trivial_secret};
use crate::clock::Clock;

/// Creates, sets, rotates, moves and reveals secrets.
#[derive(Clone)]
pub struct Vault {
    store: Arc<dyn SecretStore>,
    service: Arc<dyn KeyService>,
    clock: Arc<dyn Clock>,
    kind: Option<KeyKind>,
    /// The newest version that a change replaces, if the caller has seen one.
    based_on: Option<u32>,
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
            based_on: None,
        }
    }

    /// The same vault for secrets that are bound as keys of `kind` before an endpoint uses them.
    #[must_use]
    pub fn binding_as(self, kind: Option<KeyKind>) -> Self {
        Self { kind, ..self }
    }

    /// The same vault for a change that is refused if `version` is no longer the newest version of the secret.
    #[must_use]
    pub fn based_on(self, version: Option<u32>) -> Self {
        Self {
            based_on: version,
            ..self
        }
    }

    /// True if `secret` has a current version.
    pub async fn is_bound(&self, secret: &SecretRef) -> Result<bool, VaultError> {
        let versions = self.store.versions(secret).await?;
        Ok(versions.iter().any(|version| version.ends_at.is_none()))
    }

    /// A generated first version of `secret`, to be stored together with the endpoint that needs it. `None` if the
    /// secret is already bound.
    pub async fn first_version(
        &self,
        secret: &SecretRef,
        actor: &Actor,
    ) -> Result<Option<NewSecretVersion>, VaultError> {
        if self.is_bound(secret).await? {
            return Ok(None);
        }
        let overlap = SignedDuration::ZERO;
        self.seal_generated(secret, overlap, Action::SecretCreated, actor)
            .await
            .map(Some)
    }

    /// Replaces `secret` by a generated value. Returns the number of the version.
    ///
    /// The old value stays valid for `overlap`.
    pub async fn rotate(
        &self,
        secret: &SecretRef,
        overlap: SignedDuration,
        actor: &Actor,
    ) -> Result<u32, VaultError> {
        // A retired secret can start anew. One that never existed cannot be rotated.
        if self.store.versions(secret).await?.is_empty() {
            return Err(VaultError::Unbound(secret.clone()));
        }
        let new = self.seal_generated(secret, overlap, Action::SecretRotated, actor);
        self.install(new.await?).await
    }

    /// Generates a value for `secret`, bound or not. Returns the number of the version.
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

    /// Sets `secret` to a value of its provider. Returns the number of the version.
    pub async fn set(
        &self,
        secret: &SecretRef,
        value: &Secret,
        overlap: SignedDuration,
        actor: &Actor,
    ) -> Result<u32, VaultError> {
        if is_trivial_secret(value.expose()) {
            return Err(VaultError::Empty);
        }
        let history = self.history(secret, value).await?;
        let sealed = self.seal(secret, value, overlap, Action::SecretSet, actor);
        let new = NewSecretVersion {
            history,
            ..sealed.await?
        };
        self.install(new).await
    }

    /// Binds `secret` to a value that arrived in `window`. Returns the number of the version.
    ///
    /// A bound secret stays as it is, even with concurrent attempts.
    pub async fn bind(
        &self,
        secret: &SecretRef,
        value: &Secret,
        window: &ExpectationWindow,
        actor: &Actor,
    ) -> Result<u32, VaultError> {
        if is_trivial_secret(value.expose()) {
            return Err(VaultError::Empty);
        }
        let history = self.history(secret, value).await?;
        let overlap = SignedDuration::ZERO;
        let sealed = self.seal(secret, value, overlap, Action::SecretBound, actor);
        let new = NewSecretVersion {
            history,
            ..sealed.await?
        };
        let version = new.version;
        match self.store.install_first(new, window).await {
            Err(StoreError::Conflict(_)) => Err(VaultError::Bound(secret.clone())),
            installed => installed.map(|()| version).map_err(VaultError::from),
        }
    }

    /// The versions of `secret`, the newest first.
    pub async fn status(&self, secret: &SecretRef) -> Result<Vec<VersionStatus>, VaultError> {
        let versions = self.store.versions(secret).await?;
        if versions.is_empty() {
            return Err(VaultError::Unbound(secret.clone()));
        }
        let uses = self.store.uses(secret).await?;
        let now = self.clock.now();
        let counting = StoredVersion::counting(&versions, now);
        let previous = counting.and_then(|(_, previous)| previous);
        let previous = previous.map(|(version, until)| (version.version, until));
        let status = |version: StoredVersion| {
            let state = match (version.ends_at, previous) {
                (None, _) => VersionState::Current,
                (_, Some((number, until))) if number == version.version => {
                    VersionState::Previous(until)
                }
                (Some(until), _) => VersionState::Retired(until.min(now)),
            };
            let counted = uses.iter().find(|it| it.version == version.version);
            VersionStatus {
                version: version.version,
                created_at: version.created_at,
                state,
                kind: version.kind,
                challenges: version.challenges,
                service: version.sealed.service,
                key_id: version.sealed.key_id,
                deliveries: counted.map_or(0, |it| it.deliveries),
                last_used_at: counted.map(|it| it.last_used_at),
            }
        };
        Ok(versions.into_iter().map(status).collect())
    }

    /// Retires versions of `secret` now. Returns how many.
    pub async fn retire(
        &self,
        secret: &SecretRef,
        ending: Retirement,
        actor: &Actor,
    ) -> Result<u64, VaultError> {
        let detail = match ending {
            Retirement::Everything => "every version",
            Retirement::Previous => "the previous version",
        };
        let audit = AuditEntry {
            at: self.clock.now(),
            actor: actor.clone(),
            action: Action::SecretRetired,
            subject: secret.to_string(),
            detail: detail.to_owned(),
        };
        Ok(self.store.end(secret, ending, audit.at, audit).await?)
    }

    /// Decrypts the current value. The audit entry is written before the value is returned.
    pub async fn reveal(
        &self,
        secret: &SecretRef,
        actor: &Actor,
    ) -> Result<DecryptedVersion, VaultError> {
        let versions = self.store.versions(secret).await?;
        let current = versions
            .into_iter()
            .find(|version| version.ends_at.is_none())
            .ok_or_else(|| VaultError::Unbound(secret.clone()))?;
        self.reveal_version(secret, current, actor).await
    }

    /// The current value, for a check that shows it to nobody; `None` without one.
    ///
    /// It leaves no line in the audit log: nobody learns the value.
    pub async fn current(&self, secret: &SecretRef) -> Result<Option<Secret>, VaultError> {
        let versions = self.store.versions(secret).await?;
        let Some(current) = versions.iter().find(|version| version.ends_at.is_none()) else {
            return Ok(None);
        };
        let context = EncryptionContext::new(secret, current.version);
        let value = self.service.decrypt(&current.sealed, &context).await?;
        Ok(Some(value))
    }

    /// Decrypts the newest versions, including retired ones. Each is audited before it is returned.
    pub async fn reveal_all(
        &self,
        secret: &SecretRef,
        actor: &Actor,
    ) -> Result<Vec<DecryptedVersion>, VaultError> {
        let mut revealed = Vec::new();
        let versions = self.store.versions(secret).await?;
        for version in versions.into_iter().take(MAX_REVEALED) {
            revealed.push(self.reveal_version(secret, version, actor).await?);
        }
        Ok(revealed)
    }

    /// Encrypts every version of every secret with the configured key, including retired ones, so that the old key is
    /// no longer needed. `progress` is called after every page.
    ///
    /// Each version is moved in its own transaction, which checks that the ciphertext is unchanged. Versions that
    /// were already moved are skipped, so an interrupted move can be repeated.
    pub async fn rewrap_all(
        &self,
        moving: RewrapOptions,
        actor: &Actor,
        mut progress: impl FnMut(&RewrapProgress),
    ) -> RewrapProgress {
        let mut moved = RewrapProgress::default();
        let mut tasks = JoinSet::new();
        let mut after = None;
        while moved.stopped.is_none() {
            let page = match self.store.sealed_after(after.as_ref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    moved.stopped = Some(error.into());
                    break;
                }
            };
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (of, sealed) in page {
                if moved.stopped.is_some() {
                    break;
                }
                match self.service.is_current(&sealed).await {
                    Ok(true) => moved.current += 1,
                    Ok(false) if moving.dry_run => moved.moved += 1,
                    Ok(false) => {
                        while tasks.len() >= CONCURRENT_MOVES {
                            moved.record(tasks.join_next().await);
                        }
                        let (vault, actor) = (self.clone(), actor.clone());
                        tasks.spawn(async move {
                            let done = vault.move_one(&of, sealed, &actor).await;
                            (of, done)
                        });
                    }
                    Err(error) => moved.stopped = Some(error.into()),
                }
            }
            progress(&moved);
        }
        while let Some(done) = tasks.join_next().await {
            moved.record(Some(done));
        }
        progress(&moved);
        moved
    }

    async fn install(&self, installation: NewSecretVersion) -> Result<u32, VaultError> {
        let version = installation.version;
        let secret = installation.secret.clone();
        match self.store.install(installation).await {
            // Another change has taken the number of this version.
            Err(StoreError::Conflict(_)) if self.based_on.is_some() => {
                Err(VaultError::Changed(secret))
            }
            installed => installed.map(|()| version).map_err(VaultError::from),
        }
    }

    async fn seal_generated(
        &self,
        secret: &SecretRef,
        overlap: SignedDuration,
        action: Action,
        actor: &Actor,
    ) -> Result<NewSecretVersion, VaultError> {
        let value = Secret::generate().map_err(|_| KeyServiceError::Randomness)?;
        let sealed = self.seal(secret, &value, overlap, action, actor).await?;
        Ok(NewSecretVersion {
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
    ) -> Result<NewSecretVersion, VaultError> {
        let newest = self.store.versions(secret).await?;
        let newest = newest.first().map_or(0, |newest| newest.version);
        if self.based_on.is_some_and(|based_on| based_on != newest) {
            return Err(VaultError::Changed(secret.clone()));
        }
        let version = newest + 1;
        let sealed = self
            .service
            .encrypt(value, &EncryptionContext::new(secret, version))
            .await?;
        let now = self.clock.now();
        Ok(NewSecretVersion {
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

    /// How the versions of `secret` with this value were used.
    ///
    /// A value that is set again keeps its history, in any spelling. Signatures that strangers have obtained still
    /// verify, and a public key must not become a shared secret. A version that does not decrypt may have the same
    /// value.
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
                .filter(|known| needed.better_known(*known) != needed);
            if known_as.is_none() && earlier.challenges.is_empty() {
                continue;
            }
            let context = EncryptionContext::new(secret, earlier.version);
            let is_same = match self.service.decrypt(&earlier.sealed, &context).await {
                Ok(known) => encode_same_key(known.expose(), value.expose()),
                Err(error) if error.is_refusal() => true,
                Err(error) => return Err(error.into()),
            };
            if is_same {
                let kinds = history.known_as.into_iter().chain(known_as);
                history.known_as = kinds.reduce(KeyKind::better_known);
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

    async fn reveal_version(
        &self,
        secret: &SecretRef,
        version: StoredVersion,
        actor: &Actor,
    ) -> Result<DecryptedVersion, VaultError> {
        let context = EncryptionContext::new(secret, version.version);
        let value = self.service.decrypt(&version.sealed, &context).await?;
        self.store
            .record(self.entry(secret, Action::SecretRevealed, version.version, actor))
            .await?;
        Ok(DecryptedVersion {
            version: version.version,
            created_at: version.created_at,
            ends_at: version.ends_at,
            kind: version.kind,
            value,
        })
    }

    async fn move_one(
        &self,
        of: &VersionRef,
        from: EncryptedSecret,
        actor: &Actor,
    ) -> Result<(), VaultError> {
        let context = EncryptionContext::new(&of.secret, of.version);
        let value = self.service.decrypt(&from, &context).await?;
        let to = self.service.encrypt(&value, &context).await?;
        // The old ciphertext is the only copy. It must not be replaced by one that cannot be decrypted.
        let read = self.service.decrypt(&to, &context).await?;
        if !bool::from(read.expose().ct_eq(value.expose())) {
            return Err(KeyServiceError::Corrupt.into());
        }
        let resealed = self.entry(&of.secret, Action::SecretResealed, of.version, actor);
        let audit = AuditEntry {
            detail: format!(
                "version {}: from {} {} to {} {}",
                of.version, from.service, from.key_id, to.service, to.key_id
            ),
            ..resealed
        };
        let of = of.clone();
        let resealing = CiphertextReplacement {
            of,
            from,
            to,
            audit,
        };
        match self.store.reseal(resealing).await {
            // Somebody else has moved or removed this version meanwhile.
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done.map_err(VaultError::from),
        }
    }
}

/// A version and its use, without its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VersionStatus {
    /// Its number, from 1.
    pub version: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether it is valid.
    pub state: VersionState,
    /// The kind of key; `None` until an endpoint uses the secret.
    pub kind: Option<KeyKind>,
    /// The provider challenges that sign with it, or once did.
    pub challenges: Vec<String>,
    /// The key service that encrypted it.
    pub service: String,
    /// The key in that service.
    pub key_id: String,
    /// The number of deliveries that it verified.
    pub deliveries: u64,
    /// When it verified the last one.
    pub last_used_at: Option<Timestamp>,
}

/// Whether a version is valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a version is in one of these states"
)]
pub enum VersionState {
    /// It is the current version.
    Current,
    /// It is valid besides the current version, until this time.
    Previous(Timestamp),
    /// It ended at this time.
    Retired(Timestamp),
}

/// A decrypted version.
pub struct DecryptedVersion {
    /// The number of the version.
    pub version: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it ends or ended; `None` for the current version.
    pub ends_at: Option<Timestamp>,
    /// The kind of key that it was bound as.
    pub kind: Option<KeyKind>,
    /// The decrypted value.
    pub value: Secret,
}

/// How secrets are moved to another key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RewrapOptions {
    /// Only count the versions that would be moved.
    pub dry_run: bool,
}

/// The progress of a move.
#[derive(Debug, Default)]
pub struct RewrapProgress {
    /// Versions that were encrypted again, or would be.
    pub moved: u64,
    /// Versions that already use the configured key.
    pub current: u64,
    /// Versions that cannot be decrypted, with the cause: at most 20.
    pub failed: Vec<(VersionRef, KeyServiceError)>,
    /// The number of such versions.
    pub failures: u64,
    /// The error that stopped the move.
    pub stopped: Option<VaultError>,
}

type Done = (VersionRef, Result<(), VaultError>);

impl RewrapProgress {
    /// Adds the result of one version.
    fn record(&mut self, done: Option<Result<Done, JoinError>>) {
        match done {
            None => {}
            Some(Err(error)) => self.stopped = Some(VaultError::Died(error.to_string())),
            Some(Ok((_, Ok(())))) => self.moved += 1,
            // A version that cannot be decrypted does not stop the others.
            Some(Ok((of, Err(VaultError::Service(error))))) if error.is_refusal() => {
                self.failures += 1;
                if self.failed.len() < MAX_LISTED {
                    self.failed.push((of, error));
                }
            }
            Some(Ok((_, Err(error)))) => self.stopped = Some(error),
        }
    }
}

/// A failed operation on a secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The secret has a current value, or no window is open.
    #[error("{0} is already bound, or the time to bind it has ended")]
    Bound(SecretRef),

    /// The secret has a newer version than the one that the change was based on.
    #[error("{0} was changed by somebody else at the same time")]
    Changed(SecretRef),

    /// A task of the operation panicked.
    #[error("a part of the operation failed: {0}")]
    Died(String),

    /// The value is empty.
    #[error("a secret that is empty or consists of zero bytes proves nothing and is not accepted")]
    Empty,

    /// The key service failed.
    #[error(transparent)]
    Service(#[from] KeyServiceError),

    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),

    /// The secret has no version.
    #[error("no secret is bound to {0}")]
    Unbound(SecretRef),
}

/// Older versions are not revealed.
const MAX_REVEALED: usize = 5;
/// Versions that are read at once.
const PAGE: u32 = 200;
/// Concurrent moves: enough to hide the latency of a call, few enough to leave the key service to deliveries.
const CONCURRENT_MOVES: usize = 8;
/// Failures that are listed individually.
const MAX_LISTED: usize = 20;
