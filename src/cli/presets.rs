//! `portcullis presets`: how providers sign, as far as this version knows.

use clap::Subcommand;
use serde::Serialize;

use super::failure::Failure;
use super::output;
use crate::auth::{Evidence, Preset};

#[derive(Debug, Subcommand)]
pub(super) enum PresetsCommand {
    /// List the presets, and what each rests on.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the declaration of one.
    Show {
        /// Its name.
        name: String,
    },
}

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
    sender_timeout_seconds: Option<i64>,
    notes: Option<&'a str>,
}

impl PresetsCommand {
    pub(super) fn run(self) -> Result<String, Failure> {
        match self {
            Self::List { json } => list(json),
            Self::Show { name } => Preset::named(&name)
                .map(|preset| preset.declaration.to_owned())
                .ok_or_else(|| Failure::NotFound(format!("there is no preset `{name}`"))),
        }
    }
}

/// What the proof covers, with a star where something is left open.
fn covers(preset: &Preset) -> String {
    let star = preset.scheme.leaves_open().map_or("", |_| "*");
    format!("{}{star}", preset.scheme.covers().word())
}

fn list(json: bool) -> Result<String, Failure> {
    if json {
        let row = |preset: &'static Preset| Row {
            name: preset.name,
            title: &preset.title,
            evidence: preset.evidence.word(),
            evidence_at: preset.evidence_at.as_deref(),
            source: &preset.source,
            algorithm: preset.scheme.algorithm().name(),
            covers: preset.scheme.covers().word(),
            leaves_open: preset.scheme.leaves_open(),
            sender_timeout_seconds: preset.sender_timeout.map(|timeout| timeout.as_secs()),
            notes: preset.notes.as_deref(),
        };
        return output::json(&Preset::all().iter().map(row).collect::<Vec<_>>());
    }
    let rows: Vec<[String; 6]> = Preset::all()
        .iter()
        .map(|preset| {
            [
                preset.name.to_owned(),
                preset.title.clone(),
                preset.evidence.word().to_owned(),
                preset.scheme.algorithm().name().to_owned(),
                covers(preset),
                preset.source.clone(),
            ]
        })
        .collect();
    let table = output::table(
        ["name", "for", "evidence", "algorithm", "covers", "source"],
        &rows,
        |_, _| None,
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
        let left = preset.scheme.leaves_open()?;
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
