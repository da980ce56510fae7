//! A scheme: the description of a proof, compiled once when an endpoint is loaded.

use super::{Encoding, Source, Template};

/// How senders of an endpoint prove themselves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scheme {
    pub(super) algorithm: Algorithm,
    pub(super) signatures: Vec<SignatureRule>,
    pub(super) signed: Template,
    pub(super) id: Option<Source>,
    pub(super) event: Option<Source>,
}

impl Scheme {
    /// The algorithm. It is the endpoint's choice, never the sender's.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Where proofs are looked for.
    pub fn signatures(&self) -> &[SignatureRule] {
        &self.signatures
    }

    /// What is signed.
    pub fn signed(&self) -> &Template {
        &self.signed
    }

    /// Where the sender's id of the delivery is.
    pub fn id(&self) -> Option<&Source> {
        self.id.as_ref()
    }

    /// Where the name of the event is.
    pub fn event(&self) -> Option<&Source> {
        self.event.as_ref()
    }

    /// Whether the proof covers the body, so that only its last byte can settle it.
    pub fn covers_body(&self) -> bool {
        self.algorithm.digest_len().is_some()
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
    /// The secret itself, compared in constant time.
    Token,
}

impl Algorithm {
    /// The length of a signature in bytes; `None` where there is no signature.
    pub const fn digest_len(self) -> Option<usize> {
        match self {
            Self::HmacSha1 => Some(20),
            Self::HmacSha256 => Some(32),
            Self::Token => None,
        }
    }

    /// The name in the scheme language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha256 => "hmac-sha256",
            Self::Token => "token",
        }
    }

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.name() == name)
    }

    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::HmacSha1, Self::HmacSha256, Self::Token];
}

/// One place where a proof can be, and the form it has there.
///
/// The value is cut once at `separator`; it counts if what stands before equals `tag`. So
/// `sha256=…` is separator `=` and tag `sha256`, and `Bearer …` is a space and `Bearer`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignatureRule {
    /// The place.
    pub from: Source,
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
