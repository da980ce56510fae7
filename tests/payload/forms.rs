//! Forms: a field is text, and is read as what its input is.

use serde_json::json;

use crate::support::*;

#[test]
fn fields_are_read_as_what_they_are_to_be() {
    let rules = rules(&inputs(json!([
        { "name": "order-id", "type": "text", "required": true },
        { "name": "total", "type": "number" },
        { "name": "count", "type": "integer" },
        { "name": "paid", "type": "boolean" },
        { "name": "day", "type": "date" },
        { "name": "tags", "type": "array", "max_length": 2 },
        { "name": "numbers", "type": "array", "items": "integer" },
        { "name": "customer", "type": "object" },
        { "name": "invoice", "type": "file" },
    ])));
    for (body, expected) in [
        (
            "order_id=7&total=1.5&count=3&paid=on&day=2026-01-31&tags=a&tags=b&numbers=1&numbers=2",
            vec![],
        ),
        (
            "orderId=&customer=%7B%22a%22%3A1%7D&tags=%5B%22a%22%5D&unknown=%ff",
            vec![],
        ),
        // An empty field of a form says that there is nothing, unless it is a text.
        ("order-id=x&total=&count=&paid=&day=&customer=&", vec![]),
        ("total=x&order-id=1", vec!["/total: must be a number"]),
        ("count=1.5&order-id=1", vec!["/count: must be an integer"]),
        (
            "paid=perhaps&order-id=1",
            vec!["/paid: must be true or false"],
        ),
        (
            "day=yesterday&order-id=1",
            vec!["/day: must be a date such as 2026-01-31"],
        ),
        (
            "tags=%5B1,%7B%7D,3%5D&order-id=1",
            vec!["/tags: must have at most 2 elements"],
        ),
        (
            "numbers=1&numbers=x&order-id=1",
            vec!["/numbers/1: must be an integer"],
        ),
        (
            "numbers=%5B1,%22x%22%5D&order-id=1",
            vec!["/numbers/1: must be an integer"],
        ),
        (
            "customer=%7B%22a%22:%5B%5D&order-id=1",
            vec!["/customer: must be an object"],
        ),
        (
            "customer=x&order-id=1",
            vec!["/customer: must be an object"],
        ),
        (
            "order-id=1&order-id=1",
            vec!["/order-id: is repeated in the form"],
        ),
        ("order-id=%ff", vec!["/order-id: is not UTF-8"]),
        ("invoice=x&order-id=1", vec!["/invoice: must be a file"]),
        ("", vec!["/order-id: is required"]),
    ] {
        assert_eq!(wrong(&rules, FORM, body), expected, "{body}");
    }
    let long = |many: usize, letter: &str| format!("order-id={}", letter.repeat(many));
    let told = ["/order-id: is longer than 1048576 bytes"];
    assert_eq!(wrong(&rules, FORM, long(1_048_576, "%61")), [""; 0]);
    assert_eq!(wrong(&rules, FORM, long(1_048_577, "%61")), told);
    assert_eq!(wrong(&rules, FORM, long(1_048_577, "a")), told);
    assert_eq!(wrong(&rules, FORM, long(10_000_000, "+")), told);
    let many = format!("order-id=1{}", "&a".repeat(1000));
    assert_eq!(
        wrong(&rules, FORM, many),
        [": the form has more than 1000 fields"]
    );
}

#[test]
fn a_form_that_is_nothing_but_json_counts_as_that_json() {
    // So GitHub (content type `application/x-www-form-urlencoded`) and Slack (interactivity) send it.
    let declared = inputs(json!([{ "name": "number", "type": "integer", "required": true }]));
    let strict = schema(json!({
        "properties": { "number": { "type": "integer" } },
        "required": ["number"],
        "additionalProperties": false,
    }));
    for rules in [rules(&declared), rules(&strict)] {
        for (body, expected) in [
            ("payload=%7B%22number%22%3A+7%7D", vec![]),
            ("payload={\"number\":7}", vec![]),
            (
                "payload=%7B%22number%22%3A%22x%22%7D",
                vec!["/number: must be an integer"],
            ),
            ("payload=%7B%7D", vec!["/number: is required"]),
            (
                "payload=%7B%22number%22%3A7",
                vec![": the JSON is incomplete at line 1, column 12"],
            ),
        ] {
            assert_eq!(wrong(&rules, FORM, body), expected, "{body}");
        }
        // Anything beside it makes it a form like others.
        for body in [
            "payload=%7B%22number%22%3A7%7D&",
            "payload=%7B%22number%22%3A7%7D&a=1",
            "Payload=%7B%22number%22%3A7%7D",
            "payload=7",
            "payload=",
        ] {
            assert_ne!(wrong(&rules, FORM, body), [""; 0], "{body}");
        }
    }
    // What is asked for by its name is a field.
    let field = inputs(json!([{ "name": "payload", "type": "object", "required": true }]));
    let body = "payload=%7B%22number%22%3A7%7D";
    assert_eq!(wrong(&rules(&field), FORM, body), [""; 0]);
    let field = schema(json!({ "properties": { "payload": { "maxLength": 3 } } }));
    assert_eq!(
        wrong(&rules(&field), FORM, body),
        ["/payload: must have at most 3 characters"]
    );
    // Also where it cannot be seen from here how.
    for asking in [
        json!({ "$ref": "#/$defs/f", "$defs": { "f": { "required": ["payload"] } } }),
        json!({ "dependentRequired": { "a": ["payload"] }, "required": ["payload"] }),
        json!({ "patternProperties": { "^pay": { "maxLength": 100 } }, "propertyNames": { "const": "payload" } }),
    ] {
        assert_eq!(wrong(&rules(&schema(asking)), FORM, body), [""; 0]);
    }
    // A payload may be as long as it is.
    let long = format!(
        "payload={{\"number\":7,\"text\":\"{}\"}}",
        "a".repeat(2 << 20)
    );
    assert_eq!(wrong(&rules(&declared), FORM, long), [""; 0]);
}

#[test]
fn a_schema_sees_the_texts_of_a_form() {
    let rules = rules(&schema(json!({
        "properties": { "a": { "type": "string", "maxLength": 2 } },
        "required": ["a"],
        "additionalProperties": { "type": "string", "maxLength": 3 },
    })));
    assert_eq!(wrong(&rules, FORM, "a=xy&b=xyz"), [""; 0]);
    assert_eq!(
        wrong(&rules, FORM, "a=xyz"),
        ["/a: must have at most 2 characters"]
    );
    // What the sender calls its fields may say anything.
    assert_eq!(
        wrong(&rules, FORM, "a=x&mine=wxyz"),
        ["/*: must have at most 3 characters"]
    );
    assert_eq!(
        wrong(&rules, FORM, "a=x&mine=1&mine=2"),
        ["/*: is repeated in the form"]
    );
}
