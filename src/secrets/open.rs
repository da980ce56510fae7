//! Decrypted secrets and the keys that are prepared from them.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{KeyError, Secret, StoredVersion};
use crate::auth::{KeyForm, KeyKind, KeyRing, NumberedKey};
use crate::clock::Stopwatch;

/// A decrypted version of a secret, zeroed on drop.
pub(super) struct OpenVersion {
    version: u32,
    created_at: Timestamp,
    /// The SHA-256 of the ciphertext.
    sealed: [u8; 32],
    value: Arc<Secret>,
    kind: Option<KeyKind>,
    challenges: Vec<String>,
    /// When the key service was asked for it.
    pub(super) opened: Stopwatch,
}

impl OpenVersion {
    pub(super) fn new(version: &StoredVersion, value: Secret, opened: Stopwatch) -> Self {
        Self {
            version: version.version,
            created_at: version.created_at,
            sealed: Sha256::digest(&version.sealed.ciphertext).into(),
            value: Arc::new(value),
            kind: version.kind,
            challenges: version.challenges.clone(),
            opened,
        }
    }

    /// `known` with the metadata that the store has now. The value comes from the key service, but only the store
    /// knows what it may be used for.
    pub(super) fn as_stored(known: &Arc<Self>, version: &StoredVersion) -> Arc<Self> {
        if (known.kind, &known.challenges) == (version.kind, &version.challenges) {
            return Arc::clone(known);
        }
        Arc::new(Self {
            version: known.version,
            created_at: known.created_at,
            sealed: known.sealed,
            value: Arc::clone(&known.value),
            kind: version.kind,
            challenges: version.challenges.clone(),
            opened: known.opened,
        })
    }

    /// True if it is this version. The number alone is not enough, because a store that was restored from a backup
    /// reuses numbers.
    pub(super) fn is_version(&self, version: &StoredVersion) -> bool {
        (self.version, self.created_at) == (version.version, version.created_at)
    }

    /// True if it was decrypted from this ciphertext.
    pub(super) fn is_from(&self, version: &StoredVersion) -> bool {
        self.sealed == *Sha256::digest(&version.sealed.ciphertext)
    }

    fn key(&self, form: &KeyForm) -> Result<NumberedKey, KeyError> {
        Ok(NumberedKey {
            key: Arc::new(form.prepare_bound(self.kind, self.value.expose())?),
            version: self.version,
        })
    }
}

/// The valid values of a secret: the current one, and the previous one during an overlap.
pub(super) struct OpenSecret {
    current: Arc<OpenVersion>,
    previous: Option<(Arc<OpenVersion>, Timestamp)>,
    challenges: Option<Arc<SignedChallenges>>,
    /// The prepared keys by form. Endpoints seldom use a secret in more than one form.
    keys: RwLock<Vec<(KeyForm, Arc<KeyRing>)>>,
}

impl OpenSecret {
    pub(super) fn new(
        current: Arc<OpenVersion>,
        previous: Option<(Arc<OpenVersion>, Timestamp)>,
    ) -> Self {
        let all = std::iter::once(&current).chain(previous.iter().map(|(version, _)| version));
        let signing: Vec<_> = all
            .filter(|version| !version.challenges.is_empty())
            .map(|version| (version.version, version.challenges.clone()))
            .collect();
        Self {
            current,
            previous,
            challenges: (!signing.is_empty()).then(|| Arc::new(SignedChallenges(signing))),
            keys: RwLock::default(),
        }
    }

    /// The challenges that were signed with its versions, if any.
    pub(super) fn challenges(&self) -> Option<&Arc<SignedChallenges>> {
        self.challenges.as_ref()
    }

    /// The key ring in one form.
    pub(super) fn keys(&self, form: &KeyForm) -> Result<Arc<KeyRing>, KeyError> {
        let known = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, keys)) = known.iter().find(|(known, _)| known == form) {
            return Ok(Arc::clone(keys));
        }
        drop(known);
        let keys = Arc::new(self.prepare(form)?);
        let mut known = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MAX_FORMS {
            known.push((form.clone(), Arc::clone(&keys)));
        }
        Ok(keys)
    }

    fn prepare(&self, form: &KeyForm) -> Result<KeyRing, KeyError> {
        let previous = match &self.previous {
            // A previous version for another scheme must not disable the current one.
            Some((previous, until)) => previous.key(form).ok().map(|key| (key, *until)),
            None => None,
        };
        Ok(KeyRing {
            current: self.current.key(form)?,
            previous,
        })
    }
}

/// The provider challenges that versions of a secret sign or once signed. Such a signature can be requested by
/// strangers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedChallenges(Vec<(u32, Vec<String>)>);

impl SignedChallenges {
    /// The names of the challenges that `version` signs or signed.
    pub fn of(&self, version: u32) -> impl Iterator<Item = &str> {
        let found = self.0.iter().find(|(known, _)| *known == version);
        found
            .into_iter()
            .flat_map(|(_, names)| names.iter().map(String::as_str))
    }
}

/// Further forms are prepared for each request.
const MAX_FORMS: usize = 8;
