//! Counts the fields of a header block without decoding it (RFC 7541 §6).
//!
//! An indexed field is one byte on the wire and a whole entry in memory. So the size of a block says little
//! about the memory that its fields take.

/// Counts the fields of one header block, whose bytes may arrive in any pieces.
#[derive(Debug, Default)]
pub(super) struct FieldCounter {
    fields: usize,
    next: Next,
    /// The number of strings of the current field that are still to come.
    strings: u8,
}

/// The meaning of the next byte.
#[derive(Debug, Default)]
enum Next {
    /// The first byte of a field, or of a size update of the table.
    #[default]
    Field,
    /// A further byte of an index or of a size.
    Index,
    /// The first byte of the length of a string.
    Length,
    /// A further byte of that length.
    LengthRest { length: usize, shift: u32 },
    /// A byte of a string, with the number of bytes that are left.
    Text(usize),
}

impl FieldCounter {
    /// Counts the fields that begin in `bytes`.
    pub(super) fn count(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            if let Next::Text(length) = self.next {
                let read = length.min(bytes.len());
                bytes = bytes.get(read..).unwrap_or_default();
                self.begin_text(length - read);
            } else {
                bytes = rest;
                self.count_byte(byte);
            }
        }
    }

    /// The number of fields that have begun.
    pub(super) const fn fields(&self) -> usize {
        self.fields
    }

    fn count_byte(&mut self, byte: u8) {
        match self.next {
            Next::Field => self.begin_field(byte),
            Next::Index if byte & MORE == 0 => self.begin_string(),
            Next::Index | Next::Text(_) => {}
            Next::Length if byte & MAX_LENGTH == MAX_LENGTH => {
                let length = usize::from(MAX_LENGTH);
                self.next = Next::LengthRest { length, shift: 0 };
            }
            Next::Length => self.begin_text(usize::from(byte & MAX_LENGTH)),
            Next::LengthRest { length, shift } => {
                // The decoder refuses a length that overflows.
                let part = usize::from(byte & !MORE).checked_shl(shift);
                let length = length.saturating_add(part.unwrap_or(usize::MAX));
                if byte & MORE == 0 {
                    self.begin_text(length);
                } else {
                    let shift = shift.saturating_add(7);
                    self.next = Next::LengthRest { length, shift };
                }
            }
        }
    }

    fn begin_field(&mut self, byte: u8) {
        let (prefix, is_field, is_literal) = match byte {
            0x80.. => (0x7f, true, false),
            0x40.. => (0x3f, true, true),
            0x20.. => (0x1f, false, false),
            _ => (0x0f, true, true),
        };
        let index = byte & prefix;
        self.fields += usize::from(is_field);
        // A literal has a value, and also a name if its index is zero.
        self.strings = u8::from(is_literal) + u8::from(is_literal && index == 0);
        if index == prefix {
            self.next = Next::Index;
        } else {
            self.begin_string();
        }
    }

    fn begin_string(&mut self) {
        self.next = if self.strings == 0 {
            Next::Field
        } else {
            self.strings -= 1;
            Next::Length
        };
    }

    fn begin_text(&mut self, length: usize) {
        if length == 0 {
            self.begin_string();
        } else {
            self.next = Next::Text(length);
        }
    }
}

/// Whether another byte of an integer follows (RFC 7541 §5.1).
const MORE: u8 = 0x80;
/// The bits of a string's length in its first byte (RFC 7541 §5.2).
const MAX_LENGTH: u8 = 0x7f;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_same_fields_in_any_pieces() {
        let long = [&[0x00, 1, b'x', 0x7f, 0x81, 0x7c][..], &vec![0x82; 16_000]].concat();
        // Blocks of RFC 7541, appendix C, and integers of several bytes.
        let cases: [(&[u8], usize); 10] = [
            (&[], 0),
            (&[0x82, 0x86, 0x84], 3),
            (b"\x40\x0acustom-key\x0dcustom-header", 1),
            (b"\x04\x0c/sample/path", 1),
            (b"\x10\x08password\x06secret", 1),
            (&[0xff, 0x81, 0x01, 0x82], 2),
            (&[0x3f, 0xe1, 0x1f, 0x82], 1),
            (&[0x0f, 0x10, 0x00, 0x82], 2),
            (&[0x40, 0x01, b'a', 0x00, 0xbe, 0xbe, 0xbe], 4),
            (&long, 1),
        ];
        for (block, fields) in cases {
            for piece in [1, 2, 3, usize::MAX] {
                let mut counter = FieldCounter::default();
                for piece in block.chunks(piece) {
                    counter.count(piece);
                }
                assert_eq!(counter.fields(), fields, "{block:02x?} by {piece}");
                assert!(matches!(counter.next, Next::Field), "{block:02x?}");
            }
        }
    }
}
