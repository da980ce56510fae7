//! A scheme: the description of a proof, compiled once when an endpoint is loaded.

use super::{Encoding, KeyForm, Source, Template, TimestampRule};

/// How senders of an endpoint prove themselves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scheme {
    pub(super) key: KeyForm,
    pub(super) signatures: Vec<SignatureRule>,
    pub(super) timestamp: Option<TimestampRule>,
    pub(super) signed: Template,
    pub(super) id: Option<Source>,
    pub(super) event: Option<Source>,
}

impl Scheme {
    /// The algorithm. It is the endpoint's choice, never the sender's.
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm
    }

    /// How the secret becomes a key.
    pub fn key(&self) -> &KeyForm {
        &self.key
    }

    /// Where proofs are looked for.
    pub fn signatures(&self) -> &[SignatureRule] {
        &self.signatures
    }

    /// What is signed.
    pub fn signed(&self) -> &Template {
        &self.signed
    }

    /// Where the time of the signature is, if it has one.
    pub fn timestamp(&self) -> Option<&TimestampRule> {
        self.timestamp.as_ref()
    }

    /// Where the sender's id of the delivery is.
    pub fn id(&self) -> Option<&Source> {
        self.id.as_ref()
    }

    /// Whether the signature covers the id, so that nobody but the sender can have chosen it.
    pub fn signs_id(&self) -> bool {
        let id = self.id.as_ref();
        self.covers_body() && id.is_some_and(|id| self.signed.has_source(id))
    }

    /// Where the name of the event is.
    pub fn event(&self) -> Option<&Source> {
        self.event.as_ref()
    }

    /// Whether the proof covers the body, so that only its last byte can settle it.
    pub fn covers_body(&self) -> bool {
        self.key.algorithm.digest_len().is_some()
    }
}

/// What makes the proof.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-1 (RFC 2104): legacy senders only.
    HmacSha1,
    /// HMAC with SHA-256 (RFC 2104, FIPS 180-4).
    HmacSha256,
    /// HMAC with SHA-512 (RFC 2104, FIPS 180-4).
    HmacSha512,
    /// The secret itself, compared in constant time.
    Token,
}

impl Algorithm {
    /// The length of a signature in bytes; `None` where there is no signature.
    pub const fn digest_len(self) -> Option<usize> {
        match self {
            Self::HmacSha1 => Some(20),
            Self::HmacSha256 => Some(32),
            Self::HmacSha512 => Some(64),
            Self::Token => None,
        }
    }

    /// The name in the scheme language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha512 => "hmac-sha512",
            Self::Token => "token",
        }
    }

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.name() == name)
    }

    /// Every algorithm.
    pub const ALL: [Self; 4] = [
        Self::HmacSha1,
        Self::HmacSha256,
        Self::HmacSha512,
        Self::Token,
    ];
}

/// One place where a proof can be, and the form it has there.
///
/// The value is cut into parts at `split`, and each part once at `separator`; it counts if what stands
/// before equals `tag`. So `sha256=…` is separator `=` and tag `sha256`, `Bearer …` is a space and
/// `Bearer`, and `v1=…,v1=…` is split at the comma.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignatureRule {
    /// The place.
    pub from: Source,
    /// What separates several proofs in one value; white space around them does not count.
    pub split: Option<u8>,
    /// The form, or `None` if the whole value is the proof.
    pub tagged: Option<Tagged>,
    /// The text encoding of a signature.
    pub encoding: Encoding,
}

/// A value that begins with a word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tagged {
    /// What ends the word.
    pub separator: char,
    /// The word.
    pub tag: Box<str>,
}
