//! A preset as operators see it: how a provider signs and retries.

use jiff::SignedDuration;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{AccountRule, Preset, Recipient};
use crate::directory::Duplicates;

/// A preset with the facts that determine the behaviour of an endpoint.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Preset)]
pub struct PresetView {
    /// Its name.
    pub name: &'static str,
    /// The provider.
    pub title: &'static str,
    /// What the preset is checked against.
    pub evidence: &'static str,
    /// Where that stands.
    pub evidence_at: Option<&'static str>,
    /// The documentation of the provider.
    pub source: &'static str,
    /// The algorithm of the proof.
    pub algorithm: &'static str,
    /// The part of a delivery that the proof covers.
    pub covers: &'static str,
    /// The part that it leaves open, if there is one.
    pub leaves_open: Option<&'static str>,
    /// The largest accepted age of a delivery, in words.
    pub window: String,
    /// The same in seconds.
    pub window_seconds: Option<i64>,
    /// How far ahead a time may be, in seconds.
    pub window_future_seconds: Option<i64>,
    /// Whether the provider retries.
    pub retries: &'static str,
    /// For how long, in seconds.
    pub retry_span_seconds: Option<i64>,
    /// Where that stands.
    pub retries_source: Option<&'static str>,
    /// Whether each attempt is signed anew.
    pub fresh_signature: Option<bool>,
    /// How duplicates are answered by default.
    pub duplicates: &'static str,
    /// What binds a delivery to its endpoint.
    pub recipient: String,
    /// Where deliveries name their account.
    pub account: Vec<String>,
    /// Where that stands.
    pub account_source: Option<&'static str>,
    /// Why there is none.
    pub no_account: Option<&'static str>,
    /// How long the provider waits, in seconds.
    pub sender_timeout_seconds: Option<i64>,
    /// What else to know.
    pub notes: Option<&'static str>,
}

impl PresetView {
    /// The view of a preset.
    pub fn of(preset: &'static Preset) -> Self {
        let window = preset.scheme.timestamp().and_then(|rule| rule.window);
        let sender = &preset.sender;
        Self {
            name: preset.name,
            title: &preset.title,
            evidence: preset.evidence.word(),
            evidence_at: preset.evidence_at.as_deref(),
            source: &preset.source,
            algorithm: preset.scheme.algorithm().name(),
            covers: preset.scheme.covers().word(),
            leaves_open: preset.scheme.weakness(),
            window: self::preset_window(preset),
            window_seconds: window.map(|(past, _)| past.as_secs()),
            window_future_seconds: window.map(|(_, future)| future.as_secs()),
            retries: sender.retries.word(),
            retry_span_seconds: sender.retry_span.map(|span| span.as_secs()),
            retries_source: sender.retries_source.as_deref(),
            fresh_signature: sender.fresh_signature,
            duplicates: Duplicates::default_for(Some(sender)).word(),
            recipient: preset_recipient(preset),
            account: preset_accounts(preset),
            account_source: sender.account_source.as_deref(),
            no_account: sender.no_account.as_deref(),
            sender_timeout_seconds: preset.sender_timeout.map(|timeout| timeout.as_secs()),
            notes: preset.notes.as_deref(),
        }
    }
}

/// The largest accepted age of a delivery.
pub fn preset_window(preset: &Preset) -> String {
    let Some(rule) = preset.scheme.timestamp() else {
        return if preset.scheme.states_expiry() {
            "until the expiry in the token".to_owned()
        } else {
            "none: no time is signed".to_owned()
        };
    };
    match (rule.window, rule.no_window_because.as_deref()) {
        (Some((past, future)), _) if past == future => duration(past),
        (Some((past, future)), _) => {
            format!("{} ({} ahead)", duration(past), duration(future))
        }
        (None, Some(reason)) => format!("none: {reason}"),
        (None, None) => "none".to_owned(),
    }
}

/// What binds a delivery to its endpoint.
pub fn preset_recipient(preset: &Preset) -> String {
    let by_url = if preset.scheme.binds_url() {
        ", url"
    } else {
        ""
    };
    let by_account = preset
        .scheme
        .account()
        .map_or("", |_| "; bind with account");
    match preset.sender.recipient {
        Recipient::AppKey => format!("app key{by_url}{by_account}"),
        Recipient::Key => format!("key{by_url}{by_account}"),
        Recipient::Setting => {
            let names: Vec<&str> = preset.scheme.settings().collect();
            format!("setting {}", names.join(", "))
        }
        Recipient::Url => "url".to_owned(),
        Recipient::None => UNBOUND_RECIPIENT.to_owned(),
    }
}

/// The places where deliveries name their account.
pub fn preset_accounts(preset: &Preset) -> Vec<String> {
    let places = preset.scheme.account().map(AccountRule::places);
    let places = places.unwrap_or_default();
    places.iter().map(ToString::to_string).collect()
}

fn duration(time: SignedDuration) -> String {
    format!("{time:#}")
}

/// The word for a recipient that nothing binds.
pub const UNBOUND_RECIPIENT: &str = "NOT BOUND";
