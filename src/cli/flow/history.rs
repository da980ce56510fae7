//! `portcullis flow history`: the versions of a flow and their moves between targets.

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::flow::{FlowMove, MoveAction, PartName};

/// Options of `flow history`.
#[derive(Args, Debug)]
pub(in crate::cli) struct History {
    /// The flow.
    name: PartName,

    /// The largest number of moves to show.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: u32,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct HistoryView {
    flow: String,
    versions: Vec<VersionView>,
    moves: Vec<MoveView>,
}

#[derive(Serialize)]
struct VersionView {
    version: u32,
    at: jiff::Timestamp,
    actor: String,
    origin: String,
    note: Option<String>,
    in_force: Vec<String>,
}

#[derive(Serialize)]
struct MoveView {
    at: jiff::Timestamp,
    target: String,
    action: MoveAction,
    from: Option<u32>,
    to: Option<u32>,
    actor: String,
    origin: String,
}

impl History {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let control = &session.control;
        let state = control.flow(&self.name).await?;
        let history = control.flow_history(&self.name, self.limit).await?;
        let versions = history.versions.into_iter().map(|version| VersionView {
            version: version.number,
            at: version.at,
            actor: version.by.name().to_owned(),
            origin: version.by.origin(),
            note: version.note,
            in_force: state
                .places_of(version.number)
                .map(ToString::to_string)
                .collect(),
        });
        let view = HistoryView {
            flow: self.name.to_string(),
            versions: versions.collect(),
            moves: history.moves.into_iter().map(MoveView::from).collect(),
        };
        if self.json {
            return output::json(&view);
        }
        if view.versions.is_empty() {
            return Ok(format!("{}: no version was released yet", self.name));
        }
        Ok(format!(
            "{}\n\n{}",
            versions_table(&view),
            moves_table(&view)
        ))
    }
}

impl From<FlowMove> for MoveView {
    fn from(made: FlowMove) -> Self {
        Self {
            at: made.at,
            target: made.target.to_string(),
            action: made.action,
            from: made.from,
            to: made.to,
            actor: made.by.name().to_owned(),
            origin: made.by.origin(),
        }
    }
}

fn versions_table(view: &HistoryView) -> String {
    let rows: Vec<[String; 5]> = view
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

fn moves_table(view: &HistoryView) -> String {
    let version = |it: Option<u32>| or_dash(it.map_or_else(String::new, |it| it.to_string()));
    let rows: Vec<[String; 6]> = view
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
