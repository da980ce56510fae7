//! The payload rules of an endpoint: its contract and its concurrency key. Both are checked in one pass over the body.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::extract::extract;
use super::field::{Content, Field, JSON_FIELD, decode, json_in_form, parse_form};
use super::format::{TYPES, without_mark};
use super::key::KeyError;
use super::plan::Plan;
use super::violation::Violations;
use super::{ConcurrencyKey, Contract, KeyPath, Payload};

/// The payload rules of an endpoint.
#[derive(Debug)]
pub struct PayloadRules {
    contract: Option<Contract>,
    key: Option<KeyRule>,
    plan: Plan,
    /// The form fields that rules read; `None` for all.
    fields: Arc<Option<BTreeSet<Box<str>>>>,
    /// Whether a form that only wraps JSON is read as that JSON.
    reads_json_forms: bool,
}

/// The rule of a concurrency key.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "an endpoint says both")]
pub struct KeyRule {
    /// The path to the key.
    pub path: KeyPath,
    /// Whether a payload without one is refused.
    pub required: bool,
}

impl PayloadRules {
    /// `None` if the endpoint has neither a contract nor a key.
    pub fn new(contract: Option<Contract>, key: Option<KeyRule>) -> Option<Self> {
        if contract.is_none() && key.is_none() {
            return None;
        }
        let mut plan = contract
            .as_ref()
            .map(Contract::payload_plan)
            .unwrap_or_default();
        let mut fields = match &contract {
            Some(contract) => contract.fields(),
            None => Some(BTreeSet::new()),
        };
        if let Some(key) = &key {
            plan.add_path(key.path.names());
            if let Some(fields) = &mut fields {
                fields.extend(key.path.only_name().map(Into::into));
            }
        }
        Some(Self {
            reads_json_forms: !(plan.has_member(JSON_FIELD)
                || contract.as_ref().is_some_and(|it| it.may_read_json_field)),
            contract,
            key,
            plan,
            fields: Arc::new(fields),
        })
    }

    /// Whether the endpoint has a contract.
    pub fn has_contract(&self) -> bool {
        self.contract.is_some()
    }

    /// Whether checking a payload needs a copy of it. The copy counts against the memory budget.
    pub fn copies(&self, payload: &Payload<'_>) -> bool {
        matches!(payload, Payload::Form(body) if self.json_in(body).is_some())
    }

    fn json_in<'b>(&self, form: &'b [u8]) -> Option<&'b [u8]> {
        json_in_form(form).filter(|_| self.reads_json_forms)
    }

    /// The estimated size of the compiled rules.
    pub fn memory_bytes(&self) -> usize {
        let contract = self.contract.as_ref();
        contract.map_or(0, |contract| contract.memory_bytes)
    }

    /// Whether strings are searched for patterns and formats.
    pub fn scans_text(&self) -> bool {
        let contract = self.contract.as_ref();
        contract.is_some_and(|contract| contract.cost.scans_texts)
    }

    /// The form fields that rules read; `None` for all.
    pub fn fields(&self) -> &Arc<Option<BTreeSet<Box<str>>>> {
        &self.fields
    }

    /// Checks a payload. Returns its concurrency key, if it has one, or the violations.
    pub fn examine(&self, payload: &Payload<'_>) -> Result<Option<ConcurrencyKey>, Violations> {
        let (mut violations, key) = match self.read(payload) {
            Ok(read) => read,
            // An unreadable body has no key.
            Err(message) if self.contract.is_none() => {
                let violations = Violations::of_body(message);
                return match &self.key {
                    Some(KeyRule { required: true, .. }) => Err(violations),
                    _ => Ok(None),
                };
            }
            Err(message) => return Err(Violations::of_body(message)),
        };
        if let Some(KeyRule {
            path,
            required: true,
        }) = &self.key
            && let Err(error) = &key
        {
            violations.put(path.to_string(), error.message().to_owned());
        }
        violations.into_result().map(|()| key.ok())
    }

    fn read(&self, payload: &Payload<'_>) -> Result<Findings, Cow<'static, str>> {
        match payload {
            Payload::Form(body) => {
                if let Some(json) = self.json_in(body) {
                    return self.read_json(&decode(json));
                }
                let fields = parse_form(body, self.fields.as_ref().as_ref())?;
                Ok(self.read_fields(&fields))
            }
            Payload::Encoded => Err(ENCODED.into()),
            Payload::Json(body) => self.read_json(without_mark(body)),
            Payload::Multipart(body, parts) => {
                if let Some(fault) = parts.fault {
                    return Err(fault.to_string().into());
                }
                let fields = parts.fields.iter().map(|part| Field {
                    name: Cow::Borrowed(&*part.name),
                    content: match body.get(part.content.clone()) {
                        _ if part.is_file => Content::File,
                        content if part.is_raw => Content::from_raw(content.unwrap_or_default()),
                        content => Content::from_bytes(Cow::Borrowed(content.unwrap_or_default())),
                    },
                });
                Ok(self.read_fields(&fields.collect::<Vec<_>>()))
            }
            Payload::Other => Err(format!("Content-Type must be {TYPES}").into()),
        }
    }

    fn read_json(&self, body: &[u8]) -> Result<Findings, Cow<'static, str>> {
        if body.is_empty() {
            return Err("the body is empty".into());
        }
        let extraction = extract(body, &self.plan).map_err(|error| error.message(body))?;
        let key = self.key_by(|path| ConcurrencyKey::of_tree(&extraction.tree, path));
        let mut violations = extraction.repeated;
        if let Some(contract) = &self.contract {
            if violations.is_empty() {
                violations = contract.check_tree(extraction.tree);
            } else {
                violations.mask(|path| contract.mask_path(&extraction.tree, path));
            }
        }
        Ok((violations, key))
    }

    fn key_by(
        &self,
        find: impl FnOnce(&KeyPath) -> Result<ConcurrencyKey, KeyError>,
    ) -> Result<ConcurrencyKey, KeyError> {
        self.key
            .as_ref()
            .map_or(Err(KeyError::Missing), |key| find(&key.path))
    }

    fn read_fields(&self, fields: &[Field<'_>]) -> Findings {
        let key = self.key_by(|path| ConcurrencyKey::of_fields(fields, path));
        let violations = self.contract.as_ref().map(|it| it.check_fields(fields));
        (violations.unwrap_or_default(), key)
    }
}

/// The violations of a payload, and its key.
type Findings = (Violations, Result<ConcurrencyKey, KeyError>);

const ENCODED: &str = "the body has a Content-Encoding: only uncompressed payloads are checked";
