//! Bodies that are to break something: an answer that says where, and no panic.

use std::time::Duration;

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
        ("{", "the JSON is incomplete at line 1, column 2"),
        ("{\"a\"", "the JSON is incomplete at line 1, column 5"),
        ("{\"a\":", "the JSON is incomplete at line 1, column 6"),
        ("{\"a\":{},}", "the JSON is malformed at line 1, column 9"),
        (
            "{\"a\":{}\n\n  x}",
            "the JSON is malformed at line 3, column 3",
        ),
        ("{} {}", "the JSON is malformed at line 1, column 4"),
        ("{'a':1}", "the JSON is malformed at line 1, column 2"),
        ("{\"x\":nul}", "the JSON is malformed at line 1, column 9"),
        ("{\"x\":01}", "the JSON is malformed at line 1, column 7"),
        ("{\"x\":1.}", "the JSON is malformed at line 1, column 8"),
        ("{\"x\":+1}", "the JSON is malformed at line 1, column 6"),
        ("{\"x\":NaN}", "the JSON is malformed at line 1, column 6"),
        ("{\"x\":[1,]}", "the JSON is malformed at line 1, column 9"),
        ("{\"x\":[1 2]}", "the JSON is malformed at line 1, column 9"),
        ("{\"x\":[}]", "the JSON is malformed at line 1, column 7"),
        ("{\"x\":{]}", "the JSON is malformed at line 1, column 7"),
        ("{\"x\":\"a", "the JSON is incomplete at line 1, column 8"),
        (
            "{\"x\":\"\\",
            "the JSON has an invalid escape at line 1, column 7",
        ),
        (
            "{\"x\":\"\\q\"}",
            "the JSON has an invalid escape at line 1, column 7",
        ),
        (
            "{\"x\":\"\\u12g4\"}",
            "the JSON has an invalid escape at line 1, column 7",
        ),
        (
            "{\"x\":\"a\nb\"}",
            "the JSON has a control character in a string at line 1, column 8",
        ),
        ("// {}\n{}", "the JSON is malformed at line 1, column 1"),
        (
            "\u{feff}\u{feff}{}",
            "the JSON is malformed at line 1, column 1",
        ),
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
    assert_eq!(line(r#"{"a":{},"a":{}}"#), "/a: is repeated in its object");
    assert_eq!(
        line(r#"{"a":{"b":1,"\u0062":2}}"#),
        "/a/b: is repeated in its object"
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
        ["/*/*: is repeated in its object"]
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
        &"9".repeat(1000),
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

/// What is wrong, found with so little work that no quadratic work would fit in.
///
/// The measure is the time of the processor for this thread, beside that for a body of 3 MB that is in order. It depends
/// neither on how fast the machine is nor on what else it does.
fn soon(definition: &portcullis::payload::ContractDefinition, body: String) -> Vec<String> {
    let harmless = format!("{{\"x\":[{}0]}}", "{},".repeat(1_000_000));
    let (_, yardstick) = work(|| line(harmless));
    let rules = rules(definition);
    let (told, took) = work(|| wrong(&rules, JSON, body));
    assert!(
        took < yardstick * 80,
        "{took:?}, and {yardstick:?} for the harmless body: {told:?}"
    );
    told
}

/// What the processor has spent on `task`.
fn work<T>(task: impl FnOnce() -> T) -> (T, Duration) {
    use rustix::time::{ClockId, clock_gettime};

    let spent = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let before = spent();
    let result = task();
    (result, spent() - before)
}

#[test]
fn there_is_an_end_to_how_many_errors_are_made_before_the_first_is_told() {
    let names: Vec<String> = (0..50).map(|number| format!("member-{number}")).collect();
    let told = soon(
        &schema(json!({ "items": { "required": names } })),
        format!("[{}{{}}]", "{},".repeat(90_000)),
    );
    assert_eq!(told, ["/0/member-0: is required"]);

    let name = "a".repeat(100_000);
    let told = soon(
        &schema(
            json!({ "additionalProperties": { "type": "array", "items": { "type": "integer" } } }),
        ),
        format!("{{\"{name}\":[{}\"\"]}}", "\"\",".repeat(20_000)),
    );
    assert_eq!(told, ["/*/0: must be an integer"]);

    let told = soon(
        &inputs(json!([{ "name": "a", "type": "array", "items": "object" }])),
        format!("{{\"a\":[{}0]}}", "0,".repeat(90_000)),
    );
    assert_eq!(told, ["/a/0: must be an object"]);

    // The first error of a choice holds those of each branch.
    let told = soon(
        &schema(json!({ "anyOf": [
            { "items": { "required": names } },
            { "items": { "type": "string" } },
        ] })),
        format!("[{}{{}}]", "{},".repeat(90_000)),
    );
    assert_eq!(
        told,
        [": violates the contract; it is too large to list the violations"]
    );
}

#[test]
fn many_names_that_stand_twice_cost_no_more_than_what_is_told_of_them() {
    let name = "a".repeat(900_000);
    let told = soon(
        &schema(json!({ "additionalProperties": { "minProperties": 1 } })),
        format!(
            "{{\"{name}\":{{{}\"z\":0}}}}",
            (0..20_000)
                .map(|number| format!("\"{number}\":0,\"{number}\":0,"))
                .collect::<String>()
        ),
    );
    assert_eq!(told.len(), 32);
    assert_eq!(told[0], "/*: is repeated in its object");
}

#[test]
fn a_number_that_is_looked_at_has_at_most_1000_digits() {
    let options: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let definition = inputs(json!([{ "name": "a", "type": "number", "options": options }]));
    let told = soon(&definition, format!("{{\"a\":{}}}", "9".repeat(1001)));
    assert_eq!(
        told,
        [": the JSON has a number that is too long at line 1, column 6"]
    );
    let rules = rules(&definition);
    let elsewhere = format!("{{\"a\":1,\"b\":{}}}", "9".repeat(1001));
    assert_eq!(wrong(&rules, JSON, elsewhere), [""; 0]);
    let form = format!("a={}", "9".repeat(1001));
    assert!(wrong(&rules, FORM, form)[0].starts_with("/a: must be"));
    for (number, is_option) in [("1.0", true), ("1e2", true), ("1.5", false), ("-0", true)] {
        let told = wrong(&rules, JSON, format!("{{\"a\":{number}}}"));
        assert_eq!(told.is_empty(), is_option, "{number}: {told:?}");
    }
}

#[test]
fn only_positions_are_told_and_no_name_that_looks_like_one() {
    let rules = rules(&schema(json!({
        "properties": { "list": { "items": { "type": "integer" } } },
        "additionalProperties": { "additionalProperties": { "type": "integer" } },
    })));
    assert_eq!(
        wrong(
            &rules,
            JSON,
            r#"{"list":[1,"x"],"123456":{"77":"x"},"3":{"4":1,"4":1}}"#
        ),
        ["/*/*: is repeated in its object"]
    );
    assert_eq!(
        wrong(&rules, JSON, r#"{"list":[1,"x"],"123456":{"77":"x"}}"#),
        ["/*/*: must be an integer", "/list/1: must be an integer",]
    );
}

#[test]
fn an_array_that_is_only_counted_may_have_any_number_of_elements() {
    let rules = rules(&schema(
        json!({ "properties": { "a": { "type": "array", "minItems": 2, "maxItems": 200_000 } } }),
    ));
    let body = |many: usize| format!("{{\"a\":[{}[0]]}}", "{},".repeat(many - 1));
    assert_eq!(wrong(&rules, JSON, body(2)), [""; 0]);
    assert_eq!(wrong(&rules, JSON, body(200_000)), [""; 0]);
    assert_eq!(
        wrong(&rules, JSON, body(200_001)),
        ["/a: must have at most 200000 elements"]
    );
    assert_eq!(
        wrong(&rules, JSON, body(1)),
        ["/a: must have at least 2 elements"]
    );
    assert_eq!(
        wrong(&rules, JSON, r#"{"a":[]}"#),
        ["/a: must have at least 2 elements"]
    );
    assert!(wrong(&rules, JSON, r#"{"a":[1,]}"#)[0].contains("the JSON is malformed"));
}

#[test]
fn half_a_character_is_read_as_one_that_nobody_knows() {
    let rules = rules(&inputs(
        json!([{ "name": "a", "type": "text", "max_length": 3 }]),
    ));
    for (text, fits) in [
        (r"\ud800", true),
        (r"\udc00x", true),
        (r"\ud800\ud800x", true),
        (r"\ud83d\ude00ab", true),
        (r"\ud800xyz", false),
        (r"\ud800\nyz", false),
    ] {
        let told = wrong(&rules, JSON, format!("{{\"a\":\"{text}\"}}"));
        assert_eq!(told.is_empty(), fits, "{text}: {told:?}");
    }
}
