//! What a ciphertext is bound to.

use super::SecretRef;

/// The address and number of one version of a secret.
///
/// It is authenticated together with the ciphertext, so that one that was copied to another row does
/// not decrypt there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EncryptionContext<'a> {
    secret: &'a SecretRef,
    version: u32,
}

impl<'a> EncryptionContext<'a> {
    /// The context of version `version` of `secret`.
    pub fn new(secret: &'a SecretRef, version: u32) -> Self {
        Self { secret, version }
    }

    /// The pairs, as key services that take pairs want them.
    ///
    /// The names say whose they are, and have a `:`, which nothing in an address has: whoever strings names and
    /// values together without marking where one ends gets another string for every other context.
    pub fn pairs(&self) -> [(&'static str, String); 4] {
        [
            (PURPOSE, "secret".to_owned()),
            ("portcullis:scope", self.secret.scope().to_owned()),
            ("portcullis:slot", self.secret.slot().to_owned()),
            ("portcullis:version", self.version.to_string()),
        ]
    }

    /// The pairs as one string of bytes.
    ///
    /// Every part carries its length, so no two contexts give the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = b"portcullis-context-1".to_vec();
        let version = self.version.to_string();
        for (key, value) in [
            ("scope", self.secret.scope()),
            ("slot", self.secret.slot()),
            ("version", &version),
        ] {
            for part in [key.as_bytes(), value.as_bytes()] {
                // A part is at most 512 bytes long, so its length fits.
                bytes.extend_from_slice(
                    &u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes(),
                );
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }
}

/// What the ciphertext is for: the name of the pair in every context that this program gives to a service.
pub(super) const PURPOSE: &str = "portcullis:purpose";
