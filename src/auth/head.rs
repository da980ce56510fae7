//! The part of a request that a proof may look at before the body.

use http::{HeaderMap, Method};

/// A request's head, as the sender wrote it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a Method,
    /// The headers; values are without surrounding white space (RFC 9110 §5.5).
    pub headers: &'a HeaderMap,
    /// What follows the first `?` of the request target, undecoded.
    pub query: Option<&'a str>,
}
