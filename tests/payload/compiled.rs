//! Compiling: everything that is wrong with a contract is said at once, before a delivery meets it.

use portcullis::payload::{Contract, ContractDefinition};
use serde_json::{Value, json};

use crate::support::*;

fn mistakes(definition: &ContractDefinition) -> String {
    Contract::compile(definition).map_or_else(|all| all.join("\n"), |_| String::new())
}

#[test]
fn what_is_wrong_with_inputs_is_said_of_each() {
    for (input, message) in [
        (
            json!({ "name": "", "type": "text" }),
            "a name has 1 to 128 letters",
        ),
        (
            json!({ "name": "a b", "type": "text" }),
            "a name has 1 to 128 letters",
        ),
        (
            json!({ "name": "a", "type": "text", "min": 1 }),
            "`min` and `max` need the type",
        ),
        (
            json!({ "name": "a", "type": "number", "min": 2, "max": 1 }),
            "`min` is greater than `max`",
        ),
        (
            json!({ "name": "a", "type": "number", "max_length": 1 }),
            "`min_length` and `max_length` need a text type",
        ),
        (
            json!({ "name": "a", "type": "text", "min_length": 2, "max_length": 1 }),
            "`min_length` is greater",
        ),
        (
            json!({ "name": "a", "type": "number", "pattern": "a" }),
            "`pattern` needs a text type",
        ),
        (
            json!({ "name": "a", "type": "text", "items": "text" }),
            "`items` needs the type",
        ),
        (
            json!({ "name": "a", "type": "array", "items": "file" }),
            "must not be `file`",
        ),
        (
            json!({ "name": "a", "type": "boolean", "options": ["x"] }),
            "`options` need a text type",
        ),
        (
            json!({ "name": "a", "type": "integer", "options": ["x"] }),
            "must be numbers",
        ),
        (
            json!({ "name": "a", "type": "text", "pattern": "(" }),
            "the schema is invalid",
        ),
        (
            json!({ "name": "a", "type": "text", "pattern": "(?=a)b" }),
            "the schema is invalid",
        ),
    ] {
        let said = mistakes(&inputs(json!([input])));
        assert!(said.contains(message), "{input}: {said}");
    }
    let two = inputs(json!([
        { "name": "order-id", "type": "text" },
        { "name": "orderId", "type": "number", "pattern": "a" },
    ]));
    let said = mistakes(&two);
    assert!(said.contains("input `orderId`: another input has one of its spellings"));
    assert!(said.contains("input `orderId`: `pattern` needs a text type"));
    assert!(mistakes(&ContractDefinition::default()).contains("`inputs` or a `schema`"));
    let both = ContractDefinition {
        schema: Some(json!({})),
        ..inputs(json!([{ "name": "a", "type": "text" }]))
    };
    assert!(mistakes(&both).contains("`inputs` or a `schema`"));
}

#[test]
fn a_schema_is_of_2020_12_stands_alone_and_is_right() {
    for wrong in [
        json!({ "type": "txt" }),
        json!({ "properties": [] }),
        json!({ "$ref": "https://example.com/schema.json" }),
        json!({ "$ref": "file:///etc/passwd" }),
        json!({ "$ref": "other.json" }),
        json!({ "$ref": "#/$defs/none" }),
        json!({ "$schema": "http://json-schema.org/draft-07/schema#" }),
        json!({ "pattern": "(a" }),
        json!({ "format": "no-such-format" }),
        json!("text"),
        json!(1),
    ] {
        assert!(!mistakes(&schema(wrong.clone())).is_empty(), "{wrong}");
    }
    for right in [
        json!(true),
        json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/a" }),
        json!({ "$defs": { "a": { "type": "object", "properties": { "a": { "$ref": "#/$defs/a" } } } }, "$ref": "#/$defs/a" }),
    ] {
        assert_eq!(mistakes(&schema(right)), "");
    }
}

#[test]
fn an_input_is_kept_as_it_was_declared() {
    let written = json!([{ "name": "order-id", "type": "text", "label": "Order ID", "required": true, "max_length": 40 }]);
    let kept = serde_json::to_value(inputs(written.clone()).inputs).unwrap();
    assert_eq!(kept, written);
    assert!(
        serde_json::from_value::<ContractDefinition>(
            json!({ "inputs": [{ "name": "a", "type": "text", "maximum": 1 }] })
        )
        .is_err()
    );
    let schema = Contract::schema_of(&inputs(written));
    assert_eq!(
        schema["properties"]["order-id"]["title"],
        Value::from("Order ID")
    );
}

#[test]
fn a_contract_is_of_a_size_that_can_be_held() {
    let options = |many: usize, len: usize| -> Vec<String> {
        (0..many).map(|number| format!("{number:0len$}")).collect()
    };
    let of_options =
        |len| inputs(json!([{ "name": "a", "type": "text", "options": options(1000, len) }]));
    assert_eq!(mistakes(&of_options(100)), "");
    assert!(mistakes(&of_options(1000)).contains("larger than 262144 bytes"));

    let of_patterns = |many: usize, pattern: &str| -> ContractDefinition {
        schema(json!({ "allOf": vec![json!({ "pattern": pattern }); many] }))
    };
    assert_eq!(mistakes(&of_patterns(200, "^a$")), "");
    assert!(mistakes(&of_patterns(201, "^a$")).contains("at most 200 patterns"));
    assert!(
        mistakes(&of_patterns(150, &"a".repeat(300))).contains("together may have at most 32768")
    );
    let names = schema(json!({ "patternProperties": { "a".repeat(40_000): true } }));
    assert!(mistakes(&names).contains("together may have at most 32768"));

    // What people write, and what would cost a long text dearly.
    for pattern in [
        r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        r"^\w{1,64}$",
        r"^\d{4}-\d{6}$",
        r"^[A-Za-z0-9_.-]{1,255}$",
        r"^https://[^/]+\.example\.com/.*$",
        r"^.{1,255}$",
    ] {
        let one = inputs(json!([{ "name": "a", "type": "text", "pattern": pattern }]));
        assert_eq!(mistakes(&one), "", "{pattern}");
    }
    for pattern in [r"(a?){20000}", r"(.{1,100}x){20}"] {
        let one = inputs(json!([{ "name": "a", "type": "text", "pattern": pattern }]));
        assert!(
            mistakes(&one).contains("or its compiled form is too large"),
            "{pattern}"
        );
    }
}
