//! What a value may be, and why a body with other characters in it is never one.

use portcullis::challenge::{Challenge, ValueForm};
use proptest::prelude::*;

#[test]
fn a_form_has_its_characters_and_its_length() {
    let words = "Validation: Testing client application reachability";
    let cases: [(ValueForm, &str, bool); 22] = [
        (ValueForm::Token, "a", true),
        (ValueForm::Token, "AZaz09_+/=.-", true),
        (ValueForm::Token, "", false),
        (ValueForm::Token, "a b", false),
        (ValueForm::Token, "a\n", false),
        (ValueForm::Token, "{}", false),
        (ValueForm::Token, "a:b", false),
        (ValueForm::Token, "a\"b", false),
        (ValueForm::Token, "\u{e9}", false),
        (ValueForm::Secret, "a23456789012345", false),
        (ValueForm::Secret, "a234567890123456", true),
        (ValueForm::Secret, "a23456789012345 ", false),
        (
            ValueForm::Uuid,
            "890e4665-4dfe-4ab1-b689-ed553bceeed0",
            true,
        ),
        (
            ValueForm::Uuid,
            "890E4665-4DFE-4AB1-B689-ED553BCEEED0",
            true,
        ),
        (
            ValueForm::Uuid,
            "890e4665-4dfe-4ab1-b689-ed553bceeed",
            false,
        ),
        (
            ValueForm::Uuid,
            "890e46654-dfe-4ab1-b689-ed553bceeed0",
            false,
        ),
        (
            ValueForm::Uuid,
            "------------------------------------",
            false,
        ),
        (
            ValueForm::Uuid,
            "890e4665-4dfe-4ab1-b689-ed553bceeedg",
            false,
        ),
        (ValueForm::Words, words, true),
        (ValueForm::Words, "<b>", false),
        (ValueForm::Words, "a\r\nb", false),
        (ValueForm::Words, "", false),
    ];
    for (form, text, accepted) in cases {
        assert_eq!(form.accepts(text.as_bytes()), accepted, "{form:?} {text:?}");
    }
    for (form, longest) in [
        (ValueForm::Token, 256),
        (ValueForm::Secret, 256),
        (ValueForm::Words, 1024),
    ] {
        assert!(form.accepts(&vec![b'a'; longest]));
        assert!(!form.accepts(&vec![b'a'; longest + 1]));
    }
}

#[test]
fn no_form_has_a_character_of_markup_or_of_a_header() {
    // The one that is asked for is never echoed: see the next test.
    let echoed = |form: &ValueForm| *form != ValueForm::SnsConfirmation;
    for form in ValueForm::ALL.into_iter().filter(echoed) {
        for byte in b"<>&\"'`\\\r\n\0{}[]()%\x7f\x80\xff" {
            assert!(!form.could_contain(&[*byte]), "{form:?} {byte}");
        }
        assert_eq!(ValueForm::from_name(form.name()), Some(form));
    }
}

#[test]
fn a_url_of_amazon_is_asked_for_and_is_in_no_answer() {
    for handshake in Challenge::all() {
        let text = handshake.declaration;
        let is_amazons = handshake.name == "aws-sns";
        assert_eq!(text.contains("sns-confirmation"), is_amazons, "{text}");
        assert!(!is_amazons || !text.contains("{value}"), "{text}");
    }
    let url = b"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-central-1:1:a&Token=2";
    assert!(ValueForm::SnsConfirmation.accepts(url));
    assert!(
        !ValueForm::SnsConfirmation
            .accepts(b"https://evil.example/?Action=ConfirmSubscription&Token=2")
    );
}

proptest! {
    /// The whole argument why nothing that was signed for a stranger is a delivery: if a message that
    /// has the body somewhere in it is a value, then the body could be a part of a value.
    #[test]
    fn every_part_of_a_value_could_be_one(
        value in prop_oneof![
            "[A-Za-z0-9_+/=.-]{1,256}",
            "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[A-Za-z :,;]{1,300}",
            "\\PC{0,40}",
        ],
        cuts in (0_usize..400, 0_usize..400),
    ) {
        let bytes = value.as_bytes();
        let (from, to) = (cuts.0.min(cuts.1).min(bytes.len()), cuts.0.max(cuts.1).min(bytes.len()));
        for form in ValueForm::ALL {
            if form.accepts(bytes) {
                prop_assert!(form.could_contain(&bytes[from..to]), "{:?}", form);
            }
        }
    }
}
