//! A clock that a test sets.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use portcullis::clock::Clock;

pub(crate) struct SettableClock(Mutex<Timestamp>);

impl SettableClock {
    pub(crate) fn at(time: Timestamp) -> Self {
        Self(Mutex::new(time))
    }

    pub(crate) fn advance(&self, time: SignedDuration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for SettableClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}
