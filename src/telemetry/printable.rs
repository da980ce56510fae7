//! Escapes bidirectional control characters, which make a terminal display text in another order.
//!
//! They can disguise text (CVE-2021-42574, "Trojan Source"). Paths, names and responses come from outside, so neither
//! output stream carries these characters unescaped.

use std::borrow::Cow;

/// Whether `c` changes the direction of text (Unicode TR 9, "Explicit Directional" and marks).
pub const fn is_bidi_control(c: char) -> bool {
    matches!(
        c,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Replaces these characters by `\uXXXX`, which has the same value in JSON and is readable elsewhere.
pub fn escape_bidi(text: &str) -> Cow<'_, str> {
    // In UTF-8, all of them begin with one of two bytes.
    if memchr::memchr2(0xd8, 0xe2, text.as_bytes()).is_none() || !text.contains(is_bidi_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_bidi_control(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn escaped_json_has_the_same_value_and_no_bidi_control(
            text in "(\\PC|[\u{61c}\u{200e}\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}\"\\\\])*",
        ) {
            let json = serde_json::to_string(&text).unwrap();
            let escaped = escape_bidi(&json);
            prop_assert!(!escaped.contains(is_bidi_control));
            let read: String = serde_json::from_str(&escaped).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
