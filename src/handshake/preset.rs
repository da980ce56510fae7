//! Handshakes by name, each one a file in `presets/` that people can read.

use std::sync::LazyLock;

use super::Asked;
use super::declaration::Declared;
use super::rule::Rule;
use crate::auth::{Algorithm, Head, Scheme};

/// How a provider makes sure that an URL is ready for its deliveries.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// The name, as configuration writes it.
    pub name: &'static str,
    /// What it is for.
    pub title: String,
    /// The provider's own page about it.
    pub source: String,
    /// What its operator has to do once it has brought a secret.
    pub next: Option<String>,
    /// The declaration, as it stands in the source.
    pub declaration: &'static str,
    rules: Vec<Rule>,
}

impl Handshake {
    /// Every handshake, in the order of the names.
    pub fn all() -> &'static [Self] {
        &PRESETS
    }

    /// The handshake of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// What the head alone asks, whoever has sent it.
    pub fn asked_by_head(&self, head: &Head<'_>) -> Option<Asked<'_>> {
        let mut rules = self.rules.iter();
        rules.find_map(|rule| {
            let settled = !rule.signed && !rule.reads_body();
            settled.then(|| rule.asked(head, &[])).flatten()
        })
    }

    /// Whether a body could ask something, whoever has sent it, after such a head.
    pub fn may_ask_by_body(&self, head: &Head<'_>) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| !rule.signed && rule.reads_body() && rule.fits_head(head))
    }

    /// What the body asks, whoever has sent it.
    pub fn asked_by_body(&self, head: &Head<'_>, body: &[u8]) -> Option<Asked<'_>> {
        let mut rules = self.rules.iter();
        rules.find_map(|rule| {
            let unproven = !rule.signed && rule.reads_body();
            unproven.then(|| rule.asked(head, body)).flatten()
        })
    }

    /// What a delivery asks that was proven.
    pub fn asked_when_proven(&self, head: &Head<'_>, body: &[u8]) -> Option<Asked<'_>> {
        let mut rules = self.rules.iter();
        rules.find_map(|rule| {
            let waited = rule.signed || rule.reads_body();
            waited.then(|| rule.asked(head, body)).flatten()
        })
    }

    /// Whether a MAC of this body, or of a message with this body in it, may have been given away.
    ///
    /// A value is signed with the key that signs deliveries, over whatever stands around their bodies.
    /// A message that a value could be has a body of the value's characters only, so a delivery with
    /// such a body (and no provider's has one) proves nothing, whatever its signature.
    pub fn could_sign(&self, body: &[u8]) -> bool {
        self.rules
            .iter()
            .filter(|rule| rule.respond.signs())
            .filter_map(|rule| rule.value.as_ref())
            .any(|value| value.form.could_contain(body))
    }

    /// Whether a MAC that makes `body` a delivery of `scheme` may have been given away, with a key that signs the
    /// challenges of these handshakes, or once did.
    ///
    /// A scheme over messages that do not hold the body as it is cannot tell by the body: any message may have been
    /// a challenge. So can a handshake that is not known here have signed anything.
    pub fn gave_away<'n>(
        names: impl IntoIterator<Item = &'n str>,
        scheme: &Scheme,
        body: &[u8],
    ) -> bool {
        // What was given away are codes of HMAC-SHA256.
        scheme.algorithm() == Algorithm::HmacSha256
            && names.into_iter().any(|name| {
                let known = Self::named(name).filter(|known| known.signs());
                !scheme.signs_raw_body() || known.is_none_or(|known| known.could_sign(body))
            })
    }

    /// Whether it signs what it is asked to.
    pub fn signs(&self) -> bool {
        self.rules.iter().any(|rule| rule.respond.signs())
    }

    /// Whether the endpoint has a token of its own that the provider sends.
    pub fn has_verify_token(&self) -> bool {
        self.rules.iter().any(|rule| rule.verify_token.is_some())
    }

    /// Whether it is the provider who makes the endpoint's secret, and sends it in the handshake.
    pub fn binds_secret(&self) -> bool {
        self.rules.iter().any(|rule| rule.binds_secret)
    }

    /// Whether it goes together with how the endpoint's deliveries are proven.
    ///
    /// What signs for strangers goes only with signatures over messages that hold the body as it is, so
    /// that [`could_sign`](Self::could_sign) can tell by the body. A signature over anything else, such as
    /// a JWS over its own text, could be one that was given away.
    pub fn fits(&self, scheme: Option<&Scheme>) -> Result<(), Unfit> {
        let signed = scheme.filter(|scheme| scheme.covers_body());
        let asks = |asks: fn(&Rule) -> bool| self.rules.iter().any(asks);
        if asks(|rule| rule.visits) && !signed.is_some_and(Scheme::has_certificate) {
            return Err(Unfit::OtherSender);
        }
        if asks(|rule| rule.signed || rule.binds_secret) && signed.is_none() {
            return Err(Unfit::Unsigned);
        }
        let hmac = signed.filter(|scheme| {
            scheme.algorithm() == Algorithm::HmacSha256 && scheme.signs_raw_body()
        });
        if asks(|rule| rule.respond.signs() || rule.binds_secret) && hmac.is_none() {
            return Err(Unfit::OtherAlgorithm);
        }
        Ok(())
    }
}

/// Why a handshake and a proof do not go together.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// The handshake uses the key of deliveries in a way that they do not.
    #[error(
        "it is made with HMAC-SHA256, so it needs a mode that proves deliveries with that, over the \
         body as it is"
    )]
    OtherAlgorithm,

    /// The handshake leads to a provider that signs with certificates.
    #[error(
        "it asks the provider back, so it needs the preset of that provider, such as `aws-sns`"
    )]
    OtherSender,

    /// It is answered only to what is signed, and nothing is.
    #[error("it rests on the signature of the body, so it needs a mode that has one")]
    Unsigned,
}

// The files are part of the source, and a test reads every one of them.
static PRESETS: LazyLock<Vec<Handshake>> = LazyLock::new(|| {
    let preset = |(name, text): &(&'static str, &'static str)| {
        let declared = Declared::read(text);
        let declared = declared.unwrap_or_else(|why| unreachable!("handshake {name}: {why}"));
        Handshake {
            name,
            title: declared.title,
            source: declared.source,
            next: declared.next,
            declaration: text,
            rules: declared.rules,
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
