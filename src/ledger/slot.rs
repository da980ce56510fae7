//! One entry of the memory, and the state that it is in.

use super::{Key, Standing};

/// Times are in whole seconds since 1970: enough until 2106.
pub(super) struct Slot {
    pub(super) key: Key,
    pub(super) until: u32,
    pub(super) state: State,
}

impl Slot {
    /// Whether it has expired, or may be forgotten before.
    pub(super) fn may_go(&self, now: u32) -> bool {
        self.until <= now || self.state == State::SOFT
    }
}

/// The number of a claim, or one of two numbers that no claim has.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) struct State(u32);

impl State {
    /// Accepted, and kept until its time.
    pub(super) const FIRM: Self = Self(u32::MAX);
    /// Accepted, and kept as long as there is room.
    pub(super) const SOFT: Self = Self(u32::MAX - 1);

    /// Claimed under `number`. Numbers come round again after 2³² claims, long after the first of them
    /// has ended.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a remainder of less than 2³²"
    )]
    pub(super) const fn claimed(number: u64) -> Self {
        Self((number % (u32::MAX - 1) as u64) as u32)
    }

    pub(super) const fn standing(self) -> Standing {
        match self {
            Self::FIRM | Self::SOFT => Standing::Accepted,
            Self(_) => Standing::InFlight,
        }
    }
}
