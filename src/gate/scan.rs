//! Parts of a body, looked through as it arrives, and how much may be in them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{GateSettings, Refusal, Request};
use crate::contract::{Parts, Scanner, boundary_of};
use crate::directory::{Auth, Endpoint};

/// The scan of one `multipart/form-data` body.
pub(super) struct Scan {
    scanner: Scanner,
    /// How much may be outside of raw MIME fields.
    outside_limit_bytes: Option<u64>,
    raw_limit_bytes: u64,
}

impl GateSettings {
    /// The scan of the body of `request`, if it is one of parts.
    pub(super) fn scan(&self, endpoint: &Endpoint, request: &Request<'_>) -> Option<Scan> {
        let boundary = boundary_of(request.headers)?;
        let is_signed = matches!(&endpoint.auth, Auth::Proof(proof) if proof.scheme.covers_body());
        let own = endpoint.limits.max_multipart_bytes;
        let wanted = match &endpoint.payload {
            Some(rules) => rules.fields().clone(),
            None => Arc::new(Some(BTreeSet::new())),
        };
        Some(Scan {
            scanner: Scanner::new(
                boundary.as_deref(),
                self.multipart,
                wanted,
                self.raw_mime_fields(endpoint).clone(),
            ),
            outside_limit_bytes: is_signed.then(|| own.unwrap_or(self.max_multipart_bytes)),
            raw_limit_bytes: self.max_raw_mime_bytes,
        })
    }
}

impl Scan {
    /// Looks at what has come: `body` is all of it.
    pub(super) fn advance(&mut self, body: &[u8]) -> Result<(), Refusal> {
        self.scanner.advance(body);
        if let Some(limit) = self.outside_limit_bytes
            && self.scanner.bytes_outside(body) > limit
        {
            return Err(Refusal::too_large(limit));
        }
        if self.scanner.largest_raw(body) > self.raw_limit_bytes {
            return Err(Refusal::too_large(self.raw_limit_bytes));
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Parts {
        self.scanner.finish()
    }
}
