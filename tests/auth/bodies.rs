//! Values that are taken out of a body: JSON and forms from anybody, bounded and never guessed.

use portcullis::auth::{MAX_PARSED_BODY_BYTES, PlaceValue, ProofError, Source};
use proptest::prelude::*;

use crate::declarations::declared;
use crate::delivery::{Delivery, preset};

fn at(source: &str, body: &str) -> Option<String> {
    let source: Source = source.parse().unwrap();
    let delivery = Delivery::of(body).sent_as_form();
    match source.read(&delivery.received()) {
        PlaceValue::Value(value) => Some(String::from_utf8(value.into_owned()).unwrap()),
        _ => None,
    }
}

#[test]
fn a_value_is_found_by_its_pointer_and_given_as_it_was_written() {
    // https://www.rfc-editor.org/rfc/rfc6901#section-5
    let document = r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
    for (pointer, value) in [
        ("/foo/0", Some("bar")),
        ("/foo/1", Some("baz")),
        ("/foo/2", None),
        ("/foo/00", None),
        ("/foo/-", None),
        ("/", Some("0")),
        ("/a~1b", Some("1")),
        ("/c%d", Some("2")),
        ("/e^f", Some("3")),
        ("/i\\j", Some("5")),
        ("/k\"l", Some("6")),
        ("/ ", Some("7")),
        ("/m~0n", Some("8")),
        ("/foo", None),
        ("/foo/0/x", None),
        ("/nope", None),
    ] {
        let found = at(&format!("json:{pointer}"), document);
        assert_eq!(found.as_deref(), value, "{pointer}");
    }
}

