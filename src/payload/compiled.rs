//! A payload contract, compiled once for each version of its endpoint, and the check of a payload against it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fmt;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::cost::{MAX_PATTERN_BYTES, SchemaCost};
use super::field::{Content, Field, JSON_FIELD};
use super::input::inputs_schema;
use super::matcher::InputMatcher;
use super::node::TreeJson;
use super::plan::Plan;
use super::tree::{Member, Tree};
use super::violation::{Path, Violations};
use super::wording::describe;
use super::{ContractDefinition, Input, InputType};
use crate::json_pointer::{segments, unescape};

/// The compiled payload contract of an endpoint.
pub struct Contract {
    pub(super) validator: Validator<TreeJson>,
    pub(super) cost: SchemaCost,
    /// Whether the schema may read the form field `payload` through a keyword that [`Plan`] does not follow.
    pub(super) may_read_json_field: bool,
    /// The estimated size of the compiled contract.
    pub(super) memory_bytes: usize,
    /// The parts that the schema reads, of the payload or of its inputs.
    pub(super) plan: Plan,
    /// The inputs in the order of their names; `None` for a JSON Schema.
    pub(super) matchers: Option<Vec<InputMatcher>>,
    /// The names that the contract itself contains. Only these appear in violations.
    pub(super) names: BTreeSet<Box<str>>,
}

