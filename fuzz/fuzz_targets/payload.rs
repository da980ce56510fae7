//! Payloads against contracts: what is read as JSON is JSON, the key is what a reader of everything finds,
//! and the verdict is that of a validator over the whole tree.
//!
//! The first byte chooses the contract and the type; the rest is the body.
#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue};
use jsonschema::Draft;
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;
use portcullis::payload::{
    Contract, ContractDefinition, KeyPath, KeyRule, Payload, PayloadRules, Violations,
};
use serde_json::{Value, json};

struct Case {
    rules: PayloadRules,
    oracle: jsonschema::Validator,
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let schemas = [
        json!({ "type": "object", "properties": { "a": { "type": "object", "required": ["b"] }, "n": { "type": "integer", "minimum": 2 } } }),
        json!({ "properties": { "a": { "items": { "type": ["string", "boolean"] }, "maxItems": 3 } }, "additionalProperties": { "type": "number" } }),
        json!({ "anyOf": [{ "required": ["a"] }, { "type": "array", "uniqueItems": true }], "not": { "properties": { "a": { "const": "x" } }, "required": ["a"] } }),
    ];
    schemas.map(case).into()
});

fn case(schema: Value) -> Case {
    let definition = ContractDefinition {
        inputs: Vec::new(),
        schema: Some(schema.clone()),
    };
    let key = KeyRule {
        path: KeyPath::try_from(vec!["a".to_owned(), "b".to_owned()]).expect("a path"),
        required: false,
    };
    let contract = Contract::compile(&definition).expect("a contract");
    Case {
        rules: PayloadRules::new(Some(contract), Some(key)).expect("rules"),
        oracle: jsonschema::options()
            .with_draft(Draft::Draft202012)
            .build(&schema)
            .expect("a schema"),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else {
        return;
    };
    let case = &CASES[usize::from(*choice) % CASES.len()];
    let is_form = choice & 0x80 != 0;
    let mut headers = HeaderMap::new();
    let kind = if is_form {
        "application/x-www-form-urlencoded"
    } else {
        "application/json"
    };
    headers.insert("content-type", HeaderValue::from_static(kind));
    let found = case.rules.examine(&Payload::of(&headers, body, None));
    if let Err(violations) = &found {
        assert!(!violations.is_empty() && violations.iter().len() <= Violations::MOST);
        assert!(
            violations
                .iter()
                .all(|it| it.path.len() < 600 && it.message.len() < 600)
        );
    }
    // Numbers that no float holds are none to serde_json.
    let Ok(tree) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    if is_form {
        return;
    }
    match found {
        Ok(key) => {
            assert!(case.oracle.is_valid(&tree) || has_big_number(&tree));
            if let Some(key) = key {
                let text = percent_decode_str(key.as_str())
                    .decode_utf8()
                    .expect("UTF-8");
                match &tree["a"]["b"] {
                    Value::String(expected) => assert_eq!(text, expected.as_str()),
                    Value::Bool(expected) => assert_eq!(text, expected.to_string()),
                    Value::Number(_) => assert!(text.parse::<f64>().is_ok()),
                    other => panic!("{text} is not {other}"),
                }
            }
        }
        // Beside what breaks the schema: names that stand twice, and what is nested too deep.
        Err(violations) => {
            let message = &violations.iter().next().expect("one").message;
            let is_own = message.contains("stands twice")
                || message.contains("nested deeper")
                || message.contains("escape");
            assert!(
                is_own || !case.oracle.is_valid(&tree) || has_big_number(&tree),
                "{message}"
            );
            assert!(
                !message.starts_with("the JSON is broken") && !message.starts_with("the JSON ends")
            );
        }
    }
});

/// Whether the tree has a number that it may have rounded.
fn has_big_number(tree: &Value) -> bool {
    match tree {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_big_number),
        Value::Object(members) => members.values().any(has_big_number),
        _ => false,
    }
}
