//! What of a payload is looked at: the rest of it need not be taken, only passed over.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What is looked at of a value, beside of which kind it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Plan {
    /// All that is in it.
    whole: bool,
    /// These members, in the order of their names.
    members: Vec<(Box<str>, Plan)>,
    /// Each element.
    elements: Option<Box<Plan>>,
    /// How many elements there are.
    counted: bool,
    /// Whether a contract looks, and not the key alone.
    by_contract: bool,
}

/// Everything.
pub(super) static WHOLE: Plan = Plan {
    whole: true,
    members: Vec::new(),
    elements: None,
    counted: false,
    by_contract: true,
};

impl Plan {
    /// What a schema looks at. Of a keyword that is not known here it is believed to look at everything.
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
            // They look at the value itself, or at nothing.
            (
                "$comment" | "$defs" | "$id" | "$schema" | "default" | "deprecated" | "description"
                | "examples" | "exclusiveMaximum" | "exclusiveMinimum" | "format" | "maxLength"
                | "maximum" | "minLength" | "minimum" | "multipleOf" | "pattern" | "readOnly"
                | "title" | "type" | "writeOnly",
                _,
            )
            | ("additionalProperties", Value::Bool(true)) => {}
            // A container is no scalar, whatever is in it.
            ("const", value) if is_scalar(value) => {}
            ("enum", Value::Array(values)) if values.iter().all(is_scalar) => {}
            ("items", schema) => self.merge_elements(Self::of_schema(schema)),
            ("maxItems" | "minItems", _) => self.counted = true,
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

    /// Takes in that the value at `path` is looked at for the key.
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
        self.counted |= other.counted;
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
            None => unreachable!("it was found there, or put there"),
        }
    }

    /// What is looked at of the member of this name, if anything is.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        let found = self
            .members
            .binary_search_by(|(known, _)| (**known).cmp(name));
        match found {
            Ok(position) if !self.whole => self.members.get(position).map(|(_, plan)| plan),
            _ => self.whole.then_some(&WHOLE),
        }
    }

    /// What is looked at of every element, if anything is.
    pub(super) fn element(&self) -> Option<&Self> {
        if self.whole {
            return Some(&WHOLE);
        }
        self.elements.as_deref()
    }

    /// Whether something is asked of the member of this name by its name.
    pub(super) fn has_member(&self, name: &str) -> bool {
        self.members.iter().any(|(known, _)| **known == *name)
    }

    /// Whether it is looked at how many elements there are.
    pub(super) fn is_counted(&self) -> bool {
        self.counted
    }

    /// Whether any member is looked at.
    pub(super) fn has_members(&self) -> bool {
        self.whole || !self.members.is_empty()
    }

    /// The names of the members that are looked at; `None` if all are.
    pub(super) fn member_names(&self) -> Option<BTreeSet<Box<str>>> {
        let names = self.members.iter().map(|(name, _)| name.clone());
        (!self.whole).then(|| names.collect())
    }

    /// Whether a contract looks at it.
    pub(super) fn is_by_contract(&self) -> bool {
        self.by_contract
    }

    /// Every name that is looked at, wherever it stands.
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
