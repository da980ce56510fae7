//! The configuration of AWS KMS.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How KMS is called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AwsSettings {
    /// The region. By default that of the key, the environment or the profile.
    pub region: Option<String>,
    /// The URL of KMS, if it is not the default of the region.
    pub endpoint: Option<String>,
    /// The timeout for a connection.
    pub connect_timeout: Duration,
    /// The timeout for one attempt.
    pub attempt_timeout: Duration,
    /// The timeout for a call: waiting for a slot and all attempts.
    pub call_timeout: Duration,
    /// The maximum number of attempts.
    pub attempts: u32,
    /// The maximum number of concurrent calls.
    pub max_calls_in_flight: usize,
    /// Whether one data key encrypts many secrets. Otherwise KMS encrypts each secret itself.
    pub shares_data_keys: bool,
    /// How long a data key is used.
    pub data_keys: DataKeyBounds,
}

/// How long one data key encrypts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DataKeyBounds {
    /// The maximum age.
    pub max_age: Duration,
    /// The maximum number of secrets.
    pub max_secrets: u32,
}

/// A key of KMS: its id, an alias, or the ARN of either.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyName(String);

impl KeyName {
    /// The name as KMS accepts it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region in an ARN.
    pub fn region(&self) -> Option<&str> {
        self.0
            .strip_prefix("arn:")?
            .split(':')
            .nth(2)
            .filter(|region| !region.is_empty())
    }

    /// True for a multi-Region key, which exists in every region with a replica.
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
    type Err = ParseKeyNameError;

    fn from_str(text: &str) -> Result<Self, ParseKeyNameError> {
        let resource = match text.strip_prefix("arn:") {
            None => text,
            Some(arn) => match arn.split(':').collect::<Vec<_>>().as_slice() {
                [_, "kms", region, account, resource] if !region.is_empty() => {
                    let is_account = account.len() == 12 && is_made_of(account, u8::is_ascii_digit);
                    let resource = match resource.strip_prefix("key/") {
                        None if resource.starts_with("alias/") => Some(*resource),
                        id => id.filter(|id| is_id(id)),
                    };
                    resource.filter(|_| is_account).ok_or(ParseKeyNameError)?
                }
                _ => return Err(ParseKeyNameError),
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
            Err(ParseKeyNameError)
        }
    }
}

/// Text that is not the name of a KMS key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "expected the id of a key (1234abcd-12ab-34cd-56ef-1234567890ab), an alias (alias/portcullis), or the ARN \
     of either"
)]
pub struct ParseKeyNameError;

/// No source names a region.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "no region for the key service `aws`: set `region` in [secrets.aws], or AWS_REGION, or the region of the \
     profile"
)]
pub struct MissingRegionError;

fn is_id(text: &str) -> bool {
    let id = text.strip_prefix("mrk-").unwrap_or(text);
    id.len() >= 32 && is_made_of(id, |byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

fn is_made_of(text: &str, of: impl Fn(&u8) -> bool) -> bool {
    text.as_bytes().iter().all(of)
}

/// The maximum that KMS accepts.
const MAX_LEN: usize = 2048;
