//! The head of a request, whichever version of HTTP it came by.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};

use super::raw_head::{
    Framing, HeadFault, HeadLimits, check_field_len, check_target, field, framing, host, is_host,
    length_of, lines_of, request_line,
};
use crate::auth::PartialRequest;
use crate::gate::{Reason, Request};

/// A head that is well-formed.
#[derive(Clone, Debug)]
pub struct RequestHead {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    target: Box<str>,
    path_len: usize,
    /// How an HTTP/1 body is delimited; HTTP/2 delimits it by itself.
    pub(super) framing: Option<Framing>,
    /// The host that the sender spoke to.
    host: Option<HeaderValue>,
    /// The lines of an HTTP/1 head, in which names are spelt as the sender spelt them.
    lines: Option<Bytes>,
}

impl RequestHead {
    /// Parses a whole HTTP/1 head, from the request line to the empty line.
    pub fn parse(head: &Bytes, limits: HeadLimits) -> Result<Self, HeadFault> {
        if head.len() > limits.bytes {
            return Err(HeadFault::TooLarge);
        }
        let mut lines = lines_of(head)?;
        let first = lines.next().ok_or(HeadFault::RequestLine)??;
        let (method, target, version) = request_line(first)?;
        let count = memchr::memchr_iter(b'\n', head).count();
        let mut headers = HeaderMap::with_capacity(count.min(limits.headers));
        let mut name_bytes = 0;
        for (count, line) in lines.enumerate() {
            let (name, value) = field(line?)?;
            name_bytes += name.len();
            if count >= limits.headers || name_bytes > limits.name_bytes() {
                return Err(HeadFault::TooLarge);
            }
            headers.append(
                HeaderName::from_bytes(name).map_err(|_| HeadFault::HeaderLine)?,
                HeaderValue::from_maybe_shared(head.slice_ref(value))
                    .map_err(|_| HeadFault::HeaderLine)?,
            );
        }
        Ok(Self {
            host: host(&headers, version)?.cloned(),
            framing: Some(framing(&headers, version)?),
            lines: Some(head.clone()),
            ..Self::new(method, target, version, headers)
        })
    }

    /// The head of an HTTP/2 request, which the library has taken apart. What it lets pass and RFC 9113
    /// calls malformed is refused here.
    pub(super) fn from_h2(
        head: http::request::Parts,
        limits: HeadLimits,
    ) -> Result<Self, HeadFault> {
        let target = head.uri.path_and_query().ok_or(HeadFault::Target)?.as_str();
        check_target(target.as_bytes())?;
        if !matches!(head.uri.scheme_str(), Some("http" | "https")) {
            return Err(HeadFault::Target);
        }
        let (mut name_bytes, mut value_bytes) = (0, 0);
        for (name, value) in &head.headers {
            check_field_len(name.as_str().as_bytes(), value.as_bytes())?;
            name_bytes += name.as_str().len();
            value_bytes += value.len();
        }
        if head.headers.len() > limits.headers
            || name_bytes > limits.name_bytes()
            || target.len() + name_bytes + value_bytes > limits.bytes
        {
            return Err(HeadFault::TooLarge);
        }
        if !head.headers.values().all(is_trimmed) {
            return Err(HeadFault::HeaderLine);
        }
        framing_of_h2(&head.headers)?;
        let host = host_of_h2(&head)?;
        Ok(Self {
            host: Some(host),
            ..Self::new(head.method, target, head.version, head.headers)
        })
    }

    /// The path, as it was sent.
    pub fn path(&self) -> &str {
        self.target.get(..self.path_len).unwrap_or_default()
    }

