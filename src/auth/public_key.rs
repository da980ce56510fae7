//! Public keys: ECDSA on P-256, Ed25519 and RSA, verified with ring.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{Algorithm, SecretError};

/// A key that can verify but not sign.
pub(super) struct PublicKey(UnparsedPublicKey<Vec<u8>>);

impl PublicKey {
    /// Reads a DER `SubjectPublicKeyInfo` (RFC 5280 §4.1), or the 32 bytes of an Ed25519 key.
    pub(super) fn read(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, SecretError> {
        let bare = algorithm == Algorithm::Ed25519 && bytes.len() == ED25519_KEY_LEN;
        let key = if bare {
            bytes.to_vec()
        } else {
            let (_, info) =
                SubjectPublicKeyInfo::from_der(bytes).map_err(|_| SecretError::Undecodable)?;
            info.subject_public_key.data.to_vec()
        };
        let fits = match algorithm {
            Algorithm::Ed25519 => key.len() == ED25519_KEY_LEN,
            // ring accepts only the uncompressed form (SEC 1 §2.3.3).
            Algorithm::EcdsaP256 | Algorithm::EcdsaP256Fixed => {
                key.len() == P256_POINT_LEN && key.first() == Some(&4)
            }
            _ => key.len() >= RSA_2048_LEN,
        };
        let verifier: &'static dyn ring::signature::VerificationAlgorithm = match algorithm {
            Algorithm::Ed25519 => &ED25519,
            Algorithm::EcdsaP256 => &ECDSA_P256_SHA256_ASN1,
            Algorithm::EcdsaP256Fixed => &ECDSA_P256_SHA256_FIXED,
            Algorithm::RsaSha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            _ => &RSA_PKCS1_2048_8192_SHA256,
        };
        fits.then(|| Self(UnparsedPublicKey::new(verifier, key)))
            .ok_or(SecretError::Undecodable)
    }

    /// Whether one of `signatures` is a valid signature over `message`.
    pub(super) fn verifies<'s>(
        &self,
        message: &[u8],
        mut signatures: impl Iterator<Item = &'s [u8]>,
    ) -> bool {
        signatures.any(|signature| self.0.verify(message, signature).is_ok())
    }
}

const ED25519_KEY_LEN: usize = 32;
const P256_POINT_LEN: usize = 65;
/// In bytes: the length of a 2048-bit modulus, without the rest of the encoding.
const RSA_2048_LEN: usize = 256;
