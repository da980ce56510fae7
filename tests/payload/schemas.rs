//! Schemas of an endpoint's own: what of a payload is skipped must not change what is said of it.

use jsonschema::Draft;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn a_violation_says_where_and_what_and_never_a_value() {
    let rules = rules(&schema(json!({
        "type": "object",
        "properties": {
            "customer": {
                "type": "object",
                "properties": { "name": { "type": "string" }, "age": { "type": "integer", "minimum": 18 } },
                "required": ["name"],
                "additionalProperties": false,
            },
            "lines": { "type": "array", "items": { "type": "object", "required": ["sku"] }, "uniqueItems": true },
            "by_mail": { "type": "object", "additionalProperties": { "type": "integer" } },
        },
        "required": ["customer"],
    })));
    let secret = "4111-1111-1111-1111";
    for (body, expected) in [
        (json!({}), vec!["/customer: is required"]),
        (
            json!({ "customer": secret }),
            vec!["/customer: must be an object"],
        ),
        (
            json!({ "customer": { "name": 1, "age": 5 } }),
            vec![
                "/customer/age: must be at least 18",
                "/customer/name: must be a string",
            ],
        ),
        (
            json!({ "customer": { "name": "a", secret: 1 } }),
            vec!["/customer: has members that the contract does not allow"],
        ),
        (
            json!({ "customer": { "name": "a" }, "lines": [{ "sku": 1 }, {}] }),
            vec!["/lines/1/sku: is required"],
        ),
        (
            json!({ "customer": { "name": "a" }, "lines": [{ "sku": 1 }, { "sku": 1.0 }] }),
            vec!["/lines: must not contain equal elements"],
        ),
        (
            json!({ "customer": { "name": "a" }, "by_mail": { secret: "x" } }),
            vec!["/by_mail/*: must be an integer"],
        ),
    ] {
        let mut told = wrong(&rules, JSON, body.to_string());
        told.sort();
        assert_eq!(told, expected, "{body}");
        assert!(!told.join("").contains(secret));
    }
}

#[test]
fn numbers_keep_all_their_digits() {
    let rules = rules(&schema(json!({
        "properties": {
            "id": { "enum": [9_007_199_254_740_993_u64, 18_446_744_073_709_551_615_u64] },
            "whole": { "type": "integer" },
            "unique": { "uniqueItems": true },
        },
    })));
    for (body, right) in [
        (r#"{"id":9007199254740993}"#, true),
        (r#"{"id":9007199254740992}"#, false),
        (r#"{"id":18446744073709551615}"#, true),
        (r#"{"id":18446744073709551616}"#, false),
        (r#"{"id":9007199254740993.0}"#, true),
        (r#"{"id":9007199254740993000e-3}"#, true),
        (r#"{"whole":123456789012345678901234567890}"#, true),
        (r#"{"whole":1e400}"#, true),
        (r#"{"whole":1e-400}"#, false),
        (r#"{"whole":0e99999999999999999999}"#, true),
        (r#"{"whole":1e99999999999999999999}"#, true),
        (r#"{"whole":1e-99999999999999999999}"#, false),
        (
            r#"{"unique":[123456789012345678901234567890,123456789012345678901234567891]}"#,
            true,
        ),
        (r#"{"unique":[1e400,10e399]}"#, false),
    ] {
        assert_eq!(wrong(&rules, JSON, body).is_empty(), right, "{body}");
    }
}

#[test]
fn at_most_32_violations_are_listed_and_none_is_long() {
    let rules = rules(&schema(json!({ "items": { "type": "integer" } })));
    let many = format!("[{}]", vec![r#""x""#; 5000].join(","));
    assert_eq!(wrong(&rules, JSON, many).len(), 32);
    let long = "n".repeat(5000);
    let rules = crate::support::rules(&schema(
        json!({ "required": [long], "properties": { "a": { "const": long } } }),
    ));
    for line in wrong(&rules, JSON, r#"{"a":1}"#) {
        assert!(line.len() < 600, "{}", line.len());
    }
}

/// The crate's own validator over serde_json's own tree of everything is the oracle.
fn agrees(schema_value: &Value, instance: &Value) {
    let mut schema_value = schema_value.clone();
    if let Value::Object(root) = &mut schema_value {
        let defined = json!({ "it": { "type": ["object", "integer"], "required": ["a"] } });
        root.insert("$defs".to_owned(), defined);
    }
    let oracle = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .build(&schema_value)
        .unwrap();
    let rules = rules(&schema(schema_value.clone()));
    let told = wrong(&rules, JSON, instance.to_string());
    assert_eq!(
        told.is_empty(),
        oracle.is_valid(instance),
        "{schema_value} {instance} {told:?}"
    );
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        prop_oneof![Just(0.5), Just(1.0), Just(-2.0)].prop_map(Value::from),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        Just(json!(true)),
        Just(json!(false)),
        prop_oneof![
            Just("string"),
            Just("integer"),
            Just("number"),
            Just("object"),
            Just("array"),
            Just("null"),
            Just("boolean")
        ]
        .prop_map(|kind| json!({ "type": kind })),
        values().prop_map(|value| json!({ "const": value })),
        prop::collection::vec(values(), 1..3).prop_map(|values| json!({ "enum": values })),
        prop::collection::vec("[abc]", 1..3).prop_map(|mut names| {
            names.sort();
            names.dedup();
            json!({ "required": names })
        }),
        (0..3).prop_map(|n| json!({ "minItems": n })),
        (0..3).prop_map(|n| json!({ "maxItems": n })),
        (0..3).prop_map(|n| json!({ "maxProperties": n })),
        Just(json!({ "uniqueItems": true })),
        Just(json!({ "minimum": 0, "maxLength": 1 })),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let list = || prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            prop::collection::btree_map("[abc]", inner.clone(), 1..3).prop_map(|map| json!({ "properties": map })),
            prop::collection::btree_map("[abc]", inner.clone(), 1..3).prop_map(|map| json!({ "dependentSchemas": map })),
            inner.clone().prop_map(|it| json!({ "items": it })),
            inner.clone().prop_map(|it| json!({ "prefixItems": [it], "unevaluatedItems": false })),
            inner.clone().prop_map(|it| json!({ "contains": it })),
            inner.clone().prop_map(|it| json!({ "additionalProperties": it, "properties": { "a": true } })),
            inner.clone().prop_map(|it| json!({ "patternProperties": { "^[ab]$": it } })),
            inner.clone().prop_map(|it| json!({ "not": it })),
            inner.clone().prop_map(|it| json!({ "$ref": "#/$defs/it", "allOf": [it] })),
            inner.clone().prop_map(|it| json!({ "propertyNames": it })),
            list().prop_map(|all| json!({ "allOf": all })),
            list().prop_map(|all| json!({ "anyOf": all })),
            list().prop_map(|all| json!({ "oneOf": all })),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| json!({ "if": a, "then": b, "else": c })),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({ "allOf": [a], "properties": { "a": b }, "unevaluatedProperties": false })),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn whatever_is_skipped_the_verdict_is_that_of_the_whole(schema in schemas(), value in values()) {
        agrees(&schema, &value);
    }
}
