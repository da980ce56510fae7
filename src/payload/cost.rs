//! The worst-case cost of a schema, computed once when the contract is compiled.

use serde_json::Value;

/// The counts that bound the cost of a validation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SchemaCost {
    /// Keywords and required names in the whole schema.
    keywords: usize,
    /// Keywords and required names in the largest single subschema.
    max_keywords: usize,
    /// Several subschemas may apply to the same value.
    has_branches: bool,
    pub(super) patterns: usize,
    pub(super) pattern_bytes: usize,
    /// The estimated size of the compiled patterns.
    pub(super) pattern_memory_bytes: usize,
    /// Strings are searched for patterns or formats, and not only measured.
    pub(super) scans_texts: bool,
}

impl SchemaCost {
    pub(super) fn of(schema: &Value) -> Self {
        let mut cost = Self::default();
        cost.add(schema);
        cost
    }

    /// How many errors one value can cause.
    pub(super) fn max_errors_per_value(&self) -> usize {
        if self.has_branches {
            self.keywords
        } else {
            self.max_keywords
        }
    }

    /// Whether one error may contain the errors of every branch.
    pub(super) fn has_branches(&self) -> bool {
        self.has_branches
    }

    fn add(&mut self, schema: &Value) {
        match schema {
            Value::Object(members) => {
                let mut count = members.len();
                for (keyword, value) in members {
                    count += self.add_keyword(keyword, value);
                }
                self.keywords += count;
                self.max_keywords = self.max_keywords.max(count);
            }
            Value::Array(values) => {
                self.keywords += values.len();
                for value in values {
                    self.add(value);
                }
            }
            _ => {}
        }
    }

    /// Returns the errors that the keyword can cause beyond its first one.
    fn add_keyword(&mut self, keyword: &str, value: &Value) -> usize {
        match (keyword, value) {
            ("required", Value::Array(names)) => return names.len(),
            ("properties", Value::Object(properties)) => {
                properties.values().for_each(|schema| self.add(schema));
            }
            ("pattern", Value::String(pattern)) => self.add_pattern(pattern),
            ("format", _) => self.scans_texts = true,
            ("additionalProperties" | "items" | "prefixItems", schema) => self.add(schema),
            (
                "$comment" | "$id" | "$schema" | "const" | "default" | "deprecated" | "description"
                | "enum" | "examples" | "exclusiveMaximum" | "exclusiveMinimum" | "maxItems"
                | "maxLength" | "maxProperties" | "maximum" | "minItems" | "minLength"
                | "minProperties" | "minimum" | "multipleOf" | "readOnly" | "title" | "type"
                | "uniqueItems" | "writeOnly",
                _,
            ) => {}
            (keyword, schema) => {
                self.has_branches = true;
                if let ("patternProperties", Value::Object(schemas)) = (keyword, schema) {
                    schemas.keys().for_each(|pattern| self.add_pattern(pattern));
                }
                self.add(schema);
            }
        }
        0
    }

    fn add_pattern(&mut self, pattern: &str) {
        self.patterns += 1;
        self.pattern_bytes += pattern.len();
        self.pattern_memory_bytes += memory_bytes(pattern);
        self.scans_texts = true;
    }
}

/// Estimates the compiled size of a pattern. Repeated large Unicode classes make it large. Measured: 15 to 443 KB.
fn memory_bytes(pattern: &str) -> usize {
    let has = |any: &[&str]| any.iter().any(|part| pattern.contains(part));
    let repeats = has(&["{"]);
    if repeats && has(&[".", "[^", r"\p", r"\P", r"\W", r"\D", r"\S"]) {
        MAX_PATTERN_BYTES
    } else if repeats {
        64 * 1024
    } else {
        16 * 1024
    }
}

/// The largest compiled pattern. The cost of a search grows with this size.
pub(super) const MAX_PATTERN_BYTES: usize = 512 * 1024;
