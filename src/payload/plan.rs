//! The parts of a payload that the rules of an endpoint read. The reader skips the others.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What the rules read of one value, beside its type.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Plan {
    /// Everything in the value.
    whole: bool,
    /// Single members, sorted by name.
    members: Vec<(Box<str>, Plan)>,
    /// Every element of an array.
    elements: Option<Box<Plan>>,
    /// The number of elements.
    needs_length: bool,
    /// Whether a contract reads the value, and not only the key.
    by_contract: bool,
}

/// The plan that reads everything.
pub(super) static WHOLE: Plan = Plan {
    whole: true,
    members: Vec::new(),
    elements: None,
    needs_length: false,
    by_contract: true,
};

impl Plan {
    /// The parts that a schema reads. An unknown keyword is assumed to read everything.
    pub(super) fn of_schema(schema: &Value) -> Self {
        let mut plan = Self {
            by_contract: true,
            ..Self::default()
        };
        if let Value::Object(keywords) = schema {
            for (keyword, value) in keywords {
                plan.add_keyword(keyword, value);
            }
        }
        plan
    }

    fn add_keyword(&mut self, keyword: &str, value: &Value) {
        match (keyword, value) {
            // These read only the value itself, or nothing.
            (
                "$comment" | "$defs" | "$id" | "$schema" | "default" | "deprecated" | "description"
                | "examples" | "exclusiveMaximum" | "exclusiveMinimum" | "format" | "maxLength"
                | "maximum" | "minLength" | "minimum" | "multipleOf" | "pattern" | "readOnly"
                | "title" | "type" | "writeOnly",
                _,
            )
            | ("additionalProperties", Value::Bool(true)) => {}
            // A container never equals a scalar, so its content is not read.
            ("const", value) if is_scalar(value) => {}
            ("enum", Value::Array(values)) if values.iter().all(is_scalar) => {}
            ("items", schema) => self.merge_elements(Self::of_schema(schema)),
            ("maxItems" | "minItems", _) => self.needs_length = true,
            ("properties", Value::Object(properties)) => self.add_properties(properties),
            ("required", Value::Array(names)) => {
                for name in names.iter().filter_map(Value::as_str) {
                    self.merge_member(name, Self::of_schema(&Value::Null));
                }
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                for schema in schemas {
                    self.merge(Self::of_schema(schema));
                }
            }
            ("else" | "if" | "not" | "then", schema) => self.merge(Self::of_schema(schema)),
            _ => self.whole = true,
        }
    }

    fn add_properties(&mut self, properties: &Map<String, Value>) {
        for (name, schema) in properties {
            self.merge_member(name, Self::of_schema(schema));
        }
    }

    /// Adds the value at `path`, which the key reads.
    pub(super) fn add_path<'n>(&mut self, path: impl Iterator<Item = &'n str>) {
        let mut plan = self;
        for name in path {
            plan = plan.member_mut(name);
        }
    }

    pub(super) fn merge_member(&mut self, name: &str, plan: Self) {
        self.member_mut(name).merge(plan);
    }

    fn merge_elements(&mut self, plan: Self) {
        self.elements.get_or_insert_default().merge(plan);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.whole |= other.whole;
        self.by_contract |= other.by_contract;
        self.needs_length |= other.needs_length;
        for (name, plan) in other.members {
            self.merge_member(&name, plan);
        }
        if let Some(elements) = other.elements {
            self.merge_elements(*elements);
        }
    }

    fn member_mut(&mut self, name: &str) -> &mut Self {
        let found = self
            .members
            .binary_search_by(|(known, _)| (**known).cmp(name));
        let position = found.unwrap_or_else(|place| {
            self.members.insert(place, (name.into(), Self::default()));
            place
        });
        match self.members.get_mut(position) {
            Some((_, plan)) => plan,
            None => unreachable!("the position was found or inserted above"),
        }
    }

    /// The plan of a member; `None` if no rule reads it.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        let found = self
            .members
            .binary_search_by(|(known, _)| (**known).cmp(name));
        match found {
            Ok(position) if !self.whole => self.members.get(position).map(|(_, plan)| plan),
            _ => self.whole.then_some(&WHOLE),
        }
    }

    /// The plan of every element; `None` if no rule reads elements.
    pub(super) fn element(&self) -> Option<&Self> {
        if self.whole {
            return Some(&WHOLE);
        }
        self.elements.as_deref()
    }

    /// Whether a rule names this member.
    pub(super) fn has_member(&self, name: &str) -> bool {
        self.members.iter().any(|(known, _)| **known == *name)
    }

    /// Whether a rule reads the number of elements.
    pub(super) fn has_length_rule(&self) -> bool {
        self.needs_length
    }

    /// Whether a rule reads any member.
    pub(super) fn has_members(&self) -> bool {
        self.whole || !self.members.is_empty()
    }

    /// The names of the members that rules read; `None` for all.
    pub(super) fn member_names(&self) -> Option<BTreeSet<Box<str>>> {
        let names = self.members.iter().map(|(name, _)| name.clone());
        (!self.whole).then(|| names.collect())
    }

    /// Whether a contract reads this value.
    pub(super) fn is_by_contract(&self) -> bool {
        self.by_contract
    }

    /// Calls `each` with every name in the plan, at any depth.
    pub(super) fn names<'p>(&'p self, each: &mut impl FnMut(&'p str)) {
        for (name, plan) in &self.members {
            each(name);
            plan.names(each);
        }
        if let Some(elements) = &self.elements {
            elements.names(each);
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}
