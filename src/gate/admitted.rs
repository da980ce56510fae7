//! A delivery that may go to the backend.

use std::sync::Arc;

use super::Body;
use crate::auth::Verified;
use crate::directory::Endpoint;
use crate::ledger::Held;

/// A delivery with its proof. Only the gate can make one, and what forwards takes nothing else.
#[derive(Debug)]
pub struct Admitted {
    endpoint: Arc<Endpoint>,
    verified: Verified,
    body: Body,
    held: Option<Held>,
}

impl Admitted {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        verified: Verified,
        body: Body,
        held: Option<Held>,
    ) -> Self {
        Self {
            endpoint,
            verified,
            body,
            held,
        }
    }

    /// The endpoint that it was sent to.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The proof.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// The body.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Its claim in the ledger, once: whoever forwards the delivery settles it.
    pub fn take_held(&mut self) -> Option<Held> {
        self.held.take()
    }
}
