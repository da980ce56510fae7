//! The proof itself, as a type.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::Place;

/// A proof that succeeded.
///
/// There is no public way to make one. What forwards a delivery asks for it, so the compiler keeps
/// the path from a socket to the backend closed to everything that was not verified. The idea is
/// rustls' `ServerCertVerified`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    version: Option<(u32, Generation)>,
    /// That of the token of a workspace stands first, if there is one.
    credentials: Vec<Place>,
    has_workspace_token: bool,
    signature: Option<Signature>,
}

impl Verified {
    pub(super) fn by_token(version: u32, generation: Generation, places: Vec<Place>) -> Self {
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

    /// The proof of a signature whose key is no secret of the endpoint.
    pub(super) fn by_certificate(signature: Signature) -> Self {
        Self {
            version: None,
            credentials: Vec::new(),
            has_workspace_token: false,
            signature: Some(signature),
        }
    }

    /// The proof of a caller who speaks for a workspace. `unjudged` is where the endpoint's own secret stands
    /// if it was sent, too: nobody has looked at it, and it is a secret all the same.
    pub(super) fn by_workspace(unjudged: Vec<Place>) -> Self {
        Self {
            version: None,
            credentials: unjudged,
            has_workspace_token: false,
            signature: None,
        }
    }

    /// The same proof of a delivery that came with the token of a workspace at `place`.
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

    /// The version of the secret that proved it; `None` for one that no secret has proved.
    pub fn version(&self) -> Option<u32> {
        self.version.map(|(number, _)| number)
    }

    /// Whether the current or the previous secret proved it.
    pub fn generation(&self) -> Option<Generation> {
        self.version.map(|(_, generation)| generation)
    }

    /// Where a secret itself was sent: what must not be passed on. Whoever owns an endpoint may have asked for
    /// its own secret (`forwards_own`), and never for the token of a workspace, which opens all of its drafts.
    pub fn withheld(&self, forwards_own: bool) -> &[Place] {
        let of_workspace = usize::from(self.has_workspace_token);
        let all = &self.credentials;
        let few = forwards_own.then(|| all.get(..of_workspace)).flatten();
        few.unwrap_or(all)
    }

    /// What was signed; `None` if the proof was no signature.
    pub fn signature(&self) -> Option<&Signature> {
        self.signature.as_ref()
    }
}

/// A signature that proved a delivery, so that the same one can be told again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Signature {
    generation: Generation,
    by_current: Fingerprint,
    by_previous: Option<Fingerprint>,
    /// Of what stood beside it and would have proved the delivery alone.
    beside: [Option<Fingerprint>; Self::MOST_BESIDE],
    pub(super) valid_until: Option<Timestamp>,
}

impl Signature {
    /// So many can stand beside the one that counts.
    pub const MOST_BESIDE: usize = 3;

    pub(super) const fn by_current_key(by_current: Fingerprint) -> Self {
        Self {
            generation: Generation::Current,
            by_current,
            by_previous: None,
            beside: [None; Self::MOST_BESIDE],
            valid_until: None,
        }
    }

    pub(super) fn by_previous_key(by_current: Fingerprint, by_previous: Fingerprint) -> Self {
        Self {
            generation: Generation::Previous,
            by_current,
            // Public keys leave no mark on what was signed.
            by_previous: Some(by_previous).filter(|it| *it != by_current),
            beside: [None; Self::MOST_BESIDE],
            valid_until: None,
        }
    }

    pub(super) const fn generation(&self) -> Generation {
        self.generation
    }

    /// The fingerprint of what was signed, under the current key. It is there whichever key proved the
    /// delivery, and is the same however the signature was spelt and whatever stood beside it.
    pub fn by_current(&self) -> &Fingerprint {
        &self.by_current
    }

    /// The same under the previous key, if that proved it: during a rotation a sender may sign with both,
    /// and before it the previous key was the current one.
    pub fn by_previous(&self) -> Option<&Fingerprint> {
        self.by_previous.as_ref()
    }

    /// The same of every other signature that was sent and would have proved the delivery alone: whoever
    /// takes one away sends no new delivery.
    pub fn beside(&self) -> impl Iterator<Item = &Fingerprint> {
        self.beside.iter().flatten()
    }

    /// Takes in that `other` was sent beside it. The longer of the two times counts: until then one of
    /// them proves something.
    pub(super) fn also(&mut self, other: &Self) {
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

    /// When the window of its time has ended, so that it proves nothing any more; `None` if it has none.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }
}

/// Tells what was signed from everything else, and cannot be turned back into a signature.
///
/// It is the SHA-256 of the code that was computed, not of what the sender wrote: nothing that is left
/// to the sender (the case of hex, more candidates in a list) makes another one. A scheme whose
/// signatures can be respelt by others, as those of ECDSA, has to take the digest of the message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(code: &[u8]) -> Self {
        Self(Sha256::digest(code).into())
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Which of the valid keys proved a delivery.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Generation {
    /// The newest one.
    Current,
    /// The one before it, inside the overlap of a rotation.
    Previous,
}

impl Generation {
    /// The word in metrics and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }
}
