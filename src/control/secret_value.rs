//! Values of secrets: what can be one, and what looks wrong for the endpoints that use it.

use zeroize::Zeroizing;

use super::{Control, ControlError};
use crate::auth::{Caution, SecretUse, check_secret, proves_nothing};
use crate::directory::Definition;
use crate::secrets::Secret;

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

/// Refuses a value that cannot be right for the endpoints that use it. With `force`, a value that only looks like a
/// mistake is accepted.
pub(super) fn check(
    value: &Secret,
    users: &[Definition],
    force: bool,
) -> Result<Vec<Caution>, ControlError> {
    let value = value.expose();
    // The vault refuses it.
    if proves_nothing(value) {
        return Ok(Vec::new());
    }
    let mut schemes = Vec::new();
    for user in users {
        let Some(auth) = &user.auth else { continue };
        if let Some(scheme) = auth.compiled().ok().flatten() {
            schemes.push((user, scheme, auth.preset()));
        }
    }
    let endpoints: Vec<SecretUse<'_>> = schemes
        .iter()
        .map(|(user, scheme, preset)| SecretUse {
            endpoint: user.id.as_str(),
            form: scheme.key(),
            shape: preset.map(|preset| &preset.secret_shape),
        })
        .collect();
    check_secret(value, &endpoints, force).map_err(ControlError::ValueRefused)
}
