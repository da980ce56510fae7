//! The built-in challenges, one file in `presets/` each.

use std::sync::LazyLock;

use super::ReceivedChallenge;
use super::declaration::Declaration;
use super::rule::Rule;
use crate::auth::{Algorithm, Head, Scheme};

/// How one provider checks that a URL is ready for its deliveries.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// The name that configuration uses.
    pub name: &'static str,
    /// The provider and the purpose, for `handshakes list`.
    pub title: String,
    /// The provider's own documentation.
    pub source: String,
    /// What the operator has to do after the challenge has bound a secret.
    pub next: Option<String>,
    /// The text of the declaration file.
    pub declaration: &'static str,
    rules: Vec<Rule>,
}

impl Challenge {
    /// Every challenge, in the order of the names.
    pub fn all() -> &'static [Self] {
        &PRESETS
    }

    /// Finds a challenge by name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The challenge in an unauthenticated head, for rules that need no body.
    pub fn challenge_in_head(&self, head: &Head<'_>) -> Option<ReceivedChallenge<'_>> {
        let mut rules = self.rules.iter();
        rules.find_map(|rule| {
            let needs_head_only = !rule.signed && !rule.reads_body();
            needs_head_only
                .then(|| rule.match_request(head, &[]))
                .flatten()
        })
    }

    /// Whether an unauthenticated body could carry a challenge after this head.
    pub fn may_carry_challenge(&self, head: &Head<'_>) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| !rule.signed && rule.reads_body() && rule.fits_head(head))
    }

    /// The challenge in an unauthenticated body.
    pub fn challenge_in_body(&self, head: &Head<'_>, body: &[u8]) -> Option<ReceivedChallenge<'_>> {
        let mut rules = self.rules.iter();
        rules.find_map(|rule| {
            let needs_no_proof = !rule.signed && rule.reads_body();
            needs_no_proof
                .then(|| rule.match_request(head, body))
                .flatten()
        })
    }

    /// The challenge in a delivery whose proof was verified.
    pub fn challenge_when_proven(
        &self,
        head: &Head<'_>,
        body: &[u8],
    ) -> Option<ReceivedChallenge<'_>> {
        let mut rules = self.rules.iter();
        rules.find_map(|rule| {
            let needs_body_or_proof = rule.signed || rule.reads_body();
            needs_body_or_proof
                .then(|| rule.match_request(head, body))
                .flatten()
        })
    }

    /// Whether a challenge may have signed this body, or a message that contains it.
    ///
    /// Challenges sign a value with the key of deliveries, and the sender chooses the value. A signature over a body of
    /// the value's form therefore proves nothing. No provider sends such bodies.
    pub fn may_sign(&self, body: &[u8]) -> bool {
        self.rules
            .iter()
            .filter(|rule| rule.respond.signs())
            .filter_map(|rule| rule.value.as_ref())
            .any(|value| value.form.could_contain(body))
    }

    /// Whether a challenge may have given away a MAC that makes `body` a delivery of `scheme`. `names` are the
    /// challenges that the key signs, or once signed.
    ///
    /// If a scheme does not sign the raw body, any message may have been a challenge. An unknown name may have signed
    /// anything.
    pub fn may_have_signed<'n>(
        names: impl IntoIterator<Item = &'n str>,
        scheme: &Scheme,
        body: &[u8],
    ) -> bool {
        // Challenges sign with HMAC-SHA256 only.
        scheme.algorithm() == Algorithm::HmacSha256
            && names.into_iter().any(|name| {
                let signing = Self::named(name).filter(|handshake| handshake.signs());
                !scheme.signs_raw_body() || signing.is_none_or(|handshake| handshake.may_sign(body))
            })
    }

    /// Whether a response contains a MAC of a value that the sender chooses.
    pub fn signs(&self) -> bool {
        self.rules.iter().any(|rule| rule.respond.signs())
    }

    /// Whether the challenge carries a token that the operator agreed on with the provider.
    pub fn has_verify_token(&self) -> bool {
        self.rules.iter().any(|rule| rule.verify_token.is_some())
    }

    /// Whether the provider generates the endpoint's secret and sends it in the challenge.
    pub fn binds_secret(&self) -> bool {
        self.rules.iter().any(|rule| rule.binds_secret)
    }

    /// Checks that the challenge is safe together with `scheme`, the proof of the endpoint's deliveries.
    ///
    /// A challenge that signs for unauthenticated callers needs a scheme that signs the raw body. Only then does
    /// [`may_sign`](Self::may_sign) recognise a body that was signed as a challenge.
    pub fn check_scheme(&self, scheme: Option<&Scheme>) -> Result<(), ChallengeMismatchError> {
        let signed = scheme.filter(|scheme| scheme.covers_body());
        let any_rule = |has: fn(&Rule) -> bool| self.rules.iter().any(has);
        if any_rule(|rule| rule.visits) && !signed.is_some_and(Scheme::has_certificate) {
            return Err(ChallengeMismatchError::OtherSender);
        }
        if any_rule(|rule| rule.signed || rule.binds_secret) && signed.is_none() {
            return Err(ChallengeMismatchError::Unsigned);
        }
        let hmac = signed.filter(|scheme| {
            scheme.algorithm() == Algorithm::HmacSha256 && scheme.signs_raw_body()
        });
        if any_rule(|rule| rule.respond.signs() || rule.binds_secret) && hmac.is_none() {
            return Err(ChallengeMismatchError::OtherAlgorithm);
        }
        Ok(())
    }
}

/// Why a challenge cannot be combined with the endpoint's proof.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeMismatchError {
    /// The challenge signs with HMAC-SHA256, and deliveries are not signed so over their raw body.
    #[error(
        "the challenge signs with HMAC-SHA256: choose a mode that proves deliveries with HMAC-SHA256 \
         over the raw body"
    )]
    OtherAlgorithm,

    /// The gate has to visit a URL of a provider that signs with certificates.
    #[error(
        "the gate has to request a URL of the provider: choose that provider's preset, such as `aws-sns`"
    )]
    OtherSender,

    /// The gate responds to signed requests only, and the mode signs no body.
    #[error("the challenge must be signed: choose a mode that signs the body")]
    Unsigned,
}

// The files are compiled in, and a test reads each of them.
static PRESETS: LazyLock<Vec<Challenge>> = LazyLock::new(|| {
    let preset = |(name, text): &(&'static str, &'static str)| {
        let declaration = Declaration::read(text);
        let declaration =
            declaration.unwrap_or_else(|error| unreachable!("challenge {name}: {error}"));
        Challenge {
            name,
            title: declaration.title,
            source: declaration.source,
            next: declaration.next,
            declaration: text,
            rules: declaration.rules,
        }
    };
    FILES.iter().map(preset).collect()
});

macro_rules! handshakes {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("presets/", $name, ".toml")))),*]
    };
}

const FILES: &[(&str, &str)] = handshakes![
    "asana",
    "aws-sns",
    "discord",
    "dropbox",
    "linkedin",
    "meta",
    "microsoft-graph",
    "monday",
    "notion",
    "nylas",
    "okta",
    "slack",
    "strava",
    "trello",
    "twitch",
    "x",
    "zoom",
];
