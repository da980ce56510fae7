//! The turns and the budget: the product's own files.

#[path = "../../../src/gate/budget.rs"]
mod budget;
#[path = "../../../src/gate/turns.rs"]
mod turns;

pub use self::budget::{Budget, Lease};
pub use self::turns::Turn;

use crate::directory::{Concurrency, EndpointId};
use crate::payload::ConcurrencyKey;

/// The turns of one key.
#[derive(Clone, Default)]
pub(crate) struct Turns(std::sync::Arc<turns::Turns>);

impl Turns {
    pub(crate) async fn take(&self, rule: Concurrency) -> Option<Turn> {
        let (endpoint, key) = (EndpointId("workflows/a"), ConcurrencyKey("key"));
        self.0.take(&endpoint, &key, rule).await
    }
}
