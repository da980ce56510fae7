//! Permits: how many deliveries of one concurrency key are with the backend at once, in a whole fleet.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use super::Alone;

/// The permits of one concurrency key, and what is wanted of them.
#[derive(Clone, Copy, Debug)]
pub struct Permits<'a> {
    /// The endpoint.
    pub endpoint: &'a str,
    /// What is told apart there.
    pub key: &'a str,
    /// How many there are.
    pub many: u32,
    /// How long one lasts that is not given back.
    pub lease: Duration,
    /// How long to wait for one; zero to take what is there.
    pub wait: Duration,
    /// What becomes of the delivery while Redis is out of reach.
    pub alone: Alone,
    /// Whether the delivery has a claim in the ledger, too.
    pub claimed: bool,
}

/// A permit. It is given back when it is dropped.
#[must_use = "a permit that is dropped is given back"]
pub struct Permit {
    _given: Option<Box<dyn Any + Send + Sync>>,
}

impl Permit {
    /// What a node has that need not ask anybody.
    pub const fn unshared() -> Self {
        Self { _given: None }
    }

    /// One that `given` stands for, which gives it back when it is dropped.
    pub(super) fn shared(given: impl Send + Sync + 'static) -> Self {
        Self {
            _given: Some(Box::new(given)),
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
