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
    ///
    /// `url` is the public URL, if the endpoint's scheme covers it.
    pub fn head(&self, url: Option<&'a str>) -> Head<'a> {
        Head {
            method: self.method,
            headers: self.headers,
            query: self.query,
            url,
        }
    }

    /// Whether the body is `multipart/*`, in the eyes of whoever looks at any of its types.
    pub fn is_multipart(&self) -> bool {
        let types = self.headers.get_all(http::header::CONTENT_TYPE);
        types.iter().any(|value| {
            let start = value.as_bytes().get(..MULTIPART.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(MULTIPART))
        })
    }
}

const MULTIPART: &[u8] = b"multipart/";
