//! A request's head as it comes off the wire, judged before anything parses it.
//!
//! Parsers are lenient, and two that are lenient in different ways can be played off against each
//! other. So the bytes themselves must be what RFC 9112 asks of a sender, and everything that only a
//! recipient may tolerate is refused: bare LF, folded lines, two lengths, a length beside a transfer
//! coding, a target in absolute form. This is a pure function; a fuzz target feeds it.

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

/// Judges a whole head, from the request line to the empty line.
pub fn check(head: &[u8], limits: HeadLimits) -> Result<(), HeadFault> {
    if head.len() > limits.bytes {
        return Err(HeadFault::TooLarge);
    }
    let head = head
        .strip_suffix(b"\r\n\r\n")
        .ok_or(HeadFault::BareLineFeed)?;
    if memchr::memchr_iter(b'\n', head).any(|lf| lf == 0 || head.get(lf - 1) != Some(&b'\r')) {
        return Err(HeadFault::BareLineFeed);
    }
    let mut lines = split_lines(head);
    let version = check_request_line(lines.next().unwrap_or_default())?;
    let mut seen = Seen::default();
    for (count, line) in lines.enumerate() {
        if count >= limits.headers {
            return Err(HeadFault::TooLarge);
        }
        seen.line(line)?;
    }
    seen.check(version)
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

#[derive(Clone, Copy, Eq, PartialEq)]
enum Version {
    Http10,
    Http11,
}

fn check_request_line(line: &[u8]) -> Result<Version, HeadFault> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(HeadFault::RequestLine);
    };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err(HeadFault::RequestLine);
    }
    let version = match version {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        _ => return Err(HeadFault::RequestLine),
    };
    check_target(target).map(|()| version)
}

/// What the header lines say about framing and routing.
#[derive(Default)]
struct Seen {
    hosts: usize,
    lengths: usize,
    codings: usize,
}

impl Seen {
    fn line(&mut self, line: &[u8]) -> Result<(), HeadFault> {
        let colon = memchr::memchr(b':', line).ok_or(HeadFault::HeaderLine)?;
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        // A folded line begins with white space, which no name may hold.
        let name_ok = !name.is_empty() && name.iter().all(|byte| is_token(*byte));
        // Every byte is counted: a loop without a way out is one that the compiler can widen.
        let bad = |byte: &&u8| (**byte < b' ' && **byte != b'\t') || **byte == 0x7f;
        let value_ok = value.iter().filter(bad).count() == 0;
        if !name_ok || !value_ok {
            return Err(HeadFault::HeaderLine);
        }
        let value = value.trim_ascii();
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts += 1;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            let digits = (1..=MAX_LENGTH_DIGITS).contains(&value.len());
            if !digits || !value.iter().all(u8::is_ascii_digit) {
                return Err(HeadFault::Framing);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.codings += 1;
            // The one transfer coding that every recipient reads in the same way.
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(HeadFault::Framing);
            }
        }
        Ok(())
    }

    fn check(&self, version: Version) -> Result<(), HeadFault> {
        if self.lengths + self.codings > 1 {
            return Err(HeadFault::Framing);
        }
        if version == Version::Http10 && self.codings > 0 {
            return Err(HeadFault::Framing);
        }
        match (self.hosts, version) {
            (1, _) | (0, Version::Http10) => Ok(()),
            _ => Err(HeadFault::Host),
        }
    }
}

/// The lines of a head whose every LF has a CR before it.
fn split_lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
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

/// More digits than any length that fits into 63 bits.
const MAX_LENGTH_DIGITS: usize = 18;
