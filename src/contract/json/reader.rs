//! A pull reader of JSON (RFC 8259): whoever reads says what of a value is wanted, and the rest is skipped.
//!
//! What is skipped is checked as strictly as what is taken. Nothing recurses, and nothing is allocated but
//! the text of a string that has escapes.

use std::borrow::Cow;

use super::text::{Wholeness, unescaped};
use super::{Broken, Fault};

/// Reads one JSON text from its beginning.
pub(in crate::contract) struct Reader<'b> {
    text: &'b str,
    at: usize,
    /// The containers that are open.
    depth: u32,
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::contract) enum Kind {
    Array,
    Boolean,
    Null,
    Number,
    Object,
    Text,
}

impl<'b> Reader<'b> {
    pub(in crate::contract) fn new(text: &'b [u8]) -> Result<Self, Broken> {
        match std::str::from_utf8(text) {
            Ok(text) => Ok(Self {
                text,
                at: 0,
                depth: 0,
            }),
            Err(error) => Err(Broken {
                fault: Fault::Encoding,
                at: error.valid_up_to(),
            }),
        }
    }

    /// What the next value is.
    pub(in crate::contract) fn peek(&mut self) -> Result<Kind, Broken> {
        match self.significant() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::Text),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            _ => Err(self.unexpected()),
        }
    }

    /// Nothing may follow.
    pub(in crate::contract) fn end(&mut self) -> Result<(), Broken> {
        match self.significant() {
            None => Ok(()),
            Some(_) => Err(self.unexpected()),
        }
    }

    /// Opens the object or the array that comes next.
    pub(in crate::contract) fn open(&mut self) -> Result<(), Broken> {
        if self.depth == MAX_DEPTH {
            return Err(self.broken(Fault::Depth));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// The name of the next member of the object that is open, or `None` at its end, which is closed then.
    pub(in crate::contract) fn member(
        &mut self,
        is_first: bool,
    ) -> Result<Option<Cow<'b, str>>, Broken> {
        if !self.goes_on(is_first, b'}')? {
            return Ok(None);
        }
        let (name, _) = self.string()?;
        self.colon()?;
        Ok(Some(name))
    }

    /// Whether the array that is open has another element; if not, it is closed.
    pub(in crate::contract) fn element(&mut self, is_first: bool) -> Result<bool, Broken> {
        self.goes_on(is_first, b']')
    }

    /// The string that comes next.
    pub(in crate::contract) fn string(&mut self) -> Result<(Cow<'b, str>, Wholeness), Broken> {
        let (raw, escapes) = self.raw_string()?;
        if !escapes {
            return Ok((Cow::Borrowed(raw), Wholeness::Whole));
        }
        let (text, wholeness) = unescaped(raw);
        Ok((Cow::Owned(text), wholeness))
    }

    /// The number that comes next, as it is written.
    pub(in crate::contract) fn number(&mut self) -> Result<&'b str, Broken> {
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

    /// The `true` or `false` that comes next.
    pub(in crate::contract) fn boolean(&mut self) -> Result<bool, Broken> {
        let is_true = self.byte() == Some(b't');
        self.word(if is_true { b"true" } else { b"false" })?;
        Ok(is_true)
    }

    /// The `null` that comes next.
    pub(in crate::contract) fn null(&mut self) -> Result<(), Broken> {
        self.word(b"null")
    }

    /// Passes over the next value, whatever it is.
    pub(in crate::contract) fn skip(&mut self) -> Result<(), Broken> {
        let outside = self.depth;
        // One bit for each container that was opened here, the innermost lowest: set for an object.
        let mut objects: u64 = 0;
        loop {
            let mut is_first = false;
            match self.peek()? {
                Kind::Text => drop(self.raw_string()?),
                Kind::Number => drop(self.number()?),
                Kind::Boolean => drop(self.boolean()?),
                Kind::Null => self.null()?,
                kind @ (Kind::Array | Kind::Object) => {
                    self.open()?;
                    objects = (objects << 1) | u64::from(kind == Kind::Object);
                    is_first = true;
                }
            }
            loop {
                if self.depth == outside {
                    return Ok(());
                }
                let is_object = objects & 1 == 1;
                if self.goes_on(is_first, if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.raw_string()?;
                        self.colon()?;
                    }
                    break;
                }
                objects >>= 1;
                is_first = false;
            }
        }
    }

    /// Whether there is more in the container that `end` closes.
    fn goes_on(&mut self, is_first: bool, end: u8) -> Result<bool, Broken> {
        match self.significant() {
            Some(byte) if byte == end => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(_) if is_first => Ok(true),
            Some(b',') => {
                self.at += 1;
                // What comes next is looked at as a name or as a value, so `,}` and `,]` end there.
                self.significant();
                Ok(true)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn colon(&mut self) -> Result<(), Broken> {
        if self.significant() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    /// The string that comes next as it is written, and whether it has escapes.
    fn raw_string(&mut self) -> Result<(&'b str, bool), Broken> {
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
                return Err(self.broken(Fault::Ended));
            };
            if rest.get(found) == Some(&b'"') {
                break from + found;
            }
            escapes = true;
            self.at = from + found;
            from = self.at + self.escape_len()?;
        };
        let raw = self.text.get(begin..end).unwrap_or_default();
        // Not one that ends at the first, so that the compiler may look at many at once.
        let control = |found: u8, byte: &u8| found | u8::from(*byte < b' ');
        if raw.as_bytes().iter().fold(0, control) != 0 {
            let control = raw.bytes().position(|byte| byte < b' ');
            self.at = begin + control.unwrap_or_default();
            return Err(self.broken(Fault::Control));
        }
        self.at = end + 1;
        Ok((raw, escapes))
    }

    /// How long the escape is that stands here.
    fn escape_len(&self) -> Result<usize, Broken> {
        let escape = self.text.as_bytes().get(self.at + 1..).unwrap_or_default();
        match escape {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(2),
            [b'u', digits @ ..] => match digits.get(..4) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(6),
                _ => Err(self.broken(Fault::Escape)),
            },
            _ => Err(self.broken(Fault::Escape)),
        }
    }

    fn digits(&mut self) -> Result<(), Broken> {
        let begin = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at == begin {
            return Err(self.unexpected());
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Broken> {
        for wanted in word {
            if self.byte() != Some(*wanted) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        Ok(())
    }

    /// The next byte that is no white space, which is stepped to.
    fn significant(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self) -> Broken {
        self.broken(match self.byte() {
            None => Fault::Ended,
            Some(_) => Fault::Unexpected,
        })
    }

    pub(in crate::contract) fn broken(&self, fault: Fault) -> Broken {
        Broken { fault, at: self.at }
    }
}

/// Containers in one another. A bit of [`Reader::skip`] each.
pub(in crate::contract) const MAX_DEPTH: u32 = 64;
