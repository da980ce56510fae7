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
