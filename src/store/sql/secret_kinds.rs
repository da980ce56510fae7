//! The use of secret versions: the kind of key that each was bound as, and the challenges that it signs.
//!
//! Both are written in the transaction that causes them: a version is bound, or an endpoint starts to use a secret. A
//! kind is never changed, and a challenge is never removed.

use std::collections::{BTreeSet, HashMap};

use sqlx::Transaction;

use super::{Database, Pool, dialect, endpoint_changes};
use crate::auth::KeyKind;
use crate::challenge::Challenge;
use crate::directory::{AuthDefinition, Definition, HANDSHAKE_SLOT};
use crate::secrets::{NewSecretVersion, SecretRef, StoreError, ValueHistory};

/// How the endpoints that use a secret use it.
pub(super) struct SecretUsage {
    /// The kind of key that they need; `None` without endpoints.
    kind: Option<KeyKind>,
    /// Their challenges that sign with the secret.
    challenges: BTreeSet<String>,
}

impl SecretUsage {
    /// How the stored endpoints use `secret`.
    pub(super) async fn of(
        transaction: &mut Transaction<'_, Database>,
        secret: &SecretRef,
    ) -> Result<Self, StoreError> {
        let users: Vec<(Option<String>, Option<String>)> = sqlx::query_as(dialect::USERS)
            .bind(secret.to_string())
            .fetch_all(&mut **transaction)
            .await?;
        let mut kinds = BTreeSet::new();
        let mut challenges = BTreeSet::new();
        for (auth, handshake) in users {
            kinds.insert(kind_of(secret, auth.as_deref())?);
            challenges.extend(handshake.filter(|name| signs(name)));
        }
        if secret.slot() == HANDSHAKE_SLOT
            && let Some(owner) = endpoint_changes::stored(transaction, secret.scope()).await?
            && owner.verify_token().as_ref() == Some(secret)
        {
            kinds.insert(KeyKind::Token);
        }
        if kinds.len() > 1 {
            return Err(StoreError::OtherKind(secret.to_string()));
        }
        Ok(Self {
            kind: kinds.pop_first(),
            challenges,
        })
    }

    /// The kind of a new version; `None` leaves it to the first endpoint.
    pub(super) async fn kind_of(
        &self,
        transaction: &mut Transaction<'_, Database>,
        new: &NewSecretVersion,
    ) -> Result<Option<KeyKind>, StoreError> {
        if let Some(needed) = self.kind {
            let known_as = new.history.known_as;
            if let Some(known_as) = known_as.filter(|it| needed.better_known(*it) != needed) {
                return Err(StoreError::KnownAs {
                    secret: new.secret.to_string(),
                    known_as,
                });
            }
            return match new.kind {
                Some(requested) if requested != needed => {
                    Err(StoreError::OtherKind(new.secret.to_string()))
                }
                _ => Ok(self.kind),
            };
        }
        let known = best_known(transaction, &new.secret).await?;
        Ok(match (new.kind, known) {
            // Stored explicitly, because otherwise earlier versions would make it a public key later.
            (None, Some(KeyKind::Public)) if new.generated => Some(KeyKind::Shared),
            (Some(requested), Some(known)) if !new.generated => Some(requested.better_known(known)),
            (requested, _) => requested,
        })
    }

    /// The challenges of the endpoints and of earlier versions with the value, as a column stores them.
    pub(super) fn challenges_with(&self, history: &ValueHistory) -> Option<String> {
        to_column(
            &self
                .challenges
                .union(&history.challenges)
                .cloned()
                .collect(),
        )
    }
}

/// Records how a definition uses its secrets, while it is stored. Returns the secrets whose record changed.
pub(super) async fn claim(
    transaction: &mut Transaction<'_, Database>,
    definition: &Definition,
) -> Result<Vec<SecretRef>, StoreError> {
    let mut changed = Vec::new();
    let kind = definition.auth.as_ref().and_then(AuthDefinition::key_kind);
    if let (Some(secret), Some(kind)) = (definition.secret(), kind) {
        let handshake = definition.handshake.as_deref().filter(|name| signs(name));
        if settle(transaction, &secret, kind, handshake).await? {
            changed.push(secret);
        }
    }
    if let Some(token) = definition.verify_token()
        && settle(transaction, &token, KeyKind::Token, None).await?
    {
        changed.push(token);
    }
    Ok(changed)
}

