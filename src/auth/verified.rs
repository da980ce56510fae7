//! The proof as a type: forwarding a delivery requires one, and only a verification makes one.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::Place;

/// A proof that succeeded.
///
/// It has no public constructor. Forwarding requires it, so the compiler rejects code that would forward an
/// unverified delivery. The idea comes from `ServerCertVerified` of rustls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    version: Option<(u32, KeyAge)>,
    /// The places of the secrets that were sent. The workspace token comes first, if there is one.
    credentials: Vec<Place>,
    has_workspace_token: bool,
    signature: Option<Signature>,
}

impl Verified {
    pub(super) fn by_token(version: u32, generation: KeyAge, places: Vec<Place>) -> Self {
        Self {
            version: Some((version, generation)),
            credentials: places,
            has_workspace_token: false,
            signature: None,
        }
    }

    pub(super) fn by_signature(version: u32, signature: Signature) -> Self {
        Self {
            version: Some((version, signature.generation())),
            credentials: Vec::new(),
            has_workspace_token: false,
            signature: Some(signature),
        }
    }

    /// A signature whose key came from a certificate, so that no version of a secret proved it.
    pub(super) fn by_certificate(signature: Signature) -> Self {
        Self {
            version: None,
            credentials: Vec::new(),
            has_workspace_token: false,
            signature: Some(signature),
        }
    }

    /// A workspace token is the whole proof. `secret_places` are the places of the endpoint's own secret: it was not
    /// checked, but it must not be forwarded if it was sent.
    pub(super) fn by_workspace(secret_places: Vec<Place>) -> Self {
        Self {
            version: None,
            credentials: secret_places,
            has_workspace_token: false,
            signature: None,
        }
    }

    /// This proof, for a delivery that also carries a workspace token at `place`.
    pub(super) fn with_workspace_token(mut self, place: Place) -> Self {
        self.credentials.insert(0, place);
        self.has_workspace_token = true;
        self
    }

    pub(super) fn dangerous_without_proof() -> Self {
        Self {
            version: None,
            credentials: Vec::new(),
            has_workspace_token: false,
            signature: None,
        }
    }

    /// The version of the secret that proved the delivery; `None` if no secret of the endpoint did.
    pub fn version(&self) -> Option<u32> {
        self.version.map(|(number, _)| number)
    }

    /// The generation of that secret; `None` if no secret of the endpoint proved the delivery.
    pub fn generation(&self) -> Option<KeyAge> {
        self.version.map(|(_, generation)| generation)
    }

    /// The places of secrets, which must not be forwarded.
    ///
    /// With `forwards_own` the endpoint's own secret is forwarded, because its owner asked for that. A workspace token
    /// is never forwarded: it admits to every draft of the workspace.
    pub fn withheld(&self, forwards_own: bool) -> &[Place] {
        let of_workspace = usize::from(self.has_workspace_token);
        let all = &self.credentials;
        let workspace_only = forwards_own.then(|| all.get(..of_workspace)).flatten();
        workspace_only.unwrap_or(all)
    }

    /// The signature; `None` if the proof was a token or none was required.
    pub fn signature(&self) -> Option<&Signature> {
        self.signature.as_ref()
    }
}

/// A signature that proved a delivery, as fingerprints that the ledger uses to recognise a replay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Signature {
    generation: KeyAge,
    by_current: Fingerprint,
    by_previous: Option<Fingerprint>,
    /// The fingerprints of other signatures in the delivery that would prove it alone.
    beside: [Option<Fingerprint>; Self::MOST_BESIDE],
    pub(super) valid_until: Option<Timestamp>,
}

impl Signature {
    /// The maximum number of other valid signatures in one delivery.
    pub const MOST_BESIDE: usize = 3;

    pub(super) const fn by_current_key(by_current: Fingerprint) -> Self {
        Self {
            generation: KeyAge::Current,
            by_current,
            by_previous: None,
            beside: [None; Self::MOST_BESIDE],
            valid_until: None,
        }
    }

    pub(super) fn by_previous_key(by_current: Fingerprint, by_previous: Fingerprint) -> Self {
        Self {
            generation: KeyAge::Previous,
            by_current,
            // The fingerprint of a public-key signature is that of the message, so both keys give the same one.
            by_previous: Some(by_previous).filter(|it| *it != by_current),
            beside: [None; Self::MOST_BESIDE],
            valid_until: None,
        }
    }

    pub(super) const fn generation(&self) -> KeyAge {
        self.generation
    }

    /// The fingerprint of the signed message under the current key.
    ///
    /// It exists whichever key proved the delivery. It does not depend on the spelling of the signature or on other
    /// signatures in the delivery.
    pub fn by_current(&self) -> &Fingerprint {
        &self.by_current
    }

    /// The fingerprint under the previous key, if that key proved the delivery.
    ///
    /// Before the rotation the ledger stored this fingerprint, and during a rotation a sender may sign with both keys.
    pub fn by_previous(&self) -> Option<&Fingerprint> {
        self.by_previous.as_ref()
    }

    /// The fingerprints of the other signatures that would prove the delivery alone.
    ///
    /// The ledger stores them too: removing one signature from a delivery must not make it look new.
    pub fn beside(&self) -> impl Iterator<Item = &Fingerprint> {
        self.beside.iter().flatten()
    }

    /// Adds `other`, another valid signature of the same delivery. The later expiry counts, because the delivery stays
    /// provable until then.
    pub(super) fn add(&mut self, other: &Self) {
        self.put_beside(other.by_previous.unwrap_or(other.by_current));
        self.valid_until = match (self.valid_until, other.valid_until) {
            (Some(one), Some(other)) => Some(one.max(other)),
            _ => None,
        };
    }

    fn put_beside(&mut self, other: Fingerprint) {
        let known = other == self.by_current || self.by_previous == Some(other);
        if let Some(free) = self.beside.iter_mut().find(|it| it.is_none())
            && !known
        {
            *free = Some(other);
        }
    }

    /// When the signature expires; `None` if it does not.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }
}

/// Identifies a signed message. It cannot be turned back into a signature.
///
/// It is the SHA-256 of the computed MAC, not of the sender's text: the case of hex digits or additional candidates do
/// not change it. For public keys it is the SHA-256 of the message, because anybody can respell an ECDSA signature.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(code: &[u8]) -> Self {
        Self(Sha256::digest(code).into())
    }

    /// The SHA-256.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The position of a key in a rotation.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum KeyAge {
    /// The newest key.
    Current,
    /// The key before it, valid until the overlap of the rotation ends.
    Previous,
}

impl KeyAge {
    /// The word in metrics and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }
}
