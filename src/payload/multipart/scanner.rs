//! The scanner of a multipart body. It sees the body as far as it has arrived, and scans each byte once.
//!
//! It is strict, because parsers differ: a delimiter is a whole line, and each part names one field. It stops at the
//! first error; the rest of the body then counts as outside of all fields.

use std::collections::BTreeSet;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::headers::{self, HeaderError};
use super::parts::{MultipartError, MultipartLimits, Part, Parts};
use crate::payload::field::is_wanted;

/// Scans one body.
#[derive(Debug)]
pub struct Scanner {
    limits: MultipartLimits,
    /// The fields to keep; `None` for all.
    wanted: Arc<Option<BTreeSet<Box<str>>>>,
    /// The names of raw MIME fields.
    raw: Arc<[Box<str>]>,
    /// The end of a part: a line end, two dashes and the boundary.
    delimiter: Finder<'static>,
    state: State,
    /// The number of bytes that were scanned.
    scanned: usize,
    part_count: usize,
    parts: Parts,
    /// The bytes of the raw fields that are complete.
    raw_bytes: u64,
    largest_raw: u64,
}

/// A part whose content is being scanned.
#[derive(Clone, Debug)]
struct OpenPart {
    begin: usize,
    is_raw: bool,
    /// The name and whether it is a file, for a field to keep.
    field: Option<(String, bool)>,
}

/// The state of the scan. Numbers are positions in the body.
#[derive(Clone, Debug)]
enum State {
    /// Before the first part. The position is where the search for a delimiter continues.
    Preamble(usize),
    /// After a possible delimiter, which counts if its line ends correctly. It began at the position, after this part.
    Delimited(usize, Option<OpenPart>),
    /// In the headers of a part, which begin at the position.
    Headers(usize),
    /// In the content of a part. The position is where the search for a delimiter continues.
    Content(usize, OpenPart),
    /// After the closing delimiter, or after an error.
    Over,
}

impl Scanner {
    /// A scanner for the parts that `boundary` separates. Without a boundary, it only reports the error.
    pub fn new(
        boundary: Option<&[u8]>,
        limits: MultipartLimits,
        wanted: Arc<Option<BTreeSet<Box<str>>>>,
        raw: Arc<[Box<str>]>,
    ) -> Self {
        let delimiter = [b"\r\n--", boundary.unwrap_or_default()].concat();
        Self {
            limits,
            wanted,
            raw,
            delimiter: Finder::new(&delimiter).into_owned(),
            state: match boundary {
                Some(_) => State::Preamble(0),
                None => State::Over,
            },
            scanned: 0,
            part_count: 0,
            parts: Parts {
                fields: Vec::new(),
                fault: boundary.is_none().then_some(MultipartError::NoBoundary),
            },
            raw_bytes: 0,
            largest_raw: 0,
        }
    }

    /// Scans the bytes that have arrived. `body` is the whole body so far.
    pub fn advance(&mut self, body: &[u8]) {
        while let Some(state) = self.step(body) {
            self.state = state;
        }
    }

    /// The bytes of `body` outside of raw fields.
    pub fn bytes_outside(&self, body: &[u8]) -> u64 {
        (body.len() as u64).saturating_sub(self.raw_bytes + self.open_raw(body))
    }

    /// The size of the largest raw field so far.
    pub fn largest_raw(&self, body: &[u8]) -> u64 {
        self.largest_raw.max(self.open_raw(body))
    }

    /// The parts, after the whole body was scanned.
    pub fn finish(mut self) -> Parts {
        if !matches!(self.state, State::Over) {
            self.parts.fault = Some(MultipartError::Unended);
        }
        self.parts
    }

    fn open_raw(&self, body: &[u8]) -> u64 {
        let (open, end) = match &self.state {
            State::Content(_, open) => (open, body.len()),
            State::Delimited(end, Some(open)) => (open, *end),
            _ => return 0,
        };
        if open.is_raw {
            end.saturating_sub(open.begin) as u64
        } else {
            0
        }
    }

