//! Reads the members of a token's header and claims, which are JSON objects.
//!
//! They are read before the signature is verified, so they are unauthenticated. An object with a repeated name is
//! rejected (RFC 7515 §4, RFC 7519 §4), and so is one with too many members.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::auth::ProofError;

/// The members of an object, each with the JSON text of its value.
pub(super) struct Claims<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Claims<'t> {
    /// Reads `json`, which must be one object.
    pub(super) fn read(json: &'t [u8]) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let claims = deserializer.deserialize_map(ClaimsVisitor).ok()?;
        deserializer.end().ok().map(|()| claims)
    }

    /// Whether the object has a member called `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The value of `name`, if it is a string.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// Whether the value of `name` is the string `expected`. `aud` may be a list that contains it (RFC 7519 §4.1.3).
    pub(super) fn has_text(&self, name: &str, expected: &[u8]) -> bool {
        let is_expected = |text: &String| text.as_bytes() == expected;
        if name == "aud"
            && let Some(raw) = self.raw(name)
            && raw.len() <= MAX_AUDIENCES_LEN
            && let Ok(audiences) = serde_json::from_str::<Vec<String>>(raw)
        {
            return audiences.iter().any(is_expected);
        }
        self.text(name).as_ref().is_some_and(is_expected)
    }

    /// The time in `name`: seconds since 1970, possibly with a fraction (RFC 7519 §2).
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

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims<'de>, A::Error> {
        let mut members: Vec<(String, &RawValue)> = Vec::new();
        while let Some((name, value)) = map.next_entry()? {
            if members.len() == MAX_MEMBERS || members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(
                    "a name is repeated, or there are too many members",
                ));
            }
            members.push((name, value));
        }
        Ok(Claims(members))
    }
}

/// The tokens of providers have far fewer members.
const MAX_MEMBERS: usize = 64;
/// In bytes. The lists of audiences in tokens are far shorter.
const MAX_AUDIENCES_LEN: usize = 4 * 1024;
/// The limit for the digits before the point and after it.
const MAX_DIGITS: usize = 16;