#[test]
fn a_number_is_text_and_never_a_float() {
    for number in [
        "1130",
        "1.10",
        "1e3",
        "-0",
        "12345678901234567890123",
        "0.1000",
    ] {
        let body = format!(r#"{{"amount": {number} }}"#);
        assert_eq!(at("json:/amount", &body).as_deref(), Some(number));
    }
    assert_eq!(at("json:/b", r#"{"b":true}"#).as_deref(), Some("true"));
    assert_eq!(at("json:/b", r#"{"b":null}"#), None);
    assert_eq!(
        at("json:/b", r#"{"b":"\u00e9\/\n"}"#).as_deref(),
        Some("é/\n")
    );
}

#[test]
fn what_stands_twice_or_is_no_json_has_no_value() {
    for body in [
        r#"{"id":1,"id":1}"#,
        r#"{"id":1,"\u0069d":2}"#,
        r#"{"id":1"#,
        r#"{"id":1} {"id":1}"#,
        r#"{"id":1}x"#,
        r#"{"id":01}"#,
        r#"{"id":{}}"#,
        "id=1",
        "",
        "[",
    ] {
        assert_eq!(at("json:/id", body), None, "{body}");
    }
    // Elsewhere it is none of our business.
    assert_eq!(
        at("json:/id", r#"{"x":1,"x":2,"id":"a"}"#).as_deref(),
        Some("a")
    );
}

#[test]
fn a_deep_or_a_large_document_is_no_trouble() {
    let deep = format!(
        r#"{{"x":{}1{},"id":"a"}}"#,
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    assert_eq!(at("json:/id", &deep).as_deref(), Some("a"));
    let large = format!(
        r#"{{"id":"a","x":"{}"}}"#,
        " ".repeat(MAX_PARSED_BODY_BYTES)
    );
    assert_eq!(at("json:/id", &large), None);
}

#[test]
fn a_source_needs_a_pointer_to_one_value_and_of_a_limited_depth() {
    let parse = |pointer: &str| format!("json:{pointer}").parse::<Source>();
    assert!(parse(&"/a".repeat(16)).is_ok());
    for wrong in ["", "a", "/a~", "/a~2", &"/a".repeat(17)] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_field_of_a_form_is_found_by_its_decoded_name() {
    let form = "a=1&b+c=2%2B3&a=1&d=1&d=2&e&=x";
    for (name, value) in [
        ("a", Some("1")),
        ("b c", Some("2+3")),
        ("e", Some("")),
        ("d", None),
        ("f", None),
    ] {
        let found = at(&format!("form:{name}"), form);
        assert_eq!(found.as_deref(), value, "{name}");
    }
    let many = "a=1&".repeat(1001);
    assert_eq!(at("form:a", &many), None);
}

#[test]
fn a_form_is_one_only_if_it_was_sent_as_one() {
    // Read as a form it has a `payload`, and the backend reads the JSON around it.
    let both = r#"{"a":"&payload=genuine&","ref":"refs/heads/evil"}"#;
    let source: Source = "form:payload".parse().unwrap();
    let read = |delivery: Delivery| matches!(source.read(&delivery.received()), PlaceValue::Value(value) if *value == *b"genuine");
    let form = "application/x-www-form-urlencoded";
    assert!(read(Delivery::of(both).header("Content-Type", form)));
    assert!(!read(Delivery::of(both)));
    for other in [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencodedx",
        "",
    ] {
        assert!(
            !read(Delivery::of(both).header("Content-Type", other)),
            "{other}"
        );
        let twice = Delivery::of(both).header("Content-Type", form);
        assert!(!read(twice.header("Content-Type", other)), "{other}");
    }
}

#[test]
fn a_signature_in_the_body_is_missing_malformed_or_wrong_like_any_other() {
    let scheme = declared(
        "algorithm = \"hmac-sha256\"\nsigned = \"{form:data}\"\ncovers = \"fields\"\n\
         signatures = [{ from = \"form:signature\" }]",
    );
    let zeros = "0".repeat(64);
    for (body, expected) in [
        ("data=x".to_owned(), ProofError::SignatureMissing),
        (format!("signature={zeros}"), ProofError::SignatureMissing),
        (
            "data=x&signature=0".to_owned(),
            ProofError::SignatureMalformed,
        ),
        (
            format!("data=x&signature={zeros}&signature=1"),
            ProofError::SignatureMalformed,
        ),
        (
            format!("data=x&data=y&signature={zeros}"),
            ProofError::SignatureMalformed,
        ),
        (
            format!("data=x&signature={zeros}"),
            ProofError::SignatureMismatch,
        ),
    ] {
        let verdict = Delivery::of(body.as_str())
            .sent_as_form()
            .judged_by(&scheme, b"secret");
        assert_eq!(verdict.err(), Some(expected), "{body}");
    }
}

#[test]
fn a_delivery_without_the_header_of_its_signature_is_refused_before_its_body() {
    let twilio = preset("twilio");
    let keys = crate::delivery::ring(&twilio, b"12345");
    let begun = Delivery::of("a=1").begun(&twilio, keys);
    assert_eq!(begun.err(), Some(ProofError::SignatureMissing));
}

#[test]
fn the_url_that_is_signed_is_the_one_that_was_given_out() {
    let square = preset("square");
    let delivery = Delivery::proven(&square, b"secret", "{}");
    assert!(delivery.judged_by(&square, b"secret").is_ok());
    for other in [
        "https://portal.example.com/hooks/orders",
        "https://portal.example.com/hooks/orders?from=a%20b",
        "https://portal.example.com:443/hooks/orders?from=a+b",
        "http://portal.example.com/hooks/orders?from=a+b",
    ] {
        let verdict = delivery.clone().to(other).judged_by(&square, b"secret");
        assert_eq!(
            verdict.err(),
            Some(ProofError::SignatureMismatch),
            "{other}"
        );
    }
}

proptest! {
    #[test]
    fn no_body_makes_a_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let delivery = Delivery::of(body);
        for source in ["json:/a/0/b", "form:a", "json:/"] {
            let source: Source = source.parse().unwrap();
            source.read(&delivery.received());
        }
    }

    #[test]
    fn what_serde_finds_is_found(text in "\\PC{0,20}", number: i64) {
        let body = serde_json::json!({"a": [{"b": text}, number], "c": {"b": 1}}).to_string();
        prop_assert_eq!(at("json:/a/0/b", &body), Some(text));
        prop_assert_eq!(at("json:/a/1", &body), Some(number.to_string()));
    }
}

#[test]
fn a_token_in_a_body_has_to_be_in_every_element_and_right_in_all() {
    let scheme = preset("ms-graph");
    assert!(!scheme.covers_body() && scheme.waits_for_body());
    let judged = |items: &str| {
        let body = format!(r#"{{"value":[{items}],"other":[{{"clientState":"x"}}]}}"#);
        Delivery::of(body).judged_by(&scheme, b"secret").map(drop)
    };
    let good = r#"{"id":"1","clientState":"secret"}"#;
    let (mismatch, missing) = (
        Err(ProofError::TokenMismatch),
        Err(ProofError::TokenMissing),
    );
    assert_eq!(judged(good), Ok(()));
    assert_eq!(judged(&[good; 300].join(",")), Ok(()));
    for (other, expected) in [
        (r#"{"clientState":"Secret"}"#, mismatch),
        (r#"{"clientState":""}"#, mismatch),
        (r#"{"clientState":null}"#, mismatch),
        (r#"{"clientState":["secret"]}"#, mismatch),
        (
            r#"{"clientState":"secret","clientState":"secret"}"#,
            mismatch,
        ),
        (r#"{"id":"2"}"#, mismatch),
        ("[]", mismatch),
        ("7", mismatch),
    ] {
        assert_eq!(judged(&format!("{good},{other}")), expected, "{other}");
        assert_eq!(judged(&format!("{other},{good}")), expected, "{other}");
    }
    for nothing in [
        "",
        "{}",
        r#"{},{}"#,
        r#"{"clientState":null}"#,
        r#"{"clientState":""}"#,
        "7,null",
    ] {
        assert_eq!(judged(nothing), missing, "{nothing}");
    }
    assert_eq!(
        judged(r#"{"clientState":"wrong"},{"clientState":"wrong"}"#),
        mismatch
    );
    for body in [
        "",
        "{",
        "[]",
        r#"{"value":{}}"#,
        r#"{"value":"secret"}"#,
        "value=secret",
    ] {
        let verdict = Delivery::of(body).judged_by(&scheme, b"secret");
        assert!(
            matches!(
                verdict,
                Err(ProofError::TokenMissing | ProofError::TokenMismatch)
            ),
            "{body}"
        );
    }
    let large = format!("{good},\"{}\"", "x".repeat(MAX_PARSED_BODY_BYTES));
    assert_eq!(judged(&large), mismatch);
}

#[test]
fn a_star_is_every_element_of_an_array_and_no_member_of_an_object() {
    for (document, value) in [
        (r#"[{"a":1},{"a":1}]"#, Some("1")),
        (r#"[{"a":1},{"a":1.0}]"#, None),
        (r#"[{"a":1},{}]"#, None),
        (r#"{"*":{"a":2}}"#, None),
        (r#"{"0":{"a":2}}"#, None),
        (r#"{"a":2}"#, None),
        ("[]", None),
        ("7", None),
    ] {
        assert_eq!(at("json:/*/a", document).as_deref(), value, "{document}");
    }
}

#[test]
fn an_array_of_values_has_a_limited_number_of_elements() {
    let array = |len: usize| format!("[{}]", vec![r#"{"a":1}"#; len].join(","));
    assert_eq!(at("json:/*/a", &array(4096)).as_deref(), Some("1"));
    assert_eq!(at("json:/*/a", &array(4097)), None);
    // Arrays in arrays share the limit.
    let nested = format!("[{}]", vec![array(1000); 5].join(","));
    assert_eq!(at("json:/*/*/a", &nested), None);
    // Elsewhere an array may be longer.
    let elsewhere = format!(r#"{{"x":{},"id":"a"}}"#, array(5000));
    assert_eq!(at("json:/id", &elsewhere).as_deref(), Some("a"));
}
