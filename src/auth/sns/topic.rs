//! The ARN of a topic, with its region and the host of that region.

use std::fmt;
use std::str::FromStr;

/// The ARN of a topic: `arn:aws:sns:REGION:ACCOUNT:NAME`.
///
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html>
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TopicArn {
    text: Box<str>,
    /// The host of SNS in the region of the topic.
    host: Box<str>,
}

impl TopicArn {
    /// The text of the ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

impl FromStr for TopicArn {
    type Err = ParseTopicArnError;

    fn from_str(text: &str) -> Result<Self, ParseTopicArnError> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, name] = parts.as_slice() else {
            return Err(ParseTopicArnError);
        };
        let domain = match *partition {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            _ => return Err(ParseTopicArnError),
        };
        let is_valid = (*arn, *service) == ("arn", "sns")
            && is_region(region)
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && is_name(name);
        is_valid
            .then(|| Self {
                text: text.into(),
                host: format!("sns.{region}.{domain}").into(),
            })
            .ok_or(ParseTopicArnError)
    }
}

/// Whether `text` has the form of a region, such as `eu-central-1`.
pub(super) fn is_region(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (3..=32).contains(&text.len()) && text.bytes().all(is_allowed)
}

fn is_name(text: &str) -> bool {
    let name = text.strip_suffix(".fifo").unwrap_or(text);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !name.is_empty() && text.len() <= 256 && name.bytes().all(is_allowed)
}

impl fmt::Display for TopicArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Text that is not the ARN of a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a topic ARN has the form \"arn:aws:sns:eu-central-1:123456789012:orders\"")]
pub struct ParseTopicArnError;
