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

/// The first `max_chars` characters of a text from outside. Control characters are replaced by `\uXXXX`, which counts as
/// several characters.
pub(super) fn printable(text: &str, max_chars: usize) -> String {
    let mut printable = String::with_capacity(text.len().min(max_chars));
    let mut left = max_chars;
    for c in text.chars() {
        let escaped =
            (c.is_control() || is_bidi_control(c)).then(|| format!("\\u{:04x}", u32::from(c)));
        let chars = escaped.as_ref().map_or(1, String::len);
        if chars > left {
            break;
        }
        left -= chars;
        match escaped {
            Some(escaped) => printable.push_str(&escaped),
            None => printable.push(c),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_printable_text_is_bounded_and_has_no_control_character(
            text in "(\\PC|[\0-\u{1f}\u{7f}-\u{9f}\u{61c}\u{202a}-\u{202e}\u{2066}-\u{2069}])*",
            max in 0..40_usize,
        ) {
            let printed = printable(&text, max);
            prop_assert!(printed.chars().count() <= max);
            let is_unsafe = |c: char| c.is_control() || is_bidi_control(c);
            prop_assert!(!printed.contains(is_unsafe));
            if !text.contains(is_unsafe) {
                let right: String = text.chars().take(max).collect();
                prop_assert_eq!(printed, right);
            }
        }

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
