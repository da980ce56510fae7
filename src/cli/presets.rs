//! `portcullis presets`: prints the built-in presets: how providers sign and retry.

use clap::Subcommand;
use jiff::SignedDuration;

use super::failure::Failure;
use super::output;
use crate::auth::{Evidence, Preset};
use crate::control::{
    PresetView, UNBOUND_RECIPIENT, preset_accounts, preset_recipient, preset_window,
};
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
                    return output::json(&PresetView::of(preset));
                }
                Ok(format!("{}\n\n{}", facts(preset), preset.declaration))
            }
        }
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
        ("window", preset_window(preset)),
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

/// The same, with the places of the account and their source, or the reason for none.
fn recipient_in_full(preset: &Preset) -> String {
    let sender = &preset.sender;
    let short = preset_recipient(preset);
    if preset.scheme.account().is_some() {
        let source = sender.account_source.as_deref().unwrap_or_default();
        return format!(
            "{short}, named at {} ({source})",
            preset_accounts(preset).join(", ")
        );
    }
    match sender.no_account.as_deref() {
        Some(reason) => format!("{short}; no account: {reason}"),
        None => short,
    }
}

fn duration(time: SignedDuration) -> String {
    format!("{time:#}")
}

fn list(json: bool) -> Result<String, Failure> {
    if json {
        return output::json(&Preset::all().iter().map(PresetView::of).collect::<Vec<_>>());
    }
    let rows: Vec<[String; 9]> = Preset::all()
        .iter()
        .map(|preset| {
            let window = match preset.scheme.timestamp() {
                Some(rule) if rule.window.is_some() => preset_window(preset),
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
                preset_recipient(preset),
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
        |column, cell| (column == 7 && cell == UNBOUND_RECIPIENT).then_some(output::ALARM),
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

const SAME_SECOND: &str = "no id is signed: a second delivery with the same body in the same second gets 409, unless another signed part differs";
