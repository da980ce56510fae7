//! The parts of a request that a proof may look at.

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
    /// The public URL that the sender was told to deliver to, with the query as it was sent. Only
    /// schemes that cover the URL look at it.
    pub url: Option<&'a str>,
}

/// A request as far as it has arrived.
#[derive(Clone, Copy, Debug)]
pub struct PartialRequest<'a> {
    /// The head.
    pub head: Head<'a>,
    /// The body, once all of it is there.
    pub body: Option<&'a [u8]>,
}

impl<'a> From<Head<'a>> for PartialRequest<'a> {
    fn from(head: Head<'a>) -> Self {
        Self { head, body: None }
    }
}
