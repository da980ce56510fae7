//! Exports endpoints as a file that `portcullis apply` reads.

use serde_json::{Map, Value, json};

use crate::directory::Definition;

/// The JSON declaration of endpoints, without the state that operators set separately.
pub fn declaration<'d>(
    definitions: impl IntoIterator<Item = &'d Definition>,
) -> Result<Value, serde_json::Error> {
    let endpoints: Result<Vec<Value>, _> = definitions.into_iter().map(endpoint).collect();
    Ok(json!({ "endpoints": endpoints? }))
}

fn endpoint(definition: &Definition) -> Result<Value, serde_json::Error> {
    let mut definition = definition.clone();
    definition.handshake_expected_until = None;
    let mut value = serde_json::to_value(&definition)?;
    let Some(keys) = value.as_object_mut() else {
        return Ok(value);
    };
    if let Some(auth) = keys.get_mut("auth").and_then(Value::as_object_mut) {
        // A declaration has the scheme keys next to the mode.
        if let Some(Value::Object(words)) = auth.remove("scheme") {
            auth.extend(words);
        }
    }
    for (section, stored, written, unit) in UNITS {
        if let Some(section) = keys.get_mut(section).and_then(Value::as_object_mut) {
            with_unit(section, stored, written, unit);
        }
    }
    Ok(value)
}

/// Replaces a stored number by a quantity with its unit.
fn with_unit(section: &mut Map<String, Value>, stored: &str, written: &str, unit: &str) {
    match section.remove(stored) {
        None | Some(Value::Null) => {}
        Some(number) if number == 0 => {}
        Some(number) => {
            section.insert(written.to_owned(), format!("{number}{unit}").into());
        }
    }
}

/// The quantities of a definition: section, stored key, declared key, unit. A stored 0 means the default and is not
/// exported.
const UNITS: [(&str, &str, &str, &str); 6] = [
    ("capture", "for_seconds", "for", "s"),
    ("concurrency", "wait_ms", "wait", "ms"),
    ("limits", "body_timeout_ms", "body_timeout", "ms"),
    ("limits", "max_body_bytes", "max_body", " B"),
    ("limits", "max_multipart_bytes", "max_multipart", " B"),
    ("replay", "remember_ms", "remember", "ms"),
];
