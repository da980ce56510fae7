//! Contracts as people write them, and what becomes of payloads.

use http::{HeaderMap, HeaderValue};
use portcullis::payload::{
    Contract, ContractDefinition, Input, KeyPath, KeyRule, MultipartLimits, Parts, Payload,
    PayloadRules, Scanner, Violations, boundary_of,
};
use serde_json::Value;

pub(crate) const JSON: &str = "application/json";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const MULTIPART: &str = "multipart/form-data; boundary=xyz";

/// Inputs, as JSON says them.
pub(crate) fn inputs(inputs: Value) -> ContractDefinition {
    let inputs: Vec<Input> = serde_json::from_value(inputs).unwrap();
    ContractDefinition {
        inputs,
        schema: None,
    }
}

pub(crate) fn schema(schema: Value) -> ContractDefinition {
    ContractDefinition {
        inputs: Vec::new(),
        schema: Some(schema),
    }
}

#[track_caller]
pub(crate) fn rules(definition: &ContractDefinition) -> PayloadRules {
    PayloadRules::new(Some(Contract::compile(definition).unwrap()), None).unwrap()
}

pub(crate) fn key_rule(names: &[&str], required: bool) -> KeyRule {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    KeyRule {
        path: KeyPath::try_from(names).unwrap(),
        required,
    }
}

pub(crate) fn headers(content_type: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !content_type.is_empty() {
        headers.insert("content-type", HeaderValue::from_str(content_type).unwrap());
    }
    headers
}

/// What becomes of a body of this type that arrives in pieces of `piece` bytes.
pub(crate) fn examine_in_pieces(
    rules: &PayloadRules,
    content_type: &str,
    body: &[u8],
    piece: usize,
) -> Result<Option<String>, Violations> {
    let headers = headers(content_type);
    let parts = scan(&headers, body, piece, |boundary| {
        Scanner::new(boundary, LIMITS, rules.fields().clone(), [].into())
    });
    let payload = Payload::of(&headers, body, parts.as_ref());
    let key = rules.examine(&payload)?;
    Ok(key.map(|key| key.as_str().to_owned()))
}

pub(crate) fn scan(
    headers: &HeaderMap,
    body: &[u8],
    piece: usize,
    scanner: impl FnOnce(Option<&[u8]>) -> Scanner,
) -> Option<Parts> {
    let mut scanner = scanner(boundary_of(headers)?.as_deref());
    let mut come = 0;
    while come < body.len() {
        come = (come + piece).min(body.len());
        scanner.advance(&body[..come]);
    }
    Some(scanner.finish())
}

pub(crate) fn examine(
    rules: &PayloadRules,
    content_type: &str,
    body: impl AsRef<[u8]>,
) -> Result<Option<String>, Violations> {
    examine_in_pieces(rules, content_type, body.as_ref(), 64 * 1024)
}

/// What is wrong with it, a line each: the path and the message.
pub(crate) fn wrong(
    rules: &PayloadRules,
    content_type: &str,
    body: impl AsRef<[u8]>,
) -> Vec<String> {
    match examine(rules, content_type, body) {
        Ok(_) => Vec::new(),
        Err(violations) => lines(&violations),
    }
}

pub(crate) fn lines(violations: &Violations) -> Vec<String> {
    let line = violations.iter();
    line.map(|it| format!("{}: {}", it.path, it.message))
        .collect()
}

pub(crate) const LIMITS: MultipartLimits = MultipartLimits {
    parts: 1000,
    headers: 32,
    header_bytes: 16 * 1024,
};
