//! Amazon SNS: each message names the URL of the certificate that verifies its signature.
//!
//! An attacker who chooses the certificate could sign anything. So an endpoint names the only topic that it accepts. The
//! certificate must come over HTTPS from Amazon's host for the region of this topic. This module fetches nothing;
//! `outbound` does.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>

mod certificate;
mod message;
mod place;
mod topic;

pub use self::certificate::{CertificateError, CertificateKeys};
pub(super) use self::message::{MAX_MEMBERS, NAMES, SnsMessage};
pub use self::place::{CertificateUrl, is_confirmation_url};
pub use self::topic::{ParseTopicArnError, TopicArn};
use std::collections::BTreeMap;

use super::{Algorithm, ProofError, SchemeError};

/// How an endpoint finds the certificate of a message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SnsRule {
    /// The only accepted topic; `None` in a preset. The scheme of an endpoint always has one.
    topic: Option<TopicArn>,
}

impl SnsRule {
    /// The name of the setting with the topic of an endpoint.
    pub const TOPIC_SETTING: &str = "topic_arn";

    /// The rule of an endpoint with these settings. A missing or malformed topic is an error.
    pub(super) fn from_settings(settings: &BTreeMap<String, String>) -> Result<Self, SchemeError> {
        let name = Self::TOPIC_SETTING;
        let topic = settings
            .get(name)
            .ok_or_else(|| SchemeError::SettingMissing(name.into()))?;
        let wrong =
            |why: ParseTopicArnError| SchemeError::SettingMalformed(name.into(), why.to_string());
        Ok(Self {
            topic: Some(topic.parse().map_err(wrong)?),
        })
    }

    /// The URL of the certificate of `message`, which is still unproven.
    ///
    /// The message must belong to the topic and be signed with `algorithm`.
    pub(super) fn certificate_url(
        &self,
        algorithm: Algorithm,
        message: &SnsMessage,
    ) -> Result<CertificateUrl, ProofError> {
        if !Self::has_version_of(algorithm, message) {
            return Err(ProofError::SignatureMalformed);
        }
        let topic = self.topic.as_ref().filter(|it| message.is_from(it));
        let topic = topic.ok_or(ProofError::SignatureMismatch)?;
        let url = message.certificate_url();
        url.and_then(|url| CertificateUrl::of(topic, url))
            .ok_or(ProofError::SignatureMalformed)
    }

    /// Whether the signature version of `message` stands for `algorithm`.
    pub(super) fn has_version_of(algorithm: Algorithm, message: &SnsMessage) -> bool {
        message.signature_version() == Some(version_of(algorithm))
    }

    /// Why a scheme with this algorithm cannot verify messages, if it cannot.
    pub(super) fn inconsistency(algorithm: Algorithm) -> Option<&'static str> {
        let is_rsa = matches!(algorithm, Algorithm::RsaSha1 | Algorithm::RsaSha256);
        (!is_rsa).then_some(
            "messages of Amazon SNS are signed with `rsa-pkcs1-sha1` or `rsa-pkcs1-sha256`",
        )
    }
}

/// The signature version of an algorithm. The endpoint chooses the algorithm, and the sender cannot choose another one.
const fn version_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::RsaSha1 => "1",
        _ => "2",
    }
}
