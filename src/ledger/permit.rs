//! Permits: how many deliveries of one concurrency key are in flight in a whole fleet.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use super::OutagePolicy;

/// A request for one permit of a concurrency key.
#[derive(Clone, Copy, Debug)]
pub struct Permits<'a> {
    /// The id of the endpoint.
    pub endpoint: &'a str,
    /// The value of the concurrency key in the payload.
    pub key: &'a str,
    /// How many permits the key has.
    pub many: u32,
    /// How long a permit lasts if it is never returned.
    pub lease: Duration,
    /// How long to wait for a permit; zero does not wait.
    pub wait: Duration,
    /// What happens to the delivery while Redis cannot be reached.
    pub alone: OutagePolicy,
    /// True if the delivery also has a claim in the ledger. It was then counted with that claim.
    pub claimed: bool,
}

/// A permit. Dropping it returns it.
#[must_use = "a permit that is dropped is given back"]
pub struct Permit {
    _guard: Option<Box<dyn Any + Send + Sync>>,
}

impl Permit {
    /// A permit of a single node, which is not shared.
    pub const fn unshared() -> Self {
        Self { _guard: None }
    }

    /// A shared permit. Dropping `guard` returns it.
    pub(super) fn shared(guard: impl Send + Sync + 'static) -> Self {
        Self {
            _guard: Some(Box::new(guard)),
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
