//! How much a schema can make of a payload: what is found out once, so that no payload finds it out.

use serde_json::Value;

/// What a schema asks for, counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    /// Keywords, and the names that are required.
    total: usize,
    /// The same, in one schema that is held against one value.
    widest: usize,
    /// Several schemas may be held against the same value.
    is_shared: bool,
    pub(super) patterns: usize,
    pub(super) pattern_bytes: usize,
    /// About what they take once they are compiled.
    pub(super) pattern_memory_bytes: usize,
    /// Texts are looked through, and not only measured.
    pub(super) reads_texts: bool,
}

impl Extent {
    pub(super) fn of(schema: &Value) -> Self {
        let mut extent = Self::default();
        extent.add(schema);
        extent
    }

    /// How many errors one value can give rise to.
    pub(super) fn errors_per_value(&self) -> usize {
        if self.is_shared {
            self.total
        } else {
            self.widest
        }
    }

    /// Whether the first error alone may hold all others: those of each branch.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn add(&mut self, schema: &Value) {
        match schema {
            Value::Object(keywords) => {
                let mut own = keywords.len();
                for (keyword, value) in keywords {
                    own += self.add_keyword(keyword, value);
                }
                self.total += own;
                self.widest = self.widest.max(own);
            }
            Value::Array(values) => {
                self.total += values.len();
                for value in values {
                    self.add(value);
                }
            }
            _ => {}
        }
    }

    /// Says how many errors it may be besides the one of each keyword.
    fn add_keyword(&mut self, keyword: &str, value: &Value) -> usize {
        match (keyword, value) {
            ("required", Value::Array(names)) => return names.len(),
            ("properties", Value::Object(properties)) => {
                properties.values().for_each(|schema| self.add(schema));
            }
            ("pattern", Value::String(pattern)) => self.add_pattern(pattern),
            ("format", _) => self.reads_texts = true,
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
                self.is_shared = true;
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
        self.reads_texts = true;
    }
}

/// About what a pattern takes once it is compiled. Much of Unicode, and that again and again, is what makes one
/// large: 15 to 443 KB were measured.
fn memory_bytes(pattern: &str) -> usize {
    let has = |any: &[&str]| any.iter().any(|it| pattern.contains(it));
    let repeats = has(&["{"]);
    if repeats && has(&[".", "[^", r"\p", r"\P", r"\W", r"\D", r"\S"]) {
        MAX_PATTERN_BYTES
    } else if repeats {
        64 * 1024
    } else {
        16 * 1024
    }
}

/// Of one pattern, compiled. What it costs to look for it in a text grows with this.
pub(super) const MAX_PATTERN_BYTES: usize = 512 * 1024;
