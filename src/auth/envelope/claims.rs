//! The members of a JSON object that somebody signed: the header and the claims of a token.
//!
//! Read before the signature is verified, so from anybody: a name that stands twice refuses the whole
//! object (RFC 7515 §4, RFC 7519 §4), and so do more members than anybody has claims.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::auth::ProofError;

/// The members, each value as it is written.
pub(super) struct Claims<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Claims<'t> {
    /// Reads `json`, which has to be one object.
    pub(super) fn read(json: &'t [u8]) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let claims = deserializer.deserialize_map(Members).ok()?;
        deserializer.end().ok().map(|()| claims)
    }

    /// Whether there is one of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The text of that name.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// Whether the text of that name is `expected`. Several audiences are a list (RFC 7519 §4.1.3).
    pub(super) fn says(&self, name: &str, expected: &[u8]) -> bool {
        let is_it = |text: &String| text.as_bytes() == expected;
        if name == "aud"
            && let Some(raw) = self.raw(name)
            && raw.len() <= MAX_AUDIENCES_LEN
            && let Ok(audiences) = serde_json::from_str::<Vec<String>>(raw)
        {
            return audiences.iter().any(is_it);
        }
        self.text(name).as_ref().is_some_and(is_it)
    }

    /// The time of that name: seconds since 1970, of which some senders write fractions (RFC 7519 §2).
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, ProofError> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        let (seconds, fraction) = raw.split_once('.').unwrap_or((raw, "0"));
        let digits = |text: &str| {
            (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let seconds = (digits(seconds) && digits(fraction)).then(|| seconds.parse().ok());
        let time = seconds.flatten().map(Timestamp::from_second);
        time.and_then(Result::ok)
            .map(Some)
            .ok_or(ProofError::SignatureMalformed)
    }

    fn raw(&self, name: &str) -> Option<&'t str> {
        let mut members = self.0.iter();
        let found = members.find(|(known, _)| known == name);
        found.map(|(_, value)| value.get())
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Claims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims<'de>, A::Error> {
        let mut members: Vec<(String, &RawValue)> = Vec::new();
        while let Some((name, value)) = map.next_entry()? {
            if members.len() == MAX_MEMBERS || members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a name stands twice, or too many do"));
            }
            members.push((name, value));
        }
        Ok(Claims(members))
    }
}

/// Far more than any provider puts into a token.
const MAX_MEMBERS: usize = 64;
/// More audiences than a token has.
const MAX_AUDIENCES_LEN: usize = 4 * 1024;
/// Longer fractions than any clock has.
const MAX_DIGITS: usize = 16;
