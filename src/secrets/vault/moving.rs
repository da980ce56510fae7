//! Moving secrets to another key, or to another key service, while they are in use.
//!
//! Every version is a transaction of its own, which looks whether the ciphertext is still the one that was read.
//! What is done already is passed over, so that whoever was interrupted begins again and goes on where it was.

use std::sync::Arc;

use subtle::ConstantTimeEq as _;
use tokio::task::JoinSet;

use super::{Vault, VaultError};
use crate::audit::{Action, Actor, AuditEntry};
use crate::secrets::{
    EncryptionContext, KeyServiceError, Resealing, Sealed, StoreError, VersionRef,
};

/// How secrets are moved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moving {
    /// Whether it is only counted what there is to do.
    pub dry_run: bool,
}

/// What came of it, so far.
#[derive(Debug, Default)]
pub struct Moved {
    /// Versions that were encrypted anew, or would have been.
    pub moved: u64,
    /// Versions that were as they should be already.
    pub current: u64,
    /// Versions that do not open, and why: the first of them.
    pub failed: Vec<(VersionRef, KeyServiceError)>,
    /// How many there are of these.
    pub failures: u64,
    /// What ended it before its time.
    pub stopped: Option<VaultError>,
}

impl Vault {
    /// Encrypts every version of every secret with the key that is configured now, those that have ended
    /// among them: afterwards nobody needs the other key. `progress` is told after every page.
    pub async fn move_all(
        &self,
        moving: Moving,
        actor: &Actor,
        mut progress: impl FnMut(&Moved),
    ) -> Moved {
        let mut moved = Moved::default();
        let mut under_way = JoinSet::new();
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
                        while under_way.len() >= AT_ONCE {
                            moved.take(under_way.join_next().await);
                        }
                        let (vault, actor) = (self.share(), actor.clone());
                        under_way.spawn(async move {
                            let done = vault.move_one(&of, sealed, &actor).await;
                            (of, done)
                        });
                    }
                    Err(error) => moved.stopped = Some(error.into()),
                }
            }
            progress(&moved);
        }
        while let Some(done) = under_way.join_next().await {
            moved.take(Some(done));
        }
        progress(&moved);
        moved
    }

    async fn move_one(
        &self,
        of: &VersionRef,
        from: Sealed,
        actor: &Actor,
    ) -> Result<(), VaultError> {
        let context = EncryptionContext::new(&of.secret, of.version);
        let value = self.service.decrypt(&from, &context).await?;
        let to = self.service.encrypt(&value, &context).await?;
        // The only copy is about to go: whoever may encrypt and not decrypt would lose it.
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
        let resealing = Resealing {
            of,
            from,
            to,
            audit,
        };
        match self.store.reseal(resealing).await {
            // Somebody else has moved it meanwhile.
            Err(StoreError::Conflict(_)) => Ok(()),
            done => done.map_err(VaultError::from),
        }
    }

    fn share(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            service: Arc::clone(&self.service),
            clock: Arc::clone(&self.clock),
            kind: self.kind,
        }
    }
}

type Done = (VersionRef, Result<(), VaultError>);

impl Moved {
    fn take(&mut self, done: Option<Result<Done, tokio::task::JoinError>>) {
        match done {
            None => {}
            Some(Err(died)) => self.stopped = Some(VaultError::Died(died.to_string())),
            Some(Ok((_, Ok(())))) => self.moved += 1,
            // One that does not open keeps nobody else from being moved.
            Some(Ok((of, Err(VaultError::Service(error))))) if error.is_refusal() => {
                self.failures += 1;
                if self.failed.len() < MAX_TOLD {
                    self.failed.push((of, error));
                }
            }
            Some(Ok((_, Err(error)))) => self.stopped = Some(error),
        }
    }
}

/// Versions that are read at once.
const PAGE: u32 = 200;
/// Versions that are under way at once: enough to hide how long a call takes, few enough to leave the key
/// service to deliveries.
const AT_ONCE: usize = 8;
/// Failures that are told one by one.
const MAX_TOLD: usize = 20;
