//! The preset files: embedded in the binary and parsed once.
//!
//! A file that does not parse is a bug in the source. Parsing panics then, and a test parses every file.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use jiff::SignedDuration;
use toml_span::de_helpers::TableHelper;
use toml_span::value::Value;
use toml_span::{DeserError, Deserialize};

use super::{
    Evidence, OtherCredential, Preset, Recipient, Retries, Scheme, SecretAlphabet, SecretIssuer,
    SecretShape, Sender,
};

/// The contents of a preset file.
struct PresetFile {
    title: String,
    source: String,
    evidence: Evidence,
    evidence_at: Option<String>,
    sender_timeout: Option<SignedDuration>,
    refuses_empty: bool,
    probed: bool,
    secret: SecretIssuer,
    secret_shape: SecretShape,
    notes: Option<String>,
    sender: Sender,
    scheme: Scheme,
}

impl<'de> Deserialize<'de> for Sender {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let retries: String = table.required("retries")?;
        let retries = Retries::from_word(&retries)
            .unwrap_or_else(|| unreachable!("unknown `retries`: `{retries}`"));
        let retry_span = duration(&mut table, "retry_span");
        let own_window = duration(&mut table, "own_window");
        let fresh_signature = table.optional("fresh_signature");
        let retries_source = table.optional("retries_source");
        let recipient: String = table.required("recipient")?;
        let recipient = Recipient::from_word(&recipient)
            .unwrap_or_else(|| unreachable!("unknown `recipient`: `{recipient}`"));
        let account_source = table.optional("account_source");
        let no_account = table.optional("no_account");
        table.finalize(None)?;
        Ok(Self {
            retries,
            retry_span,
            fresh_signature,
            own_window,
            retries_source,
            recipient,
            account_source,
            no_account,
        })
    }
}

impl<'de> Deserialize<'de> for PresetFile {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let title = table.required("title")?;
        let source = table.required("source")?;
        let evidence: String = table.required("evidence")?;
        let evidence = Evidence::from_word(&evidence)
            .unwrap_or_else(|| unreachable!("unknown `evidence`: `{evidence}`"));
        let evidence_at = table.optional("evidence_at");
        let sender_timeout = duration(&mut table, "sender_timeout");
        let refuses_empty = match table.optional::<String>("refusal").as_deref() {
            None => false,
            Some("empty") => true,
            Some(other) => unreachable!("unknown `refusal`: `{other}`"),
        };
        let probed = match table.optional::<String>("probe").as_deref() {
            None => false,
            Some("HEAD") => true,
            Some(other) => unreachable!("unknown `probe`: `{other}`"),
        };
        let secret: String = table.required("secret")?;
        let secret = SecretIssuer::from_word(&secret)
            .unwrap_or_else(|| unreachable!("unknown `secret`: `{secret}`"));
        let secret_shape = secret_shape(&mut table);
        let notes = table.optional("notes");
        let sender = table.required("sender")?;
        let scheme = table.required("scheme")?;
        table.finalize(None)?;
        Ok(Self {
            title,
            source,
            evidence,
            evidence_at,
            sender_timeout,
            refuses_empty,
            probed,
            secret,
            secret_shape,
            notes,
            sender,
            scheme,
        })
    }
}

impl<'de> Deserialize<'de> for OtherCredential {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let prefix = table.required("prefix")?;
        let hex_digits = table.optional("hex_digits");
        let noun = table.required("is")?;
        table.finalize(None)?;
        Ok(Self {
            prefix,
            hex_digits,
            noun,
        })
    }
}

fn secret_shape(table: &mut TableHelper<'_>) -> SecretShape {
    let alphabet = table.optional::<String>("secret_alphabet").map(|word| {
        SecretAlphabet::from_word(&word)
            .unwrap_or_else(|| unreachable!("unknown `secret_alphabet`: `{word}`"))
    });
    SecretShape {
        bytes: lengths(table, "secret_bytes"),
        usual_bytes: lengths(table, "secret_usual_bytes"),
        alphabet,
        confusable: table.optional("secret_is_not").unwrap_or_default(),
        expected: table.optional("secret_is"),
        source: table.optional("secret_source"),
    }
}

fn lengths(table: &mut TableHelper<'_>, key: &'static str) -> Option<RangeInclusive<usize>> {
    let bounds = <[usize; 2]>::try_from(table.optional::<Vec<usize>>(key)?);
    let [least, most] = bounds.unwrap_or_else(|_| unreachable!("`{key}` must have two lengths"));
    Some(least..=most)
}

fn duration(table: &mut TableHelper<'_>, key: &'static str) -> Option<SignedDuration> {
    let text = table.optional::<String>(key)?;
    let parsed = text.parse();
    Some(
        parsed.unwrap_or_else(|error| unreachable!("`{key}` is not a duration: `{text}`: {error}")),
    )
}

/// Parses an embedded file. The error cannot occur: a test parses every file.
fn read<T: for<'de> Deserialize<'de>>(name: &str, text: &str) -> T {
    toml_span::parse(text)
        .map_err(DeserError::from)
        .and_then(|mut value| T::deserialize(&mut value))
        .unwrap_or_else(|error| unreachable!("preset {name}: {error}"))
}

pub(super) static PROVIDERS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let preset = |(name, text): &(&'static str, &'static str)| {
        let file: PresetFile = read(name, text);
        Preset {
            name,
            title: file.title,
            source: file.source,
            evidence: file.evidence,
            evidence_at: file.evidence_at,
            sender_timeout: file.sender_timeout,
            refuses_empty: file.refuses_empty,
            probed: file.probed,
            secret: file.secret,
            secret_shape: file.secret_shape,
            notes: file.notes,
            sender: file.sender,
            scheme: file.scheme,
            declaration: text,
        }
    };
    PROVIDER_FILES.iter().map(preset).collect()
});

pub(super) static GENERIC: LazyLock<Vec<(&str, Scheme)>> = LazyLock::new(|| {
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
    "aws-sns",
    "aws-sns-sha1",
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
    "supabase",
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