impl Contract {
    /// Compiles a contract, or reports all mistakes in it.
    pub fn compile(definition: &ContractDefinition) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let ContractDefinition { inputs, schema } = definition;
        if inputs.is_empty() == schema.is_none() {
            mistakes.push("a contract needs either `inputs` or a `schema`".to_owned());
        }
        check_inputs(inputs, &mut mistakes);
        if let Some(Err(mistake)) = schema.as_ref().map(check_dialect) {
            mistakes.push(mistake);
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let schema = schema.clone().unwrap_or_else(|| inputs_schema(inputs));
        let cost = SchemaCost::of(&schema);
        let schema_bytes = schema.to_string().len();
        check_size(schema_bytes, cost, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let validator = jsonschema::options_for::<TreeJson>()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            // The cost of a match is bounded by the length of the text.
            .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN_BYTES))
            .build(&schema)
            .map_err(|error| {
                let place = error.schema_path().as_str();
                let at = error.instance_path().as_str();
                let hint = match error.kind() {
                    Kind::Format { format } if format == "regex" => {
                        ", or its compiled form is too large"
                    }
                    _ => "",
                };
                vec![format!(
                    "the schema is invalid at `{place}{at}`: {error}{hint}"
                )]
            })?;
        let plan = Plan::of_schema(&schema);
        let mut names = BTreeSet::new();
        plan.names(&mut |name| {
            names.insert(name.into());
        });
        let matchers = (!inputs.is_empty()).then(|| {
            let mut matchers: Vec<InputMatcher> = inputs.iter().map(InputMatcher::of).collect();
            matchers.sort_by(|one, other| one.name.cmp(&other.name));
            matchers
        });
        for input in matchers.iter().flatten() {
            names.extend(input.spellings.iter().cloned());
        }
        Ok(Self {
            validator,
            cost,
            may_read_json_field: plan.member_names().is_none()
                && contains_text(JSON_FIELD, &schema),
            memory_bytes: schema_bytes * COMPILED_BYTES_PER_BYTE + cost.pattern_memory_bytes,
            plan,
            matchers,
            names,
        })
    }

    /// The JSON Schema of a contract, for display.
    pub fn schema_of(definition: &ContractDefinition) -> Value {
        let schema = definition.schema.clone();
        schema.unwrap_or_else(|| inputs_schema(&definition.inputs))
    }

    /// The parts of a payload that the contract reads.
    pub(super) fn payload_plan(&self) -> Plan {
        let Some(matchers) = &self.matchers else {
            return self.plan.clone();
        };
        let mut plan = Plan::of_schema(&Value::Null);
        for input in matchers {
            let input_plan = self.plan.member(&input.name);
            for spelling in &input.spellings {
                plan.merge_member(spelling, input_plan.cloned().unwrap_or_default());
            }
        }
        plan
    }

    /// The form fields that the contract reads; `None` for all.
    pub(super) fn fields(&self) -> Option<BTreeSet<Box<str>>> {
        match &self.matchers {
            Some(matchers) => {
                let spellings = matchers.iter().flat_map(|input| &input.spellings);
                Some(spellings.cloned().collect())
            }
            None => self.plan.member_names(),
        }
    }

    /// Checks the extracted parts of a JSON body.
    pub(super) fn check_tree(&self, tree: Tree<'_>) -> Violations {
        let Some(matchers) = &self.matchers else {
            return self.validate(&tree, InputValues::default());
        };
        let Tree::Object(mut members) = tree else {
            return Violations::of_body("must be an object");
        };
        let mut values = InputValues::default();
        for input in matchers {
            for spelling in &input.spellings {
                let position = members.binary_search_by(|(name, _)| (**name).cmp(spelling));
                let Some((_, value)) = position.ok().and_then(|position| members.get_mut(position))
                else {
                    continue;
                };
                // `null` counts as absent.
                if !matches!(value, Tree::Null) {
                    values.put(input, spelling, std::mem::take(value));
                    break;
                }
            }
        }
        let tree = Tree::Object(std::mem::take(&mut values.members));
        self.validate(&tree, values)
    }

    /// Checks the fields of a form.
    pub(super) fn check_fields(&self, fields: &[Field<'_>]) -> Violations {
        let mut values = InputValues::default();
        let Some(matchers) = &self.matchers else {
            let mut names = HashSet::new();
            for field in fields {
                let is_first = names.insert(&*field.name);
                values.put_plain(field, is_first);
            }
            values
                .violations
                .mask(|path| self.mask_path(&Tree::Null, path));
            values
                .members
                .sort_by(|(one, _), (other, _)| one.cmp(other));
            let tree = Tree::Object(std::mem::take(&mut values.members));
            return self.validate(&tree, values);
        };
        for input in matchers {
            let spelling = input.spellings.iter().find_map(|spelling| {
                let mut fields = fields.iter().filter(|field| *field.name == **spelling);
                let first = fields.next()?;
                Some((spelling, first, fields.collect::<Vec<_>>()))
            });
            if let Some((spelling, first, others)) = spelling {
                values.put_fields(input, spelling, first, &others);
            }
        }
        let tree = Tree::Object(std::mem::take(&mut values.members));
        self.validate(&tree, values)
    }

    fn validate<'t>(&self, tree: &'t Tree<'t>, values: InputValues<'_, '_>) -> Violations {
        if self.validator.is_valid(tree) {
            return values.violations;
        }
        // The validator builds all errors, with their paths, before it returns the first one.
        let tree_bytes = tree.error_bytes(BYTES_PER_ERROR);
        let lists_all =
            tree_bytes.saturating_mul(self.cost.max_errors_per_value()) <= MAX_ERROR_BYTES;
        let errors = if lists_all {
            self.validator.iter_errors(tree).collect()
        } else if self.cost.has_branches() {
            Vec::new()
        } else {
            Vec::from_iter(self.validator.validate(tree).err())
        };
        let mut violations = values.violations;
        let mut is_opaque_only = false;
        for error in errors {
            let (path, message) = describe(&error);
            let first = segments(&path).next().unwrap_or_default();
            let name = unescape(first);
            if name.is_some_and(|name| values.opaque.iter().any(|field| **field == *name)) {
                is_opaque_only = lists_all;
                continue;
            }
            if values.reported.contains(&first) {
                continue;
            }
            let path = self.mask_path(tree, &path);
            let first = segments(&path).next().unwrap_or_default();
            let alias = values.aliases.iter().find(|(name, _)| *name == first);
            let path = match (alias, path.get(first.len() + 1..)) {
                (Some((_, spelling)), Some(rest)) => format!("/{spelling}{rest}"),
                _ => path,
            };
            violations.put(path, message);
            if violations.is_full() {
                break;
            }
        }
        // An invalid payload always has a violation, unless all errors are about opaque fields.
        if violations.is_empty() && !is_opaque_only {
            violations.put(String::new(), TOO_LARGE.to_owned());
        }
        violations
    }

    /// The path for the response, with `*` for each name that the contract does not contain. Such a name comes from the
    /// sender and may be anything.
    pub(super) fn mask_path(&self, tree: &Tree<'_>, path: &str) -> String {
        let mut masked = String::new();
        let mut value = Some(tree);
        for segment in segments(path) {
            // A path that was shortened may end in half an escape. Such a segment has no name, so it is masked.
            let name = unescape(segment);
            let is_known = name
                .as_deref()
                .is_some_and(|name| self.names.contains(name));
            let is_shown = is_known || value.is_some_and(Tree::is_array);
            masked.push('/');
            masked.push_str(if is_shown { segment } else { "*" });
            value = value.zip(name).and_then(|(value, name)| value.at(&name));
        }
        masked
    }
}

impl fmt::Debug for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contract").finish_non_exhaustive()
    }
}

fn check_inputs(inputs: &[Input], mistakes: &mut Vec<String>) {
    if inputs.len() > MAX_INPUTS {
        mistakes.push(format!("at most {MAX_INPUTS} inputs are allowed"));
        return;
    }
    let mut names = BTreeSet::new();
    for input in inputs {
        input.check(|mistake| mistakes.push(format!("input `{}`: {mistake}", input.name)));
        let spellings = input.spellings();
        if spellings.iter().any(|spelling| names.contains(spelling)) {
            let name = &input.name;
            let message = "another input has one of its spellings";
            mistakes.push(format!("input `{name}`: {message}"));
        }
        names.extend(spellings);
    }
}

/// Rejects a schema that the validator would accept under another dialect.
fn check_dialect(schema: &Value) -> Result<(), String> {
    if !matches!(schema, Value::Bool(_) | Value::Object(_)) {
        return Err("the schema must be a table".to_owned());
    }
    match schema.get("$schema").and_then(Value::as_str) {
        None => {}
        Some(dialect) if dialect.trim_end_matches('#') == DIALECT => {}
        Some(_) => return Err(format!("`$schema` must be `{DIALECT}`")),
    }
    Ok(())
}

