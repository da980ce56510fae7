//! What an endpoint asks of payloads, compiled; and everything that can be wrong with how it is said.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{AuthDefinition, Definition, MissingKey};
use crate::auth::may_be_event;
use crate::contract::{Contract, KeyRule, PayloadRules};

/// The events that an endpoint takes.
#[derive(Clone, Debug)]
pub struct Events(Vec<Box<str>>);

impl Events {
    /// Those of `definition`; `None` if it takes all.
    pub(super) fn of(definition: &Definition) -> Option<Self> {
        let names = definition.events.iter().map(|name| name.as_str().into());
        (!definition.events.is_empty()).then(|| Self(names.collect()))
    }

    /// Whether an event of this name is one of them.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == &**known,
        })
    }
}

/// How many deliveries of one key may be with the backend at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Concurrency {
    /// So many.
    pub per_key: u32,
    /// How long one more waits.
    pub wait: Duration,
}

impl Concurrency {
    pub(super) fn of(definition: &Definition) -> Option<Self> {
        definition.concurrency.map(|said| Self {
            per_key: said.per_key,
            wait: Duration::from_millis(said.wait_ms),
        })
    }
}

impl Definition {
    /// The rules for payloads. The outer option is whether they are ones that could have been stored.
    #[expect(clippy::option_option, reason = "the two are different questions")]
    pub(super) fn payload_rules(&self) -> Option<Option<Arc<PayloadRules>>> {
        let contract = match &self.contract {
            None => None,
            Some(definition) => Some(Contract::compile(definition).ok()?),
        };
        let key = self.key_field.clone().map(|path| KeyRule {
            path,
            required: self.key_missing == MissingKey::Reject,
        });
        Some(PayloadRules::new(contract, key).map(Arc::new))
    }

    /// What is wrong with what is said about payloads and events.
    pub(super) fn wrong_payload(&self, wrong: &mut impl FnMut(&'static str, String)) {
        let contract = self.contract.as_ref();
        let schema = contract.and_then(|contract| contract.schema.as_ref());
        if schema.is_some_and(|schema| is_deeper_than(MAX_SCHEMA_DEPTH, schema)) {
            // Readers of JSON give up at 128, and within a flow it lies deeper than here.
            let message = format!("the schema is nested deeper than {MAX_SCHEMA_DEPTH} levels");
            wrong("contract", message);
        } else if let Some(Err(mistakes)) = contract.map(Contract::compile) {
            for mistake in mistakes {
                wrong("contract", mistake);
            }
        }
        if self.key_missing == MissingKey::Reject && self.key_field.is_none() {
            let message = "there is no `key_field` that could be missing";
            wrong("key_missing", message.to_owned());
        }
        if let Some(said) = self.concurrency {
            if self.key_field.is_none() {
                let message =
                    "deliveries are told apart by a key: `key_field` says where it stands";
                wrong("concurrency", message.to_owned());
            }
            if !PER_KEY.contains(&said.per_key) || said.wait_ms > MAX_WAIT_MS {
                let message = "`per_key` is from 1 to 1000, `wait` at most \"60s\"";
                wrong("concurrency", message.to_owned());
            }
        }
        let names = self.limits.raw_mime_fields.iter().flatten();
        if names.clone().any(|name| !is_plain(name)) || names.count() > MAX_NAMES {
            let message = "`raw_mime_fields` are at most 100 names of fields, such as \"email\"";
            wrong("limits", message.to_owned());
        }
        self.wrong_events(wrong);
    }

    fn wrong_events(&self, wrong: &mut impl FnMut(&'static str, String)) {
        if self.events.is_empty() {
            return;
        }
        if self.events.len() > MAX_NAMES {
            wrong("events", "there are at most 100".to_owned());
        }
        let fits = |name: &String| {
            let is_bare = name.trim() == *name;
            may_be_event(name) && is_bare && !name.trim_end_matches('*').contains('*')
        };
        for name in self.events.iter().filter(|name| !fits(name)) {
            let message = format!(
                "`{name}` is no name of an event, such as \"pull_request\" or \"invoice.*\""
            );
            wrong("events", message);
        }
        let scheme = self.auth.as_ref().map(AuthDefinition::compiled);
        let source = match &scheme {
            Some(Ok(Some(scheme))) => scheme.event(),
            None | Some(Ok(None)) => None,
            // What is wrong with it was said.
            Some(Err(_)) => return,
        };
        match source {
            None => {
                let message = "`auth` does not say where the name of an event is (`event`), so nobody \
                               could tell whether a delivery is one of these";
                wrong("events", message.to_owned());
            }
            Some(source) if source.picks_element() => {
                let message = format!(
                    "its deliveries are batches: `{source}` names the first event of several, and with it \
                     the others would be taken or ignored"
                );
                wrong("events", message);
            }
            Some(_) => {}
        }
    }
}

/// Whether it is visible ASCII, and some.
fn is_plain(name: &str) -> bool {
    (1..=MAX_NAME_LEN).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// It looks no deeper than that itself.
fn is_deeper_than(levels: usize, value: &Value) -> bool {
    let Some(left) = levels.checked_sub(1) else {
        return matches!(value, Value::Array(_) | Value::Object(_));
    };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper_than(left, item)),
        Value::Object(members) => members.values().any(|item| is_deeper_than(left, item)),
        _ => false,
    }
}

const MAX_SCHEMA_DEPTH: usize = 64;
const PER_KEY: std::ops::RangeInclusive<u32> = 1..=1000;
const MAX_WAIT_MS: u64 = 60_000;
const MAX_NAMES: usize = 100;
const MAX_NAME_LEN: usize = 256;
