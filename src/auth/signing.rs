//! The other side of a scheme: making the proof that its verification accepts.
//!
//! People need it to try an endpoint by hand, tests and benchmarks to send what is genuine.

use super::{Place, Scheme, UnusableSecret};

impl Scheme {
    /// What a sender that knows `secret` adds to its request: a value, and where it goes.
    ///
    /// Where the scheme accepts several places, the first one is used.
    pub fn prove(
        &self,
        secret: &[u8],
        body: &[u8],
    ) -> Result<Option<(Place, String)>, UnusableSecret> {
        let key = self.key.prepare(secret)?;
        let rule = self.signatures.first();
        let Some((rule, place)) = rule.and_then(|rule| Some((rule, rule.from.preferred()?))) else {
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
        Ok(Some((place.clone(), value)))
    }
}
