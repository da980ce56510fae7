//! A contract, compiled once for each version of its endpoint.

use std::collections::BTreeSet;
use std::fmt;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::extent::{Extent, MAX_PATTERN_BYTES};
use super::field::JSON_FIELD;
use super::input_schema::of_inputs;
use super::node::OfTree;
use super::plan::Plan;
use super::sought::Sought;
use super::{ContractDefinition, Input};

/// What payloads of an endpoint have to be.
pub struct Contract {
    pub(super) validator: Validator<OfTree>,
    pub(super) extent: Extent,
    /// Whether it may ask for that field of forms in a way that is not followed here.
    pub(super) may_ask_for_json_field: bool,
    /// About what it takes in memory.
    pub(super) memory_bytes: usize,
    /// What the schema looks at, of a payload or of the inputs that were found in it.
    pub(super) plan: Plan,
    /// The inputs, in the order of their names; none if the schema is the endpoint's own.
    pub(super) sought: Option<Vec<Sought>>,
    /// The names that the contract itself has, which may be told to anybody who breaks it.
    pub(super) names: BTreeSet<Box<str>>,
}

impl Contract {
    /// Compiles it, or says everything that is wrong with it.
    pub fn compile(definition: &ContractDefinition) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let ContractDefinition { inputs, schema } = definition;
        if inputs.is_empty() == schema.is_none() {
            mistakes.push("a contract has `inputs` or a `schema`".to_owned());
        }
        judge_inputs(inputs, &mut mistakes);
        if let Some(Err(mistake)) = schema.as_ref().map(judge_schema) {
            mistakes.push(mistake);
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let schema = schema.clone().unwrap_or_else(|| of_inputs(inputs));
        let extent = Extent::of(&schema);
        let schema_bytes = schema.to_string().len();
        judge_size(schema_bytes, extent, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let validator = jsonschema::options_for::<OfTree>()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            // What a pattern costs is bounded by the text that it is looked for in.
            .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
            .build(&schema)
            .map_err(|error| {
                let place = error.schema_path().as_str();
                let at = error.instance_path().as_str();
                let hint = match error.kind() {
                    Kind::Format { format } if format == "regex" => {
                        ", or a larger one than there may be"
                    }
                    _ => "",
                };
                vec![format!(
                    "the schema is wrong at `{place}{at}`: {error}{hint}"
                )]
            })?;
        let plan = Plan::of_schema(&schema);
        let mut names = BTreeSet::new();
        plan.names(&mut |name| {
            names.insert(name.into());
        });
        let sought = (!inputs.is_empty()).then(|| {
            let mut sought: Vec<Sought> = inputs.iter().map(Sought::of).collect();
            sought.sort_by(|one, other| one.name.cmp(&other.name));
            sought
        });
        for input in sought.iter().flatten() {
            names.extend(input.spellings.iter().cloned());
        }
        Ok(Self {
            validator,
            extent,
            may_ask_for_json_field: plan.member_names().is_none() && mentions(JSON_FIELD, &schema),
            memory_bytes: schema_bytes * BYTES_OF_A_BYTE + extent.pattern_memory_bytes,
            plan,
            sought,
            names,
        })
    }

    /// The schema that it comes to, for people.
    pub fn schema_of(definition: &ContractDefinition) -> Value {
        let own = definition.schema.clone();
        own.unwrap_or_else(|| of_inputs(&definition.inputs))
    }

    /// What is looked at of a payload.
    pub(super) fn payload_plan(&self) -> Plan {
        let Some(sought) = &self.sought else {
            return self.plan.clone();
        };
        let mut plan = Plan::of_schema(&Value::Null);
        for input in sought {
            let of_input = self.plan.member(&input.name);
            for spelling in &input.spellings {
                plan.merge_member(spelling, of_input.cloned().unwrap_or_default());
            }
        }
        plan
    }

    /// The names of the fields of a form that are looked at; all if `None`.
    pub(super) fn fields(&self) -> Option<BTreeSet<Box<str>>> {
        match &self.sought {
            Some(sought) => {
                let spellings = sought.iter().flat_map(|input| &input.spellings);
                Some(spellings.cloned().collect())
            }
            None => self.plan.member_names(),
        }
    }
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract").finish_non_exhaustive()
    }
}

fn judge_inputs(inputs: &[Input], mistakes: &mut Vec<String>) {
    if inputs.len() > MAX_INPUTS {
        mistakes.push(format!("there are at most {MAX_INPUTS} inputs"));
        return;
    }
    let mut taken = BTreeSet::new();
    for input in inputs {
        input.mistakes(|wrong| mistakes.push(format!("input `{}`: {wrong}", input.name)));
        let spellings = input.spellings();
        if spellings.iter().any(|spelling| taken.contains(spelling)) {
            let name = &input.name;
            let message = "another input is read under one of its names";
            mistakes.push(format!("input `{name}`: {message}"));
        }
        taken.extend(spellings);
    }
}

/// What the crate would take and nobody should rely on.
fn judge_schema(schema: &Value) -> Result<(), String> {
    if !matches!(schema, Value::Bool(_) | Value::Object(_)) {
        return Err("a schema is a table".to_owned());
    }
    match schema.get("$schema").and_then(Value::as_str) {
        None => {}
        Some(dialect) if dialect.trim_end_matches('#') == DIALECT => {}
        Some(_) => return Err(format!("the schema is not of `{DIALECT}`")),
    }
    Ok(())
}

/// Whether a schema has this text anywhere, as a name or as a value.
fn mentions(text: &str, schema: &Value) -> bool {
    match schema {
        Value::Array(values) => values.iter().any(|value| mentions(text, value)),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name == text || mentions(text, value)),
        Value::String(value) => value == text,
        _ => false,
    }
}

/// What is compiled is held in memory for as long as the endpoint is in use. Of inputs it is their options
/// that can be large.
fn judge_size(schema_bytes: usize, extent: Extent, mistakes: &mut Vec<String>) {
    if schema_bytes > MAX_SCHEMA_BYTES {
        mistakes.push(format!(
            "the contract is larger than {MAX_SCHEMA_BYTES} bytes, as a schema"
        ));
    }
    if extent.patterns > MAX_PATTERNS {
        mistakes.push(format!("there are at most {MAX_PATTERNS} patterns"));
    }
    if extent.pattern_bytes > MAX_PATTERN_TEXT_BYTES {
        mistakes.push(format!(
            "all patterns together have at most {MAX_PATTERN_TEXT_BYTES} bytes"
        ));
    }
}

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const MAX_INPUTS: usize = 200;
const MAX_PATTERNS: usize = 200;
const MAX_PATTERN_TEXT_BYTES: usize = 32 * 1024;
const MAX_SCHEMA_BYTES: usize = 256 * 1024;
/// What a byte of a schema becomes once it is compiled: 38 of 5 inputs and 47 of 200 were measured.
const BYTES_OF_A_BYTE: usize = 48;
