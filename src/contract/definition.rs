//! A contract as it is written down.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Input;

/// What a payload has to be: inputs, or a JSON Schema of the endpoint's own. One of them is there.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ContractDefinition {
    /// What is asked of the payload, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// JSON Schema 2020-12 that the whole payload has to fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}
