//! A captured delivery, in a form that does not depend on the format of the capture.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;

use super::wording::visible;
use crate::auth::Head;
use crate::gate::Request;

/// A captured delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The HTTP method.
    pub method: Method,
    /// The path as it was sent, still percent-encoded.
    pub path: String,
    /// Whether the capture contains a path or a URL.
    pub has_target: bool,
    /// The query as it was sent, without the `?`.
    pub query: Option<String>,
    /// The public URL that the sender uses, for schemes that sign it.
    pub url: Option<String>,
    /// A similar path that has an endpoint, if this one has none.
    pub meant_path: Option<String>,
    /// The URL in the capture itself.
    pub seen_url: Option<String>,
    /// The headers as they were captured.
    pub headers: HeaderMap,
    /// The captured bytes of the body.
    pub body: Bytes,
    /// Whether the capture contains the whole body.
    pub has_body: bool,
    /// When it was sent or received, if the capture tells.
    pub taken_at: Option<Timestamp>,
    /// Other bodies that the sender may have signed, each with a description.
    pub other_bodies: Vec<(&'static str, Bytes)>,
    /// Notes about the capture for people.
    pub remarks: Vec<String>,
}

impl Delivery {
    /// Creates a delivery from its parts. `target` is a URL or the target of a request line. White space around header
    /// values is removed.
    pub fn new<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        method: &str,
        target: &str,
        headers: &[(N, V)],
        body: impl Into<Bytes>,
    ) -> Result<Self, CaptureError> {
        let method = method
            .parse()
            .map_err(|_| CaptureError::Method(abbreviate(method)))?;
        let (path, query) = path_and_query(target)?;
        if headers.len() > MAX_HEADERS {
            return Err(CaptureError::TooManyHeaders);
        }
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = name.as_ref().trim_ascii();
            let shown = || abbreviate(&String::from_utf8_lossy(name));
            let value = HeaderValue::from_bytes(value.as_ref().trim_ascii())
                .map_err(|_| CaptureError::HeaderValue(shown()))?;
            let name =
                HeaderName::from_bytes(name).map_err(|_| CaptureError::HeaderName(shown()))?;
            map.append(name, value);
        }
        let body = body.into();
        Ok(Self {
            method,
            path,
            has_target: true,
            query,
            url: target.contains("://").then(|| target.to_owned()),
            meant_path: None,
            seen_url: target.contains("://").then(|| target.to_owned()),
            headers: map,
            has_body: true,
            body,
            taken_at: None,
            other_bodies: Vec::new(),
            remarks: Vec::new(),
        })
    }

    /// The head as `auth` reads it.
    pub fn head(&self) -> Head<'_> {
        self.request().head(self.url.as_deref())
    }

    /// The URL in the capture, or one that is built from `Host` and the path, with `https`.
    pub fn guessed_url(&self) -> Option<String> {
        if self.url.is_some() || !self.has_target {
            return self.url.clone();
        }
        let host = self.headers.get(http::header::HOST)?.to_str().ok()?;
        let query = self.query.as_ref().map(|query| format!("?{query}"));
        let query = query.unwrap_or_default();
        Some(format!("https://{host}{}{query}", self.path))
    }

    /// The head as the gate reads it.
    pub fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
        }
    }

    /// The value of `Content-Length`.
    pub fn announced_len(&self) -> Option<u64> {
        let value = self.headers.get(http::header::CONTENT_LENGTH)?;
        value.to_str().ok()?.trim().parse().ok()
    }
}

/// Why a capture cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The curl command is malformed or uses an unsupported option.
    #[error("the curl command: {0}")]
    Curl(String),

    /// The capture has no content.
    #[error("the capture is empty")]
    Empty,

    /// The HAR file is malformed, or the entry does not exist.
    #[error("the HAR file: {0}")]
    Har(String),

    /// A line of the head is not a header.
    #[error("line {0} is not a header: expected `Name: value`, and an empty line before the body")]
    HeaderLine(usize),

    /// HTTP does not allow this header name.
    #[error("`{0}` is not a valid header name")]
    HeaderName(String),

    /// HTTP does not allow this header value. The error has only the name, because the value may be a credential.
    #[error("the value of the header {0} has invalid characters")]
    HeaderValue(String),

    /// HTTP does not allow this method.
    #[error("`{0}` is not an HTTP method")]
    Method(String),

    /// The target is neither a URL nor a path.
    #[error("`{0}` is neither a URL nor a path")]
    Target(String),

    /// The capture exceeds [`MAX_CAPTURE_BYTES`].
    #[error("the capture is larger than {MAX_CAPTURE_BYTES} bytes")]
    TooLarge,

    /// More headers than the gate would accept.
    #[error("the delivery has more than {MAX_HEADERS} headers")]
    TooManyHeaders,
}

/// Splits a URL or a request target into path and query. A fragment is dropped, because browsers do not send it.
fn path_and_query(target: &str) -> Result<(String, Option<String>), CaptureError> {
    let invalid = || CaptureError::Target(abbreviate(target));
    // The target is shown to people and comes from an untrusted source.
    if target.chars().any(char::is_control) {
        return Err(invalid());
    }
    let target = target.split('#').next().unwrap_or_default();
    let origin = match target.split_once("://") {
        Some(("http" | "https", rest)) => {
            let start = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, origin) = rest.split_at_checked(start).ok_or_else(invalid)?;
            if authority.is_empty() {
                return Err(invalid());
            }
            origin
        }
        _ => target,
    };
    let (path, query) = match origin.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (origin, None),
    };
    match path {
        "" => Ok(("/".to_owned(), query)),
        path if path.starts_with('/') => Ok((path.to_owned(), query)),
        _ => Err(invalid()),
    }
}

/// The start of a text for an error message. The query is cut off, because it may contain credentials.
pub(super) fn abbreviate(text: &str) -> String {
    let text = text.split('?').next().unwrap_or_default();
    text.chars().take(MAX_SHOWN).map(visible).collect()
}

/// Room for a body of 50 MiB, its head, and the overhead of HAR.
pub const MAX_CAPTURE_BYTES: usize = 64 << 20;

const MAX_HEADERS: usize = 256;
const MAX_SHOWN: usize = 80;
