//! Presets: schemes by name, each one a file in `presets/` that people can read.

use std::sync::LazyLock;

use jiff::SignedDuration;
use toml_span::de_helpers::TableHelper;
use toml_span::value::Value;
use toml_span::{DeserError, Deserialize};

use super::Scheme;

/// How a provider signs its deliveries.
#[derive(Clone, Debug)]
pub struct Preset {
    /// The name, as configuration writes it.
    pub name: &'static str,
    /// What it is for.
    pub title: String,
    /// The provider's own page about it.
    pub source: String,
    /// What the preset rests on.
    pub evidence: Evidence,
    /// Where that stands, if it is not the page itself.
    pub evidence_at: Option<String>,
    /// How long the provider waits for an answer, if it says so.
    pub sender_timeout: Option<SignedDuration>,
    /// Whether a refusal has to have an empty body, or the provider takes the endpoint for broken.
    pub refuses_empty: bool,
    /// What an operator has to know.
    pub notes: Option<String>,
    /// The scheme.
    pub scheme: Scheme,
    /// The declaration, as it stands in the source.
    pub declaration: &'static str,
}

impl Preset {
    /// Every provider's preset, in the order of the names.
    pub fn all() -> &'static [Self] {
        &PROVIDERS
    }

    /// The preset of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PROVIDERS.iter().find(|preset| preset.name == name)
    }
}

/// What a preset rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Evidence {
    /// Several independent catalogues of signatures agree; nobody here has seen a delivery.
    Catalogues,
    /// The provider's own library or program, read or run.
    Sdk,
    /// The provider's own page states the rule.
    Source,
    /// Nobody has confirmed it: try it against a live delivery first.
    Unconfirmed,
    /// Somebody has published a delivery with its signature, and a test verifies it.
    Vector,
}

impl Evidence {
    /// Every kind, the strongest first.
    pub const ALL: [Self; 5] = [
        Self::Vector,
        Self::Sdk,
        Self::Source,
        Self::Catalogues,
        Self::Unconfirmed,
    ];

    /// The word in lists.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Catalogues => "catalogues",
            Self::Sdk => "sdk",
            Self::Source => "source",
            Self::Unconfirmed => "unconfirmed",
            Self::Vector => "vector",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// The scheme of a mode that is no provider's.
pub(super) fn generic(name: &str) -> Option<&'static Scheme> {
    let found = GENERIC.iter().find(|(known, _)| *known == name);
    found.map(|(_, scheme)| scheme)
}

struct Declared {
    title: String,
    source: String,
    evidence: Evidence,
    evidence_at: Option<String>,
    sender_timeout: Option<SignedDuration>,
    refuses_empty: bool,
    notes: Option<String>,
    scheme: Scheme,
}

impl<'de> Deserialize<'de> for Declared {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let title = table.required("title")?;
        let source = table.required("source")?;
        let evidence: String = table.required("evidence")?;
        let evidence = Evidence::from_word(&evidence)
            .unwrap_or_else(|| unreachable!("no evidence `{evidence}`"));
        let evidence_at = table.optional("evidence_at");
        let sender_timeout = table.optional::<String>("sender_timeout").map(|text| {
            text.parse()
                .unwrap_or_else(|error| unreachable!("no duration `{text}`: {error}"))
        });
        let refuses_empty = match table.optional::<String>("refusal").as_deref() {
            None => false,
            Some("empty") => true,
            Some(other) => unreachable!("no refusal `{other}`"),
        };
        let notes = table.optional("notes");
        let scheme = table.required("scheme")?;
        table.finalize(None)?;
        Ok(Self {
            title,
            source,
            evidence,
            evidence_at,
            sender_timeout,
            refuses_empty,
            notes,
            scheme,
        })
    }
}

// The files are part of the source, and a test reads every one of them.
fn read<T: for<'de> Deserialize<'de>>(name: &str, text: &str) -> T {
    toml_span::parse(text)
        .map_err(DeserError::from)
        .and_then(|mut value| T::deserialize(&mut value))
        .unwrap_or_else(|error| unreachable!("preset {name}: {error}"))
}

static PROVIDERS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let preset = |(name, text): &(&'static str, &'static str)| {
        let declared: Declared = read(name, text);
        Preset {
            name,
            title: declared.title,
            source: declared.source,
            evidence: declared.evidence,
            evidence_at: declared.evidence_at,
            sender_timeout: declared.sender_timeout,
            refuses_empty: declared.refuses_empty,
            notes: declared.notes,
            scheme: declared.scheme,
            declaration: text,
        }
    };
    PROVIDER_FILES.iter().map(preset).collect()
});

static GENERIC: LazyLock<Vec<(&str, Scheme)>> = LazyLock::new(|| {
    let scheme = |(name, text): &(&'static str, &'static str)| (*name, read(name, text));
    GENERIC_FILES.iter().map(scheme).collect()
});

const GENERIC_FILES: &[(&str, &str)] = &[
    ("api-key", include_str!("presets/api-key.toml")),
    ("bearer", include_str!("presets/bearer.toml")),
    ("hmac-sha256", include_str!("presets/hmac-sha256.toml")),
    ("secret", include_str!("presets/secret.toml")),
];

macro_rules! providers {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("presets/providers/", $name, ".toml")))),*]
    };
}

const PROVIDER_FILES: &[(&str, &str)] = providers![
    "adyen-payments",
    "adyen-platform",
    "airtable",
    "asana",
    "auth0",
    "bitbucket",
    "box",
    "braintree",
    "brex",
    "buildkite",
    "buildkite-token",
    "calcom",
    "calendly",
    "circleci",
    "clerk",
    "cloudflare-notifications",
    "cloudflare-stream",
    "coinbase-cdp",
    "coinbase-commerce",
    "contentful",
    "customerio",
    "discord",
    "docusign",
    "dropbox",
    "easypost",
    "forgejo",
    "front",
    "fusionauth",
    "gitea",
    "gitea-form",
    "github",
    "github-sha1",
    "gitlab",
    "gitlab-token",
    "gocardless",
    "heroku",
    "hubspot-v1",
    "hubspot-v2",
    "hubspot-v3",
    "intercom",
    "jira",
    "jira-connect",
    "klaviyo",
    "launchdarkly",
    "lemonsqueezy",
    "line",
    "linear",
    "linkedin",
    "livekit",
    "mailgun",
    "mailgun-form",
    "meta",
    "monday",
    "ms-graph",
    "ms-teams",
    "mux",
    "netlify",
    "notion",
    "okta",
    "onfido",
    "openai",
    "paddle",
    "pagerduty",
    "paypal-pinned",
    "paystack",
    "persona",
    "plaid",
    "plivo-v2",
    "plivo-v3",
    "polar",
    "postmark",
    "razorpay",
    "recurly",
    "resend",
    "revenuecat",
    "rfc9421",
    "rfc9421-ecdsa",
    "rfc9421-ed25519",
    "rfc9421-rsa",
    "sanity",
    "sendgrid",
    "sentry",
    "shopify",
    "slack",
    "square",
    "standard-webhooks",
    "standard-webhooks-v1a",
    "stripe",
    "svix",
    "telegram",
    "telnyx",
    "trello",
    "twilio",
    "twilio-sha256",
    "twitch",
    "typeform",
    "vercel",
    "vonage",
    "wix",
    "workos",
    "x",
    "xero",
    "zendesk",
    "zoom",
];