    /// The next state; `None` until more bytes arrive.
    fn step(&mut self, body: &[u8]) -> Option<State> {
        match &mut self.state {
            State::Preamble(from) => {
                let from = *from;
                let opening = self.delimiter.needle().get(2..).unwrap_or_default();
                if from == 0 && body.starts_with(opening) {
                    self.scanned = opening.len();
                    return Some(State::Delimited(0, None));
                }
                let position = self.find_delimiter(body, from)?;
                Some(State::Delimited(position, None))
            }
            State::Delimited(start, open) => {
                let start = *start;
                match line_ending(body.get(self.scanned..)?)? {
                    LineEnding::Line(len) => {
                        let open = open.take();
                        self.scanned += len;
                        self.close(open, start);
                        self.part_count += 1;
                        if self.part_count > self.limits.parts {
                            return Some(self.fail(MultipartError::TooManyParts));
                        }
                        Some(State::Headers(self.scanned))
                    }
                    LineEnding::Last => {
                        let open = open.take();
                        self.close(open, start);
                        Some(State::Over)
                    }
                    // The line continues, so it is content and not a delimiter.
                    LineEnding::None => Some(match open.take() {
                        Some(open) => State::Content(self.scanned, open),
                        None => State::Preamble(self.scanned),
                    }),
                }
            }
            State::Headers(begin) => {
                let begin = *begin;
                self.headers(body, begin)
            }
            State::Content(from, _) => {
                let from = *from;
                let position = self.find_delimiter(body, from)?;
                match std::mem::replace(&mut self.state, State::Over) {
                    State::Content(_, open) => Some(State::Delimited(position, Some(open))),
                    _ => None,
                }
            }
            State::Over => {
                self.scanned = body.len();
                None
            }
        }
    }

    /// Finds the next delimiter at or after `begin`, and moves past it.
    fn find_delimiter(&mut self, body: &[u8], begin: usize) -> Option<usize> {
        let len = self.delimiter.needle().len();
        // It may have begun in bytes that were scanned before.
        let from = self.scanned.saturating_sub(len - 1).max(begin);
        let position = self.delimiter.find(body.get(from..)?);
        self.scanned = position.map_or(body.len(), |position| from + position + len);
        position.map(|position| from + position)
    }

    /// Records a part whose content ends at `end`.
    fn close(&mut self, open: Option<OpenPart>, end: usize) {
        let Some(open) = open else {
            return;
        };
        if open.is_raw {
            let len = end.saturating_sub(open.begin) as u64;
            self.raw_bytes += len;
            self.largest_raw = self.largest_raw.max(len);
        }
        if let Some((name, is_file)) = open.field {
            self.parts.fields.push(Part {
                name,
                is_file,
                is_raw: open.is_raw,
                content: open.begin..end,
            });
        }
    }

    fn headers(&mut self, body: &[u8], begin: usize) -> Option<State> {
        // The part may have no headers, so that the empty line is the first one.
        let from = self.scanned.saturating_sub(3).max(begin.saturating_sub(2));
        let limit = begin
            .saturating_add(self.limits.header_bytes)
            .saturating_add(2);
        let window = body.get(from..body.len().min(limit))?;
        let Some(position) = memchr::memmem::find(window, b"\r\n\r\n") else {
            self.scanned = body.len();
            return (body.len() >= limit).then(|| self.fail(MultipartError::HeadersTooLarge));
        };
        let end = from + position + 2;
        let block = body.get(begin..end).unwrap_or_default();
        let head = match headers::read(block, self.limits.headers) {
            Ok(head) => head,
            Err(HeaderError::Malformed) => return Some(self.fail(MultipartError::Malformed)),
            Err(HeaderError::TooMany) => return Some(self.fail(MultipartError::HeadersTooLarge)),
        };
        self.scanned = end + 2;
        let is_wanted = is_wanted(self.wanted.as_ref().as_ref(), &head.name);
        let open = OpenPart {
            begin: self.scanned,
            is_raw: self.raw.iter().any(|name| **name == *head.name),
            field: is_wanted.then_some((head.name, head.is_file)),
        };
        Some(State::Content(self.scanned, open))
    }

    fn fail(&mut self, fault: MultipartError) -> State {
        self.parts.fault = Some(fault);
        State::Over
    }
}

/// How the line of a possible delimiter ends.
enum LineEnding {
    Last,
    /// The line ends after this many bytes.
    Line(usize),
    None,
}

/// How the line ends; `None` until more bytes arrive.
fn line_ending(rest: &[u8]) -> Option<LineEnding> {
    let padding_len = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    let padding_len = padding_len.count();
    match rest {
        [] | [b'-'] => return None,
        [b'-', b'-', ..] => return Some(LineEnding::Last),
        _ if padding_len > MAX_PADDING => return Some(LineEnding::None),
        _ => {}
    }
    match rest.get(padding_len..).unwrap_or_default() {
        [] | [b'\r'] => None,
        [b'\r', b'\n', ..] => Some(LineEnding::Line(padding_len + 2)),
        _ => Some(LineEnding::None),
    }
}

/// RFC 2046 §5.1.1 allows a transport to add white space after a delimiter.
const MAX_PADDING: usize = 128;
