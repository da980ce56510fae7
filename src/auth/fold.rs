//! Recognises names that a backend may confuse with the name of a signed value.
//!
//! If a signature covers single values, an attacker may change everything else in the body. Many parsers look names up
//! loosely:
//!
//! - Go, .NET and options of Jackson ignore case; Unicode folding maps `ſ` to `s` and the Kelvin sign to `k`.
//! - PHP reads `bt.payload` as `bt_payload`; PHP and Rails read `payload[]` as a list.
//! - CGI maps both `X-Id` and `X_Id` to `HTTP_X_ID`.
//!
//! So a delivery is rejected if it has a different name that folds onto a signed one. The folding here covers more than
//! any single parser does.

use http::HeaderName;
use unicode_normalization::char::decompose_compatible;

/// Whether some JSON parser may take `name` for `known`, which is ASCII, although they differ.
pub(super) fn folds_onto(name: &str, known: &str) -> bool {
    FoldedName::of(name).folds_onto(known)
}

/// A name with its folded form, which is computed once for all comparisons.
///
/// The names are unauthenticated input, and a body may have many. So folding allocates nothing, and its cost is linear in
/// the length of the name.
pub(super) struct FoldedName<'a> {
    name: &'a str,
    letters: [u8; MAX_LETTERS],
    len: usize,
    /// Whether the name has more than [`MAX_LETTERS`] letters.
    is_long: bool,
    /// Whether the name has too many bytes to be folded.
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

    /// Whether this is another spelling of `known`, which is ASCII.
    ///
    /// A name that is too large to be folded counts as another spelling of every name. A long name counts as another
    /// spelling of every other long name.
    pub(super) fn folds_onto(&self, known: &str) -> bool {
        if self.is_too_large || self.is_long {
            return self.name != known && (self.is_too_large || known.len() > MAX_LETTERS);
        }
        // Cheap check first: most names differ in the first letter.
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

/// Whether some form parser may take `name` for `known`. Such parsers also build lists and trees from names.
pub(super) fn form_folds_onto(name: &str, known: &str) -> bool {
    FormName::of(name).folds_onto(known)
}

/// The name of a form field and the names that a parser may derive from it, each folded once.
pub(super) struct FormName<'a> {
    whole: FoldedName<'a>,
    /// The text before the first bracket, if it differs from the whole name.
    base: Option<FoldedName<'a>>,
    /// The part of the base before its first dot, if it differs from the base.
    root: Option<FoldedName<'a>>,
}

impl<'a> FormName<'a> {
    pub(super) fn of(name: &'a str) -> Self {
        let is_bracket = |it: char| matches!(it, '[' | ']');
        // Rack strips leading brackets. Later brackets address a position in the tree.
        let base = name.trim_start_matches(|it: char| is_bracket(it) || it.is_whitespace());
        let end = memchr::memchr2(b'[', b']', base.as_bytes()).unwrap_or(base.len());
        let base = base.get(..end).unwrap_or_default();
        let root = base.split('.').next().unwrap_or_default();
        Self {
            // PHP replaces an unclosed bracket by an underscore, so the whole name counts too.
            whole: FoldedName::of(name),
            base: (base != name).then(|| FoldedName::of(base)),
            root: (root != base).then(|| FoldedName::of(root)),
        }
    }

    /// Whether some form parser may take this name for `known`, which is ASCII, although they differ.
    pub(super) fn folds_onto(&self, known: &str) -> bool {
        let is_or_folds = |part: &FoldedName<'_>| part.name == known || part.folds_onto(known);
        self.whole.name != known
            && (self.whole.folds_onto(known)
                || self.base.as_ref().is_some_and(is_or_folds)
                || self.root.as_ref().is_some_and(is_or_folds))
    }
}

