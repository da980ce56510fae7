//! The other side of a scheme: making the proof that its verification accepts.
//!
//! People need it to try an endpoint by hand, tests and benchmarks to send what is genuine.

use std::borrow::Cow;
use std::convert::Infallible;

use jiff::Timestamp;

use super::scheme::SignatureRule;
use super::template::Token;
use super::{Place, Scheme, TimestampSource, UnusableSecret};

/// What a sender signs.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    /// The body.
    pub body: &'m [u8],
    /// The time.
    pub at: Timestamp,
    /// The id of the delivery, where the scheme signs one.
    pub id: &'m str,
}

impl Scheme {
    /// What a sender that knows `secret` adds to its request: values, and where they go.
    ///
    /// Where the scheme accepts several places, the first one is used.
    pub fn prove(
        &self,
        secret: &[u8],
        message: Message<'_>,
    ) -> Result<Vec<(Place, String)>, UnusableSecret> {
        let key = self.key.prepare(secret)?;
        let Some(rule) = self.signatures.first() else {
            return Ok(Vec::new());
        };
        let mut added: Vec<(Place, String)> = Vec::new();
        let time = self.timestamp.as_ref();
        let time = time.map(|rule| (rule, rule.write(message.at)));
        let proof = match key.begin() {
            None => String::from_utf8_lossy(secret).into_owned(),
            Some(mut code) => {
                let filled = self.signed.fill(|token| {
                    let value = match token {
                        Token::Timestamp => time.as_ref().map_or("", |(_, text)| text),
                        Token::Source(source) => {
                            let place = source.preferred().cloned();
                            added.extend(place.map(|place| (place, message.id.to_owned())));
                            message.id
                        }
                    };
                    Ok::<_, Infallible>(Cow::Owned(value.as_bytes().to_vec()))
                });
                let around = filled.unwrap_or_else(|never| match never {});
                code.update(&around.before_body);
                code.update(message.body);
                code.update(&around.after_body);
                rule.encoding.encode(&code.sign())
            }
        };
        let mut value = rule.tag(&proof);
        if let Some((time, text)) = time {
            match &time.from {
                TimestampSource::Source(source) => {
                    added.extend(source.preferred().map(|place| (place.clone(), text)));
                }
                TimestampSource::Tag(tag) => {
                    let (separator, split) = rule.separators();
                    value = format!("{tag}{separator}{text}{split}{value}");
                }
            }
        }
        added.extend(rule.from.preferred().map(|place| (place.clone(), value)));
        Ok(added)
    }
}

impl SignatureRule {
    fn tag(&self, proof: &str) -> String {
        match &self.tagged {
            None => proof.to_owned(),
            Some(tagged) => format!("{}{}{proof}", tagged.tag, tagged.separator),
        }
    }

    fn separators(&self) -> (char, char) {
        let separator = self.tagged.as_ref().map_or('=', |tagged| tagged.separator);
        (separator, self.split.map_or(',', char::from))
    }
}
