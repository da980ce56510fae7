//! A strict decoder of the chunked transfer coding (RFC 9112 §7.1).
//!
//! It is a pure state machine, which a fuzz target feeds too. Extensions and trailers are read within bounds and dropped,
//! because nothing downstream may act on them.

use crate::http_syntax::is_token;

/// The decoder of one chunked body.
#[derive(Clone, Debug)]
pub struct Chunked {
    state: State,
    /// The bytes of the chunk that have not arrived yet.
    left: u64,
    /// The bytes of the line, or of all trailers, that have arrived.
    line_len: usize,
}

/// The expected next byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    End,
}

impl Chunked {
    /// A decoder at the start of a body.
    pub fn new() -> Self {
        Self {
            state: State::Size,
            left: 0,
            line_len: 0,
        }
    }

    /// Decodes `input`, appends at most `room` bytes of the body to `into`, and returns how many bytes of `input` it
    /// consumed. It stops at the end of the input, of the room, or of the body.
    pub fn decode(
        &mut self,
        input: &[u8],
        into: &mut Vec<u8>,
        room: usize,
    ) -> Result<usize, MalformedChunk> {
        let mut taken = 0;
        let mut room = room;
        while let Some(rest) = input.get(taken..).filter(|rest| !rest.is_empty()) {
            match self.state {
                State::End => break,
                State::Data => {
                    let left = usize::try_from(self.left).unwrap_or(usize::MAX);
                    let len = rest.len().min(left).min(room);
                    if len == 0 {
                        break;
                    }
                    into.extend_from_slice(rest.get(..len).unwrap_or_default());
                    taken += len;
                    room -= len;
                    self.left -= len as u64;
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                }
                _ => {
                    let byte = rest.first().copied().unwrap_or_default();
                    self.state = self.step(byte)?;
                    taken += 1;
                }
            }
        }
        Ok(taken)
    }

    /// Whether the last chunk and the trailers have arrived.
    pub fn is_end(&self) -> bool {
        self.state == State::End
    }

    /// Consumes one byte that is not data.
    fn step(&mut self, byte: u8) -> Result<State, MalformedChunk> {
        self.line_len += 1;
        match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F')
                if self.line_len <= MAX_DIGITS =>
            {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                self.left = self.left * 16 + u64::from(digit);
                Ok(State::Size)
            }
            // A size has at least one digit.
            (State::Size, b';') if self.line_len > 1 => Ok(State::Extension),
            (State::Size, b'\r') if self.line_len > 1 => Ok(State::SizeLf),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, byte) if is_text(byte) && self.line_len <= MAX_LINE => {
                Ok(State::Extension)
            }
            (State::SizeLf, b'\n') => {
                self.line_len = 0;
                Ok(if self.left == 0 {
                    State::TrailerStart
                } else {
                    State::Data
                })
            }
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => {
                self.line_len = 0;
                Ok(State::Size)
            }
            (State::TrailerStart, b'\r') => Ok(State::EndLf),
            // A folded line begins with white space, which is no character of a name.
            (State::TrailerStart | State::TrailerName, byte)
                if is_token(byte) && self.line_len <= MAX_TRAILERS =>
            {
                Ok(State::TrailerName)
            }
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, byte) if is_text(byte) && self.line_len <= MAX_TRAILERS => {
                Ok(State::TrailerValue)
            }
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            (State::EndLf, b'\n') => Ok(State::End),
            _ => Err(MalformedChunk),
        }
    }
}

impl Default for Chunked {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes that are not a valid chunked body.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("malformed chunk")]
pub struct MalformedChunk;