/// Whether CGI, WSGI and similar interfaces map both header names to one variable.
pub(super) fn header_folds_onto(name: &HeaderName, known: &HeaderName) -> bool {
    let dashed = |byte: u8| if byte == b'_' { b'-' } else { byte };
    let (one, other) = (name.as_str(), known.as_str());
    one.len() == other.len()
        && one != other
        && one.bytes().map(dashed).eq(other.bytes().map(dashed))
}

/// Whether `character` is in Arabic Presentation Forms-A. Its decomposition has up to 18 characters and no ASCII.
fn is_presentation_form(character: char) -> bool {
    matches!(character, '\u{fb50}'..='\u{fdff}')
}

/// The ASCII letters and digits of one part of a decomposed character, in either case.
///
/// Two parts that are not ASCII have some. A test compares the result with Unicode's own mappings.
fn letters_of(part: char) -> impl Iterator<Item = u8> {
    let (first, second) = match part {
        '\u{df}' => (Some(b's'), Some(b's')),
        '\u{131}' => (Some(b'i'), None),
        _ => (u8::try_from(part).ok().and_then(letter), None),
    };
    first.into_iter().chain(second)
}

/// The part of a name before its first NUL byte, where parsers written in C stop.
fn before_nul(name: &str) -> &str {
    name.split('\0').next().unwrap_or_default()
}

/// The byte in lower case, if it is a letter or a digit.
fn letter(byte: u8) -> Option<u8> {
    byte.is_ascii_alphanumeric()
        .then(|| byte.to_ascii_lowercase())
}

/// The names of values that providers sign have fewer letters.
const MAX_LETTERS: usize = 64;
/// A name with other characters than ASCII is folded up to this length; longer ones are rejected.
const MAX_FOLDED_BYTES: usize = 256;
/// The limit for a name in ASCII, which costs less to fold.
const MAX_ASCII_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold_onto_the_names_that_parsers_take_them_for() {
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

    /// The definition without shortcuts: compatibility decomposition, case mapping, and decomposition again.
    fn letters_by_definition(name: &str) -> Vec<u8> {
        use unicode_normalization::UnicodeNormalization as _;
        let upper = name.nfkd().flat_map(char::to_uppercase);
        let folded = upper.flat_map(char::to_lowercase).nfkd();
        let ascii = folded.filter_map(|it| u8::try_from(it).ok());
        ascii.filter_map(letter).collect()
    }

    #[test]
    fn every_character_folds_as_defined() {
        for character in '\0'..=char::MAX {
            let name = format!("a{character}b");
            let expected = letters_by_definition(before_nul(&name));
            let folded = FoldedName::of(&name);
            assert_eq!(&folded.letters[..folded.len], expected, "{character:?}");
        }
    }

    #[test]
    fn a_long_name_never_folds_onto_a_shorter_one() {
        let known = "a".repeat(MAX_LETTERS);
        for len in [MAX_LETTERS - 1, MAX_LETTERS + 1, 3 * MAX_LETTERS] {
            assert!(!folds_onto(&"A".repeat(len), &known), "{len}");
        }
        assert!(folds_onto(&"A".repeat(MAX_LETTERS), &known));
        assert!(folds_onto(&"\u{e4}".repeat(MAX_LETTERS), &known));
        // Longer names are not compared letter by letter.
        let long = "a".repeat(MAX_LETTERS + 1);
        assert!(folds_onto(&"A".repeat(MAX_LETTERS + 1), &long));
        assert!(!folds_onto(&long, &long));
    }

    #[test]
    fn a_name_that_is_too_large_to_fold_counts_as_another_spelling() {
        // Each character expands to 18 characters, none of them a letter.
        let expanding = "\u{fdfa}".repeat(1000);
        assert!(folds_onto(&expanding, "token"));
        assert!(!folds_onto("\u{fdfa}", "token"));
        assert!(folds_onto(&"-".repeat(5000), "token"));
        assert!(!folds_onto(&"-".repeat(4000), "token"));
    }

    #[test]
    fn a_form_name_folds_as_php_and_rails_parse_it() {
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
