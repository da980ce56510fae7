//! A request's head, as the gate sees it.

use http::{HeaderMap, Method};

use crate::auth::Head;

/// The head of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path, as it was sent.
    pub path: &'a str,
    /// What follows the `?`, as it was sent.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
}

impl<'a> Request<'a> {
    /// The part that proofs look at.
    pub fn head(&self) -> Head<'a> {
        Head {
            method: self.method,
            headers: self.headers,
            query: self.query,
        }
    }

    /// Whether the body is `multipart/*`.
    pub fn is_multipart(&self) -> bool {
        self.headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|value| value.as_bytes().split_at_checked(MULTIPART.len()))
            .is_some_and(|(start, _)| start.eq_ignore_ascii_case(MULTIPART))
    }
}

const MULTIPART: &[u8] = b"multipart/";
