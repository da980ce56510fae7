//! Answers of operations, and the headers of every response.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use zeroize::Zeroizing;

use super::problem::Problem;

/// The answer of a successful operation.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether the body contains a secret, so that it is never stored.
    pub(super) holds_secret: bool,
}

/// A page of a list.
#[derive(Serialize)]
pub(super) struct Page<T> {
    /// The items of the page.
    pub(super) items: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub(super) next: Option<String>,
}

/// A buffer that is overwritten when it is dropped.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Reply {
    /// 200 with a JSON body.
    pub(super) fn ok(value: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, value)
    }

    /// A JSON body.
    pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(|_| Problem::internal())?;
        Ok(Self::stored(status, Bytes::from(body)))
    }

    /// A JSON body that contains a secret.
    pub(super) fn secret(status: StatusCode, value: &impl Serialize) -> Result<Self, Problem> {
        // Large enough for every secret, so that the buffer is never moved.
        let mut body = Zeroizing::new(Vec::with_capacity(SECRET_BUFFER));
        serde_json::to_writer(&mut *body, value).map_err(|_| Problem::internal())?;
        Ok(Self {
            holds_secret: true,
            ..Self::stored(status, Bytes::from_owner(Wiped(body)))
        })
    }

    /// JSON that was written before.
    pub(super) fn stored(status: StatusCode, body: Bytes) -> Self {
        Self {
            status,
            body,
            headers: Vec::new(),
            holds_secret: false,
        }
    }

    /// 204.
    pub(super) fn empty() -> Self {
        Self::stored(StatusCode::NO_CONTENT, Bytes::new())
    }

    /// Adds a header.
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Adds the strong entity tag of a digest.
    pub(super) fn tagged(self, digest: &str) -> Self {
        self.with(header::ETAG, &format!("\"{digest}\""))
    }

    /// Writes the answer.
    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let has_body = !self.body.is_empty();
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if has_body {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
        }
        headers.extend(self.headers);
        response
    }
}

/// Adds the headers that every response has.
pub(super) fn protect(headers: &mut HeaderMap, is_secure: bool, request_id: &str) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if is_secure {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
}

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// A secret has at most 4096 bytes, and JSON escapes a byte with six at most.
const SECRET_BUFFER: usize = 32 * 1024;
