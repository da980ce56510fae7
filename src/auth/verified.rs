//! The proof itself, as a type.

use super::Place;

/// A proof that succeeded.
///
/// There is no public way to make one. What forwards a delivery asks for it, so the compiler keeps
/// the path from a socket to the backend closed to everything that was not verified. The idea is
/// rustls' `ServerCertVerified`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    version: Option<(u32, Generation)>,
    credentials: Vec<Place>,
}

impl Verified {
    pub(super) fn by_key(version: u32, generation: Generation, credentials: Vec<Place>) -> Self {
        Self {
            version: Some((version, generation)),
            credentials,
        }
    }

    pub(super) fn dangerous_without_proof() -> Self {
        Self {
            version: None,
            credentials: Vec::new(),
        }
    }

    /// The version of the secret that proved it; `None` for an endpoint that asks for no proof.
    pub fn version(&self) -> Option<u32> {
        self.version.map(|(number, _)| number)
    }

    /// Whether the current or the previous secret proved it.
    pub fn generation(&self) -> Option<Generation> {
        self.version.map(|(_, generation)| generation)
    }

    /// Where the secret itself was sent: what must not be passed on.
    pub fn credentials(&self) -> &[Place] {
        &self.credentials
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
