//! Percent-encoding (RFC 3986 §2.1) with the character set of each provider.

/// Encodes every byte of `text` except letters, digits and `unreserved`. `sign` replaces the percent sign.
///
/// It runs in linear time, because unauthenticated senders control `text`.
pub(super) fn encoded(text: &[u8], unreserved: &[u8], sign: &str) -> String {
    let bits = unreserved.iter().filter_map(|byte| bit(*byte));
    let plain = bits.fold(ALPHANUMERIC, |plain, bit| plain | bit);
    let is_plain = |byte: &u8| bit(*byte).is_some_and(|bit| plain & bit != 0);
    let others = text.iter().filter(|byte| !is_plain(byte)).count();
    let mut encoded = Vec::with_capacity(text.len() + others * (sign.len() + 1));
    for byte in text {
        if is_plain(byte) {
            encoded.push(*byte);
        } else {
            encoded.extend_from_slice(sign.as_bytes());
            encoded.extend_from_slice(&digits(*byte));
        }
    }
    // All of it is ASCII: letters, digits, signs.
    String::from_utf8(encoded).unwrap_or_default()
}

/// The bit of an ASCII character in a set of them.
const fn bit(byte: u8) -> Option<u128> {
    1_u128.checked_shl(byte as u32)
}

/// The letters and digits of ASCII.
const ALPHANUMERIC: u128 = {
    let mut set = 0;
    let mut byte = 0_u8;
    while let Some(bit) = bit(byte) {
        if byte.is_ascii_alphanumeric() {
            set |= bit;
        }
        byte += 1;
    }
    set
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
