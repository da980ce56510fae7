//! A handshake that somebody began, and what an answer to it takes.

use zeroize::Zeroizing;

use super::Answer;
use super::rule::Rule;
use crate::auth::Key;

/// A request that is as a rule describes it.
pub struct Asked<'r> {
    rule: &'r Rule,
    value: Option<Zeroizing<String>>,
    token: Option<Zeroizing<Vec<u8>>>,
}

/// What has to be done or known before an answer.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever answers has to do all of it"
)]
pub enum Need<'a> {
    /// The value is to become the endpoint's secret, if that may be.
    Binding(&'a [u8]),
    /// The endpoint's key is needed.
    Key,
    /// Nothing.
    Nothing,
    /// This has to be the endpoint's verify token.
    VerifyToken(&'a [u8]),
    /// This has to be asked for, and answered with success.
    Visit(&'a str),
}

impl<'r> Asked<'r> {
    pub(super) fn new(rule: &'r Rule, value: Option<String>, token: Option<Vec<u8>>) -> Self {
        Self {
            rule,
            value: value.map(Zeroizing::new),
            token: token.map(Zeroizing::new),
        }
    }

    /// What the answer needs.
    pub fn need(&self) -> Need<'_> {
        match (&self.token, &self.value) {
            (Some(token), _) => Need::VerifyToken(token),
            (None, Some(value)) if self.rule.binds_secret => Need::Binding(value.as_bytes()),
            (None, Some(value)) if self.rule.visits => Need::Visit(value),
            _ if self.rule.respond.signs() => Need::Key,
            _ => Need::Nothing,
        }
    }

    /// The answer, with the key of the endpoint if it is needed; `None` without it.
    pub fn answer(&self, key: Option<&Key>) -> Option<Answer> {
        let value = self.value.as_ref().map(|value| value.as_str());
        self.rule.respond.fill(value, key)
    }
}
