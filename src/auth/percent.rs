//! Percent-encoding (RFC 3986 §2.1) with the character set of each provider.

/// Encodes every byte of `text` except letters, digits and `unreserved`. `sign` replaces the percent sign.
///
/// It runs in linear time, because unauthenticated senders control `text`.
pub(super) fn encode(text: &[u8], unreserved: &[u8], sign: &str) -> String {
    let mut table = ALPHANUMERIC;
    for byte in unreserved {
        if let Some(entry) = table.get_mut(usize::from(*byte)) {
            *entry = true;
        }
    }
    let is_unreserved = |byte: u8| table.get(usize::from(byte)) == Some(&true);
    let others = text.iter().filter(|byte| !is_unreserved(**byte)).count();
    let mut encoded = Vec::with_capacity(text.len() + others * (sign.len() + 1));
    for byte in text {
        if is_unreserved(*byte) {
            encoded.push(*byte);
        } else {
            // For so few bytes, single pushes are faster than a copy.
            sign.bytes().for_each(|byte| encoded.push(byte));
            let [high, low] = digits(*byte);
            encoded.push(high);
            encoded.push(low);
        }
    }
    // Every byte is ASCII, so the conversion cannot fail.
    String::from_utf8(encoded).unwrap_or_default()
}

/// The letters and digits of ASCII.
const ALPHANUMERIC: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        #[expect(
            clippy::indexing_slicing,
            reason = "the table has a place for every byte"
        )]
        {
            table[byte as usize] = byte.is_ascii_alphanumeric();
        }
        byte += 1;
    }
    table
};

/// Appends the encoded form of `byte`.
pub(super) fn push(text: &mut String, byte: u8) {
    text.push('%');
    text.extend(digits(byte).map(char::from));
}

const fn digits(byte: u8) -> [u8; 2] {
    [digit(byte >> 4), digit(byte & 15)]
}

const fn digit(value: u8) -> u8 {
    value + if value < 10 { b'0' } else { b'A' - 10 }
}