/// Whether a schema contains this text anywhere, as a name or as a string.
fn contains_text(text: &str, schema: &Value) -> bool {
    match schema {
        Value::Array(values) => values.iter().any(|value| contains_text(text, value)),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name == text || contains_text(text, value)),
        Value::String(value) => value == text,
        _ => false,
    }
}

/// Bounds the memory of a compiled contract, which stays in the cache of endpoints. Options make inputs large.
fn check_size(schema_bytes: usize, cost: SchemaCost, mistakes: &mut Vec<String>) {
    if schema_bytes > MAX_SCHEMA_BYTES {
        mistakes.push(format!(
            "as a JSON Schema, the contract is larger than {MAX_SCHEMA_BYTES} bytes"
        ));
    }
    if cost.patterns > MAX_PATTERNS {
        mistakes.push(format!("at most {MAX_PATTERNS} patterns are allowed"));
    }
    if cost.pattern_bytes > MAX_PATTERN_TEXT_BYTES {
        mistakes.push(format!(
            "all patterns together may have at most {MAX_PATTERN_TEXT_BYTES} bytes"
        ));
    }
}

/// The values of the inputs in a payload.
#[derive(Default)]
struct InputValues<'b, 's> {
    members: Vec<Member<'b>>,
    /// Inputs that the payload spells in another way, with that spelling.
    aliases: Vec<(&'s str, &'s str)>,
    violations: Violations,
    /// Inputs that have a violation already.
    reported: Vec<&'s str>,
    /// Fields whose content is unknown: they are only known to be present.
    opaque: Vec<Box<str>>,
}

impl<'b, 's> InputValues<'b, 's> {
    fn put(&mut self, input: &'s InputMatcher, spelling: &'s str, value: Tree<'b>) {
        if *spelling != *input.name {
            self.aliases.push((&input.name, spelling));
        }
        let name = Cow::Owned(input.name.to_string());
        self.members.push((name, value));
    }

    fn put_fields<'f: 'b>(
        &mut self,
        input: &'s InputMatcher,
        spelling: &'s str,
        first: &'f Field<'_>,
        others: &[&'f Field<'_>],
    ) {
        let is_list = input.kind == InputType::Array;
        let mistake = match &first.content {
            _ if !others.is_empty() && !is_list => Some("is repeated in the form"),
            Content::File if input.kind != InputType::File => Some("must be a field, not a file"),
            Content::Text(_) | Content::Opaque if input.kind == InputType::File => {
                Some("must be a file")
            }
            Content::TooLong => Some(Content::TOO_LONG),
            Content::NotText => Some(Content::NOT_TEXT),
            Content::File | Content::Text(_) | Content::Opaque => None,
        };
        if let Some(mistake) = mistake {
            let path = Path::Member(&Path::Root, spelling);
            self.violations.add(&path, mistake);
            self.reported.push(&input.name);
            return;
        }
        let value = match &first.content {
            Content::Text(text) if is_list => {
                Some(input.list(text, others.iter().map(|field| &field.content)))
            }
            Content::Text(text) => input.kind.parse(text),
            Content::Opaque => {
                self.opaque.push(input.name.clone());
                Some(Tree::File)
            }
            _ => Some(Tree::File),
        };
        if let Some(value) = value {
            self.put(input, spelling, value);
        }
    }

    /// Adds a field of a form for a JSON Schema.
    fn put_plain<'f: 'b>(&mut self, field: &'f Field<'_>, is_first: bool) {
        let mistake = match &field.content {
            _ if !is_first => "is repeated in the form",
            Content::NotText => Content::NOT_TEXT,
            Content::TooLong => Content::TOO_LONG,
            Content::File | Content::Opaque => {
                if matches!(field.content, Content::Opaque) {
                    self.opaque.push(field.name.as_ref().into());
                }
                let name = Cow::Borrowed(&*field.name);
                return self.members.push((name, Tree::File));
            }
            Content::Text(text) => {
                let name = Cow::Borrowed(&*field.name);
                let value = Tree::Text(Cow::Borrowed(text));
                return self.members.push((name, value));
            }
        };
        let path = Path::Member(&Path::Root, &field.name);
        self.violations.add(&path, mistake);
    }
}

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const MAX_INPUTS: usize = 200;
const MAX_PATTERNS: usize = 200;
const MAX_PATTERN_TEXT_BYTES: usize = 32 * 1024;
const MAX_SCHEMA_BYTES: usize = 256 * 1024;
/// The compiled size of one byte of schema. Measured: 38 bytes with 5 inputs, 47 with 200.
const COMPILED_BYTES_PER_BYTE: usize = 48;
/// The size of an error of the validator, without its path.
const BYTES_PER_ERROR: usize = 256;
/// The limit for all errors of one payload.
const MAX_ERROR_BYTES: usize = 16 * 1024 * 1024;
const TOO_LARGE: &str = "violates the contract; it is too large to list the violations";