    /// What follows the first `?`, as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.target.get(self.path_len + 1..)
    }

    /// The host that the sender spoke to.
    pub(super) fn host(&self) -> &[u8] {
        self.host
            .as_ref()
            .map(HeaderValue::as_bytes)
            .unwrap_or_default()
    }

    /// Every header, its name as the sender spelt it.
    pub(super) fn for_each_field(&self, mut each: impl FnMut(&[u8], &[u8])) {
        let Some(head) = &self.lines else {
            return self.for_each_h2_field(each);
        };
        for line in lines_of(head).into_iter().flatten().skip(1) {
            if let Ok((name, value)) = line.and_then(field) {
                each(name, value);
            }
        }
    }

    fn for_each_h2_field(&self, mut each: impl FnMut(&[u8], &[u8])) {
        for (name, value) in self
            .headers
            .iter()
            .filter(|(name, _)| *name != header::COOKIE)
        {
            each(name.as_str().as_bytes(), value.as_bytes());
        }
        // HTTP/2 may split cookies; HTTP/1.1 wants them in one line again (RFC 9113 §8.2.3).
        let cookies: Vec<&[u8]> = self
            .headers
            .get_all(header::COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if !cookies.is_empty() {
            each(b"cookie", &cookies.join(&b"; "[..]));
        }
    }

    /// About what it takes in memory: its bytes, and an entry for each header.
    pub(super) fn memory_bytes(&self) -> u64 {
        let decoded = || {
            let fields = self.headers.iter();
            let lens = fields.map(|(name, value)| name.as_str().len() + value.len());
            lens.sum()
        };
        let wire = self.lines.as_ref().map_or_else(decoded, Bytes::len);
        (wire + self.target.len() + self.headers.capacity() * ENTRY_BYTES) as u64
    }

    /// As the gate sees it.
    pub fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            path: self.path(),
            query: self.query(),
            headers: &self.headers,
        }
    }

    /// As proofs see it, with the body behind it.
    pub(super) fn received<'a>(&'a self, body: &'a [u8]) -> PartialRequest<'a> {
        PartialRequest {
            head: self.request().head(None),
            body: Some(body),
        }
    }

    /// Whether the sender waits for `100 Continue`. Any other expectation cannot be met
    /// (RFC 9110 §10.1.1); HTTP/1.0 knows none.
    pub(super) fn waits(&self) -> Result<bool, Reason> {
        if self.version == Version::HTTP_10 {
            return Ok(false);
        }
        let mut waits = false;
        for value in self.headers.get_all(header::EXPECT) {
            for expectation in value.as_bytes().split(|byte| *byte == b',') {
                if !expectation
                    .trim_ascii()
                    .eq_ignore_ascii_case(b"100-continue")
                {
                    return Err(Reason::ExpectationFailed);
                }
                waits = true;
            }
        }
        Ok(waits)
    }

    /// Whether the sender lets another request follow on its connection (RFC 9112 §9.3).
    pub(super) fn keeps_connection(&self) -> bool {
        let closes = |value: &HeaderValue| {
            let mut options = value.as_bytes().split(|byte| *byte == b',');
            options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
        };
        self.version == Version::HTTP_11
            && !self.headers.get_all(header::CONNECTION).iter().any(closes)
    }

    fn new(method: Method, target: &str, version: Version, headers: HeaderMap) -> Self {
        Self {
            method,
            version,
            headers,
            path_len: target.find('?').unwrap_or(target.len()),
            target: target.into(),
            framing: None,
            host: None,
            lines: None,
        }
    }
}

/// Whether a value begins and ends as RFC 9113 §8.2.1 wants it.
pub(super) fn is_trimmed(value: &HeaderValue) -> bool {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let bytes = value.as_bytes();
    !is_space(bytes.first()) && !is_space(bytes.last())
}

/// At most one length, and a number. The library holds the body to it.
fn framing_of_h2(headers: &HeaderMap) -> Result<(), HeadFault> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(()),
        (Some(only), None) if length_of(only.as_bytes()).is_some() => Ok(()),
        _ => Err(HeadFault::Framing),
    }
}

/// The one host that the sender speaks to, in `:authority` or `Host` or the same in both.
fn host_of_h2(head: &http::request::Parts) -> Result<HeaderValue, HeadFault> {
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let host = match (authority, hosts.next(), hosts.next()) {
        (Some(authority), None, _) => HeaderValue::from_str(authority).ok(),
        (None, Some(host), None) => Some(host.clone()),
        (Some(authority), Some(host), None) if host.as_bytes() == authority.as_bytes() => {
            Some(host.clone())
        }
        _ => None,
    };
    host.filter(|host| is_host(host.as_bytes()))
        .ok_or(HeadFault::Host)
}

/// A name, a value and their place in the table.
const ENTRY_BYTES: usize = 128;
