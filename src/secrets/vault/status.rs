//! What there is to know about the versions of a secret, without opening them.

use jiff::Timestamp;

use super::{Vault, VaultError};
use crate::audit::{Action, Actor};
use crate::auth::KeyKind;
use crate::secrets::{Ending, SealedVersion, SecretRef};

/// A version, and who uses it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VersionStatus {
    /// Its number, from 1.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it counts.
    pub standing: VersionStanding,
    /// The kind of key that it was bound as; `None` until an endpoint uses the secret.
    pub kind: Option<KeyKind>,
    /// The handshakes that sign challenges of strangers with it, or once did.
    pub challenges: Vec<String>,
    /// The key service that it is encrypted by.
    pub service: String,
    /// The key inside that service.
    pub key_id: String,
    /// The deliveries that it has proven.
    pub deliveries: u64,
    /// When it proved the last one.
    pub last_used_at: Option<Timestamp>,
}

/// Whether a version counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a version has no other life")]
pub enum VersionStanding {
    /// It is the current one.
    Current,
    /// It counts beside the current one, until then.
    Previous(Timestamp),
    /// It has ended.
    Retired(Timestamp),
}

impl Vault {
    /// The versions of `secret`, the newest first.
    pub async fn status(&self, secret: &SecretRef) -> Result<Vec<VersionStatus>, VaultError> {
        let versions = self.store.versions(secret).await?;
        if versions.is_empty() {
            return Err(VaultError::Unbound(secret.clone()));
        }
        let uses = self.store.uses(secret).await?;
        let now = self.clock.now();
        let counting = SealedVersion::counting(&versions, now);
        let previous = counting.and_then(|(_, previous)| previous);
        let previous = previous.map(|(version, until)| (version.version, until));
        let status = |version: SealedVersion| {
            let standing = match (version.ends_at, previous) {
                (None, _) => VersionStanding::Current,
                (_, Some((number, until))) if number == version.version => {
                    VersionStanding::Previous(until)
                }
                (Some(until), _) => VersionStanding::Retired(until.min(now)),
            };
            let counted = uses.iter().find(|it| it.version == version.version);
            VersionStatus {
                version: version.version,
                created_at: version.created_at,
                standing,
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

    /// Ends versions of `secret` now, and says how many.
    pub async fn retire(
        &self,
        secret: &SecretRef,
        ending: Ending,
        actor: &Actor,
    ) -> Result<u64, VaultError> {
        let detail = match ending {
            Ending::Everything => "every version",
            Ending::Previous => "the previous version",
        };
        let audit = crate::audit::AuditEntry {
            at: self.clock.now(),
            actor: actor.clone(),
            action: Action::SecretRetired,
            subject: secret.to_string(),
            detail: detail.to_owned(),
        };
        Ok(self.store.end(secret, ending, audit.at, audit).await?)
    }
}
