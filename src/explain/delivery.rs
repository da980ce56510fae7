//! A captured delivery, whatever it was captured as.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;

use crate::auth::Head;
use crate::gate::Request;

/// What is known about a delivery that somebody captured.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The method.
    pub method: Method,
    /// The path, as it was sent.
    pub path: String,
    /// Whether the capture says which path or URL it was sent to.
    pub has_target: bool,
    /// What followed the `?`, as it was sent.
    pub query: Option<String>,
    /// The public URL that the sender was told, for schemes that cover it.
    pub url: Option<String>,
    /// The path that may have been meant, if this one leads to no endpoint.
    pub meant_path: Option<String>,
    /// The URL that the capture itself names, if it does.
    pub seen_url: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether the body was captured at all.
    pub has_body: bool,
    /// When it was sent or arrived, if the capture says so.
    pub taken_at: Option<Timestamp>,
    /// What the capture shows of the sender's side beside the body that was sent.
    pub other_bodies: Vec<(&'static str, Bytes)>,
    /// What was noticed while it was read.
    pub remarks: Vec<String>,
}

impl Delivery {
    /// Puts a delivery together from its parts: a method, a URL or the target of a request line, and
    /// headers, whose values are without surrounding white space.
    pub fn new<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        method: &str,
        target: &str,
        headers: &[(N, V)],
        body: impl Into<Bytes>,
    ) -> Result<Self, CaptureError> {
        let method = method
            .parse()
            .map_err(|_| CaptureError::Method(shortened(method)))?;
        let (path, query) = path_and_query(target)?;
        if headers.len() > MAX_HEADERS {
            return Err(CaptureError::TooManyHeaders);
        }
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = name.as_ref().trim_ascii();
            let shown = || shortened(&String::from_utf8_lossy(name));
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

    /// The part that proofs look at.
    pub fn head(&self) -> Head<'_> {
        self.request().head(self.url.as_deref())
    }

    /// The URL that it was sent to, as far as a capture tells; if not in one piece, over TLS to the host
    /// that it names.
    pub fn guessed_url(&self) -> Option<String> {
        if self.url.is_some() || !self.has_target {
            return self.url.clone();
        }
        let host = self.headers.get(http::header::HOST)?.to_str().ok()?;
        let query = self.query.as_ref().map(|query| format!("?{query}"));
        let query = query.unwrap_or_default();
        Some(format!("https://{host}{}{query}", self.path))
    }

    /// The head as the gate sees it.
    pub fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
        }
    }

    /// The length of the body that the head announces.
    pub fn announced_len(&self) -> Option<u64> {
        let value = self.headers.get(http::header::CONTENT_LENGTH)?;
        value.to_str().ok()?.trim().parse().ok()
    }
}

/// A capture that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The command line of curl says something that cannot be repeated from it.
    #[error("the curl command: {0}")]
    Curl(String),

    /// There is nothing in it.
    #[error("the capture is empty")]
    Empty,

    /// The HAR file is none.
    #[error("the HAR file: {0}")]
    Har(String),

    /// A line of the head that is no header.
    #[error("line {0} is no header: expected `Name: value`, and an empty line before the body")]
    HeaderLine(usize),

    /// A header's name that HTTP does not have.
    #[error("`{0}` is no name of a header")]
    HeaderName(String),

    /// A header's value that HTTP does not have. The value is not repeated: it may be a credential.
    #[error("the value of the header {0} has characters that no header can have")]
    HeaderValue(String),

    /// No method.
    #[error("`{0}` is no HTTP method")]
    Method(String),

    /// No URL and no path.
    #[error("`{0}` is no URL and no path")]
    Target(String),

    /// More than anybody has captured by honest means.
    #[error("the capture is larger than {MAX_CAPTURE_BYTES} bytes")]
    TooLarge,

    /// More headers than the gate would take.
    #[error("the delivery has more than {MAX_HEADERS} headers")]
    TooManyHeaders,
}

/// The path and the query of a URL or of a request line's target. What a browser keeps to itself, the
/// fragment, is dropped.
fn path_and_query(target: &str) -> Result<(String, Option<String>), CaptureError> {
    let wrong = || CaptureError::Target(shortened(target));
    // It is shown to people, and comes from anybody.
    if target.chars().any(char::is_control) {
        return Err(wrong());
    }
    let target = target.split('#').next().unwrap_or_default();
    let origin = match target.split_once("://") {
        Some(("http" | "https", rest)) => {
            let start = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, origin) = rest.split_at_checked(start).ok_or_else(wrong)?;
            if authority.is_empty() {
                return Err(wrong());
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
        _ => Err(wrong()),
    }
}

/// Enough of a text to recognise it by, and without its query string, where credentials are.
pub(super) fn shortened(text: &str) -> String {
    let text = text.split('?').next().unwrap_or_default();
    text.chars()
        .take(MAX_SHOWN)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// A body of 50 MiB, its head, and room for how HAR writes it down.
pub const MAX_CAPTURE_BYTES: usize = 64 << 20;

const MAX_HEADERS: usize = 256;
const MAX_SHOWN: usize = 80;
