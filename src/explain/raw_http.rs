//! Reads raw HTTP: a request line, headers, an empty line, and the exact bytes of the body.
//!
//! People save such files by hand. Line ends may have lost their carriage return, and the request line may be missing
//! if a provider's page shows only headers. The gate is stricter; a note names what it would refuse.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

use super::BYTE_ORDER_MARK;
use super::delivery::{CaptureError, Delivery, MAX_CAPTURE_BYTES, abbreviate};
use crate::capture::marks;
use crate::proxy::chunked::Chunked;

/// Reads a file of raw HTTP.
pub fn parse(capture: &[u8]) -> Result<Delivery, CaptureError> {
    if capture.len() > MAX_CAPTURE_BYTES {
        return Err(CaptureError::TooLarge);
    }
    let capture = capture.strip_prefix(BYTE_ORDER_MARK).unwrap_or(capture);
    if capture.trim_ascii().is_empty() {
        return Err(CaptureError::Empty);
    }
    let mut lines = Lines {
        rest: capture,
        number: 0,
    };
    let mut head = Head::default();
    let mut first = lines.next().unwrap_or_default();
    while first.trim_ascii().is_empty() {
        first = lines.next().unwrap_or_default();
    }
    if !head.take_request_line(first)? {
        head.take_header(first, lines.number)?;
    }
    while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
        head.take_header(line, lines.number)?;
    }
    head.finish(lines.rest)
}

/// The lines of a head, and what follows them.
struct Lines<'c> {
    rest: &'c [u8],
    number: usize,
}

impl<'c> Lines<'c> {
    fn next(&mut self) -> Option<&'c [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

#[derive(Default)]
struct Head {
    method: Option<String>,
    target: Option<String>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    remarks: Vec<String>,
}

impl Head {
    /// Reads a line such as `POST /path HTTP/1.1`. Returns false for any other line.
    fn take_request_line(&mut self, line: &[u8]) -> Result<bool, CaptureError> {
        let mut words = line.split(|byte| *byte == b' ');
        let method = words.next().unwrap_or_default();
        let is_method = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
        let (true, Some(target)) = (is_method, words.next()) else {
            return Ok(false);
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let version = words.next();
        if version.is_some_and(|it| !it.starts_with(b"HTTP/")) || words.next().is_some() {
            return Err(CaptureError::Target(abbreviate(&text(target))));
        }
        self.method = Some(text(method));
        self.target = Some(text(target));
        Ok(true)
    }

    fn take_header(&mut self, line: &[u8], number: usize) -> Result<(), CaptureError> {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            let Some((name, value)) = self.headers.last_mut() else {
                return Err(CaptureError::HeaderLine(number));
            };
            self.remarks.push(format!(
                "the header {} continues on the next line, which the gate refuses with 400 (RFC 9112 §5.2); \
                 it is read as one line",
                String::from_utf8_lossy(name)
            ));
            value.push(b' ');
            value.extend_from_slice(line.trim_ascii());
            return Ok(());
        }
        let colon = memchr::memchr(b':', line).filter(|at| *at > 0);
        let parts = colon.and_then(|at| line.split_at_checked(at));
        let (name, value) = parts.ok_or(CaptureError::HeaderLine(number))?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        // GitHub's page of recent deliveries shows the target in this form.
        match name {
            b"Request URL" => self.target = Some(String::from_utf8_lossy(value).into_owned()),
            b"Request method" => self.method = Some(String::from_utf8_lossy(value).into_owned()),
            _ if self.headers.len() > MAX_LINES => return Err(CaptureError::TooManyHeaders),
            _ => self.headers.push((name.to_vec(), value.to_vec())),
        }
        Ok(())
    }

    fn finish(mut self, body: &[u8]) -> Result<Delivery, CaptureError> {
        if self.method.is_none() {
            let text = "the capture has no request line: POST is assumed";
            self.remarks.push(text.to_owned());
        }
        let method = self.method.as_deref().unwrap_or("POST");
        let target = self.target.as_deref().unwrap_or("/");
        let mut delivery = Delivery::new(method, target, &self.headers, Vec::new())?;
        delivery.has_target = self.target.is_some();
        delivery.remarks = self.remarks;
        if take_capture_headers(&mut delivery) {
            delivery.body = body.to_vec().into();
            return Ok(delivery);
        }
        let chunked = delivery.headers.get(TRANSFER_ENCODING);
        let chunked = chunked.is_some_and(|value| value.as_bytes().ends_with(b"chunked"));
        delivery.body = match chunked.then(|| dechunk(body)).flatten() {
            Some(decoded) => {
                let text = "the body was captured with chunked encoding, which was decoded";
                delivery.remarks.push(text.to_owned());
                decoded.into()
            }
            None => cut_to_length(&mut delivery, body).to_vec().into(),
        };
        Ok(delivery)
    }
}

/// Removes the headers of the gate's own captures. Returns whether the gate captured the delivery.
fn take_capture_headers(delivery: &mut Delivery) -> bool {
    let mut take = |name: &str| {
        let value = delivery.headers.remove(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let at = take(marks::AT).and_then(|at| at.parse().ok());
    let (body, redacted) = (take(marks::BODY), take(marks::REDACTED));
    delivery.taken_at = at;
    delivery.has_body = body.is_none();
    if let Some(body) = body {
        let text = match body.as_str() {
            "none" => {
                "the delivery was refused before its body was read, so the capture has no body"
            }
            _ => "the body exceeds the limit of a capture: only its start was kept",
        };
        delivery.remarks.push(text.to_owned());
    }
    if let Some(redacted) = redacted {
        delivery.remarks.push(format!(
            "removed from the capture: {redacted}; a token cannot be checked without its value"
        ));
    }
    at.is_some()
}

/// Cuts off what an editor added after the body.
fn cut_to_length<'b>(delivery: &mut Delivery, body: &'b [u8]) -> &'b [u8] {
    let announced = delivery.announced_len();
    let announced = announced.and_then(|len| usize::try_from(len).ok());
    let Some(body_and_rest) = announced.and_then(|len| body.split_at_checked(len)) else {
        return body;
    };
    let (body, rest) = body_and_rest;
    if !rest.is_empty() {
        delivery.remarks.push(format!(
            "{CONTENT_LENGTH} is {}, but {} bytes follow in the capture: the rest is ignored",
            body.len(),
            body.len() + rest.len()
        ));
    }
    body
}

/// Decodes a chunked body; `None` if `body` is not one.
fn dechunk(body: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = Chunked::new();
    let mut content = Vec::new();
    let mut rest = body;
    while !decoder.is_end() && !rest.is_empty() {
        let taken = decoder.decode(rest, &mut content, body.len()).ok()?;
        rest = rest.get(taken..).filter(|_| taken > 0)?;
    }
    decoder.is_end().then_some(content)
}

/// The most header lines of a capture.
const MAX_LINES: usize = 1024;
