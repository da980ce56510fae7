//! The declaration of a payload contract, and a payload that fits it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::input::SAMPLE;
use super::{Input, KeyPath};

/// A declared contract. It has either inputs or a schema.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ContractDefinition {
    /// Named, typed fields of the payload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// A JSON Schema 2020-12 for the whole payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

impl ContractDefinition {
    /// A payload with a value for every input and at `key`.
    ///
    /// It may violate a schema, a pattern or narrow bounds. The gate then refuses it and reports why.
    pub fn sample(contract: Option<&Self>, key: Option<&KeyPath>) -> Map<String, Value> {
        let inputs = contract.into_iter().flat_map(|contract| &contract.inputs);
        let mut sample: Map<String, Value> = inputs
            .map(|input| (input.name.to_string(), input.sample()))
            .collect();
        if let Some(key) = key {
            put(&mut sample, &key.names().collect::<Vec<_>>());
        }
        sample
    }
}

/// Sets a value at a path, unless it has one already. A value on the path that is not an object stops it.
fn put(object: &mut Map<String, Value>, names: &[&str]) {
    let Some((first, rest)) = names.split_first() else {
        return;
    };
    if rest.is_empty() {
        object.entry(*first).or_insert_with(|| SAMPLE.into());
        return;
    }
    let inner = object.entry(*first).or_insert_with(|| json!({}));
    if let Value::Object(inner) = inner {
        put(inner, rest);
    }
}
