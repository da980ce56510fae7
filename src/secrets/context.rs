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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bytes_of_a_context_never_change_or_stored_secrets_stop_decrypting() {
        let secret: SecretRef = "a/b#c".parse().unwrap();
        let context = EncryptionContext::new(&secret, 12);
        let expected = b"portcullis-context-1\
            \0\0\0\x05scope\0\0\0\x03a/b\
            \0\0\0\x04slot\0\0\0\x01c\
            \0\0\0\x07version\0\0\0\x0212";
        assert_eq!(context.to_bytes(), expected);
        let pairs = context.pairs();
        let pairs = pairs
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let expected = [
            ("portcullis:purpose", "secret"),
            ("portcullis:scope", "a/b"),
            ("portcullis:slot", "c"),
            ("portcullis:version", "12"),
        ];
        assert_eq!(pairs, expected);
    }

    proptest! {
        #[test]
        fn two_contexts_never_have_the_same_bytes(
            parts in proptest::collection::btree_set(("[ab/]{1,4}", "[ab]{1,3}", 0..20_u32), 2..40),
        ) {
            let mut secrets = Vec::new();
            for (scope, slot, version) in parts {
                if let Ok(secret) = SecretRef::new(&scope, &slot) {
                    secrets.push((secret, version));
                }
            }
            let bytes: BTreeSet<Vec<u8>> = secrets
                .iter()
                .map(|(secret, version)| EncryptionContext::new(secret, *version).to_bytes())
                .collect();
            prop_assert_eq!(bytes.len(), secrets.len());
        }
    }
}
