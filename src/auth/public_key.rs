//! Public keys: ECDSA on P-256, Ed25519 and RSA, verified with ring.
//!
//! The module also recognises public keys in other formats, so that an operator cannot bind one as a shared secret.

use base64::Engine as _;
use memchr::memmem;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use super::key_form::{KEY_BASE64, KEY_BASE64_URL, KEY_PREFIXES};
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

    /// Whether `text` contains a PEM block (RFC 7468), with or without text around it.
    pub(super) fn is_pem(text: &[u8]) -> bool {
        memmem::find(text, PEM).is_some()
    }

    /// Whether `text` is a public key in a common format.
    ///
    /// The formats are PEM, OpenSSH, JWK and JWK sets, `whpk_`, and a DER key or certificate in base64, base64url or
    /// hexadecimal. The raw bytes of an Ed25519 key or a curve point look random, so they are not recognised.
    pub(super) fn looks_like_one(text: &[u8]) -> bool {
        let text = text.trim_ascii();
        Self::is_pem(text)
            || memmem::find(text, SSH2).is_some()
            || WEBHOOK_PREFIXES
                .iter()
                .any(|prefix| text.starts_with(prefix))
            || text.split(|byte| *byte == b'\n').any(is_ssh_line)
            || is_jwk(text)
            || is_encoded(text)
    }

    /// The key in a PEM public key (RFC 7468 §13) or a PEM certificate (§5), as `SubjectPublicKeyInfo`.
    pub(super) fn from_pem(text: &[u8]) -> Option<Vec<u8>> {
        if let Ok(info) = SubjectPublicKeyInfoDer::from_pem_slice(text) {
            return Some(info.as_ref().to_vec());
        }
        let certificate = CertificateDer::from_pem_slice(text).ok()?;
        let (_, read) = X509Certificate::from_der(&certificate).ok()?;
        Some(read.public_key().raw.to_vec())
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

/// Whether two texts may encode the same key, so that whoever knows one of them knows the other.
pub fn encode_same_key(one: &[u8], other: &[u8]) -> bool {
    let others = readings(other);
    let is_other = |bytes: &[u8]| others.iter().any(|it| bool::from(it.ct_eq(bytes)));
    readings(one).iter().any(|bytes| is_other(bytes))
}

/// Every key that `text` may encode: the text, its decoded bytes, and the raw key in a `SubjectPublicKeyInfo`.
fn readings(text: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let text = text.trim_ascii();
    let mut prefixes = KEY_PREFIXES.iter();
    let bare = prefixes.find_map(|prefix| text.strip_prefix(prefix.as_bytes()));
    let mut readings = vec![Zeroizing::new(text.to_vec())];
    readings.extend(PublicKey::from_pem(text).map(Zeroizing::new));
    readings.extend(decoded(bare.unwrap_or(text)));
    let mut keys = Vec::new();
    for bytes in &readings {
        if let Ok((_, info)) = SubjectPublicKeyInfo::from_der(bytes) {
            keys.push(Zeroizing::new(info.subject_public_key.data.to_vec()));
        }
    }
    readings.extend(keys);
    readings
}

/// `text` decoded with each encoding that accepts it. Line breaks are ignored, and `:` between hexadecimal bytes.
fn decoded(text: &[u8]) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    let without = |ignored: fn(&u8) -> bool| {
        let remaining = text.iter().copied().filter(|byte| !ignored(byte));
        Zeroizing::new(remaining.collect::<Vec<u8>>())
    };
    let unwrapped = without(u8::is_ascii_whitespace);
    let digits = without(|byte| byte.is_ascii_whitespace() || *byte == b':');
    let decoded = [
        KEY_BASE64.decode(&*unwrapped).ok(),
        KEY_BASE64_URL.decode(&*unwrapped).ok(),
        hex::decode(&*digits).ok(),
    ];
    decoded.into_iter().flatten().map(Zeroizing::new)
}

/// Whether `text` encodes a public key or a certificate.
fn is_encoded(text: &[u8]) -> bool {
    decoded(text).any(|bytes| is_der(&bytes) || is_ssh_blob(&bytes) || is_jwk(&bytes))
}

/// Whether `bytes` are a `SubjectPublicKeyInfo` (RFC 5280 §4.1), an RSA key (RFC 8017 §A.1.1) or a certificate.
fn is_der(bytes: &[u8]) -> bool {
    // Cheap check first: most texts are not DER.
    if bytes.first() != Some(&DER_SEQUENCE) {
        return false;
    }
    let is_info = SubjectPublicKeyInfo::from_der(bytes).is_ok_and(|(rest, _)| rest.is_empty());
    let is_rsa = RSAPublicKey::from_der(bytes)
        .is_ok_and(|(rest, key)| rest.is_empty() && key.modulus.len() >= LEAST_RSA_LEN);
    is_info || is_rsa || X509Certificate::from_der(bytes).is_ok_and(|(rest, _)| rest.is_empty())
}

/// Whether `bytes` are an SSH key (RFC 4253 §6.6): they start with the length and the name of a known key type.
fn is_ssh_blob(bytes: &[u8]) -> bool {
    let Some((len, rest)) = bytes.split_first_chunk::<4>() else {
        return false;
    };
    let len = usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX);
    rest.get(..len)
        .is_some_and(|name| SSH_NAMES.contains(&name))
}

/// Whether `line` is from an `authorized_keys` or `.pub` file: the name of a key type, then the key in base64.
fn is_ssh_line(line: &[u8]) -> bool {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let is_named = words.any(|word| SSH_NAMES.contains(&word));
    is_named && words.next().is_some_and(|key| key.starts_with(b"AAAA"))
}

/// Whether `text` is a JSON Web Key of a key pair (RFC 7517 §4.1), or a key set with one.
fn is_jwk(text: &[u8]) -> bool {
    if text.first() != Some(&b'{') {
        return false;
    }
    serde_json::from_slice::<Jwk>(text).is_ok_and(|key| key.is_pair())
}

/// The members of a JSON Web Key or key set that distinguish key pairs from symmetric keys.
#[derive(Deserialize)]
struct Jwk {
    kty: Option<String>,
    #[serde(default)]
    keys: Vec<Self>,
}

impl Jwk {
    fn is_pair(&self) -> bool {
        let is_pair = self.kty.as_deref().is_some_and(|kind| kind != "oct");
        is_pair || self.keys.iter().any(Self::is_pair)
    }
}

const PEM: &[u8] = b"-----BEGIN ";
/// The start of an SSH public key file (RFC 4716 §3).
const SSH2: &[u8] = b"---- BEGIN SSH2 ";
/// The prefixes of Standard Webhooks public keys, with and without the signature version.
const WEBHOOK_PREFIXES: [&[u8]; 2] = [b"whpk_", b"v1a,whpk_"];
/// The key types that `ssh-keygen` creates.
const SSH_NAMES: [&[u8]; 8] = [
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
    b"sk-ecdsa-sha2-nistp256@openssh.com",
    b"sk-ssh-ed25519@openssh.com",
    b"ssh-dss",
    b"ssh-ed25519",
    b"ssh-rsa",
];
const DER_SEQUENCE: u8 = 0x30;
/// In bytes (512 bits). A random secret of a usual length does not parse as a key this long.
const LEAST_RSA_LEN: usize = 64;
const ED25519_KEY_LEN: usize = 32;
const P256_POINT_LEN: usize = 65;
/// In bytes: the length of a 2048-bit modulus, without the rest of the encoding.
const RSA_2048_LEN: usize = 256;
