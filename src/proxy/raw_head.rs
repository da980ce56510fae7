//! A request's head as it comes off the wire.
//!
//! Parsers are lenient, and two that are lenient in different ways can be played off against each
//! other. So the bytes must be what RFC 9112 asks of a sender, and everything that only a recipient may
//! tolerate is refused: bare LF, folded lines, two lengths, a length beside a transfer coding, a target
//! in absolute form. What passes means the same to everybody. Pure functions; a fuzz target feeds them.

use std::net::Ipv6Addr;

use http::{HeaderMap, HeaderValue, Method, Version, header};

use crate::http_syntax::is_token;

/// How large a head may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeadLimits {
    /// The bytes of the whole head.
    pub bytes: usize,
    /// The number of header lines.
    pub headers: usize,
}

impl HeadLimits {
    /// The bytes of all header names together.
    ///
    /// A name costs more than a value: it is converted to lower case, hashed and compared with others before
    /// anything is proven. Senders use about 15 bytes a name.
    pub(super) fn name_bytes(self) -> usize {
        self.headers.saturating_mul(NAME_BYTES)
    }
}

/// How the body of a request is delimited (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "HTTP/1.1 has no others")]
pub enum Framing {
    /// By chunks.
    Chunked,
    /// By its length.
    Length(u64),
}

/// Judges the target of a request, in origin form: a path, and a query if there is one.
///
/// Both versions of HTTP refuse the same bytes: the parser of the HTTP/2 library takes no others.
pub(super) fn check_target(target: &[u8]) -> Result<(), HeadFault> {
    if target.len() > MAX_TARGET_LEN {
        return Err(HeadFault::TooLarge);
    }
    // Every byte is visited: the compiler vectorises a loop without an early exit.
    let is_bad = |byte: &u8| !(b'!'..=b'~').contains(byte) || matches!(byte, b'#' | b'<' | b'>');
    let any_bad = target.iter().fold(false, |any, byte| any | is_bad(byte));
    let path_len = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at_checked(path_len).unwrap_or((target, b""));
    let any_bad =
        any_bad || memchr::memchr(b'`', path).is_some() || memchr::memchr(b'"', query).is_some();
    if target.first() == Some(&b'/') && !any_bad {
        Ok(())
    } else {
        Err(HeadFault::Target)
    }
}

/// Judges the length of a header line.
pub(super) fn check_field_len(name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
    if name.len() + value.len() > MAX_FIELD_LEN {
        return Err(HeadFault::TooLarge);
    }
    Ok(())
}

/// What is wrong with a head.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadFault {
    /// A line that does not end in CR LF (RFC 9112 §2.2).
    #[error("a line that does not end in CR LF")]
    BareLineFeed,
    /// A length that is no number, is there twice, or is beside a transfer coding (RFC 9112 §6.3).
    #[error("the length of the body is ambiguous")]
    Framing,
    /// A header line that is none: folded, a space before the colon, a control character.
    #[error("a malformed header line")]
    HeaderLine,
    /// No `Host`, more than one, or one that is none (RFC 9112 §3.2).
    #[error("not exactly one valid Host")]
    Host,
    /// A first line that is none (RFC 9112 §3).
    #[error("a malformed request line")]
    RequestLine,
    /// A target in another form than a path and a query (RFC 9112 §3.2.1).
    #[error("a request target that is no path")]
    Target,
    /// More bytes or lines than are taken.
    #[error("the head is too large")]
    TooLarge,
}

pub(super) fn request_line(line: &[u8]) -> Result<(Method, &str, Version), HeadFault> {
    let first = memchr::memchr(b' ', line).ok_or(HeadFault::RequestLine)?;
    let last = memchr::memrchr(b' ', line).ok_or(HeadFault::RequestLine)?;
    let method = line.get(..first).unwrap_or_default();
    // With one space only, this range has no place; a space inside the target is refused with it.
    let target = line.get(first + 1..last).ok_or(HeadFault::RequestLine)?;
    let version = line.get(last + 1..).unwrap_or_default();
    if memchr::memchr(b' ', target).is_some() {
        return Err(HeadFault::RequestLine);
    }
    let method = Method::from_bytes(method).map_err(|_| HeadFault::RequestLine)?;
    let version = match version {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        _ => return Err(HeadFault::RequestLine),
    };
    check_target(target)?;
    let target = std::str::from_utf8(target).map_err(|_| HeadFault::Target)?;
    Ok((method, target, version))
}

