//! `portcullis handshakes`: prints the built-in provider challenges.

use clap::Subcommand;
use serde::Serialize;

use super::failure::Failure;
use super::output;
use crate::challenge::Challenge;

#[derive(Debug, Subcommand)]
pub(super) enum HandshakesCommand {
    /// List provider challenges.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the declaration of a provider challenge.
    Show {
        /// The name of the challenge.
        name: String,
    },
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    title: &'a str,
    source: &'a str,
}

impl HandshakesCommand {
    pub(super) fn run(self) -> Result<String, Failure> {
        match self {
            Self::List { json } => list(json),
            Self::Show { name } => Challenge::named(&name)
                .map(|handshake| handshake.declaration.to_owned())
                .ok_or_else(|| Failure::NotFound(format!("handshake `{name}` does not exist; list them with: portcullis handshakes list"))),
        }
    }
}

fn list(json: bool) -> Result<String, Failure> {
    if json {
        let row = |handshake: &'static Challenge| Row {
            name: handshake.name,
            title: &handshake.title,
            source: &handshake.source,
        };
        return output::json(&Challenge::all().iter().map(row).collect::<Vec<_>>());
    }
    let rows: Vec<[String; 3]> = Challenge::all()
        .iter()
        .map(|it| [it.name.to_owned(), it.title.clone(), it.source.clone()])
        .collect();
    Ok(output::table(["name", "for", "source"], &rows, |_, _| None))
}
