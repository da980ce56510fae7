//! `portcullis presets`: prints the built-in presets: how providers sign and retry.

use clap::Subcommand;
use jiff::SignedDuration;
use serde::Serialize;

use super::failure::Failure;
use super::output;
use crate::auth::{AccountRule, Evidence, Preset, Recipient};
use crate::directory::Duplicates;

#[derive(Debug, Subcommand)]
pub(super) enum PresetsCommand {
    /// List presets and the evidence for each.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show a preset: window, retries, recipient and scheme.
    Show {
        /// The name of the preset.
        name: String,
        /// Print JSON, without the declaration.
        #[arg(long)]
        json: bool,
    },
}

/// A preset in the JSON output.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    title: &'a str,
    evidence: &'a str,
    evidence_at: Option<&'a str>,
    source: &'a str,
    algorithm: &'a str,
    covers: &'a str,
    leaves_open: Option<&'a str>,
    window: String,
    window_seconds: Option<i64>,
    window_future_seconds: Option<i64>,
    retries: &'a str,
    retry_span_seconds: Option<i64>,
    retries_source: Option<&'a str>,
    fresh_signature: Option<bool>,
    duplicates: &'a str,
    recipient: String,
    account: Vec<String>,
    account_source: Option<&'a str>,
    no_account: Option<&'a str>,
    sender_timeout_seconds: Option<i64>,
    notes: Option<&'a str>,
}

impl PresetsCommand {
    pub(super) fn run(self) -> Result<String, Failure> {
        match self {
            Self::List { json } => list(json),
            Self::Show { name, json } => {
                let preset = Preset::named(&name).ok_or_else(|| {
                    Failure::NotFound(format!(
                        "preset `{name}` does not exist; list them with: portcullis presets list"
                    ))
                })?;
                if json {
                    return output::json(&row(preset));
                }
                Ok(format!("{}\n\n{}", facts(preset), preset.declaration))
            }
        }
    }
}

