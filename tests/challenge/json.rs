//! The reader of one field: it finds what another reader of JSON finds, or nothing.

use std::borrow::Cow;

use portcullis::challenge::{JsonField, field};
use portcullis::json_pointer::JsonPointer;
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(document: &str, pointer: &str) -> JsonField<'static> {
    let pointer: JsonPointer = pointer.parse().unwrap();
    owned(field(document.as_bytes(), &pointer, false))
}

fn owned(field: JsonField<'_>) -> JsonField<'static> {
    match field {
        JsonField::Text(text) => JsonField::Text(Cow::Owned(text.into_owned())),
        JsonField::Absent => JsonField::Absent,
        JsonField::Number(number) => JsonField::Number(number),
        JsonField::Other => JsonField::Other,
        _ => JsonField::Unclear,
    }
}

fn text(text: &str) -> JsonField<'_> {
    JsonField::Text(Cow::Borrowed(text))
}

#[test]
fn a_field_is_found_where_it_is_and_nowhere_else() {
    for (document, expected) in [
        (r#"{"a":"x"}"#, text("x")),
        (r#"{"b":{"a":"y"},"a":"x","c":[1]}"#, text("x")),
        (r#" { "a" : "x" } "#, text("x")),
        ("{\"a\":\"\\u00e9\\n\"}", text("\u{e9}\n")),
        ("{\"\\u0061\":\"x\"}", text("x")),
        (r#"{"a":1}"#, JsonField::Number(1)),
        (r#"{"a":-1}"#, JsonField::Number(-1)),
        (r#"{"a":1.0}"#, JsonField::Other),
        (r#"{"a":18446744073709551615}"#, JsonField::Other),
        (r#"{"a":true}"#, JsonField::Other),
        (r#"{"a":null}"#, JsonField::Other),
        (r#"{"a":{}}"#, JsonField::Other),
        (r#"{"a":[]}"#, JsonField::Other),
        (r#"{"A":"x"}"#, JsonField::Absent),
        ("{}", JsonField::Absent),
        (r#"{"a":"x","a":"x"}"#, JsonField::Unclear),
        (r#"{"a":"x","\u0061":"y"}"#, JsonField::Unclear),
        (r#"{"a":"x""#, JsonField::Unclear),
        (r#"{"a":"x"} {}"#, JsonField::Unclear),
        (r#"{"a":"x",}"#, JsonField::Unclear),
        (r#"["a"]"#, JsonField::Unclear),
        (r#""a""#, JsonField::Unclear),
        ("1", JsonField::Unclear),
        ("", JsonField::Unclear),
        ("a=x", JsonField::Unclear),
        ("\u{feff}{\"a\":\"x\"}", JsonField::Unclear),
    ] {
        assert_eq!(read(document, "/a"), expected, "{document}");
    }
    assert_eq!(read(r#"{"a":{"b":"x"},"b":"y"}"#, "/a/b"), text("x"));
    assert_eq!(read(r#"{"a":{},"b":"y"}"#, "/a/b"), JsonField::Absent);
    assert_eq!(read(r#"{"a":"x"}"#, "/a/b"), JsonField::Unclear);
    assert_eq!(read(r#"{"a":[{"b":"x"}]}"#, "/a/b"), JsonField::Unclear);
    assert_eq!(
        read(r#"{"a":{"b":"x"},"a":{"b":"x"}}"#, "/a/b"),
        JsonField::Unclear
    );
    assert_eq!(
        field(b"{\"a\":\"\xff\"}", &"/a".parse().unwrap(), false),
        JsonField::Unclear
    );
}

#[test]
fn what_has_to_be_alone_is_found_alone_only() {
    let alone = |document: &'static str| field(document.as_bytes(), &"/a".parse().unwrap(), true);
    assert_eq!(alone(r#"{"a":"x"}"#), text("x"));
    assert_eq!(alone(r#"{"a":"x","b":1}"#), JsonField::Unclear);
    assert_eq!(alone(r#"{"b":1,"a":"x"}"#), JsonField::Unclear);
    assert_eq!(alone("{}"), JsonField::Absent);
}

#[test]
fn depth_costs_nothing() {
    let deep = format!(
        r#"{{"b":{}1{},"a":"x"}}"#,
        "[".repeat(30_000),
        "]".repeat(30_000)
    );
    assert_eq!(read(&deep, "/a"), text("x"));
    let deep = format!(r#"{{"a":{}"#, r#"{"a":"#.repeat(10_000));
    assert_eq!(read(&deep, "/a"), JsonField::Unclear);
}

#[test]
fn a_pointer_leads_through_names_and_never_into_an_array() {
    let document = r#"{"hub.challenge":"x","a/b":{"":{"m~n":"y"}},"list":["z"],"ä":"w"}"#;
    assert_eq!(read(document, "/hub.challenge"), text("x"));
    assert_eq!(read(document, "/a~1b//m~0n"), text("y"));
    assert_eq!(read(document, "/ä"), text("w"));
    assert_eq!(read(document, "/list/0"), JsonField::Unclear);
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        "\\PC{0,8}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

proptest! {
    #[test]
    fn it_agrees_with_another_reader(document in documents(), pointer in "(/[abc]){1,3}", pretty: bool) {
        let text = if pretty {
            serde_json::to_string_pretty(&document).unwrap()
        } else {
            document.to_string()
        };
        let expected = document.pointer(&pointer);
        match (read(&text, &pointer), expected) {
            (JsonField::Text(text), Some(Value::String(other))) => prop_assert_eq!(&*text, other),
            (JsonField::Number(number), Some(other)) => prop_assert_eq!(Some(number), other.as_i64()),
            (JsonField::Other, Some(other)) => prop_assert!(!other.is_string()),
            (JsonField::Absent | JsonField::Unclear, None) => {}
            (found, expected) => prop_assert!(false, "{:?} instead of {:?}", found, expected),
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, alone: bool) {
        let _ = field(&bytes, &"/a/b".parse().unwrap(), alone);
    }
}
