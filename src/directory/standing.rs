//! Whether what a directory knows is what the store says.

use std::sync::atomic::{AtomicU8, Ordering};

/// How a directory stands to its store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Standing {
    /// Changes are followed.
    InStep,
    /// The store does not answer, and has not for less than the grace time: what is known goes on, and
    /// nobody knows whether there is anything else.
    Behind,
    /// The store has not answered for longer than that: what is known may be long wrong.
    Expired,
    /// Under the name of the store there is another one, and nothing that is known is about it.
    Replaced,
}

impl Standing {
    const ALL: [Self; 4] = [Self::InStep, Self::Behind, Self::Expired, Self::Replaced];

    /// Whether endpoints that are known are served.
    pub fn serves(self) -> bool {
        matches!(self, Self::InStep | Self::Behind)
    }
}

/// What tells whether anything has changed since somebody looked: an endpoint, an alias, a secret, a token, or how the
/// directory stands to its store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment {
    pub(super) changes: u64,
    pub(super) standing: Standing,
}

/// The standing of a directory now, for whoever looks.
#[derive(Debug, Default)]
pub struct StandingNow(AtomicU8);

impl StandingNow {
    /// What it is.
    pub fn get(&self) -> Standing {
        let position = usize::from(self.0.load(Ordering::Relaxed));
        // Only `set` writes it.
        Standing::ALL
            .get(position)
            .copied()
            .unwrap_or(Standing::Expired)
    }

    /// Says what it is, and gives what it was.
    pub(super) fn set(&self, standing: Standing) -> Standing {
        let was = self.get();
        let position = Standing::ALL.iter().position(|it| *it == standing);
        let position = position.and_then(|it| u8::try_from(it).ok());
        self.0.store(position.unwrap_or(u8::MAX), Ordering::Relaxed);
        was
    }
}
