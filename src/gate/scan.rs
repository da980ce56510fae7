//! Scans a `multipart/form-data` body on arrival: its parts, and their limits.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{GateSettings, Refusal, Request};
use crate::directory::{Auth, Endpoint};
use crate::payload::{Parts, Scanner, boundary_of};

/// The scan of one `multipart/form-data` body.
pub(super) struct MultipartScan {
    scanner: Scanner,
    /// The limit of everything outside raw MIME fields, if there is one.
    outside_limit_bytes: Option<u64>,
    raw_limit_bytes: u64,
}

impl MultipartScan {
    /// Starts the scan of the body of `request`; `None` if it has no parts.
    pub(super) fn start(
        settings: &GateSettings,
        endpoint: &Endpoint,
        request: &Request<'_>,
    ) -> Option<Self> {
        let boundary = boundary_of(request.headers)?;
        let is_signed = matches!(&endpoint.auth, Auth::Proof(proof) if proof.scheme.covers_body());
        let own = endpoint.limits.max_multipart_bytes;
        let wanted = match &endpoint.payload {
            Some(rules) => rules.fields().clone(),
            None => Arc::new(Some(BTreeSet::new())),
        };
        Some(Self {
            scanner: Scanner::new(
                boundary.as_deref(),
                settings.multipart,
                wanted,
                settings.raw_mime_fields(endpoint).clone(),
            ),
            outside_limit_bytes: is_signed.then(|| own.unwrap_or(settings.max_multipart_bytes)),
            raw_limit_bytes: settings.max_raw_mime_bytes,
        })
    }

    /// Scans the new bytes of `body`, which is all that has arrived.
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
