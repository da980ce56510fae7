//! What may be kept, as the proxy has it in hand.

use jiff::Timestamp;

use crate::directory::Endpoint;
use crate::gate::{Reason, Request};

/// A delivery that was refused.
pub struct Refused<'d> {
    /// The endpoint that it was sent to.
    pub endpoint: &'d Endpoint,
    /// Its head.
    pub request: &'d Request<'d>,
    /// Its body, if that was read.
    pub body: Option<&'d [u8]>,
    /// The id of the request.
    pub request_id: &'d str,
    /// When it arrived.
    pub at: Timestamp,
    /// Why it was refused.
    pub reason: Reason,
}
