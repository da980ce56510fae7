//! What is configured about AWS KMS.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How KMS is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AwsSettings {
    /// The region; without it the key's own, or that of the environment or the profile.
    pub region: Option<String>,
    /// Where KMS is, if it is not where the region has it.
    pub endpoint: Option<String>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long one attempt may take.
    pub attempt_timeout: Duration,
    /// How long a call may take: the wait for its turn, and every attempt.
    pub call_timeout: Duration,
    /// How often a call is tried.
    pub attempts: u32,
    /// How many calls may be under way at once.
    pub max_calls_in_flight: usize,
    /// Whether data keys encrypt secrets, each of them many. KMS encrypts every secret itself otherwise.
    pub shares_data_keys: bool,
    /// How long a data key does.
    pub data_keys: DataKeyBounds,
}

/// How long one data key encrypts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DataKeyBounds {
    /// Its greatest age.
    pub max_age: Duration,
    /// The most secrets that it encrypts.
    pub max_secrets: u32,
}

/// A key of KMS: its id, an alias, or the ARN of either.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyName(String);

impl KeyName {
    /// As KMS takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region that an ARN names.
    pub fn region(&self) -> Option<&str> {
        self.0
            .strip_prefix("arn:")?
            .split(':')
            .nth(2)
            .filter(|region| !region.is_empty())
    }

    /// Whether it is the same key in every region that has a replica of it.
    pub fn is_multi_region(&self) -> bool {
        self.0.starts_with("mrk-") || self.0.contains(":key/mrk-")
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyName {
    type Err = InvalidKeyName;

    fn from_str(text: &str) -> Result<Self, InvalidKeyName> {
        let resource = match text.strip_prefix("arn:") {
            None => text,
            Some(arn) => match arn.split(':').collect::<Vec<_>>().as_slice() {
                [_, "kms", region, account, resource] if !region.is_empty() => {
                    let is_account = account.len() == 12 && is_made_of(account, u8::is_ascii_digit);
                    let resource = match resource.strip_prefix("key/") {
                        None if resource.starts_with("alias/") => Some(*resource),
                        id => id.filter(|id| is_id(id)),
                    };
                    resource.filter(|_| is_account).ok_or(InvalidKeyName)?
                }
                _ => return Err(InvalidKeyName),
            },
        };
        let alias = resource.strip_prefix("alias/");
        let is_alias = |name: &str| {
            !name.is_empty()
                && is_made_of(name, |byte| {
                    byte.is_ascii_alphanumeric() || b"/_-".contains(byte)
                })
        };
        if text.len() <= MAX_LEN && alias.map_or_else(|| is_id(resource), is_alias) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidKeyName)
        }
    }
}

/// Text that names no key of KMS.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "expected the id of a key (1234abcd-12ab-34cd-56ef-1234567890ab), an alias (alias/portcullis), or the ARN \
     of either"
)]
pub struct InvalidKeyName;

/// Nobody says which region is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "no region for the key service `aws`: write `region` into [secrets.aws], or set AWS_REGION, or give the \
     profile one"
)]
pub struct NoRegion;

fn is_id(text: &str) -> bool {
    let id = text.strip_prefix("mrk-").unwrap_or(text);
    id.len() >= 32 && is_made_of(id, |byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

fn is_made_of(text: &str, of: impl Fn(&u8) -> bool) -> bool {
    text.as_bytes().iter().all(of)
}

/// The longest that KMS takes.
const MAX_LEN: usize = 2048;
