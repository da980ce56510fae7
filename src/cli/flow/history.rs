//! `portcullis flow history`.

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::flow::{FlowMove, MoveAction, PartName};

/// Whose history.
#[derive(Args, Debug)]
pub(in crate::cli) struct Show {
    /// The flow.
    name: PartName,

    /// How many moves.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: u32,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown {
    flow: String,
    versions: Vec<ShownVersion>,
    moves: Vec<ShownMove>,
}

#[derive(Serialize)]
struct ShownVersion {
    version: u32,
    at: jiff::Timestamp,
    actor: String,
    origin: String,
    note: Option<String>,
    in_force: Vec<String>,
}

#[derive(Serialize)]
struct ShownMove {
    at: jiff::Timestamp,
    target: String,
    action: MoveAction,
    from: Option<u32>,
    to: Option<u32>,
    actor: String,
    origin: String,
}

impl Show {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let control = &session.control;
        let state = control.flow(&self.name).await?;
        let history = control.flow_history(&self.name, self.limit).await?;
        let versions = history.versions.into_iter().map(|version| ShownVersion {
            version: version.number,
            at: version.at,
            actor: version.by.name,
            origin: version.by.origin,
            note: version.note,
            in_force: state
                .places_of(version.number)
                .map(ToString::to_string)
                .collect(),
        });
        let shown = Shown {
            flow: self.name.to_string(),
            versions: versions.collect(),
            moves: history.moves.into_iter().map(ShownMove::from).collect(),
        };
        if self.json {
            return output::json(&shown);
        }
        if shown.versions.is_empty() {
            return Ok(format!("{}: nothing was released yet", self.name));
        }
        Ok(format!(
            "{}\n\n{}",
            versions_table(&shown),
            moves_table(&shown)
        ))
    }
}

impl From<FlowMove> for ShownMove {
    fn from(made: FlowMove) -> Self {
        Self {
            at: made.at,
            target: made.target.to_string(),
            action: made.action,
            from: made.from,
            to: made.to,
            actor: made.by.name,
            origin: made.by.origin,
        }
    }
}

fn versions_table(shown: &Shown) -> String {
    let rows: Vec<[String; 5]> = shown
        .versions
        .iter()
        .map(|it| {
            [
                it.version.to_string(),
                format!("{:.0}", it.at),
                it.actor.clone(),
                or_dash(it.in_force.join(", ")),
                or_dash(output::plain(it.note.as_deref().unwrap_or_default())),
            ]
        })
        .collect();
    output::table(
        ["version", "made", "by", "in force", "note"],
        &rows,
        |_, _| None,
    )
}

fn moves_table(shown: &Shown) -> String {
    let version = |it: Option<u32>| or_dash(it.map_or_else(String::new, |it| it.to_string()));
    let rows: Vec<[String; 6]> = shown
        .moves
        .iter()
        .map(|it| {
            [
                format!("{:.0}", it.at),
                it.target.clone(),
                it.action.to_string(),
                version(it.from),
                version(it.to),
                it.actor.clone(),
            ]
        })
        .collect();
    output::table(
        ["when", "target", "move", "from", "to", "by"],
        &rows,
        |_, _| None,
    )
}

fn or_dash(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}
