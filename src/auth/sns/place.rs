//! The URLs of certificates and subscription confirmations: a message can make the gate request no others.
//!
//! The validators of AWS accept any host of the form `sns.REGION.amazonaws.com`. Here a certificate must be in the region
//! of the endpoint's topic, so that attackers cannot make the gate send requests to other hosts.

use std::fmt;

use super::TopicArn;
use super::topic::is_region;

/// The URL of a certificate on a host of Amazon SNS. [`of`](Self::of) is the only constructor.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CertificateUrl(Box<str>);

impl CertificateUrl {
    /// Accepts `url` if it names a certificate of SNS in the region of `topic`.
    pub fn of(topic: &TopicArn, url: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://")?.strip_prefix(topic.host())?;
        let name = rest.strip_prefix('/')?.strip_suffix(".pem")?;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_name = (1..=MAX_NAME_LEN).contains(&name.len()) && name.bytes().all(is_allowed);
        is_name.then(|| Self(url.into()))
    }

    /// The text of the URL, always with `https`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CertificateUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a `GET` of `url` confirms a subscription to a topic and has no other effect.
pub fn is_confirmation_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://sns.") else {
        return false;
    };
    let Some((host, query)) = rest.split_once("/?Action=ConfirmSubscription&") else {
        return false;
    };
    let region = host.strip_suffix(".cn").unwrap_or(host);
    let region = region.strip_suffix(".amazonaws.com");
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"=&:%._-".contains(&byte);
    region.is_some_and(is_region)
        && query.len() <= MAX_QUERY_LEN
        && !query.contains("Action=")
        && query.bytes().all(is_allowed)
}

/// The names of Amazon's certificates have about 60 characters.
const MAX_NAME_LEN: usize = 128;
/// The token and the ARN have about 320 characters each.
const MAX_QUERY_LEN: usize = 2048;
