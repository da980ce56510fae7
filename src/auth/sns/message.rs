//! A message of SNS: the members that are signed, in the order in which they are signed.

use std::fmt;

use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::TopicArn;
use crate::auth::MAX_PARSED_BODY_BYTES;

/// The members of a message that count here. Others, such as `MessageAttributes`, are signed by nobody.
///
/// The outer option is whether the member is there, the inner one whether it is more than `null`.
#[derive(Default)]
#[expect(clippy::option_option, reason = "the two are different questions")]
pub(crate) struct Message([Option<Option<String>>; NAMES.len()]);

impl Message {
    /// Reads a body.
    ///
    /// A member that is there twice, that is no text, or whose name is written in another case makes it
    /// unreadable: a backend could take another value for the one that was signed.
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
    type Value = Message;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message of Amazon SNS")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Message, A::Error> {
        let mut message = Message::default();
        while let Some(name) = members.next_key::<String>()? {
            let known = NAMES.iter().zip(&mut message.0);
            let mut known = known.filter(|(known, _)| known.eq_ignore_ascii_case(&name));
            let Some((exact, place)) = known.next() else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            if **exact != *name || place.is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
            *place = Some(members.next_value::<Option<String>>()?);
        }
        Ok(message)
    }
}

const NAMES: [&str; 11] = [
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
/// They are UUIDs.
const MAX_ID_LEN: usize = 128;
