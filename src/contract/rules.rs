//! What is asked of the payloads of an endpoint: its contract, and where the key stands. A body is read
//! once for both.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::field::{Content, Field, JSON_FIELD, decoded, json_in_form, of_form};
use super::key::NoKey;
use super::payload::{TYPES, without_mark};
use super::plan::Plan;
use super::take::take;
use super::violation::Violations;
use super::{ConcurrencyKey, Contract, KeyPath, Payload};

/// What an endpoint asks of payloads.
#[derive(Debug)]
pub struct PayloadRules {
    contract: Option<Contract>,
    key: Option<KeyRule>,
    plan: Plan,
    /// The fields of a form that are looked at; all if `None`.
    fields: Arc<Option<BTreeSet<Box<str>>>>,
    /// Whether a form that is nothing but JSON is looked at as that JSON.
    opens_forms: bool,
}

/// Where a key stands, and whether a payload without one is refused.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "an endpoint says both")]
pub struct KeyRule {
    /// Where it stands.
    pub path: KeyPath,
    /// Whether a payload without one is refused.
    pub required: bool,
}

impl PayloadRules {
    /// The rules of an endpoint; `None` if it has none.
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
            opens_forms: !(plan.has_member(JSON_FIELD)
                || contract
                    .as_ref()
                    .is_some_and(|it| it.may_ask_for_json_field)),
            contract,
            key,
            plan,
            fields: Arc::new(fields),
        })
    }

    /// Whether there is a contract.
    pub fn has_contract(&self) -> bool {
        self.contract.is_some()
    }

    /// Whether a payload is looked at in a copy.
    pub fn copies(&self, payload: &Payload<'_>) -> bool {
        matches!(payload, Payload::Form(body) if self.json_in(body).is_some())
    }

    fn json_in<'b>(&self, form: &'b [u8]) -> Option<&'b [u8]> {
        json_in_form(form).filter(|_| self.opens_forms)
    }

    /// About what they take in memory.
    pub fn memory_bytes(&self) -> usize {
        let contract = self.contract.as_ref();
        contract.map_or(0, |contract| contract.memory_bytes)
    }

    /// Whether texts are looked through for patterns and formats.
    pub fn read_texts(&self) -> bool {
        let contract = self.contract.as_ref();
        contract.is_some_and(|contract| contract.extent.reads_texts)
    }

    /// The fields of a form that are looked at; all if there is no set.
    pub fn fields(&self) -> &Arc<Option<BTreeSet<Box<str>>>> {
        &self.fields
    }

    /// The key of a payload, if it has one and all is right with it; or everything that is wrong.
    pub fn examine(&self, payload: &Payload<'_>) -> Result<Option<ConcurrencyKey>, Violations> {
        let (mut violations, key) = match self.read(payload) {
            Ok(read) => read,
            // A body that nobody can read is one without a key.
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
            && let Err(no_key) = &key
        {
            violations.put(path.to_string(), no_key.message().to_owned());
        }
        violations.into_result().map(|()| key.ok())
    }

    fn read(&self, payload: &Payload<'_>) -> Result<Read, Cow<'static, str>> {
        match payload {
            Payload::Form(body) => {
                if let Some(json) = self.json_in(body) {
                    return self.read_json(&decoded(json));
                }
                let fields = of_form(body, self.fields.as_ref().as_ref())?;
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
                        content if part.is_raw => Content::of_raw(content.unwrap_or_default()),
                        content => Content::of(Cow::Borrowed(content.unwrap_or_default())),
                    },
                });
                Ok(self.read_fields(&fields.collect::<Vec<_>>()))
            }
            Payload::Other => Err(format!("the type of the body must be {TYPES}").into()),
        }
    }

    fn read_json(&self, body: &[u8]) -> Result<Read, Cow<'static, str>> {
        if body.is_empty() {
            return Err("the body is empty".into());
        }
        let taken = take(body, &self.plan).map_err(|broken| broken.message(body))?;
        let key = self.key_by(|path| ConcurrencyKey::of_tree(&taken.tree, path));
        let mut violations = taken.twice;
        if let Some(contract) = &self.contract {
            if violations.is_empty() {
                violations = contract.check_tree(taken.tree);
            } else {
                violations.mask(|path| contract.shown(&taken.tree, path));
            }
        }
        Ok((violations, key))
    }

    fn key_by(
        &self,
        find: impl FnOnce(&KeyPath) -> Result<ConcurrencyKey, NoKey>,
    ) -> Result<ConcurrencyKey, NoKey> {
        self.key
            .as_ref()
            .map_or(Err(NoKey::Missing), |key| find(&key.path))
    }

    fn read_fields(&self, fields: &[Field<'_>]) -> Read {
        let key = self.key_by(|path| ConcurrencyKey::of_fields(fields, path));
        let violations = self.contract.as_ref().map(|it| it.check_fields(fields));
        (violations.unwrap_or_default(), key)
    }
}

/// What is wrong with a payload, and its key.
type Read = (Violations, Result<ConcurrencyKey, NoKey>);

const ENCODED: &str =
    "the body is compressed (Content-Encoding): only one that is not is looked at";