/// The name and the value of a header line. [`HeaderValue`] judges the bytes of the value.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), HeadFault> {
    let colon = memchr::memchr(b':', line).ok_or(HeadFault::HeaderLine)?;
    let (name, value) = line.split_at(colon);
    let value = trimmed(value.get(1..).unwrap_or_default());
    check_field_len(name, value)?;
    // A folded line begins with white space, which no name may hold.
    if !name.is_empty() && name.iter().all(|byte| is_token(*byte)) {
        Ok((name, value))
    } else {
        Err(HeadFault::HeaderLine)
    }
}

/// Without spaces and tabs at its ends, and with every other control character (RFC 9110 §5.5).
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// The one host that the sender speaks to; HTTP/1.0 may do without.
pub(super) fn host(
    headers: &HeaderMap,
    version: Version,
) -> Result<Option<&HeaderValue>, HeadFault> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_10 => Ok(None),
        (Some(host), None) if is_host(host.as_bytes()) => Ok(Some(host)),
        _ => Err(HeadFault::Host),
    }
}

/// Whether this is a host and maybe a port (RFC 9110 §7.2, RFC 3986 §3.2.2).
pub(super) fn is_host(value: &[u8]) -> bool {
    let port_at = match value.first() {
        Some(b'[') => memchr::memchr(b']', value).map_or(0, |end| end + 1),
        _ => memchr::memchr(b':', value).unwrap_or(value.len()),
    };
    let (host, port) = value.split_at_checked(port_at).unwrap_or_default();
    let host_ok = match host {
        [b'[', address @ .., b']'] => {
            let text = std::str::from_utf8(address).unwrap_or_default();
            text.parse::<Ipv6Addr>().is_ok()
        }
        name => {
            let of_name =
                |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte);
            !name.is_empty() && name.iter().all(of_name)
        }
    };
    let port_ok = match port {
        [] | [b':'] => true,
        [b':', digits @ ..] => {
            let text = std::str::from_utf8(digits).unwrap_or_default();
            digits.iter().all(u8::is_ascii_digit) && text.parse::<u16>().is_ok()
        }
        _ => false,
    };
    host_ok && port_ok
}

pub(super) fn framing(headers: &HeaderMap, version: Version) -> Result<Framing, HeadFault> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (
        lengths.next(),
        lengths.next(),
        codings.next(),
        codings.next(),
    ) {
        (None, _, None, _) => Ok(Framing::Length(0)),
        (Some(length), None, None, _) => length_of(length.as_bytes())
            .map_or(Err(HeadFault::Framing), |it| Ok(Framing::Length(it))),
        // The one transfer coding that every recipient reads in the same way.
        (None, _, Some(coding), None)
            if version == Version::HTTP_11
                && coding.as_bytes().eq_ignore_ascii_case(b"chunked") =>
        {
            Ok(Framing::Chunked)
        }
        _ => Err(HeadFault::Framing),
    }
}

