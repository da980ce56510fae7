//! Names that a reader may take for another one.
//!
//! Where a signature covers single values, everything else in the body is anybody's. Many readers look a
//! name up without regard to case (Go, .NET, options of Jackson), by Unicode's folding (`ſ` is an `s`,
//! the Kelvin sign a `k`), without accents, or without punctuation: PHP makes `bt_payload` of `bt.payload`,
//! PHP and Rails make a list of `payload[]`, CGI makes `HTTP_X_ID` of `X-Id` and of `X_Id`. So a name that
//! folds onto a signed one and is not that name refuses the delivery. What folds here is more than any one
//! reader folds.

use http::HeaderName;
use unicode_normalization::UnicodeNormalization;

/// Whether `name` is another spelling of `known`, which is ASCII, for some reader of JSON.
pub(super) fn folds_onto(name: &str, known: &str) -> bool {
    if name == known {
        return false;
    }
    let name = before_nul(name);
    let known = known.bytes().filter_map(letter);
    if name.is_ascii() {
        name.bytes().filter_map(letter).eq(known)
    } else {
        let upper = name.nfkd().flat_map(char::to_uppercase);
        let folded = upper.flat_map(char::to_lowercase).nfkd();
        let folded = folded.filter_map(|it| u8::try_from(it).ok().and_then(letter));
        folded.eq(known)
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

/// Readers written in C end there.
fn before_nul(name: &str) -> &str {
    name.split('\0').next().unwrap_or_default()
}

fn letter(byte: u8) -> Option<u8> {
    byte.is_ascii_alphanumeric()
        .then(|| byte.to_ascii_lowercase())
}

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
