//! The scanner: it is shown the body as far as it has come, and looks at each byte once.
//!
//! It is strict, because parsers differ: a delimiter is a line of its own, and each part names one field. At the first thing that is wrong it stops, and everything that
//! follows counts as outside of any field.

use std::collections::BTreeSet;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::headers::{self, WrongHead};
use super::parts::{MultipartLimits, Part, Parts, ScanFault};
use crate::contract::field::is_wanted;

/// Looks through one body.
#[derive(Debug)]
pub struct Scanner {
    limits: MultipartLimits,
    /// The fields that somebody looks at; all if `None`.
    wanted: Arc<Option<BTreeSet<Box<str>>>>,
    /// The fields whose content is a message of its own.
    raw: Arc<[Box<str>]>,
    /// What ends a part: a line end, and the boundary behind two dashes.
    delimiter: Finder<'static>,
    state: State,
    /// Everything before it was looked at.
    seen: usize,
    count: usize,
    parts: Parts,
    /// The bytes of raw fields that have ended.
    raw_bytes: u64,
    largest_raw: u64,
}

/// A part whose content has begun.
#[derive(Clone, Debug)]
struct Open {
    begin: usize,
    is_raw: bool,
    /// Its name and whether it is a file, if somebody looks at it.
    field: Option<(String, bool)>,
}

/// Where the scan is. The numbers are places in the body.
#[derive(Clone, Debug)]
enum State {
    /// Before the first part; nothing before this place is a delimiter.
    Preamble(usize),
    /// Behind what is a delimiter if its line ends as it has to. It began there, behind what it ends.
    Delimited(usize, Option<Open>),
    /// In the headers of a part, which begin there.
    Headers(usize),
    /// In the content of a part; nothing of it before this place is a delimiter.
    Content(usize, Open),
    /// Behind the last part, or behind what is wrong.
    Over,
}

impl Scanner {
    /// A scanner for a body whose parts `boundary` separates.
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
            seen: 0,
            count: 0,
            parts: Parts {
                fields: Vec::new(),
                fault: boundary.is_none().then_some(ScanFault::NoBoundary),
            },
            raw_bytes: 0,
            largest_raw: 0,
        }
    }

    /// Looks at what has come. `body` is all of it, from its beginning.
    pub fn advance(&mut self, body: &[u8]) {
        while let Some(state) = self.step(body) {
            self.state = state;
        }
    }

    /// How many bytes of `body` are in no raw field.
    pub fn bytes_outside(&self, body: &[u8]) -> u64 {
        (body.len() as u64).saturating_sub(self.raw_bytes + self.open_raw(body))
    }

    /// How many bytes the largest raw field has.
    pub fn largest_raw(&self, body: &[u8]) -> u64 {
        self.largest_raw.max(self.open_raw(body))
    }

    /// What was found, now that nothing more comes.
    pub fn finish(mut self) -> Parts {
        if !matches!(self.state, State::Over) {
            self.parts.fault = Some(ScanFault::Unended);
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

    /// The next state, or `None` until more has come.
    fn step(&mut self, body: &[u8]) -> Option<State> {
        match &mut self.state {
            State::Preamble(from) => {
                let from = *from;
                let opening = self.delimiter.needle().get(2..).unwrap_or_default();
                if from == 0 && body.starts_with(opening) {
                    self.seen = opening.len();
                    return Some(State::Delimited(0, None));
                }
                let found = self.find_delimiter(body, from)?;
                Some(State::Delimited(found, None))
            }
            State::Delimited(at, open) => {
                let at = *at;
                match ending(body.get(self.seen..)?)? {
                    Ending::Line(len) => {
                        let open = open.take();
                        self.seen += len;
                        self.close(open, at);
                        self.count += 1;
                        if self.count > self.limits.parts {
                            return Some(self.fail(ScanFault::TooManyParts));
                        }
                        Some(State::Headers(self.seen))
                    }
                    Ending::Last => {
                        let open = open.take();
                        self.close(open, at);
                        Some(State::Over)
                    }
                    // The line goes on, so it is one like any other.
                    Ending::None => Some(match open.take() {
                        Some(open) => State::Content(self.seen, open),
                        None => State::Preamble(self.seen),
                    }),
                }
            }
            State::Headers(begin) => {
                let begin = *begin;
                self.headers(body, begin)
            }
            State::Content(from, _) => {
                let from = *from;
                let found = self.find_delimiter(body, from)?;
                match std::mem::replace(&mut self.state, State::Over) {
                    State::Content(_, open) => Some(State::Delimited(found, Some(open))),
                    _ => None,
                }
            }
            State::Over => {
                self.seen = body.len();
                None
            }
        }
    }

    /// Where the next delimiter begins, at `begin` or behind it. What it is the end of is behind us then.
    fn find_delimiter(&mut self, body: &[u8], begin: usize) -> Option<usize> {
        let len = self.delimiter.needle().len();
        // It may have begun in what was looked at before.
        let from = self.seen.saturating_sub(len - 1).max(begin);
        let found = self.delimiter.find(body.get(from..)?);
        self.seen = found.map_or(body.len(), |found| from + found + len);
        found.map(|found| from + found)
    }

    /// Notes a part whose content ends there.
    fn close(&mut self, open: Option<Open>, end: usize) {
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
        // The empty line may be the first one.
        let from = self.seen.saturating_sub(3).max(begin.saturating_sub(2));
        let most = begin
            .saturating_add(self.limits.header_bytes)
            .saturating_add(2);
        let within = body.get(from..body.len().min(most))?;
        let Some(found) = memchr::memmem::find(within, b"\r\n\r\n") else {
            self.seen = body.len();
            return (body.len() >= most).then(|| self.fail(ScanFault::HeadersTooLarge));
        };
        let end = from + found + 2;
        let block = body.get(begin..end).unwrap_or_default();
        let head = match headers::read(block, self.limits.headers) {
            Ok(head) => head,
            Err(WrongHead::Malformed) => return Some(self.fail(ScanFault::Malformed)),
            Err(WrongHead::TooMany) => return Some(self.fail(ScanFault::HeadersTooLarge)),
        };
        self.seen = end + 2;
        let is_wanted = is_wanted(self.wanted.as_ref().as_ref(), &head.name);
        let open = Open {
            begin: self.seen,
            is_raw: self.raw.iter().any(|name| **name == *head.name),
            field: is_wanted.then_some((head.name, head.is_file)),
        };
        Some(State::Content(self.seen, open))
    }

    fn fail(&mut self, fault: ScanFault) -> State {
        self.parts.fault = Some(fault);
        State::Over
    }
}

/// How the line of a delimiter goes on.
enum Ending {
    Last,
    /// It ends behind so many bytes.
    Line(usize),
    None,
}

/// How it goes on; `None` until more has come.
fn ending(rest: &[u8]) -> Option<Ending> {
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    let padding = padding.count();
    match rest {
        [] | [b'-'] => return None,
        [b'-', b'-', ..] => return Some(Ending::Last),
        _ if padding > MAX_PADDING => return Some(Ending::None),
        _ => {}
    }
    match rest.get(padding..).unwrap_or_default() {
        [] | [b'\r'] => None,
        [b'\r', b'\n', ..] => Some(Ending::Line(padding + 2)),
        _ => Some(Ending::None),
    }
}

/// RFC 2046 §5.1.1 lets a transport add white space behind a delimiter.
const MAX_PADDING: usize = 128;
