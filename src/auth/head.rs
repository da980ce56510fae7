//! The request that a verification reads: its head, and its body once that has arrived.

use http::{HeaderMap, Method};

/// The head of a request, as the sender wrote it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method, which some schemes sign.
    pub method: &'a Method,
    /// The headers. Their values have no surrounding white space (RFC 9110 §5.5).
    pub headers: &'a HeaderMap,
    /// The part of the request target after the first `?`, not decoded.
    pub query: Option<&'a str>,
    /// The public URL of the endpoint, with the query as it was sent. Only schemes that sign the URL need it.
    pub url: Option<&'a str>,
}

/// A request whose body may not have arrived yet.
#[derive(Clone, Copy, Debug)]
pub struct PartialRequest<'a> {
    /// The head, which is always complete.
    pub head: Head<'a>,
    /// The whole body; `None` before its last byte has arrived.
    pub body: Option<&'a [u8]>,
}

impl<'a> From<Head<'a>> for PartialRequest<'a> {
    fn from(head: Head<'a>) -> Self {
        Self { head, body: None }
    }
}
