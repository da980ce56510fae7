//! The head of a request, without anything of Pingora.

use http::{HeaderMap, Method};

use crate::auth::Head;

/// The head of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, as it was sent.
    pub method: &'a Method,
    /// The path, as it was sent.
    pub path: &'a str,
    /// The part after the first `?`, as it was sent.
    pub query: Option<&'a str>,
    /// The headers, in the order in which they were sent.
    pub headers: &'a HeaderMap,
}

impl<'a> Request<'a> {
    /// The head for proofs. `url` is the public URL, if the endpoint's scheme signs it.
    pub fn head(&self, url: Option<&'a str>) -> Head<'a> {
        Head {
            method: self.method,
            headers: self.headers,
            query: self.query,
            url,
        }
    }

    /// Whether any `Content-Type` says `multipart/*`: of several, a backend may read any.
    pub fn is_multipart(&self) -> bool {
        let types = self.headers.get_all(http::header::CONTENT_TYPE);
        types.iter().any(|value| {
            let start = value.as_bytes().get(..MULTIPART.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(MULTIPART))
        })
    }
}

const MULTIPART: &[u8] = b"multipart/";
