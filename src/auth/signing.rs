//! The other side of a scheme: making the proof that its verification accepts.
//!
//! People need it to try an endpoint by hand, tests and benchmarks to send what is genuine.

use super::{EmptyKey, Key, Scheme, Source};

impl Scheme {
    /// What a sender that knows `secret` adds to its request: a value, and where it goes.
    ///
    /// Where the scheme accepts several places, the first one is used.
    pub fn prove(&self, secret: &[u8], body: &[u8]) -> Result<Option<(Source, String)>, EmptyKey> {
        let key = Key::prepare(self.algorithm, secret)?;
        let Some(rule) = self.signatures.first() else {
            return Ok(None);
        };
        let proof = match key.begin() {
            None => String::from_utf8_lossy(secret).into_owned(),
            Some(mut code) => {
                code.update(self.signed.before_body());
                code.update(body);
                code.update(self.signed.after_body());
                rule.encoding.encode(&code.sign())
            }
        };
        let value = match &rule.tagged {
            None => proof,
            Some(tagged) => format!("{}{}{proof}", tagged.tag, tagged.separator),
        };
        Ok(Some((rule.from.clone(), value)))
    }
}
