//! Percent-encoding (RFC 3986 §2.1), in the sets that different providers choose.

/// `text` with every byte encoded that is neither a letter, nor a digit, nor in `as_it_is`; `%` is written as
/// `sign`. In time that is linear in the text: the head comes from anybody.
pub(super) fn encoded(text: &[u8], as_it_is: &[u8], sign: &str) -> String {
    let mut plain = [false; 256];
    for (byte, plain) in (0..=u8::MAX).zip(&mut plain) {
        *plain = byte.is_ascii_alphanumeric() || as_it_is.contains(&byte);
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

/// Appends `byte`, encoded.
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
