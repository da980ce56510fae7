//! A flow as its author declares it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::PartName;
use crate::contract::Input;
use crate::directory::Definition;

/// A declaration, whole.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// The upstream of interfaces that name none.
    pub upstream: String,
    /// The secrets that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Slot>,
    /// What it can be called with, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub invocations: BTreeMap<PartName, Invocation>,
    /// The webhooks that lead to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<Interface>,
}

impl Flow {
    /// A slot by its name.
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        self.requires.iter().find(|slot| slot.slot.as_str() == name)
    }

    /// The names of its slots, for people.
    pub fn slot_names(&self) -> String {
        let names = self.requires.iter().map(|slot| format!("`{}`", slot.slot));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// A place for a secret. Each target of the flow has its own secret in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Its name.
    pub slot: PartName,
    /// What is put into it.
    #[serde(rename = "type")]
    pub kind: SlotType,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// What a slot takes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum SlotType {
    /// A secret.
    #[default]
    Secret,
}

impl fmt::Display for SlotType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret => f.pad("secret"),
        }
    }
}

impl FromStr for SlotType {
    type Err = UnknownSlotType;

    fn from_str(text: &str) -> Result<Self, UnknownSlotType> {
        match text {
            "secret" => Ok(Self::Secret),
            _ => Err(UnknownSlotType),
        }
    }
}

/// Text that is no type of a slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the one type of a slot is `secret`")]
pub struct UnknownSlotType;

/// One way to call a flow.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Invocation {
    /// What it is called with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
}

/// A webhook that leads to a flow.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// Its id, the last part of its URLs.
    pub id: PartName,
    /// The invocation that it calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation: Option<PartName>,
    /// The slot of the secret that its senders prove themselves with, if they do with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<PartName>,
    /// Everything that any endpoint can say. Its id, its owner and its secret are the matter of each
    /// target; what stands for them here does not count.
    pub endpoint: Definition,
}