fn row(preset: &'static Preset) -> Row<'static> {
    let window = preset.scheme.timestamp().and_then(|rule| rule.window);
    let sender = &preset.sender;
    Row {
        name: preset.name,
        title: &preset.title,
        evidence: preset.evidence.word(),
        evidence_at: preset.evidence_at.as_deref(),
        source: &preset.source,
        algorithm: preset.scheme.algorithm().name(),
        covers: preset.scheme.covers().word(),
        leaves_open: preset.scheme.weakness(),
        window: self::window(preset),
        window_seconds: window.map(|(past, _)| past.as_secs()),
        window_future_seconds: window.map(|(_, future)| future.as_secs()),
        retries: sender.retries.word(),
        retry_span_seconds: sender.retry_span.map(|span| span.as_secs()),
        retries_source: sender.retries_source.as_deref(),
        fresh_signature: sender.fresh_signature,
        duplicates: Duplicates::default_for(Some(sender)).word(),
        recipient: recipient(preset),
        account: account(preset),
        account_source: sender.account_source.as_deref(),
        no_account: sender.no_account.as_deref(),
        sender_timeout_seconds: preset.sender_timeout.map(|timeout| timeout.as_secs()),
        notes: preset.notes.as_deref(),
    }
}

/// The facts that determine the behaviour of an endpoint with this preset.
fn facts(preset: &Preset) -> String {
    let sender = &preset.sender;
    let span = sender.retry_span.map_or_else(String::new, |span| {
        format!(", for up to {}", duration(span))
    });
    let signed = match sender.fresh_signature {
        Some(true) => ", each attempt signed anew",
        Some(false) => ", each attempt with the first signature",
        None if sender.own_window.is_some() => ", the provider's library uses such a window",
        None => "",
    };
    let covered = preset.scheme.covers().word();
    let covered = match preset.scheme.weakness() {
        Some(left) => format!("{covered}; {left}"),
        None => covered.to_owned(),
    };
    let source = sender.retries_source.as_deref();
    let source = source.map_or_else(String::new, |source| format!(" ({source})"));
    let mut facts = vec![
        ("preset", preset.name.to_owned()),
        ("for", preset.title.clone()),
        ("algorithm", preset.scheme.algorithm().name().to_owned()),
        ("covers", covered),
        ("window", window(preset)),
        (
            "retries",
            format!("{}{span}{signed}{source}", sender.retries.word()),
        ),
        (
            "duplicates",
            format!("{} by default", Duplicates::default_for(Some(sender))),
        ),
        ("recipient", recipient_in_full(preset)),
    ];
    if preset.scheme.may_repeat_within_a_second() {
        facts.push(("replays", SAME_SECOND.to_owned()));
    }
    let lines = facts
        .iter()
        .map(|(name, value)| format!("{name:<12}{value}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The coverage of the proof, with a star if part of the request is not covered.
fn covers(preset: &Preset) -> String {
    let star = preset.scheme.weakness().map_or("", |_| "*");
    format!("{}{star}", preset.scheme.covers().word())
}

/// The largest accepted age of a delivery.
fn window(preset: &Preset) -> String {
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
fn recipient(preset: &Preset) -> String {
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
        Recipient::None => UNBOUND.to_owned(),
    }
}

/// The same, with the places of the account and their source, or the reason for none.
fn recipient_in_full(preset: &Preset) -> String {
    let sender = &preset.sender;
    let short = recipient(preset);
    if preset.scheme.account().is_some() {
        let source = sender.account_source.as_deref().unwrap_or_default();
        return format!(
            "{short}, named at {} ({source})",
            account(preset).join(", ")
        );
    }
    match sender.no_account.as_deref() {
        Some(reason) => format!("{short}; no account: {reason}"),
        None => short,
    }
}

/// The places where deliveries name their account.
fn account(preset: &Preset) -> Vec<String> {
    let places = preset.scheme.account().map(AccountRule::places);
    let places = places.unwrap_or_default();
    places.iter().map(ToString::to_string).collect()
}

fn duration(time: SignedDuration) -> String {
    format!("{time:#}")
}

fn list(json: bool) -> Result<String, Failure> {
    if json {
        return output::json(&Preset::all().iter().map(row).collect::<Vec<_>>());
    }
    let rows: Vec<[String; 9]> = Preset::all()
        .iter()
        .map(|preset| {
            let window = match preset.scheme.timestamp() {
                Some(rule) if rule.window.is_some() => self::window(preset),
                None if preset.scheme.states_expiry() => "stated".to_owned(),
                _ => "none".to_owned(),
            };
            [
                preset.name.to_owned(),
                preset.title.clone(),
                preset.evidence.word().to_owned(),
                preset.scheme.algorithm().name().to_owned(),
                covers(preset),
                window,
                preset.sender.retries.word().to_owned(),
                recipient(preset),
                preset.source.clone(),
            ]
        })
        .collect();
    let table = output::table(
        [
            "name",
            "for",
            "evidence",
            "algorithm",
            "covers",
            "window",
            "retries",
            "recipient",
            "source",
        ],
        &rows,
        |column, cell| (column == 7 && cell == UNBOUND).then_some(output::ALARM),
    );
    let counts: Vec<String> = Evidence::ALL
        .into_iter()
        .map(|kind| {
            let count = Preset::all()
                .iter()
                .filter(|it| it.evidence == kind)
                .count();
            format!("{count} {}", kind.word())
        })
        .collect();
    let notes = Preset::all().iter().filter_map(|preset| {
        let left = preset.scheme.weakness()?;
        Some(format!("* {}: {left}", preset.name))
    });
    let notes: Vec<String> = notes.collect();
    Ok(format!(
        "{table}\n\n{}\n\n{} presets: {}",
        notes.join("\n"),
        rows.len(),
        counts.join(", ")
    ))
}

const UNBOUND: &str = "NOT BOUND";
const SAME_SECOND: &str = "no id is signed: a second delivery with the same body in the same second gets 409, unless another signed part differs";
