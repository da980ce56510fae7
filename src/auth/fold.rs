//! Names that a reader may take for another one.
//!
//! Where a signature covers single values, everything else in the body is anybody's. Many readers look a
//! name up without regard to case (Go, .NET, options of Jackson), by Unicode's folding (`ſ` is an `s`,
//! the Kelvin sign a `k`), without accents, or without punctuation: PHP makes `bt_payload` of `bt.payload`,
//! PHP and Rails make a list of `payload[]`, CGI makes `HTTP_X_ID` of `X-Id` and of `X_Id`. So a name that
//! folds onto a signed one and is not that name refuses the delivery. What folds here is more than any one
//! reader folds.

use http::HeaderName;
use unicode_normalization::char::decompose_compatible;

/// Whether `name` is another spelling of `known`, which is ASCII, for some reader of JSON.
pub(super) fn folds_onto(name: &str, known: &str) -> bool {
    Folded::of(name).folds_onto(known)
}

/// A name with its folded form, which is computed once however many names it is compared with.
///
/// Only the sender bounds the number of names in a body, and nothing is proven yet: folding allocates
/// nothing unless the folded form is longer than the names that are usually signed.
pub(super) struct Folded<'a> {
    name: &'a str,
    short: [u8; SHORT_LEN],
    short_len: usize,
    /// All letters, once there are more than `short` holds.
    long: Vec<u8>,
}

impl<'a> Folded<'a> {
    pub(super) fn of(name: &'a str) -> Self {
        let mut folded = Self {
            name,
            short: [0; SHORT_LEN],
            short_len: 0,
            long: Vec::new(),
        };
        for character in before_nul(name).chars() {
            folded.push(character);
        }
        folded
    }

    /// Whether this is another spelling of `known`, which is ASCII.
    pub(super) fn folds_onto(&self, known: &str) -> bool {
        let letters = self.letters().iter().copied();
        letters.eq(known.bytes().filter_map(letter)) && self.name != known
    }

    fn letters(&self) -> &[u8] {
        if self.long.is_empty() {
            self.short.get(..self.short_len).unwrap_or_default()
        } else {
            &self.long
        }
    }

    fn push(&mut self, character: char) {
        if character.is_ascii() {
            self.push_ascii(character);
        } else if !is_accent(character) {
            decompose_compatible(character, |part| self.push_part(part));
        }
    }

    /// Folds the case of one part of a decomposed character.
    fn push_part(&mut self, part: char) {
        if part.is_ascii() {
            self.push_ascii(part);
        } else if !is_accent(part) {
            let upper = part.to_uppercase();
            for lower in upper.flat_map(char::to_lowercase) {
                decompose_compatible(lower, |it| self.push_ascii(it));
            }
        }
    }

    fn push_ascii(&mut self, character: char) {
        let Some(letter) = u8::try_from(character).ok().and_then(letter) else {
            return;
        };
        match self.short.get_mut(self.short_len) {
            Some(place) => {
                *place = letter;
                self.short_len += 1;
            }
            None => {
                if self.long.is_empty() {
                    self.long.extend_from_slice(&self.short);
                }
                self.long.push(letter);
            }
        }
    }
}

/// The same for a reader of forms, which may make lists and trees of names.
pub(super) fn form_folds_onto(name: &str, known: &str) -> bool {
    if name == known {
        return false;
    }
    let is_bracket = |it: char| matches!(it, '[' | ']');
    // Rack strips brackets from the beginning; what follows a name is a place in its tree.
    let first = name.trim_start_matches(|it: char| is_bracket(it) || it.is_whitespace());
    let first = first.split(is_bracket).next().unwrap_or_default();
    let root = first.split('.').next().unwrap_or_default();
    // PHP makes an underscore of a bracket that nothing closes.
    [name, first, root]
        .into_iter()
        .any(|part| part == known || folds_onto(part, known))
}

/// The same for a header that is passed on through CGI, WSGI or the like.
pub(super) fn header_folds_onto(name: &HeaderName, known: &HeaderName) -> bool {
    let dashed = |byte: u8| if byte == b'_' { b'-' } else { byte };
    let (one, other) = (name.as_str(), known.as_str());
    one.len() == other.len()
        && one != other
        && one.bytes().map(dashed).eq(other.bytes().map(dashed))
}

/// A combining mark of the Latin script: it folds to nothing. (U+0345 is a letter in upper case.)
fn is_accent(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{344}' | '\u{346}'..='\u{36f}')
}

/// Readers written in C end there.
fn before_nul(name: &str) -> &str {
    name.split('\0').next().unwrap_or_default()
}

fn letter(byte: u8) -> Option<u8> {
    byte.is_ascii_alphanumeric()
        .then(|| byte.to_ascii_lowercase())
}

/// More letters than a signed name usually has.
const SHORT_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_folds_onto_the_one_that_some_reader_takes_it_for() {
        for name in [
            "Success",
            "SUCCESS",
            "\u{17f}ucce\u{17f}s",
            "suc\u{301}cess",
            "s_uccess",
            "success ",
            "success\0x",
            "\u{ff53}uccess",
            "succe\u{df}",
        ] {
            assert!(folds_onto(name, "success"), "{name}");
        }
        for name in ["success", "succes", "success2", "", "ucc"] {
            assert!(!folds_onto(name, "success"), "{name}");
        }
        assert!(folds_onto("to\u{212a}en", "token"));
        assert!(folds_onto("s\u{131}gnature", "signature"));
        assert!(folds_onto("s\u{130}gnature", "signature"));
    }

    /// Compatibility decomposition, both cases, and decomposition again: the definition, without shortcuts.
    fn letters_by_definition(name: &str) -> Vec<u8> {
        use unicode_normalization::UnicodeNormalization as _;
        let upper = name.nfkd().flat_map(char::to_uppercase);
        let folded = upper.flat_map(char::to_lowercase).nfkd();
        let ascii = folded.filter_map(|it| u8::try_from(it).ok());
        ascii.filter_map(letter).collect()
    }

    #[test]
    fn every_character_folds_as_the_definition_says() {
        for character in '\0'..=char::MAX {
            let name = format!("a{character}b");
            let expected = letters_by_definition(before_nul(&name));
            assert_eq!(Folded::of(&name).letters(), expected, "{character:?}");
        }
    }

    #[test]
    fn a_name_that_is_longer_than_usual_folds_whole() {
        for len in [SHORT_LEN - 1, SHORT_LEN, SHORT_LEN + 1, 3 * SHORT_LEN] {
            let known = "a".repeat(len);
            assert!(folds_onto(&"\u{e4}".repeat(len), &known), "{len}");
            assert!(!folds_onto(&"\u{e4}".repeat(len + 1), &known), "{len}");
            assert!(!folds_onto(&"\u{e4}".repeat(len - 1), &known), "{len}");
        }
    }

    #[test]
    fn a_name_of_a_form_folds_as_php_and_rails_read_it() {
        for name in [
            "bt.payload",
            "bt payload",
            "bt[payload",
            "bt_payload[]",
            "bt_payload[x][y]",
            "[bt_payload]",
            " bt_payload",
            "BT_PAYLOAD",
            "bt_payload.x",
            "bt_payload\0",
            "bt-payload",
            "btPayload",
        ] {
            assert!(form_folds_onto(name, "bt_payload"), "{name}");
        }
        for name in ["bt_payload", "payload", "bt_payloads", "", "[]"] {
            assert!(!form_folds_onto(name, "bt_payload"), "{name}");
        }
    }
}