/// The most widely known kind among the versions of `secret`.
async fn best_known(
    transaction: &mut Transaction<'_, Database>,
    secret: &SecretRef,
) -> Result<Option<KeyKind>, StoreError> {
    let words: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT kind FROM secret_versions \
         WHERE scope = $1 AND slot = $2 AND kind IS NOT NULL",
    )
    .bind(secret.scope())
    .bind(secret.slot())
    .fetch_all(&mut **transaction)
    .await?;
    let mut best: Option<KeyKind> = None;
    for word in words {
        let known = kind(Some(&word))?;
        best = best.into_iter().chain(known).reduce(KeyKind::better_known);
    }
    Ok(best)
}

/// Sets the kind of the versions of `secret` that have none, and adds a challenge that signs with all of them.
/// Returns whether anything changed.
///
/// Such a version was bound while no endpoint used the secret, and may equal an earlier one. It therefore gets the
/// most widely known kind ([`crate::secrets::StoredVersion::kind_for`]).
async fn settle(
    transaction: &mut Transaction<'_, Database>,
    secret: &SecretRef,
    kind: KeyKind,
    handshake: Option<&str>,
) -> Result<bool, StoreError> {
    let known = best_known(transaction, secret).await?;
    let kind = known.map_or(kind, |known| known.better_known(kind));
    let decided = sqlx::query(
        "UPDATE secret_versions SET kind = $3 WHERE scope = $1 AND slot = $2 AND kind IS NULL",
    )
    .bind(secret.scope())
    .bind(secret.slot())
    .bind(kind.word())
    .execute(&mut **transaction)
    .await?;
    let mut changed = decided.rows_affected() > 0;
    if let Some(handshake) = handshake {
        changed |= add_challenge(transaction, secret, handshake).await?;
    }
    Ok(changed)
}

/// Adds a challenge to every version of `secret`. Returns whether it is new for any.
async fn add_challenge(
    transaction: &mut Transaction<'_, Database>,
    secret: &SecretRef,
    handshake: &str,
) -> Result<bool, StoreError> {
    let noted: Vec<(i64, Option<String>)> = sqlx::query_as(
        "SELECT version, challenges FROM secret_versions WHERE scope = $1 AND slot = $2",
    )
    .bind(secret.scope())
    .bind(secret.slot())
    .fetch_all(&mut **transaction)
    .await?;
    let mut changed = false;
    for (version, column) in noted {
        let mut names: BTreeSet<String> = names(column.as_deref()).into_iter().collect();
        if !names.insert(handshake.to_owned()) {
            continue;
        }
        sqlx::query(
            "UPDATE secret_versions SET challenges = $4 \
             WHERE scope = $1 AND slot = $2 AND version = $3",
        )
        .bind(secret.scope())
        .bind(secret.slot())
        .bind(version)
        .bind(to_column(&names))
        .execute(&mut **transaction)
        .await?;
        changed = true;
    }
    Ok(changed)
}

/// The secrets with a current version, and the kind of key that it was bound as.
pub(super) async fn bound(pool: &Pool) -> Result<HashMap<String, Option<KeyKind>>, StoreError> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT scope || '#' || slot, kind FROM secret_versions WHERE ends_ms IS NULL",
    )
    .fetch_all(pool)
    .await?;
    let of_row = |(secret, word): (String, Option<String>)| Ok((secret, kind(word.as_deref())?));
    rows.into_iter().map(of_row).collect()
}

/// The kind in a column.
pub(super) fn kind(column: Option<&str>) -> Result<Option<KeyKind>, StoreError> {
    let parsed = column.map(|word| {
        let unknown = |_| StoreError::Corrupt(format!("the kind of key `{word}`"));
        word.parse().map_err(unknown)
    });
    parsed.transpose()
}

/// The names of challenges in a column.
pub(super) fn names(column: Option<&str>) -> Vec<String> {
    let parts = column.unwrap_or_default().split(',');
    let parts = parts.filter(|name| !name.is_empty());
    parts.map(str::to_owned).collect()
}

fn to_column(names: &BTreeSet<String>) -> Option<String> {
    let joined = names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(",");
    (!joined.is_empty()).then_some(joined)
}

/// The kind of key for an endpoint whose `auth` is given as JSON.
fn kind_of(secret: &SecretRef, auth: Option<&str>) -> Result<KeyKind, StoreError> {
    let read = |text| serde_json::from_str::<AuthDefinition>(text).ok();
    let kind = auth.and_then(read).and_then(|auth| auth.key_kind());
    kind.ok_or_else(|| StoreError::Unfit(format!("that uses the secret {secret}")))
}

fn signs(handshake: &str) -> bool {
    Challenge::named(handshake).is_some_and(Challenge::signs)
}
