//! A secret that was decrypted, and the keys that were made of it.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

use super::{KeyError, Secret};
use crate::auth::{KeyForm, KeyRing, NumberedKey};

/// The values of a secret that count, in memory; zeroed when it goes.
pub(super) struct OpenSecret {
    current: (u32, Secret),
    previous: Option<((u32, Secret), Timestamp)>,
    /// The keys, made once for each form. Endpoints seldom use one secret in more than one.
    keys: RwLock<Vec<(KeyForm, Arc<KeyRing>)>>,
}

impl OpenSecret {
    pub(super) fn new(
        current: (u32, Secret),
        previous: Option<((u32, Secret), Timestamp)>,
    ) -> Self {
        Self {
            current,
            previous,
            keys: RwLock::default(),
        }
    }

    /// The keys in one form.
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
        let key = |(version, value): &(u32, Secret)| {
            Ok::<_, KeyError>(NumberedKey {
                key: Arc::new(form.prepare(value.expose())?),
                version: *version,
            })
        };
        let previous = match &self.previous {
            // One that was set for another scheme does not keep the current one from its work.
            Some((previous, until)) => key(previous).ok().map(|key| (key, *until)),
            None => None,
        };
        Ok(KeyRing {
            current: key(&self.current)?,
            previous,
        })
    }
}

/// Others are made anew each time.
const MAX_FORMS: usize = 8;
