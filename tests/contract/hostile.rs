//! Bodies that are to break something: an answer that says where, and no panic.

use serde_json::json;

use crate::support::*;

fn line(body: impl AsRef<[u8]>) -> String {
    let rules = rules(&schema(
        json!({ "type": "object", "properties": { "a": { "type": "object", "properties": { "b": true } } } }),
    ));
    wrong(&rules, JSON, body).join("\n")
}

#[test]
fn broken_json_is_told_with_its_place() {
    for (body, expected) in [
        ("{", "the JSON ends too soon, at line 1, column 2"),
        ("{\"a\"", "the JSON ends too soon, at line 1, column 5"),
        ("{\"a\":", "the JSON ends too soon, at line 1, column 6"),
        ("{\"a\":{},}", "the JSON is broken at line 1, column 9"),
        (
            "{\"a\":{}\n\n  x}",
            "the JSON is broken at line 3, column 3",
        ),
        ("{} {}", "the JSON is broken at line 1, column 4"),
        ("{'a':1}", "the JSON is broken at line 1, column 2"),
        ("{\"x\":nul}", "the JSON is broken at line 1, column 9"),
        ("{\"x\":01}", "the JSON is broken at line 1, column 7"),
        ("{\"x\":1.}", "the JSON is broken at line 1, column 8"),
        ("{\"x\":+1}", "the JSON is broken at line 1, column 6"),
        ("{\"x\":NaN}", "the JSON is broken at line 1, column 6"),
        ("{\"x\":[1,]}", "the JSON is broken at line 1, column 9"),
        ("{\"x\":[1 2]}", "the JSON is broken at line 1, column 9"),
        ("{\"x\":[}]", "the JSON is broken at line 1, column 7"),
        ("{\"x\":{]}", "the JSON is broken at line 1, column 7"),
        ("{\"x\":\"a", "the JSON ends too soon, at line 1, column 8"),
        (
            "{\"x\":\"\\",
            "the JSON has an escape that means nothing at line 1, column 7",
        ),
        (
            "{\"x\":\"\\q\"}",
            "the JSON has an escape that means nothing at line 1, column 7",
        ),
        (
            "{\"x\":\"\\u12g4\"}",
            "the JSON has an escape that means nothing at line 1, column 7",
        ),
        (
            "{\"x\":\"a\nb\"}",
            "the JSON has a control character in a string at line 1, column 8",
        ),
        ("// {}\n{}", "the JSON is broken at line 1, column 1"),
        ("\u{feff}{}", "the JSON is broken at line 1, column 1"),
    ] {
        assert_eq!(line(body), format!(": {expected}"), "{body:?}");
    }
    assert_eq!(
        line(b"{\"x\":\"\xff\"}"),
        ": the body is not UTF-8 at line 1, column 7"
    );
    assert_eq!(
        line(b"{\"x\":\"\xed\xa0\x80\"}"),
        ": the body is not UTF-8 at line 1, column 7"
    );
}

#[test]
fn names_that_stand_twice_where_somebody_looks() {
    assert_eq!(line(r#"{"a":{},"a":{}}"#), "/a: stands twice in its object");
    assert_eq!(
        line(r#"{"a":{"b":1,"\u0062":2}}"#),
        "/a/b: stands twice in its object"
    );
    assert_eq!(
        line(r#"{"a":{"b":1,"c":2,"c":3}}"#),
        "",
        "nobody looks at c"
    );
    let rules = rules(&schema(
        json!({ "additionalProperties": { "type": "object" }, "properties": { "a": true } }),
    ));
    assert_eq!(
        wrong(&rules, JSON, r#"{"x":{"mine":1,"mine":2}}"#),
        ["/*/*: stands twice in its object"]
    );
}

#[test]
fn nesting_has_an_end_also_where_nobody_looks() {
    let nested = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(line(nested(63)), "");
    assert_eq!(
        line(nested(64)),
        ": the JSON is nested deeper than 64 at line 1, column 69"
    );
    let whole = rules(&schema(
        json!({ "additionalProperties": { "type": "array" } }),
    ));
    assert_eq!(wrong(&whole, JSON, nested(63)), [""; 0]);
    assert!(!wrong(&whole, JSON, nested(64)).is_empty());
    assert!(line("[".repeat(5_000_000)).contains("deeper than 64"));
    assert!(line("{\"x\":".repeat(1_000_000)).contains("deeper than 64"));
}

#[test]
fn numbers_of_any_size_are_taken() {
    for number in [
        "1e400",
        "-1e400",
        "1e-400",
        "1e99999999999999999999",
        &"9".repeat(100_000),
    ] {
        let rules = rules(&schema(
            json!({ "properties": { "a": { "type": "number", "minimum": -5, "multipleOf": 0.5 } } }),
        ));
        let body = format!("{{\"a\":{number}}}");
        let told = wrong(&rules, JSON, body);
        assert!(
            told.iter().all(|line| line.starts_with("/a: must be")),
            "{told:?}"
        );
    }
}

#[test]
fn there_is_an_end_to_how_many_values_are_taken() {
    let whole = rules(&schema(json!({ "items": { "type": "integer" } })));
    let zeros = |many: usize| format!("[{}0]", "0,".repeat(many - 1));
    assert_eq!(wrong(&whole, JSON, zeros(90_000)), [""; 0]);
    assert!(wrong(&whole, JSON, zeros(110_000))[0].contains("too many values"));
    // Where nobody looks there may be any number of them.
    assert_eq!(line(format!("{{\"x\":{}}}", zeros(1_000_000))), "");
}
