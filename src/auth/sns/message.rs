//! A message of SNS: the members that are signed, in the order in which they are signed.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::TopicArn;
use crate::auth::{MAX_PARSED_BODY_BYTES, fold};

/// The members of a message that count here. Others, such as `MessageAttributes`, are signed by nobody.
///
/// The outer option is whether the member is there, the inner one whether it is more than `null`.
#[derive(Default)]
#[expect(clippy::option_option, reason = "the two are different questions")]
pub(crate) struct SnsMessage([Option<Option<String>>; NAMES.len()]);

impl SnsMessage {
    /// Reads a body.
    ///
    /// A member that is there twice, that is no text, or whose name folds onto one of these makes it
    /// unreadable: a backend could take another value for the one that was signed. So do more than [`MAX_MEMBERS`].
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        if body.len() > MAX_PARSED_BODY_BYTES {
            return None;
        }
        let mut reader = serde_json::Deserializer::from_slice(body);
        let message = reader.deserialize_map(Members).ok()?;
        reader.end().ok()?;
        Some(message)
    }

    /// What is signed: every member with its name, a line each.
    ///
    /// Only the text of the message may have line ends in it. Then there is one way to read what was signed:
    /// the lines at its end are the members, and nobody can move the border between two of them.
    pub(crate) fn signed(&self) -> Option<Vec<u8>> {
        let names: &[&str] = match self.member("Type")? {
            "Notification" => &[
                "Message",
                "MessageId",
                "Subject",
                "Timestamp",
                "TopicArn",
                "Type",
            ],
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => &[
                "Message",
                "MessageId",
                "SubscribeURL",
                "Timestamp",
                "Token",
                "TopicArn",
                "Type",
            ],
            _ => return None,
        };
        // What duplicates are told by must be fit for that, or the same message could come again and again.
        let id = self.member("MessageId")?;
        if id.len() > MAX_ID_LEN || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let mut text = String::new();
        for name in names {
            match self.member(name) {
                Some(value) if *name != "Message" && !is_one_line(value) => return None,
                Some(value) => {
                    for line in [name, value] {
                        text.push_str(line);
                        text.push('\n');
                    }
                }
                // The one that a message may have or not.
                None if *name == "Subject" => {}
                None => return None,
            }
        }
        Some(text.into_bytes())
    }

    pub(super) fn is_of(&self, topic: &TopicArn) -> bool {
        self.member("TopicArn") == Some(topic.as_str())
    }

    pub(super) fn signature_version(&self) -> Option<&str> {
        self.member("SignatureVersion")
    }

    pub(super) fn certificate_url(&self) -> Option<&str> {
        self.member("SigningCertURL")
    }

    fn member(&self, name: &str) -> Option<&str> {
        let at = NAMES.iter().position(|known| *known == name)?;
        self.0.get(at)?.as_ref()?.as_deref()
    }
}

fn is_one_line(value: &str) -> bool {
    !value.is_empty()
        && !value.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = SnsMessage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message of Amazon SNS")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<SnsMessage, A::Error> {
        let mut message = SnsMessage::default();
        let mut count = 0;
        while let Some(known) = members.next_key_seed(Name)? {
            count += 1;
            if count > MAX_MEMBERS {
                return Err(A::Error::custom("more members than a message has"));
            }
            let Some((at, is_exact)) = known else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            let place = message.0.get_mut(at).filter(|it| is_exact && it.is_none());
            let place = place.ok_or_else(|| A::Error::custom("a member is there twice"))?;
            *place = Some(members.next_value::<Option<String>>()?);
        }
        Ok(message)
    }
}

/// Which of the members has a name, and whether it is that one or only folds onto it.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<(usize, bool)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<(usize, bool)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        if let Some(at) = NAMES.iter().position(|known| *known == name) {
            return Ok(Some((at, true)));
        }
        let folded = fold::FoldedName::of(name);
        let at = NAMES.iter().position(|known| folded.folds_onto(known));
        Ok(at.map(|at| (at, false)))
    }
}

pub(crate) const NAMES: [&str; 11] = [
    "Message",
    "MessageId",
    "Signature",
    "SignatureVersion",
    "SigningCertURL",
    "SubscribeURL",
    "Subject",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
];
/// Amazon sends about a dozen members. The names of more would be folded for nothing.
pub(crate) const MAX_MEMBERS: usize = 256;
/// They are UUIDs.
const MAX_ID_LEN: usize = 128;
