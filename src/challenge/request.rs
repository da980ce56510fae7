//! A challenge that a request carries, and what the gate needs before it responds.

use zeroize::Zeroizing;

use super::ChallengeAnswer;
use super::rule::Rule;
use crate::auth::Key;

/// A request that matches a rule, with the value and the verify token read from it.
pub struct ReceivedChallenge<'r> {
    rule: &'r Rule,
    value: Option<Zeroizing<String>>,
    token: Option<Zeroizing<Vec<u8>>>,
}

/// The step that must succeed before the gate responds.
#[expect(clippy::exhaustive_enums, reason = "a caller has to handle every step")]
pub enum ChallengeStep<'a> {
    /// Store this value as the endpoint's secret, if the endpoint expects one.
    Binding(&'a [u8]),
    /// Load the endpoint's key: the response contains a MAC.
    Key,
    /// Respond at once.
    Nothing,
    /// Compare this with the endpoint's verify token.
    VerifyToken(&'a [u8]),
    /// Request this URL; the provider must respond with success.
    Visit(&'a str),
}

impl<'r> ReceivedChallenge<'r> {
    pub(super) fn new(rule: &'r Rule, value: Option<String>, token: Option<Vec<u8>>) -> Self {
        Self {
            rule,
            value: value.map(Zeroizing::new),
            token: token.map(Zeroizing::new),
        }
    }

    /// The step that must come before [`answer`](Self::answer).
    pub fn need(&self) -> ChallengeStep<'_> {
        match (&self.token, &self.value) {
            (Some(token), _) => ChallengeStep::VerifyToken(token),
            (None, Some(value)) if self.rule.binds_secret => {
                ChallengeStep::Binding(value.as_bytes())
            }
            (None, Some(value)) if self.rule.visits => ChallengeStep::Visit(value),
            _ if self.rule.respond.signs() => ChallengeStep::Key,
            _ => ChallengeStep::Nothing,
        }
    }

    /// The response; `None` if it needs a key and `key` is absent or of another algorithm.
    pub fn answer(&self, key: Option<&Key>) -> Option<ChallengeAnswer> {
        let value = self.value.as_ref().map(|value| value.as_str());
        self.rule.respond.render(value, key)
    }
}
