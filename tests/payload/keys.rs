//! The key: what is read is what another reader of JSON with all digits reads, or nothing.

use percent_encoding::percent_decode_str;
use portcullis::payload::PayloadRules;
use proptest::prelude::*;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use crate::support::*;

fn key_of(names: &[&str], content_type: &str, body: impl AsRef<[u8]>) -> Option<String> {
    let rules = PayloadRules::new(None, Some(key_rule(names, false))).unwrap();
    examine(&rules, content_type, body).unwrap()
}

#[test]
fn a_key_is_what_stands_there_as_it_was_written() {
    for (body, expected) in [
        (r#"{"number":1347}"#, Some("1347")),
        (r#"{"number":1.50}"#, Some("1.50")),
        (r#"{"number":1E2}"#, Some("1E2")),
        (r#"{"number":-0}"#, Some("-0")),
        (
            r#"{"number":12345678901234567890123}"#,
            Some("12345678901234567890123"),
        ),
        (r#"{"number":1e999}"#, Some("1e999")),
        (r#"{"number":"a-b_c"}"#, Some("a-b_c")),
        (r#"{"number":"a b"}"#, Some("a%20b")),
        (r#"{"number":"50%"}"#, Some("50%25")),
        (r#"{"number":"\u00e9\n"}"#, Some("%C3%A9%0A")),
        (r#"{"n\u0075mber":true}"#, Some("true")),
        (r#"{"number":false}"#, Some("false")),
        (r#"{"number":""}"#, None),
        (r#"{"number":null}"#, None),
        (r#"{"number":{}}"#, None),
        (r#"{"number":[1]}"#, None),
        (r#"{"Number":1}"#, None),
        (r#"{"number":1,"number":1}"#, None),
        (r#"{"number":1,"n\u0075mber":2}"#, None),
        (r#"{"x":{"number":1}}"#, None),
        (r#"["number"]"#, None),
        (r#"{"number":1"#, None),
        (r#"{"number":1} x"#, None),
        (r#"{"number":"\ud800"}"#, None),
        ("", None),
    ] {
        assert_eq!(
            key_of(&["number"], JSON, body).as_deref(),
            expected,
            "{body}"
        );
    }
    let long = format!(r#"{{"number":"{}"}}"#, "a".repeat(256));
    assert_eq!(key_of(&["number"], JSON, &long).unwrap().len(), 256);
    let longer = format!(r#"{{"number":"{}"}}"#, "a".repeat(257));
    assert_eq!(key_of(&["number"], JSON, longer), None);
}

#[test]
fn a_path_leads_through_objects_only_and_each_name_is_there_once() {
    let path = ["pull_request", "id"];
    for (body, expected) in [
        (
            r#"{"id":1,"pull_request":{"x":[{"id":2}],"id":3}}"#,
            Some("3"),
        ),
        (r#"{"pull_request":[{"id":3}]}"#, None),
        (r#"{"pull_request":{"id":3},"pull_request":{}}"#, None),
        (r#"{"pull_request":{"id":3,"id":3}}"#, None),
        (r#"{"pull_request":"id"}"#, None),
    ] {
        assert_eq!(key_of(&path, JSON, body).as_deref(), expected, "{body}");
    }
}

#[test]
fn a_field_of_a_form_is_a_key_if_it_is_there_once() {
    assert_eq!(
        key_of(&["number"], FORM, "a=1&number=a+b%25&c=2").as_deref(),
        Some("a%20b%25")
    );
    assert_eq!(key_of(&["number"], FORM, "number=1&number=1"), None);
    assert_eq!(key_of(&["number"], FORM, "number=%ff"), None);
    assert_eq!(key_of(&["a", "number"], FORM, "number=1"), None);
    let parts = "--xyz\r\nContent-Disposition: form-data; name=\"number\"\r\n\r\n7\r\n--xyz--\r\n";
    assert_eq!(key_of(&["number"], MULTIPART, parts).as_deref(), Some("7"));
    let file = parts.replace("\"number\"", "\"number\"; filename=\"a\"");
    assert_eq!(key_of(&["number"], MULTIPART, file), None);
    assert_eq!(key_of(&["number"], "text/csv", r#"{"number":7}"#), None);
    // Amazon SNS says that it is text.
    let sns = "text/plain; charset=UTF-8";
    let key = key_of(&["number"], sns, r#"{"number":7}"#);
    assert_eq!(key.as_deref(), Some("7"));
    assert_eq!(
        key_of(&["number"], "", r#"{"number":7}"#).as_deref(),
        Some("7")
    );
}

#[test]
fn a_payload_without_a_key_is_refused_where_the_endpoint_says_so() {
    let rules = PayloadRules::new(None, Some(key_rule(&["pull_request", "id"], true))).unwrap();
    let told = "must be one string, number or boolean: it is the concurrency key";
    assert_eq!(
        wrong(&rules, JSON, "{}"),
        [format!("/pull_request/id: {told}")]
    );
    let long = format!(r#"{{"pull_request":{{"id":"{}"}}}}"#, "é".repeat(50));
    assert_eq!(
        wrong(&rules, JSON, long),
        ["/pull_request/id: is too long for a concurrency key: at most 256 bytes"]
    );
    assert_eq!(
        wrong(&rules, JSON, "{"),
        [": the JSON is incomplete at line 1, column 2"]
    );
    assert_eq!(
        examine(&rules, JSON, r#"{"pull_request":{"id":5}}"#)
            .unwrap()
            .as_deref(),
        Some("5")
    );
}

/// JSON text with names from a small set, some of them twice, and numbers as nobody would write them.
fn documents() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,4})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\u00e9\ud83d\ude00\/""#.to_owned()),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let member = ("[ab]", inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec(member, 0..5).prop_map(|members| {
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(name, value)| format!("\"{name}\" :{value}"))
                    .collect();
                format!("{{ {} }}", members.join(","))
            }),
        ]
    })
}

/// What stands at the path, with every digit; `None` if it is not one scalar.
fn oracle(text: &str, path: &[&str]) -> Option<String> {
    let Some((name, rest)) = path.split_first() else {
        return match text.as_bytes()[0] {
            b'"' => serde_json::from_str(text).ok(),
            b'{' | b'[' | b'n' => None,
            _ => Some(text.to_owned()),
        };
    };
    if !text.starts_with('{') {
        return None;
    }
    // A name that stands twice is refused by a reader that keeps all of them.
    let members: Members = serde_json::from_str(text).unwrap();
    match members.0.get(*name).map(Vec::as_slice) {
        Some([only]) => oracle(only.get(), rest),
        _ => None,
    }
}

struct Members(BTreeMap<String, Vec<Box<RawValue>>>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> serde::de::Visitor<'de> for All {
            type Value = Members;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Members, A::Error> {
                let mut members: BTreeMap<String, Vec<Box<RawValue>>> = BTreeMap::new();
                while let Some((name, value)) = map.next_entry()? {
                    members.entry(name).or_default().push(value);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_key_is_what_another_reader_finds(document in documents(), path in prop::collection::vec("[ab]", 1..4)) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let expected = oracle(&document, &path).filter(|text| !text.is_empty());
        match key_of(&path, JSON, &document) {
            Some(key) => {
                prop_assert!(key.len() <= 256 && key.bytes().all(|byte| byte.is_ascii_graphic()));
                // The encoding loses nothing, so that it can be turned back.
                let text = percent_decode_str(&key).decode_utf8().unwrap().into_owned();
                prop_assert_eq!(Some(text), expected);
            }
            None => prop_assert!(expected.is_none_or(|text| text.len() > 85)),
        }
    }

    #[test]
    fn a_text_is_read_as_json_exactly_if_it_is_json(text in "[\\[\\]{}\",:0-9eE+.truefalsn \\\\ub-]{0,40}") {
        let rules = PayloadRules::new(None, Some(key_rule(&["a"], true))).unwrap();
        let told = wrong(&rules, JSON, &text).join("");
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(!told.contains("the JSON ") && !told.contains("body is empty"), is_json, "{} {}", text, told);
    }
}