/// A length: digits, and nothing else.
pub(super) fn length_of(value: &[u8]) -> Option<u64> {
    let digits = (1..=MAX_LENGTH_DIGITS).contains(&value.len());
    if !digits || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The lines of a whole head, without the empty line that ends it. Each must end in CR LF.
pub(super) fn lines_of(
    head: &[u8],
) -> Result<impl Iterator<Item = Result<&[u8], HeadFault>>, HeadFault> {
    let text = head
        .strip_suffix(b"\r\n\r\n")
        .ok_or(HeadFault::BareLineFeed)?;
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', text).map(Some).chain([None]);
    Ok(ends.map(move |end| {
        let line = text.get(start..end.unwrap_or(text.len()));
        let line = line.unwrap_or_default();
        let Some(end) = end else { return Ok(line) };
        start = end + 1;
        line.strip_suffix(b"\r").ok_or(HeadFault::BareLineFeed)
    }))
}

/// The longest request target: twice what nginx and Apache take. RFC 9110 §4.1 recommends 8000 bytes at least, but a text
/// message of 1600 characters that a provider sends by `GET` can have 14,400 bytes, percent-encoded.
const MAX_TARGET_LEN: usize = 16 * 1024;
/// The longest name and value of a header: twice what nginx and Apache take.
const MAX_FIELD_LEN: usize = 16 * 1024;
/// More digits than any length that fits into 63 bits.
const MAX_LENGTH_DIGITS: usize = 18;
/// The bytes of a header name, on average over as many headers as a head may have.
const NAME_BYTES: usize = 32;

#[cfg(test)]
#[expect(clippy::type_complexity, reason = "tables of cases")]
mod tests {
    use http::HeaderName;
    use http::uri::PathAndQuery;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn targets_have_the_bytes_that_the_library_of_http_2_accepts() {
        for byte in 0..=u8::MAX {
            for before in ["/a", "/a?b"] {
                let target = [before.as_bytes(), &[byte], b"c"].concat();
                let parsed = PathAndQuery::try_from(&*target).ok();
                // The library cuts a fragment off, and takes any UTF-8.
                let whole = parsed.filter(|it| it.as_str().as_bytes() == target && byte.is_ascii());
                let expected = whole.is_some() && byte != 0x7f;
                assert_eq!(
                    check_target(&target).is_ok(),
                    expected,
                    "{before} {byte:#x}"
                );
            }
        }
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::try_from(*name).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_request_line_has_three_parts_and_a_path() {
        use HeadFault::{RequestLine, Target, TooLarge};
        let longest = format!("GET /{} HTTP/1.1", "a".repeat(MAX_TARGET_LEN - 1));
        let too_long = format!("GET /{} HTTP/1.1", "a".repeat(MAX_TARGET_LEN));
        for (line, expected) in [
            ("POST / HTTP/1.1", Ok((Method::POST, "/", Version::HTTP_11))),
            (
                "GET /a?b=c HTTP/1.0",
                Ok((Method::GET, "/a?b=c", Version::HTTP_10)),
            ),
            (
                "M-SEARCH //a/%zz~ HTTP/1.1",
                Ok((
                    Method::from_bytes(b"M-SEARCH").unwrap(),
                    "//a/%zz~",
                    Version::HTTP_11,
                )),
            ),
            ("", Err(RequestLine)),
            ("GET", Err(RequestLine)),
            ("GET /", Err(RequestLine)),
            ("GET / ", Err(RequestLine)),
            (" GET / HTTP/1.1", Err(RequestLine)),
            ("GET  / HTTP/1.1", Err(RequestLine)),
            ("GET / HTTP/1.1 ", Err(RequestLine)),
            ("GET /a b HTTP/1.1", Err(RequestLine)),
            ("GET\t/ HTTP/1.1", Err(RequestLine)),
            ("G@T / HTTP/1.1", Err(RequestLine)),
            ("GET / http/1.1", Err(RequestLine)),
            ("GET / HTTP/1.2", Err(RequestLine)),
            ("GET / HTTP/2.0", Err(RequestLine)),
            ("GET / HTTP/01.1", Err(RequestLine)),
            ("GET * HTTP/1.1", Err(Target)),
            ("GET a HTTP/1.1", Err(Target)),
            ("GET http://a/ HTTP/1.1", Err(Target)),
            ("CONNECT a:443 HTTP/1.1", Err(Target)),
            ("GET /#a HTTP/1.1", Err(Target)),
            ("GET /\u{7f} HTTP/1.1", Err(Target)),
            ("GET /ü HTTP/1.1", Err(Target)),
            ("GET /a\t HTTP/1.1", Err(Target)),
            (too_long.as_str(), Err(TooLarge)),
        ] {
            let expected: Result<(Method, &str, Version), HeadFault> = expected;
            assert_eq!(request_line(line.as_bytes()), expected, "{line:?}");
        }
        assert!(request_line(longest.as_bytes()).is_ok());
    }

    #[test]
    fn a_header_line_has_a_token_before_its_colon() {
        use HeadFault::{HeaderLine, TooLarge};
        let longest = format!("a:{}", "b".repeat(MAX_FIELD_LEN - 1));
        let too_long = format!("a:{}", "b".repeat(MAX_FIELD_LEN));
        for (line, expected) in [
            ("A: b", Ok(("A", "b"))),
            ("A:b", Ok(("A", "b"))),
            ("A:", Ok(("A", ""))),
            ("A: \t b:c \t", Ok(("A", "b:c"))),
            ("x_y!#: b", Ok(("x_y!#", "b"))),
            // `HeaderValue` judges other control characters.
            ("A: \u{b}b\r", Ok(("A", "\u{b}b\r"))),
            ("", Err(HeaderLine)),
            ("A", Err(HeaderLine)),
            (": b", Err(HeaderLine)),
            ("A : b", Err(HeaderLine)),
            (" A: b", Err(HeaderLine)),
            ("\tb", Err(HeaderLine)),
            ("A B: c", Err(HeaderLine)),
            ("Ü: b", Err(HeaderLine)),
            ("A\0: b", Err(HeaderLine)),
            (too_long.as_str(), Err(TooLarge)),
        ] {
            let found = field(line.as_bytes());
            let expected: Result<(&str, &str), HeadFault> = expected;
            let expected = expected.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            assert_eq!(found, expected, "{line:?}");
        }
        assert!(field(longest.as_bytes()).is_ok());
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_maybe_a_port() {
        for (host, is_valid) in [
            ("a", true),
            ("example.com:8080", true),
            ("example.com:", true),
            ("127.0.0.1:1", true),
            ("[::1]", true),
            ("[2001:db8::1]:65535", true),
            ("a_b~%c3!$&'()*+,;=", true),
            ("", false),
            (":80", false),
            ("a:65536", false),
            ("a:-1", false),
            ("a:+1", false),
            ("a:80:80", false),
            ("a b", false),
            ("a/b", false),
            ("user@a", false),
            ("::1", false),
            ("[::1", false),
            ("[::1]x", false),
            ("[::1]80", false),
            ("[a]", false),
            ("[]", false),
            ("[127.0.0.1]", false),
            ("ü", false),
        ] {
            assert_eq!(is_host(host.as_bytes()), is_valid, "{host}");
        }
    }

    #[test]
    fn the_host_is_sent_exactly_once_except_by_http_1_0() {
        let cases: [(&[(&str, &str)], Version, Result<Option<&str>, HeadFault>); 7] = [
            (&[("host", "a")], Version::HTTP_11, Ok(Some("a"))),
            (&[("host", "a")], Version::HTTP_10, Ok(Some("a"))),
            (&[], Version::HTTP_10, Ok(None)),
            (&[], Version::HTTP_11, Err(HeadFault::Host)),
            (
                &[("host", "a"), ("host", "a")],
                Version::HTTP_11,
                Err(HeadFault::Host),
            ),
            (
                &[("host", "a"), ("host", "b")],
                Version::HTTP_10,
                Err(HeadFault::Host),
            ),
            (&[("host", "a, b")], Version::HTTP_11, Err(HeadFault::Host)),
        ];
        for (lines, version, expected) in cases {
            let headers = headers(lines);
            let found = host(&headers, version).map(|it| it.map(|it| it.to_str().unwrap()));
            assert_eq!(found, expected, "{lines:?} {version:?}");
        }
    }

    #[test]
    fn a_body_is_delimited_in_one_way_only() {
        const LENGTH: &str = "content-length";
        const CODING: &str = "transfer-encoding";
        let refused = Err(HeadFault::Framing);
        let cases: [(&[(&str, &str)], Result<Framing, HeadFault>); 18] = [
            (&[], Ok(Framing::Length(0))),
            (&[(LENGTH, "0")], Ok(Framing::Length(0))),
            (&[(LENGTH, "0042")], Ok(Framing::Length(42))),
            (
                &[(LENGTH, "999999999999999999")],
                Ok(Framing::Length(999_999_999_999_999_999)),
            ),
            (&[(CODING, "Chunked")], Ok(Framing::Chunked)),
            (&[(LENGTH, "9999999999999999999")], refused),
            (&[(LENGTH, "")], refused),
            (&[(LENGTH, "+1")], refused),
            (&[(LENGTH, "-1")], refused),
            (&[(LENGTH, "1.0")], refused),
            (&[(LENGTH, "0x1")], refused),
            (&[(LENGTH, "1, 1")], refused),
            (&[(LENGTH, "1"), (LENGTH, "1")], refused),
            (&[(LENGTH, "1"), (CODING, "chunked")], refused),
            (&[(CODING, "chunked"), (CODING, "chunked")], refused),
            (&[(CODING, "gzip, chunked")], refused),
            (&[(CODING, "chunked;a=b")], refused),
            (&[(CODING, "identity")], refused),
        ];
        for (lines, expected) in cases {
            let headers = headers(lines);
            assert_eq!(framing(&headers, Version::HTTP_11), expected, "{lines:?}");
            // HTTP/1.0 has no transfer codings.
            let of_1_0 = match expected {
                Ok(Framing::Chunked) => refused,
                other => other,
            };
            assert_eq!(framing(&headers, Version::HTTP_10), of_1_0, "{lines:?}");
        }
    }

    #[test]
    fn every_line_ends_in_cr_lf() {
        for (head, expected) in [
            ("a\r\n\r\n", Some(&["a"][..])),
            ("a\r\nb: c\r\n\r\n", Some(&["a", "b: c"])),
            ("\r\n\r\n", Some(&[""])),
            ("a\rb\r\n\r\n", Some(&["a\rb"])),
            ("", None),
            ("a\r\n", None),
            ("a\n\n", None),
            ("a\nb\r\n\r\n", None),
            ("a\r\nb\n\r\n", None),
        ] {
            let lines = lines_of(head.as_bytes()).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let expected = expected.map(|lines| lines.iter().map(|line| line.as_bytes()));
            let expected: Option<Vec<&[u8]>> = expected.map(Iterator::collect);
            assert_eq!(lines.ok(), expected, "{head:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            _ = request_line(&bytes);
            _ = field(&bytes);
            _ = is_host(&bytes);
            _ = length_of(&bytes);
            if let Ok(lines) = lines_of(&bytes) {
                _ = lines.count();
            }
        }
    }
}
