//! A pull reader of JSON (RFC 8259): the caller reads the values that it needs and skips the others.
//!
//! Skipped values are checked as strictly as values that are read. The reader never recurses. It allocates only the
//! text of a string with escapes.

use std::borrow::Cow;

use super::{JsonError, JsonErrorKind};

/// Reads one JSON text from its beginning.
pub(in crate::payload) struct Reader<'b> {
    text: &'b str,
    at: usize,
    /// The number of open containers.
    depth: u32,
}

/// The type of a value, known from its first byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::payload) enum ValueKind {
    Array,
    Boolean,
    Null,
    Number,
    Object,
    Text,
}

impl<'b> Reader<'b> {
    pub(in crate::payload) fn new(text: &'b [u8]) -> Result<Self, JsonError> {
        match std::str::from_utf8(text) {
            Ok(text) => Ok(Self {
                text,
                at: 0,
                depth: 0,
            }),
            Err(error) => Err(JsonError {
                kind: JsonErrorKind::Encoding,
                offset: error.valid_up_to(),
            }),
        }
    }

    /// The type of the next value.
    pub(in crate::payload) fn peek(&mut self) -> Result<ValueKind, JsonError> {
        match self.skip_whitespace() {
            Some(b'{') => Ok(ValueKind::Object),
            Some(b'[') => Ok(ValueKind::Array),
            Some(b'"') => Ok(ValueKind::Text),
            Some(b't' | b'f') => Ok(ValueKind::Boolean),
            Some(b'n') => Ok(ValueKind::Null),
            Some(b'-' | b'0'..=b'9') => Ok(ValueKind::Number),
            _ => Err(self.unexpected()),
        }
    }

    /// Checks that only white space follows.
    pub(in crate::payload) fn end(&mut self) -> Result<(), JsonError> {
        match self.skip_whitespace() {
            None => Ok(()),
            Some(_) => Err(self.unexpected()),
        }
    }

