//! A message of Amazon SNS: its members, and the text that its signature covers.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::TopicArn;
use crate::auth::{MAX_PARSED_BODY_BYTES, fold};

/// The members of a message that the gate reads. The signature does not cover others, such as `MessageAttributes`.
///
/// The outer option is `None` for an absent member, the inner one for `null`.
#[derive(Default)]
#[expect(clippy::option_option, reason = "an absent member differs from `null`")]
pub(crate) struct SnsMessage([Option<Option<String>>; NAMES.len()]);

impl SnsMessage {
    /// Parses a body.
    ///
    /// It rejects a message in which a backend could take another value for a signed one: a repeated member, a member
    /// that is not a string, or a name that folds onto a member's. It also rejects more than [`MAX_MEMBERS`] members.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        if body.len() > MAX_PARSED_BODY_BYTES {
            return None;
        }
        let mut reader = serde_json::Deserializer::from_slice(body);
        let message = reader.deserialize_map(MessageVisitor).ok()?;
        reader.end().ok()?;
        Some(message)
    }

    /// The signed text: each signed member as its name and its value, one line each.
    ///
    /// Only `Message` may contain line ends, and it comes first. So the last lines determine the other members, and
    /// nobody can move the border between two of them.
    pub(crate) fn signed_text(&self) -> Option<Vec<u8>> {
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
        // The ledger recognises replays by this id. An id that it cannot use would admit the same message again.
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
                // The only optional member.
                None if *name == "Subject" => {}
                None => return None,
            }
        }
        Some(text.into_bytes())
    }

    pub(super) fn is_from(&self, topic: &TopicArn) -> bool {
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

struct MessageVisitor;

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = SnsMessage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message of Amazon SNS")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<SnsMessage, A::Error> {
        let mut message = SnsMessage::default();
        let mut count = 0;
        while let Some(found) = members.next_key_seed(NameMatcher)? {
            count += 1;
            if count > MAX_MEMBERS {
                return Err(A::Error::custom("the message has too many members"));
            }
            let Some((at, is_exact)) = found else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            let place = message.0.get_mut(at).filter(|it| is_exact && it.is_none());
            let place = place.ok_or_else(|| A::Error::custom("a member is repeated"))?;
            *place = Some(members.next_value::<Option<String>>()?);
        }
        Ok(message)
    }
}

/// Finds the member that a name belongs to: its position in [`NAMES`], and whether the name is exact or only folds onto it.
struct NameMatcher;

impl<'de> DeserializeSeed<'de> for NameMatcher {
    type Value = Option<(usize, bool)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameMatcher {
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

/// The names of the members that the gate reads.
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
/// Amazon sends about a dozen members. Folding the names of many more would waste time on unauthenticated input.
pub(crate) const MAX_MEMBERS: usize = 256;
/// The ids of SNS are UUIDs, which are shorter.
const MAX_ID_LEN: usize = 128;