/// Whether a byte may stand in an extension or a trailer.
const fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Sixteen digits could overflow 64 bits with the arithmetic above.
const MAX_DIGITS: usize = 15;
const MAX_LINE: usize = 256;
const MAX_TRAILERS: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body, and whether it has ended, after `wire` arrived in pieces of `len` bytes.
    fn decode(wire: &[u8], len: usize) -> Result<(Vec<u8>, bool), MalformedChunk> {
        let (mut decoder, mut body) = (Chunked::new(), Vec::new());
        for piece in wire.chunks(len) {
            let mut rest = piece;
            while !rest.is_empty() && !decoder.is_end() {
                let consumed = decoder.decode(rest, &mut body, usize::MAX)?;
                rest = &rest[consumed..];
            }
        }
        Ok((body, decoder.is_end()))
    }

    #[test]
    fn only_the_chunks_of_the_standard_are_decoded_however_they_arrive() {
        let long_size = format!("{}1\r\na\r\n0\r\n\r\n", "0".repeat(MAX_DIGITS));
        let longest_size = format!("{}1\r\na\r\n0\r\n\r\n", "0".repeat(MAX_DIGITS - 1));
        let long_line = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(MAX_LINE));
        let long_trailer = format!("0\r\nA: {}\r\n\r\n", "x".repeat(MAX_TRAILERS));
        let cases: [(&str, Option<(&str, bool)>); 33] = [
            ("0\r\n\r\n", Some(("", true))),
            ("3\r\nabc\r\n0\r\n\r\n", Some(("abc", true))),
            ("1\r\na\r\n2\r\nbc\r\n000\r\n\r\n", Some(("abc", true))),
            ("A\r\n0123456789\r\n0\r\n\r\n", Some(("0123456789", true))),
            ("a\r\n0123456789\r\n0\r\n\r\n", Some(("0123456789", true))),
            ("2\r\n\r\n\r\n0\r\n\r\n", Some(("\r\n", true))),
            ("3;a=\"b\"\r\nabc\r\n0;last\r\n\r\n", Some(("abc", true))),
            ("0\r\nX-Sum: 1\r\nB:\r\n\r\n", Some(("", true))),
            (longest_size.as_str(), Some(("a", true))),
            // Not ended yet.
            ("", Some(("", false))),
            ("3\r\nab", Some(("ab", false))),
            ("3\r\nabc\r\n0\r\n", Some(("abc", false))),
            ("0\r\n\r", Some(("", false))),
            // Malformed.
            ("\r\n", None),
            (";a\r\n", None),
            (" 3\r\nabc\r\n", None),
            ("3 \r\nabc\r\n", None),
            ("0x3\r\nabc\r\n", None),
            ("+3\r\nabc\r\n", None),
            ("-1\r\n", None),
            ("g\r\n", None),
            ("3\nabc\r\n", None),
            ("3\r\rabc\r\n", None),
            ("3\r\nabcd\r\n", None),
            ("3\r\nabc\n", None),
            ("3;\0\r\nabc\r\n", None),
            ("0\r\n A: folded\r\n\r\n", None),
            ("0\r\nA\r\n\r\n", None),
            ("0\r\n: a\r\n\r\n", None),
            ("0\r\nA: b\r\n\n", None),
            (long_size.as_str(), None),
            (long_line.as_str(), None),
            (long_trailer.as_str(), None),
        ];
        for (wire, expected) in cases {
            let expected = expected.map(|(body, is_end)| (body.as_bytes().to_vec(), is_end));
            for len in [1, 2, 3, usize::MAX] {
                assert_eq!(
                    decode(wire.as_bytes(), len).ok(),
                    expected,
                    "{wire:?} by {len}"
                );
            }
        }
    }

    #[test]
    fn bytes_after_the_end_belong_to_the_next_request() {
        let mut body = Vec::new();
        let wire = b"1\r\na\r\n0\r\n\r\nPOST /";
        let consumed = Chunked::new().decode(wire, &mut body, usize::MAX);
        assert_eq!(consumed, Ok(wire.len() - b"POST /".len()));
        assert_eq!(body, b"a");
    }

    proptest! {
        #[test]
        fn any_body_is_decoded_within_the_room_that_there_is(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..20),
            room in 1..50_usize,
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend(format!("{:x}\r\n", chunk.len()).bytes());
                wire.extend(chunk);
                wire.extend(b"\r\n");
            }
            wire.extend(b"0\r\n\r\n");
            let (mut decoder, mut body, mut rest) = (Chunked::new(), Vec::new(), &wire[..]);
            while !decoder.is_end() {
                let before = body.len();
                let consumed = decoder.decode(rest, &mut body, room).unwrap();
                prop_assert!(consumed > 0);
                prop_assert!(body.len() - before <= room);
                rest = &rest[consumed..];
            }
            prop_assert_eq!(body, chunks.concat());
            prop_assert!(rest.is_empty());
        }
    }
}
