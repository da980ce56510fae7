//! The chunked decoder, fed in pieces and with rooms of any size.
//!
//! However the input is cut, the body, its end and the bytes that were taken must be those of a decoder
//! that sees everything at once and follows the grammar so plainly that reading it shows it is right.
//!
//! Input: one byte that chooses the sizes of pieces and rooms, then what comes off the wire.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::proxy::chunked::Chunked;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, wire)) = data.split_first() else {
        return;
    };
    let expected = reference(wire);
    assert_eq!(in_pieces(wire, Sizes::chosen_by(choice)), expected);
    assert_eq!(in_pieces(wire, Sizes::unlimited()), expected);
});

/// What became of the input.
#[derive(Debug, Eq, PartialEq)]
enum Outcome {
    /// The body, and where in the input it ended.
    Whole(Vec<u8>, usize),
    /// So much of a body has come, and more may follow.
    Unfinished(Vec<u8>),
    Malformed,
}

fn in_pieces(wire: &[u8], mut sizes: Sizes) -> Outcome {
    let mut decoder = Chunked::new();
    let mut body = Vec::new();
    let mut taken = 0;
    while taken < wire.len() && !decoder.is_end() {
        let piece = &wire[taken..wire.len().min(taken.saturating_add(sizes.next()))];
        let room = sizes.next();
        let before = body.len();
        let Ok(len) = decoder.decode(piece, &mut body, room) else {
            assert!(!decoder.is_end(), "malformed, and yet at its end");
            return Outcome::Malformed;
        };
        assert!(len > 0, "it stands still with input and room");
        assert!(len <= piece.len(), "more was taken than there was");
        assert!(
            body.len() - before <= room,
            "more was given than there was room for"
        );
        taken += len;
    }
    if !decoder.is_end() {
        let before = body.len();
        let _ = decoder.clone().decode(b"data", &mut body, 0);
        assert_eq!(body.len(), before, "something was given without room");
        return Outcome::Unfinished(body);
    }
    let more = decoder.decode(b"1\r\nx\r\n", &mut body, 8);
    assert_eq!(more, Ok(0), "it goes on after its end");
    Outcome::Whole(body, taken)
}

/// A cheap sequence of sizes, from 1.
struct Sizes {
    state: u64,
    most: u64,
}

impl Sizes {
    fn chosen_by(choice: u8) -> Self {
        Self {
            state: u64::from(choice) + 1,
            most: [1, 2, 7, 64][usize::from(choice % 4)],
        }
    }

    fn unlimited() -> Self {
        Self { state: 0, most: 0 }
    }

    fn next(&mut self) -> usize {
        if self.most == 0 {
            return usize::MAX;
        }
        // xorshift: any sequence does that is the same for the same input.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % self.most + 1) as usize
    }
}

/// RFC 9112 §7.1, read from a slice.
fn reference(wire: &[u8]) -> Outcome {
    let mut reader = Reader { wire, at: 0 };
    let mut body = Vec::new();
    match reader.chunks(&mut body).and_then(|()| reader.trailers()) {
        Ok(()) => Outcome::Whole(body, reader.at),
        Err(Stop::Ended) => Outcome::Unfinished(body),
        Err(Stop::Malformed) => Outcome::Malformed,
    }
}

struct Reader<'w> {
    wire: &'w [u8],
    at: usize,
}

enum Stop {
    Ended,
    Malformed,
}

impl Reader<'_> {
    fn chunks(&mut self, body: &mut Vec<u8>) -> Result<(), Stop> {
        loop {
            let size = self.size_line()?;
            if size == 0 {
                return Ok(());
            }
            for _ in 0..size {
                body.push(self.byte()?);
            }
            self.exactly(b'\r')?;
            self.exactly(b'\n')?;
        }
    }

    /// 1 to 15 digits, and an extension up to the 256th byte of the line.
    fn size_line(&mut self) -> Result<u64, Stop> {
        let start = self.at;
        let mut size = 0;
        let mut byte = self.byte()?;
        while let Some(digit) = char::from(byte).to_digit(16) {
            if self.at - start > 15 {
                return Err(Stop::Malformed);
            }
            size = size * 16 + u64::from(digit);
            byte = self.byte()?;
        }
        let digits = self.at - start - 1;
        if digits == 0 || !matches!(byte, b';' | b'\r') {
            return Err(Stop::Malformed);
        }
        while byte != b'\r' {
            byte = self.byte()?;
            if byte != b'\r' && (!is_text(byte) || self.at - start > 256) {
                return Err(Stop::Malformed);
            }
        }
        self.exactly(b'\n')?;
        Ok(size)
    }

    /// Names, colons and values up to an empty line; the text of the last one ends within 8 KB.
    fn trailers(&mut self) -> Result<(), Stop> {
        let start = self.at;
        loop {
            let first = self.at;
            let mut byte = self.byte()?;
            if byte == b'\r' {
                return self.exactly(b'\n');
            }
            while is_token(byte) {
                if self.at - start > 8192 {
                    return Err(Stop::Malformed);
                }
                byte = self.byte()?;
            }
            if byte != b':' || self.at - first == 1 {
                return Err(Stop::Malformed);
            }
            byte = self.byte()?;
            while byte != b'\r' {
                if !is_text(byte) || self.at - start > 8192 {
                    return Err(Stop::Malformed);
                }
                byte = self.byte()?;
            }
            self.exactly(b'\n')?;
        }
    }

    fn exactly(&mut self, expected: u8) -> Result<(), Stop> {
        if self.byte()? == expected {
            Ok(())
        } else {
            Err(Stop::Malformed)
        }
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let byte = self.wire.get(self.at).copied().ok_or(Stop::Ended)?;
        self.at += 1;
        Ok(byte)
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (b' '..=b'~').contains(&byte) || byte >= 0x80
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
