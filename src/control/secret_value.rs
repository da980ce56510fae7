//! Values of secrets: what can be one, and what looks wrong for the endpoints that use it.

use zeroize::Zeroizing;

use super::{Control, ControlError};
use crate::auth::{Algorithm, Doubt, proves_nothing};
use crate::directory::{AuthDefinition, Definition};
use crate::secrets::Secret;

/// A value that passed every check.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CheckedValue {
    /// Its length in bytes, if it is short for a secret: it may have been cut off.
    pub short_bytes: Option<usize>,
}

impl Control {
    /// The most bytes that a secret has.
    pub const MAX_SECRET_BYTES: usize = 4096;

    /// A value from outside as a secret, if it can be one.
    pub fn secret_of(mut bytes: Zeroizing<Vec<u8>>) -> Result<Secret, ControlError> {
        if bytes.len() > Self::MAX_SECRET_BYTES {
            return Err(ControlError::ValueTooLong);
        }
        if std::str::from_utf8(&bytes).is_err() {
            return Err(ControlError::ValueNotText);
        }
        Ok(Secret::new(std::mem::take(&mut *bytes)))
    }
}

/// Refuses a value that the endpoints which use it cannot use. With `force`, a value that only looks wrong is taken.
pub(super) fn check(
    value: &Secret,
    users: &[Definition],
    force: bool,
) -> Result<CheckedValue, ControlError> {
    let value = value.expose();
    // The vault refuses it.
    if proves_nothing(value) {
        return Ok(CheckedValue { short_bytes: None });
    }
    if let Some(doubt) = Doubt::about(value).filter(|_| !force) {
        let endpoint = None;
        return Err(ControlError::ValueDoubtful { endpoint, doubt });
    }
    let mut is_password = false;
    for user in users {
        let auth = user.auth.as_ref();
        let Some(scheme) = auth.and_then(|auth| auth.compiled().ok().flatten()) else {
            continue;
        };
        let form = scheme.key();
        is_password |= form.algorithm == Algorithm::Basic;
        form.prepare(value)
            .map_err(|error| ControlError::ValueUnusable {
                endpoint: user.id.clone(),
                error: error.to_string(),
            })?;
        let preset = auth.and_then(AuthDefinition::named_preset);
        let lengths = preset.and_then(|preset| preset.secret_bytes.as_ref());
        if let Some(doubt) = Doubt::about_length(value, form, lengths).filter(|_| !force) {
            let endpoint = Some(user.id.clone());
            return Err(ControlError::ValueDoubtful { endpoint, doubt });
        }
    }
    let is_short = value.len() < SHORT && !is_password;
    Ok(CheckedValue {
        short_bytes: is_short.then_some(value.len()),
    })
}

/// In bytes: 128 bits take at least 22 characters.
const SHORT: usize = 16;
