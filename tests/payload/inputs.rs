//! Inputs: every type with what it takes and what it does not, and the names under which they are found.

use serde_json::{Value, json};

use crate::support::*;

fn one(input: Value) -> portcullis::payload::PayloadRules {
    rules(&inputs(json!([input])))
}

#[test]
fn each_type_takes_what_it_is_and_nothing_else() {
    let cases: [(&str, &[&str], &[&str], &str); 11] = [
        (
            "text",
            &[r#""a""#, r#""""#],
            &["1", "true", "{}", "[]"],
            "must be a string",
        ),
        (
            "number",
            &["1", "-1.5", "1e3", "0"],
            &[r#""1""#, "true"],
            "must be a number",
        ),
        (
            "integer",
            &["1", "-7", "1.0", "10e2", "0.1e1"],
            &["1.5", "1e-1", r#""1""#],
            "must be an integer",
        ),
        (
            "boolean",
            &["true", "false"],
            &[r#""true""#, "1"],
            "must be true or false",
        ),
        (
            "date",
            &[r#""2026-01-31""#],
            &[r#""2026-02-30""#, r#""31.1.2026""#, r#""""#],
            "must be a date such as 2026-01-31",
        ),
        (
            "timestamp",
            &[
                r#""2026-01-31T08:30:00Z""#,
                r#""2026-01-31T08:30:00.5+02:00""#,
            ],
            &[r#""2026-01-31""#, r#""08:30""#],
            "must be a date-time such as 2026-01-31T08:30:00Z",
        ),
        (
            "email",
            &[r#""a@example.com""#],
            &[r#""a""#, r#""a@""#],
            "must be an email address",
        ),
        (
            "url",
            &[r#""https://example.com/a?b=c""#],
            &[r#""/a""#, r#""example.com""#, r#""https://exa mple""#],
            "must be a URL",
        ),
        (
            "object",
            &["{}", r#"{"a":{"b":[1]}}"#],
            &["[]", "1"],
            "must be an object",
        ),
        (
            "array",
            &["[]", "[1,[2],{}]"],
            &["{}", "1"],
            "must be an array",
        ),
        (
            "file",
            &[r#""https://example.com/a.pdf""#, r#"{"url":"a"}"#],
            &["1", "[]"],
            "must be a string or an object",
        ),
    ];
    for (kind, right, others, message) in cases {
        let rules = one(json!({ "name": "it", "type": kind, "required": true }));
        for value in right {
            let body = format!(r#"{{"before":[{{}}],"it":{value},"after":"}}"}}"#);
            assert_eq!(wrong(&rules, JSON, &body), [""; 0], "{kind} {value}");
        }
        for value in others {
            let body = format!(r#"{{"it":{value}}}"#);
            assert_eq!(
                wrong(&rules, JSON, &body),
                [format!("/it: {message}")],
                "{kind} {value}"
            );
        }
    }
}

#[test]
fn what_is_required_has_to_be_there_and_null_is_not_there() {
    let required = one(json!({ "name": "order-id", "type": "text", "required": true }));
    let optional = one(json!({ "name": "order-id", "type": "text" }));
    for body in [
        "{}",
        r#"{"order-id":null}"#,
        r#"{"Order-Id":"1","order.id":"1"}"#,
    ] {
        assert_eq!(
            wrong(&required, JSON, body),
            ["/order-id: is required"],
            "{body}"
        );
        assert_eq!(wrong(&optional, JSON, body), [""; 0], "{body}");
    }
    for body in ["[]", "1", "null", r#""a""#] {
        assert_eq!(
            wrong(&optional, JSON, body),
            [": must be an object"],
            "{body}"
        );
    }
}

#[test]
fn a_name_is_found_in_three_spellings_and_the_first_counts() {
    let rules = one(json!({ "name": "order-id", "type": "text", "required": true }));
    for body in [
        r#"{"order-id":"1"}"#,
        r#"{"order_id":"1"}"#,
        r#"{"orderId":"1"}"#,
        r#"{"orderId":1,"order_id":"1"}"#,
        r#"{"orderId":1,"order_id":2,"order-id":"1"}"#,
        r#"{"order-id":null,"order_id":"1"}"#,
        r#"{"order\u005fid":"1"}"#,
    ] {
        assert_eq!(wrong(&rules, JSON, body), [""; 0], "{body}");
    }
    // It is told as it was sent.
    for (body, path) in [
        (r#"{"orderId":1}"#, "/orderId"),
        (r#"{"order_id":1}"#, "/order_id"),
        (r#"{"order-id":1,"orderId":"1"}"#, "/order-id"),
    ] {
        assert_eq!(
            wrong(&rules, JSON, body),
            [format!("{path}: must be a string")],
            "{body}"
        );
    }
}

#[test]
fn more_can_be_asked_of_each() {
    for (input, right, other, message) in [
        (
            json!({ "name": "a", "type": "text", "options": ["red", "blue"] }),
            r#""red""#,
            r#""green""#,
            r#"must be one of "red", "blue""#,
        ),
        (
            json!({ "name": "a", "type": "integer", "options": ["1", "2"] }),
            "2",
            "3",
            "must be one of 1, 2",
        ),
        (
            json!({ "name": "a", "type": "number", "min": 1, "max": 9.5 }),
            "9.5",
            "9.6",
            "must be at most 9.5",
        ),
        (
            json!({ "name": "a", "type": "number", "min": 1 }),
            "1",
            "0.9",
            "must be at least 1",
        ),
        (
            json!({ "name": "a", "type": "number", "max": 5 }),
            "-1e999",
            "1e999",
            "must be at most 5",
        ),
        (
            json!({ "name": "a", "type": "text", "min_length": 2 }),
            r#""éé""#,
            r#""é""#,
            "must have at least 2 characters",
        ),
        (
            json!({ "name": "a", "type": "text", "max_length": 2 }),
            r#""ab""#,
            r#""abc""#,
            "must have at most 2 characters",
        ),
        (
            json!({ "name": "a", "type": "text", "pattern": "^[0-9]+$" }),
            r#""12""#,
            r#""1b""#,
            "must match the pattern ^[0-9]+$",
        ),
        (
            json!({ "name": "a", "type": "array", "min_length": 1, "items": "integer" }),
            "[1]",
            "[]",
            "must have at least 1 elements",
        ),
    ] {
        let rules = one(input);
        assert_eq!(
            wrong(&rules, JSON, format!(r#"{{"a":{right}}}"#)),
            [""; 0],
            "{message}"
        );
        assert_eq!(
            wrong(&rules, JSON, format!(r#"{{"a":{other}}}"#)),
            [format!("/a: {message}")]
        );
    }
    let rules = one(json!({ "name": "lines", "type": "array", "items": "integer" }));
    assert_eq!(
        wrong(&rules, JSON, r#"{"lines":[1,"a",2.5]}"#),
        [
            "/lines/1: must be an integer",
            "/lines/2: must be an integer"
        ]
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let rules = rules(&inputs(json!([
        { "name": "order-id", "type": "text", "required": true },
        { "name": "total", "type": "number", "required": true },
        { "name": "currency", "type": "text", "options": ["EUR", "USD"] },
    ])));
    let mut told = wrong(&rules, JSON, r#"{"orderId":7,"currency":"DEM"}"#);
    told.sort();
    assert_eq!(
        told,
        [
            r#"/currency: must be one of "EUR", "USD""#,
            "/orderId: must be a string",
            "/total: is required",
        ]
    );
}
