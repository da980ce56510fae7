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
        // The library drops the scheme of a request that has a `Host` and no `:authority`.
        let is_http = |scheme: &str| {
            ["http", "https"]
                .iter()
                .any(|it| it.eq_ignore_ascii_case(scheme))
        };
        if !head.uri.scheme_str().is_none_or(is_http) {
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

#[cfg(test)]
#[expect(clippy::type_complexity, reason = "tables of cases")]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits {
        bytes: 4096,
        headers: 8,
    };

    fn h1(version: &str, lines: &str) -> RequestHead {
        let head = format!("POST /a HTTP/{version}\r\nHost: a\r\n{lines}\r\n");
        RequestHead::parse(&Bytes::from(head), LIMITS).unwrap()
    }

    #[test]
    fn a_sender_waits_for_100_continue_and_for_nothing_else() {
        for (version, lines, expected) in [
            ("1.1", "", Ok(false)),
            ("1.1", "Expect: 100-continue\r\n", Ok(true)),
            ("1.1", "Expect: 100-Continue , 100-continue\r\n", Ok(true)),
            (
                "1.1",
                "Expect: 100-continue\r\nExpect: 100-continue\r\n",
                Ok(true),
            ),
            ("1.1", "Expect:\r\n", Err(Reason::ExpectationFailed)),
            ("1.1", "Expect: 200-ok\r\n", Err(Reason::ExpectationFailed)),
            (
                "1.1",
                "Expect: 100-continue, x\r\n",
                Err(Reason::ExpectationFailed),
            ),
            ("1.0", "Expect: 100-continue\r\n", Ok(false)),
            ("1.0", "Expect: x\r\n", Ok(false)),
        ] {
            assert_eq!(h1(version, lines).waits(), expected, "{version} {lines:?}");
        }
    }

    #[test]
    fn a_connection_is_kept_until_a_sender_closes_it() {
        for (version, lines, expected) in [
            ("1.1", "", true),
            ("1.1", "Connection: keep-alive\r\n", true),
            ("1.1", "Connection: closed\r\n", true),
            ("1.1", "Connection: Close\r\n", false),
            ("1.1", "Connection: te , close\r\n", false),
            ("1.1", "Connection: te\r\nConnection: close\r\n", false),
            ("1.0", "", false),
            ("1.0", "Connection: keep-alive\r\n", false),
        ] {
            assert_eq!(
                h1(version, lines).keeps_connection(),
                expected,
                "{version} {lines:?}"
            );
        }
    }

    #[test]
    fn a_target_is_split_at_its_first_question_mark() {
        for (target, path, query) in [
            ("/a", "/a", None),
            ("/a?", "/a", Some("")),
            ("/a?b=c", "/a", Some("b=c")),
            ("/a?b?c", "/a", Some("b?c")),
            ("/?", "/", Some("")),
        ] {
            let head = format!("GET {target} HTTP/1.0\r\n\r\n");
            let head = RequestHead::parse(&Bytes::from(head), LIMITS).unwrap();
            assert_eq!((head.path(), head.query()), (path, query), "{target}");
        }
    }

    #[test]
    fn a_head_of_http_2_has_one_host_one_length_and_trimmed_values() {
        use HeadFault::{Framing, HeaderLine, Host, TooLarge};
        let cases: [(&str, &[(&str, &str)], Result<&str, HeadFault>); 14] = [
            ("https://a/b", &[], Ok("a")),
            ("https://a:1/b", &[("host", "a:1")], Ok("a:1")),
            ("/b", &[("host", "a")], Ok("a")),
            ("https://a/b", &[("content-length", "5")], Ok("a")),
            ("https://a/b", &[("host", "A")], Err(Host)),
            ("https://a/b", &[("host", "c")], Err(Host)),
            ("https://a/b", &[("host", "a"), ("host", "a")], Err(Host)),
            ("https://u@a/b", &[], Err(Host)),
            ("/b", &[], Err(Host)),
            ("https://a/b", &[("content-length", "x")], Err(Framing)),
            (
                "https://a/b",
                &[("content-length", "5"), ("content-length", "5")],
                Err(Framing),
            ),
            ("https://a/b", &[("x", " y")], Err(HeaderLine)),
            ("https://a/b", &[("x", "y\t")], Err(HeaderLine)),
            ("https://a/b", &[("x", "1"); 9], Err(TooLarge)),
        ];
        for (uri, lines, expected) in cases {
            let mut request = http::Request::post(uri).version(Version::HTTP_2);
            for (name, value) in lines {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let head = RequestHead::from_h2(parts, LIMITS);
            let host = head.as_ref().map(RequestHead::host).map_err(|fault| *fault);
            assert_eq!(host, expected.map(str::as_bytes), "{uri} {lines:?}");
        }
    }

    #[test]
    fn split_cookies_are_joined_for_the_backend() {
        let request = http::Request::get("https://a/");
        let request = request.header("cookie", "a=1").header("x", "y");
        let request = request.header("cookie", "b=2").body(()).unwrap();
        let head = RequestHead::from_h2(request.into_parts().0, LIMITS).unwrap();
        let mut fields = Vec::new();
        head.for_each_field(|name, value| fields.push([name, value].join(&b": "[..])));
        assert_eq!(fields, [&b"x: y"[..], b"cookie: a=1; b=2"]);
    }
}