    /// Enters the object or array at the position.
    pub(in crate::payload) fn open(&mut self) -> Result<(), JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(JsonErrorKind::Depth));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Reads the name of the next member of the open object. At its end, leaves it and returns `None`.
    pub(in crate::payload) fn member(
        &mut self,
        is_first: bool,
    ) -> Result<Option<Cow<'b, str>>, JsonError> {
        if !self.has_next(is_first, b'}')? {
            return Ok(None);
        }
        let (name, _) = self.string()?;
        self.expect_colon()?;
        Ok(Some(name))
    }

    /// Whether the open array has another element. If not, leaves it.
    pub(in crate::payload) fn element(&mut self, is_first: bool) -> Result<bool, JsonError> {
        self.has_next(is_first, b']')
    }

    /// Reads a string.
    pub(in crate::payload) fn string(&mut self) -> Result<(Cow<'b, str>, Surrogates), JsonError> {
        let (raw, escapes) = self.raw_string()?;
        if !escapes {
            return Ok((Cow::Borrowed(raw), Surrogates::Paired));
        }
        let (text, surrogates) = unescape(raw);
        Ok((Cow::Owned(text), surrogates))
    }

    /// Reads a number, as it is written.
    pub(in crate::payload) fn number(&mut self) -> Result<&'b str, JsonError> {
        let begin = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        match self.byte() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(self.text.get(begin..self.at).unwrap_or_default())
    }

    /// Reads `true` or `false`.
    pub(in crate::payload) fn boolean(&mut self) -> Result<bool, JsonError> {
        let is_true = self.byte() == Some(b't');
        self.literal(if is_true { b"true" } else { b"false" })?;
        Ok(is_true)
    }

    /// Reads `null`.
    pub(in crate::payload) fn null(&mut self) -> Result<(), JsonError> {
        self.literal(b"null")
    }

    /// Skips the next value of any type, and checks it.
    pub(in crate::payload) fn skip(&mut self) -> Result<(), JsonError> {
        let outside = self.depth;
        // One bit for each container that was entered here, set for an object. The lowest bit is the innermost.
        let mut objects: u64 = 0;
        loop {
            let mut is_first = false;
            match self.peek()? {
                ValueKind::Text => drop(self.raw_string()?),
                ValueKind::Number => drop(self.number()?),
                ValueKind::Boolean => drop(self.boolean()?),
                ValueKind::Null => self.null()?,
                kind @ (ValueKind::Array | ValueKind::Object) => {
                    self.open()?;
                    objects = (objects << 1) | u64::from(kind == ValueKind::Object);
                    is_first = true;
                }
            }
            loop {
                if self.depth == outside {
                    return Ok(());
                }
                let is_object = objects & 1 == 1;
                if self.has_next(is_first, if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.raw_string()?;
                        self.expect_colon()?;
                    }
                    break;
                }
                objects >>= 1;
                is_first = false;
            }
        }
    }

    /// Whether the container that `end` closes has another element or member.
    fn has_next(&mut self, is_first: bool, end: u8) -> Result<bool, JsonError> {
        match self.skip_whitespace() {
            Some(byte) if byte == end => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(_) if is_first => Ok(true),
            Some(b',') => {
                self.at += 1;
                // The caller expects a name or a value next, so `,}` and `,]` are errors.
                self.skip_whitespace();
                Ok(true)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn expect_colon(&mut self) -> Result<(), JsonError> {
        if self.skip_whitespace() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    /// Reads a string without decoding it. The flag tells whether it has escapes.
    fn raw_string(&mut self) -> Result<(&'b str, bool), JsonError> {
        if self.byte() != Some(b'"') {
            return Err(self.unexpected());
        }
        let text = self.text.as_bytes();
        let begin = self.at + 1;
        let (mut from, mut escapes) = (begin, false);
        let end = loop {
            let rest = text.get(from..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = text.len();
                return Err(self.error(JsonErrorKind::UnexpectedEnd));
            };
            if rest.get(found) == Some(&b'"') {
                break from + found;
            }
            escapes = true;
            self.at = from + found;
            from = self.at + self.escape_len()?;
        };
        let raw = self.text.get(begin..end).unwrap_or_default();
        // The whole string without an early exit, so that the compiler can vectorise the loop.
        let control = |found: u8, byte: &u8| found | u8::from(*byte < b' ');
        if raw.as_bytes().iter().fold(0, control) != 0 {
            let control = raw.bytes().position(|byte| byte < b' ');
            self.at = begin + control.unwrap_or_default();
            return Err(self.error(JsonErrorKind::Control));
        }
        self.at = end + 1;
        Ok((raw, escapes))
    }

    /// The length of the escape at the position.
    fn escape_len(&self) -> Result<usize, JsonError> {
        let escape = self.text.as_bytes().get(self.at + 1..).unwrap_or_default();
        match escape {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(2),
            [b'u', digits @ ..] => match digits.get(..4) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(6),
                _ => Err(self.error(JsonErrorKind::Escape)),
            },
            _ => Err(self.error(JsonErrorKind::Escape)),
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let begin = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at == begin {
            return Err(self.unexpected());
        }
        Ok(())
    }

    fn literal(&mut self, literal: &[u8]) -> Result<(), JsonError> {
        for wanted in literal {
            if self.byte() != Some(*wanted) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Skips white space and returns the next byte.
    fn skip_whitespace(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self) -> JsonError {
        self.error(match self.byte() {
            None => JsonErrorKind::UnexpectedEnd,
            Some(_) => JsonErrorKind::Unexpected,
        })
    }

    pub(in crate::payload) fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError {
            kind,
            offset: self.at,
        }
    }
}

/// Whether a string has lone surrogates: escapes of half a character (RFC 8259 §8.2). Each one is read as U+FFFD.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::payload) enum Surrogates {
    Lone,
    Paired,
}

/// Decodes the escapes of a string (RFC 8259 §7). They must be well-formed.
fn unescape(raw: &str) -> (String, Surrogates) {
    let mut text = String::with_capacity(raw.len());
    let mut surrogates = Surrogates::Paired;
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut behind = escape.chars();
        let code = behind.next().unwrap_or_default();
        rest = behind.as_str();
        text.push(match code {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (character, behind) = character(rest);
                rest = behind;
                character.unwrap_or_else(|| {
                    surrogates = Surrogates::Lone;
                    char::REPLACEMENT_CHARACTER
                })
            }
            itself => itself,
        });
    }
    text.push_str(rest);
    (text, surrogates)
}

/// Decodes one escape, or a surrogate pair of two; `None` for a lone surrogate.
fn character(text: &str) -> (Option<char>, &str) {
    let Some((unit, behind)) = code_unit(text) else {
        return (None, "");
    };
    let low = behind.strip_prefix("\\u").and_then(code_unit);
    match (char::from_u32(u32::from(unit)), low) {
        (None, Some((low, after))) => match char::decode_utf16([unit, low]).next() {
            Some(Ok(character)) => (Some(character), after),
            _ => (None, behind),
        },
        (character, _) => (character, behind),
    }
}

fn code_unit(text: &str) -> Option<(u16, &str)> {
    let (digits, behind) = text.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, behind))
}

/// The most nested containers. [`Reader::skip`] needs one bit for each.
pub(in crate::payload) const MAX_DEPTH: u32 = 64;
