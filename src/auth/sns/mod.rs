//! Amazon SNS: a message says where the certificate is that its signature is verified with.
//!
//! Whoever may choose the certificate can sign anything. So an endpoint names the one topic that it
//! takes messages of, and the certificate has to lie where Amazon serves those of the topic's region, by
//! HTTPS. Nothing here fetches it: that is for whoever has a socket.
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

/// How the certificate of a message is found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SnsRule {
    /// The topic that messages have to come from. An endpoint that does not say it is not compiled.
    topic: Option<TopicArn>,
}

impl SnsRule {
    /// The setting of an endpoint that names its topic.
    pub const TOPIC_SETTING: &str = "topic_arn";

    /// The rule of an endpoint that says this about itself.
    pub(super) fn said(settings: &BTreeMap<String, String>) -> Result<Self, SchemeError> {
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

    /// Where the certificate of `message` is, if the message is one of the topic, signed as
    /// the endpoint expects. Nothing of it is proven yet.
    pub(super) fn certificate_url(
        &self,
        algorithm: Algorithm,
        message: &SnsMessage,
    ) -> Result<CertificateUrl, ProofError> {
        if !Self::is_of_version(algorithm, message) {
            return Err(ProofError::SignatureMalformed);
        }
        let topic = self.topic.as_ref().filter(|it| message.is_of(it));
        let topic = topic.ok_or(ProofError::SignatureMismatch)?;
        let url = message.certificate_url();
        url.and_then(|url| CertificateUrl::of(topic, url))
            .ok_or(ProofError::SignatureMalformed)
    }

    /// Whether `message` is signed with the algorithm that the endpoint has chosen.
    pub(super) fn is_of_version(algorithm: Algorithm, message: &SnsMessage) -> bool {
        message.signature_version() == Some(version_of(algorithm))
    }

    /// What keeps such a scheme from its work.
    pub(super) fn inconsistency(algorithm: Algorithm) -> Option<&'static str> {
        let is_rsa = matches!(algorithm, Algorithm::RsaSha1 | Algorithm::RsaSha256);
        (!is_rsa).then_some(
            "messages of Amazon SNS are signed with `rsa-pkcs1-sha1` or `rsa-pkcs1-sha256`",
        )
    }
}

/// The endpoint chooses the algorithm, and a message has to agree: its sender does not choose.
const fn version_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::RsaSha1 => "1",
        _ => "2",
    }
}
