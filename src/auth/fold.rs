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
    FoldedName::of(name).folds_onto(known)
}

/// A name with its folded form, which is computed once however many names it is compared with.
///
/// Only the sender bounds the number and the length of names in a body, and nothing is proven yet. So folding
/// allocates nothing, and a name that no reader could take for a signed one costs no more than its length.
pub(super) struct FoldedName<'a> {
    name: &'a str,
    letters: [u8; MAX_LETTERS],
    len: usize,
    /// More letters than are compared.
    is_long: bool,
    /// Too many bytes to be folded at all.
    is_too_large: bool,
}

impl<'a> FoldedName<'a> {
    pub(super) fn of(name: &'a str) -> Self {
        let mut folded = Self {
            name,
            letters: [0; MAX_LETTERS],
            len: 0,
            is_long: false,
            is_too_large: false,
        };
        let before = before_nul(name);
        if before.is_ascii() {
            folded.is_too_large = before.len() > MAX_ASCII_BYTES;
            folded.fill(before.bytes().take(MAX_ASCII_BYTES).filter_map(letter));
        } else if before.len() > MAX_FOLDED_BYTES {
            folded.is_too_large = true;
        } else {
            for character in before.chars().filter(|it| !is_presentation_form(*it)) {
                decompose_compatible(character, |part| folded.fill(letters_of(part)));
            }
        }
        folded
    }

    /// Whether this is another spelling of `known`, which is ASCII. A name that is too long to be folded counts as
    /// one, and so does every long spelling of a long name: a delivery with it is refused.
    pub(super) fn folds_onto(&self, known: &str) -> bool {
        if self.is_too_large || self.is_long {
            return self.name != known && (self.is_too_large || known.len() > MAX_LETTERS);
        }
        // Most names differ in the first letter already.
        let first = known.bytes().next().and_then(letter);
        if first.is_some() && first != self.letters.first().copied() {
            return false;
        }
        let letters = self.letters.iter().take(self.len).copied();
        letters.eq(known.bytes().filter_map(letter)) && self.name != known
    }

    fn fill(&mut self, letters: impl Iterator<Item = u8>) {
        for letter in letters {
            let Some(place) = self.letters.get_mut(self.len) else {
                self.is_long = true;
                return;
            };
            *place = letter;
            self.len += 1;
        }
    }
}

/// The same for a reader of forms, which may make lists and trees of names.
pub(super) fn form_folds_onto(name: &str, known: &str) -> bool {
    FormName::of(name).folds_onto(known)
}

/// The name of a form's field and the names that a reader may make of it, each folded once.
pub(super) struct FormName<'a> {
    whole: FoldedName<'a>,
    /// What stands before the first bracket, if that is another name.
    first: Option<FoldedName<'a>>,
    /// What stands before the first dot of it, if that is another name again.
    root: Option<FoldedName<'a>>,
}

impl<'a> FormName<'a> {
    pub(super) fn of(name: &'a str) -> Self {
        let is_bracket = |it: char| matches!(it, '[' | ']');
        // Rack strips brackets from the beginning; what follows a name is a place in its tree.
        let first = name.trim_start_matches(|it: char| is_bracket(it) || it.is_whitespace());
        let end = memchr::memchr2(b'[', b']', first.as_bytes()).unwrap_or(first.len());
        let first = first.get(..end).unwrap_or_default();
        let root = first.split('.').next().unwrap_or_default();
        Self {
            // PHP makes an underscore of a bracket that nothing closes.
            whole: FoldedName::of(name),
            first: (first != name).then(|| FoldedName::of(first)),
            root: (root != first).then(|| FoldedName::of(root)),
        }
    }

    /// Whether this is another spelling of `known`, which is ASCII, for some reader of forms.
    pub(super) fn folds_onto(&self, known: &str) -> bool {
        let is_or_folds = |part: &FoldedName<'_>| part.name == known || part.folds_onto(known);
        self.whole.name != known
            && (self.whole.folds_onto(known)
                || self.first.as_ref().is_some_and(is_or_folds)
                || self.root.as_ref().is_some_and(is_or_folds))
    }
}

/// The same for a header that is passed on through CGI, WSGI or the like.
pub(super) fn header_folds_onto(name: &HeaderName, known: &HeaderName) -> bool {
    let dashed = |byte: u8| if byte == b'_' { b'-' } else { byte };
    let (one, other) = (name.as_str(), known.as_str());
    one.len() == other.len()
        && one != other
        && one.bytes().map(dashed).eq(other.bytes().map(dashed))
}

/// The first block of Arabic presentation forms: up to 18 characters each, and none of them ASCII.
fn is_presentation_form(character: char) -> bool {
    matches!(character, '\u{fb50}'..='\u{fdff}')
}

/// The ASCII letters and digits of one part of a decomposed character, in either case.
///
/// Few parts that are not ASCII have any; a test compares this with Unicode's own mappings.
fn letters_of(part: char) -> impl Iterator<Item = u8> {
    let (first, second) = match part {
        '\u{df}' => (Some(b's'), Some(b's')),
        '\u{131}' => (Some(b'i'), None),
        _ => (u8::try_from(part).ok().and_then(letter), None),
    };
    first.into_iter().chain(second)
}

/// Readers written in C end there.
fn before_nul(name: &str) -> &str {
    name.split('\0').next().unwrap_or_default()
}

fn letter(byte: u8) -> Option<u8> {
    byte.is_ascii_alphanumeric()
        .then(|| byte.to_ascii_lowercase())
}

/// More letters than the names have that providers sign.
const MAX_LETTERS: usize = 64;
/// More bytes than a spelling of such a name has that a person or a program would choose.
const MAX_FOLDED_BYTES: usize = 256;
/// The same for a name in ASCII, which costs less.
const MAX_ASCII_BYTES: usize = 4096;

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
            let folded = FoldedName::of(&name);
            assert_eq!(&folded.letters[..folded.len], expected, "{character:?}");
        }
    }

    #[test]
    fn a_long_name_folds_onto_none_that_is_shorter() {
        let known = "a".repeat(MAX_LETTERS);
        for len in [MAX_LETTERS - 1, MAX_LETTERS + 1, 3 * MAX_LETTERS] {
            assert!(!folds_onto(&"A".repeat(len), &known), "{len}");
        }
        assert!(folds_onto(&"A".repeat(MAX_LETTERS), &known));
        assert!(folds_onto(&"\u{e4}".repeat(MAX_LETTERS), &known));
        // Longer ones are not compared letter by letter, and refused.
        let long = "a".repeat(MAX_LETTERS + 1);
        assert!(folds_onto(&"A".repeat(MAX_LETTERS + 1), &long));
        assert!(!folds_onto(&long, &long));
    }

    #[test]
    fn a_name_that_is_too_large_to_be_folded_counts_as_another_spelling() {
        // It expands to 18 characters each, and to no letter.
        let expanding = "\u{fdfa}".repeat(1000);
        assert!(folds_onto(&expanding, "token"));
        assert!(!folds_onto("\u{fdfa}", "token"));
        assert!(folds_onto(&"-".repeat(5000), "token"));
        assert!(!folds_onto(&"-".repeat(4000), "token"));
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
