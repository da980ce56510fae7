//! Where the key of a delivery stands in its payload.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A path of names from the top of a payload, such as `["pull_request", "id"]`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(into = "Vec<String>", try_from = "Vec<String>")]
pub struct KeyPath(Vec<Box<str>>);

impl KeyPath {
    /// The names, from the top.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    /// The name, if it is a path of one.
    pub(super) fn only_name(&self) -> Option<&str> {
        match &*self.0 {
            [only] => Some(only),
            _ => None,
        }
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|name| write!(f, "/{}", name.replace('~', "~0").replace('/', "~1")))
    }
}

impl TryFrom<Vec<String>> for KeyPath {
    type Error = InvalidKeyPath;

    fn try_from(names: Vec<String>) -> Result<Self, InvalidKeyPath> {
        let fit = |name: &String| (1..=MAX_NAME_LEN).contains(&name.len());
        if (1..=MAX_DEPTH).contains(&names.len()) && names.iter().all(fit) {
            Ok(Self(names.into_iter().map(Into::into).collect()))
        } else {
            Err(InvalidKeyPath)
        }
    }
}

impl From<KeyPath> for Vec<String> {
    fn from(path: KeyPath) -> Self {
        path.0.into_iter().map(Into::into).collect()
    }
}

/// Names that are no path.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a path has from 1 to 16 names of 1 to 128 bytes")]
pub struct InvalidKeyPath;

const MAX_DEPTH: usize = 16;
const MAX_NAME_LEN: usize = 128;
