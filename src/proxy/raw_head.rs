//! A request's head as it comes off the wire.
//!
//! Parsers are lenient, and two that are lenient in different ways can be played off against each
//! other. So the bytes must be what RFC 9112 asks of a sender, and everything that only a recipient may
//! tolerate is refused: bare LF, folded lines, two lengths, a length beside a transfer coding, a target
//! in absolute form. What passes means the same to everybody. Pure functions; a fuzz target feeds them.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};

use super::head::RequestHead;

/// How large a head may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeadLimits {
    /// The bytes of the whole head.
    pub bytes: usize,
    /// The number of header lines.
    pub headers: usize,
}

/// Looks for the end of a head in what has come so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScanner {
    /// Everything before this was looked at.
    seen: usize,
    /// Where the last line began.
    line: usize,
}

impl HeadScanner {
    /// The length of the head, if all of it is in `bytes`, which must be what the last call saw and
    /// more.
    pub fn scan(&mut self, bytes: &[u8], limits: HeadLimits) -> Result<Option<usize>, HeadFault> {
        let news = bytes.get(self.seen..).unwrap_or_default();
        for offset in memchr::memchr_iter(b'\n', news) {
            let end = self.seen + offset;
            let line = bytes.get(self.line..end).unwrap_or_default();
            match line.split_last() {
                Some((b'\r', [])) if self.line == 0 => return Err(HeadFault::RequestLine),
                Some((b'\r', [])) => return Ok(Some(end + 1)),
                Some((b'\r', _)) => self.line = end + 1,
                _ => return Err(HeadFault::BareLineFeed),
            }
        }
        self.seen = bytes.len();
        if self.seen > limits.bytes {
            return Err(HeadFault::TooLarge);
        }
        Ok(None)
    }
}

/// Parses a whole head, from the request line to the empty line.
pub fn parse(head: &Bytes, limits: HeadLimits) -> Result<RequestHead, HeadFault> {
    if head.len() > limits.bytes {
        return Err(HeadFault::TooLarge);
    }
    let text = head
        .strip_suffix(b"\r\n\r\n")
        .ok_or(HeadFault::BareLineFeed)?;
    if memchr::memchr_iter(b'\n', text).any(|lf| lf == 0 || text.get(lf - 1) != Some(&b'\r')) {
        return Err(HeadFault::BareLineFeed);
    }
    let mut lines = split_lines(text);
    let (method, target, version) = request_line(lines.next().unwrap_or_default())?;
    let mut headers = HeaderMap::with_capacity(EXPECTED_HEADERS);
    for (count, line) in lines.enumerate() {
        if count >= limits.headers {
            return Err(HeadFault::TooLarge);
        }
        let (name, value) = field(line)?;
        headers.append(
            HeaderName::from_bytes(name).map_err(|_| HeadFault::HeaderLine)?,
            HeaderValue::from_maybe_shared(head.slice_ref(value))
                .map_err(|_| HeadFault::HeaderLine)?,
        );
    }
    check_host(&headers, version)?;
    let framing = framing(&headers, version)?;
    RequestHead::from_wire(method, target, version, headers, framing, head.clone())
        .ok_or(HeadFault::Target)
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
pub fn check_target(target: &[u8]) -> Result<(), HeadFault> {
    let visible = target.iter().all(u8::is_ascii_graphic);
    if target.first() == Some(&b'/') && visible && !target.contains(&b'#') {
        Ok(())
    } else {
        Err(HeadFault::Target)
    }
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
    /// No `Host`, or more than one (RFC 9112 §3.2).
    #[error("not exactly one Host")]
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

fn request_line(line: &[u8]) -> Result<(Method, &[u8], Version), HeadFault> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(HeadFault::RequestLine);
    };
    let method = Method::from_bytes(method).map_err(|_| HeadFault::RequestLine)?;
    let version = match version {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        _ => return Err(HeadFault::RequestLine),
    };
    check_target(target)?;
    Ok((method, target, version))
}

/// The name and the value of a header line.
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), HeadFault> {
    let colon = memchr::memchr(b':', line).ok_or(HeadFault::HeaderLine)?;
    let (name, value) = line.split_at(colon);
    let value = value.get(1..).unwrap_or_default();
    // A folded line begins with white space, which no name may hold.
    let name_ok = !name.is_empty() && name.iter().all(|byte| is_token(*byte));
    // Every byte is counted: a loop without a way out is one that the compiler can widen.
    let bad = |byte: &&u8| (**byte < b' ' && **byte != b'\t') || **byte == 0x7f;
    if name_ok && value.iter().filter(bad).count() == 0 {
        Ok((name, value.trim_ascii()))
    } else {
        Err(HeadFault::HeaderLine)
    }
}

fn check_host(headers: &HeaderMap, version: Version) -> Result<(), HeadFault> {
    match (headers.get_all(header::HOST).iter().count(), version) {
        (1, _) | (0, Version::HTTP_10) => Ok(()),
        _ => Err(HeadFault::Host),
    }
}

fn framing(headers: &HeaderMap, version: Version) -> Result<Framing, HeadFault> {
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
fn length_of(value: &[u8]) -> Option<u64> {
    let digits = (1..=MAX_LENGTH_DIGITS).contains(&value.len());
    if !digits || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// The lines of a head whose every LF has a CR before it.
pub(super) fn split_lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', head).map(|lf| lf.saturating_sub(1));
    ends.chain([head.len()]).map(move |end| {
        let line = head.get(start..end).unwrap_or_default();
        start = end + 2;
        line
    })
}

/// A character of a token (RFC 9110 §5.6.2).
fn is_token(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

const fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::indexing_slicing,
            reason = "the loop ends at the length of the table"
        )]
        {
            table[byte] = is_token_char(byte as u8);
        }
        byte += 1;
    }
    table
};

/// More than most senders write.
const EXPECTED_HEADERS: usize = 16;
/// More digits than any length that fits into 63 bits.
const MAX_LENGTH_DIGITS: usize = 18;
