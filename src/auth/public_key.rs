//! Public keys, through ring: ECDSA on P-256, Ed25519 and RSA.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{Algorithm, UnusableSecret};

/// A key that verifies and cannot sign.
pub(super) struct PublicKey(UnparsedPublicKey<Vec<u8>>);

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` (RFC 5280 §4.1), or the bare key of Ed25519.
    pub(super) fn read(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, UnusableSecret> {
        let bare = algorithm == Algorithm::Ed25519 && bytes.len() == ED25519_KEY_LEN;
        let key = if bare {
            bytes.to_vec()
        } else {
            let (_, info) =
                SubjectPublicKeyInfo::from_der(bytes).map_err(|_| UnusableSecret::Undecodable)?;
            info.subject_public_key.data.to_vec()
        };
        let fits = match algorithm {
            Algorithm::Ed25519 => key.len() == ED25519_KEY_LEN,
            // The uncompressed form, the only one that ring takes (SEC 1 §2.3.3).
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
            .ok_or(UnusableSecret::Undecodable)
    }

    /// How a PEM file begins (RFC 7468).
    pub(super) const PEM: &[u8] = b"-----BEGIN";

    /// Whether `text` is a public key as people pass it on: a PEM file, or the DER of one in base 64 or
    /// base 16. A bare key of Ed25519 looks like any random bytes.
    pub(super) fn looks_like_one(text: &[u8]) -> bool {
        let is_info = |bytes: Vec<u8>| {
            SubjectPublicKeyInfo::from_der(&bytes).is_ok_and(|(rest, _)| rest.is_empty())
        };
        text.starts_with(Self::PEM)
            || STANDARD.decode(text).is_ok_and(is_info)
            || hex::decode(text).is_ok_and(is_info)
    }

    /// The public key in a PEM file (RFC 7468 §13), or the one in a certificate (§5), if `text` is either.
    pub(super) fn from_pem(text: &[u8]) -> Option<Vec<u8>> {
        if let Ok(info) = SubjectPublicKeyInfoDer::from_pem_slice(text) {
            return Some(info.as_ref().to_vec());
        }
        let certificate = CertificateDer::from_pem_slice(text).ok()?;
        let (_, read) = X509Certificate::from_der(&certificate).ok()?;
        Some(read.public_key().raw.to_vec())
    }

    /// Whether one of `signatures` was made over `message` by the owner of the key.
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
/// A modulus of 2048 bits alone.
const RSA_2048_LEN: usize = 256;
