//! The context that a ciphertext is bound to.

use super::SecretRef;

/// The address and the number of one version of a secret.
///
/// It is authenticated with the ciphertext, so a ciphertext that is copied to another row does not decrypt there.
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

    /// The pairs for a key service such as AWS KMS.
    ///
    /// The names contain a `:`, which no scope or slot can contain. Even a service that concatenates names and values
    /// without separators therefore cannot confuse two contexts.
    pub fn pairs(&self) -> [(&'static str, String); 4] {
        [
            (PURPOSE, "secret".to_owned()),
            ("portcullis:scope", self.secret.scope().to_owned()),
            ("portcullis:slot", self.secret.slot().to_owned()),
            ("portcullis:version", self.version.to_string()),
        ]
    }

    /// The context as bytes.
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
                // A part has at most 512 bytes, so its length fits.
                bytes.extend_from_slice(
                    &u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes(),
                );
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }
}

/// The pair that marks every context as one of Portcullis.
pub(super) const PURPOSE: &str = "portcullis:purpose";
