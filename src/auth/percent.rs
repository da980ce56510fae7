//! Percent-encoding (RFC 3986 §2.1) with the character set of each provider.

/// Encodes every byte of `text` except letters, digits and `unreserved`. `sign` replaces the percent sign.
///
/// It runs in linear time, because unauthenticated senders control `text`.
pub(super) fn encoded(text: &[u8], unreserved: &[u8], sign: &str) -> String {
    let mut plain = [false; 256];
    for (byte, plain) in (0..=u8::MAX).zip(&mut plain) {
        *plain = byte.is_ascii_alphanumeric() || unreserved.contains(&byte);
    }
    let mut encoded = String::with_capacity(text.len() + text.len() / 4);
    for byte in text {
        if plain.get(usize::from(*byte)) == Some(&true) {
            encoded.push(char::from(*byte));
        } else {
            encoded.push_str(sign);
            push_digits(&mut encoded, *byte);
        }
    }
    encoded
}

/// Appends the encoded form of `byte`.
pub(super) fn push(text: &mut String, byte: u8) {
    text.push('%');
    push_digits(text, byte);
}

fn push_digits(text: &mut String, byte: u8) {
    text.push(digit(byte >> 4));
    text.push(digit(byte & 15));
}

fn digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16)
        .unwrap_or_default()
        .to_ascii_uppercase()
}
