//! Where SNS serves certificates and takes confirmations: the only places that a message can lead to.
//!
//! The validators of AWS take any host of the form `sns.REGION.amazonaws.com`; here the region is that of
//! the endpoint's topic, so that strangers cannot make the gate ask around.

use std::fmt;

use super::TopicArn;
use super::topic::is_region;

/// Where a certificate is. There is no way to make one that leads elsewhere.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CertificateUrl(Box<str>);

impl CertificateUrl {
    /// `url`, if it is a certificate that SNS serves in the region of `topic`.
    pub fn of(topic: &TopicArn, url: &str) -> Option<Self> {
        let rest = url.strip_prefix("https://")?.strip_prefix(topic.host())?;
        let name = rest.strip_prefix('/')?.strip_suffix(".pem")?;
        let is_in_it = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_name = (1..=MAX_NAME_LEN).contains(&name.len()) && name.bytes().all(is_in_it);
        is_name.then(|| Self(url.into()))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CertificateUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a request to `url` confirms a subscription, and does nothing else.
pub fn is_confirmation_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://sns.") else {
        return false;
    };
    let Some((host, query)) = rest.split_once("/?Action=ConfirmSubscription&") else {
        return false;
    };
    let region = host.strip_suffix(".cn").unwrap_or(host);
    let region = region.strip_suffix(".amazonaws.com");
    let is_in_query = |byte: u8| byte.is_ascii_alphanumeric() || b"=&:%._-".contains(&byte);
    region.is_some_and(is_region)
        && query.len() <= MAX_QUERY_LEN
        && !query.contains("Action=")
        && query.bytes().all(is_in_query)
}

/// The names in use have about 60 characters.
const MAX_NAME_LEN: usize = 128;
/// A token has about 320 characters, an ARN at most about 320.
const MAX_QUERY_LEN: usize = 2048;
