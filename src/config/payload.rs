//! The keys of a declaration about payloads: `contract`, `key_field` and `concurrency`.

use std::path::Path;

use serde_json::{Map, Number, Value};
use toml_span::value::{self, ValueInner};

use super::table::Table;
use super::units::{Time, milliseconds};
use crate::directory::ConcurrencyDefinition;
use crate::payload::{ContractDefinition, Input, InputType, KeyPath};

/// Reads the table `contract`. The path of a schema file is relative to `folder`.
pub(super) fn contract(mut table: Table<'_, '_>, folder: &Path) -> ContractDefinition {
    table.accept_dashes();
    let span = table.span();
    let mut inputs = inputs(&mut table, "inputs");
    // Older declarations call the inputs `fields`.
    inputs.extend(self::inputs(&mut table, "fields"));
    let inline = table.take("schema").and_then(|mut value| {
        let span = value.span;
        let json = json(value.take());
        if json.is_none() {
            let message = "a schema must not have dates or numbers that JSON lacks".to_owned();
            table.report_at(span, "schema", message);
        }
        json
    });
    let file_span = table.span_of("schema_file");
    let from_file = table.parsed::<String>("schema_file").and_then(|name| {
        read_schema(&folder.join(&name))
            .map_err(|error| {
                table.report_at(file_span, "schema_file", format!("`{name}`: {error}"));
            })
            .ok()
    });
    if inline.is_some() && from_file.is_some() {
        let message = "give either `schema` or `schema_file`".to_owned();
        table.report_at(span, "schema_file", message);
    }
    ContractDefinition {
        inputs,
        schema: inline.or(from_file),
    }
}

fn inputs(table: &mut Table<'_, '_>, key: &'static str) -> Vec<Input> {
    let read = table.tables(key, |_| None, |mut table| input(&mut table));
    read.into_iter().flatten().flatten().collect()
}

/// Reads one input; `None` if its name or type is missing, which was reported.
pub(super) fn input(table: &mut Table<'_, '_>) -> Option<Input> {
    table.accept_dashes();
    let name: Option<String> = table.required("name");
    let kind: Option<InputType> = table.required("type");
    let mut input = Input::new(
        name.clone().unwrap_or_default(),
        kind.unwrap_or(InputType::Text),
    );
    input.label = table.parsed("label");
    input.description = table.parsed("description");
    input.required = table.flag("required").unwrap_or(false);
    input.options = table.list("options").unwrap_or_default();
    input.min = number(table, "min");
    input.max = number(table, "max");
    input.min_length = length(table, "min_length");
    input.max_length = length(table, "max_length");
    input.pattern = table.parsed("pattern");
    input.items = table.parsed("items");
    (name.is_some() && kind.is_some()).then_some(input)
}

fn length(table: &mut Table<'_, '_>, key: &'static str) -> Option<u32> {
    let length = table.number(key, 0, u64::from(u32::MAX))?;
    u32::try_from(length).ok()
}

fn number(table: &mut Table<'_, '_>, key: &'static str) -> Option<Number> {
    let mut value = table.take(key)?;
    if let Some(Value::Number(number)) = json(value.take()) {
        return Some(number);
    }
    table.report_at(value.span, key, "expected a number".to_owned());
    None
}

/// Converts a value to JSON; `None` if JSON cannot represent it.
fn json(value: ValueInner<'_>) -> Option<Value> {
    let inner = |mut value: value::Value<'_>| json(value.take());
    Some(match value {
        ValueInner::String(text) => Value::String(text.into()),
        ValueInner::Integer(number) => number.into(),
        ValueInner::Float(number) => Value::Number(Number::from_f64(number)?),
        ValueInner::Boolean(value) => value.into(),
        ValueInner::Array(items) => {
            Value::Array(items.into_iter().map(inner).collect::<Option<_>>()?)
        }
        ValueInner::Table(entries) => {
            let entries = entries.into_iter();
            let members = entries.map(|(key, value)| Some((key.name.into(), inner(value)?)));
            Value::Object(members.collect::<Option<Map<String, Value>>>()?)
        }
    })
}

fn read_schema(path: &Path) -> Result<Value, String> {
    let len = std::fs::metadata(path)
        .map_err(|error| error.to_string())?
        .len();
    if len > MAX_SCHEMA_BYTES {
        return Err(format!("larger than {MAX_SCHEMA_BYTES} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// Reads `key_field`: a field name, or a path of names from the root of the payload.
pub(super) fn key_field(table: &mut Table<'_, '_>) -> Option<KeyPath> {
    let mut value = table.take("key_field")?;
    let text = |mut item: value::Value<'_>| match item.take() {
        ValueInner::String(text) => Some(String::from(text)),
        _ => None,
    };
    let names = match value.take() {
        ValueInner::String(text) => Some(vec![text.into()]),
        ValueInner::Array(items) => items.into_iter().map(text).collect(),
        _ => None,
    };
    let path = match names.map(KeyPath::try_from) {
        Some(Ok(path)) => return Some(path),
        Some(Err(error)) => error.to_string(),
        None => "expected a field name or a path such as [\"pull_request\", \"id\"]".to_owned(),
    };
    table.report_at(value.span, "key_field", path);
    None
}

/// Reads the table `concurrency`.
pub(super) fn concurrency(mut table: Table<'_, '_>) -> ConcurrencyDefinition {
    table.accept_dashes();
    let per_key = table.number("per_key", 1, 1000).unwrap_or(1);
    let wait = table.with_unit::<Time>("wait", "5s");
    ConcurrencyDefinition {
        per_key: u32::try_from(per_key).unwrap_or(u32::MAX),
        wait_ms: wait.map_or(0, |time| milliseconds(time.0)),
    }
}

const MAX_SCHEMA_BYTES: u64 = 1024 * 1024;
