//! `portcullis store`: the schema, and the way from one store to another.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::Failure;
use super::output;
use crate::config::Config;
use crate::control::{Backup, backup_store, copy_store, migrate_store};
use crate::store::{Migrated, StoreSettings};

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Bring the schema of the store up to date. `serve` does it by itself, unless `store.migrate` is false.
    Migrate {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copy a store into another one that is empty: from SQLite to PostgreSQL, or back.
    ///
    /// Endpoints, flows with their versions, every version of every secret as it is sealed, tokens and the audit
    /// log go along; refused deliveries that were kept do not. It is one transaction: all of it or nothing. Gates may go on with
    /// the source meanwhile, but what is changed there after the beginning is not in the copy. Whoever
    /// serves the copy needs the same key.
    Copy(Copy),
    /// Back the store up into a new file, while gates use it.
    ///
    /// The file is a SQLite store. To restore it, put it where `store.path` says, or fill a database from it with
    /// `store copy --from FILE`. The key is not in it: keep a copy of the key, too.
    Backup {
        /// The file. It must not exist.
        file: PathBuf,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// From where to where.
#[derive(Args, Debug)]
pub(super) struct Copy {
    /// The store to be read: a configuration that names it, or a file of SQLite.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,

    /// The store to be filled, named in the same way. Without it: that of the configuration (`--config`).
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl StoreCommand {
    pub(super) async fn run(self, config: &Path) -> Result<String, Failure> {
        match self {
            Self::Migrate { json } => migrate(config, json).await,
            Self::Copy(copy) => copy.run(config).await,
            Self::Backup { file, json } => backup(config, &file, json).await,
        }
    }
}

async fn migrate(config: &Path, json: bool) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Done {
        store: String,
        from: Option<i64>,
        to: i64,
    }
    let store = Config::load_for_command(config)?.store;
    let Migrated { from, to } = migrate_store(&store).await?;
    if json {
        let store = store.to_string();
        return output::json(&Done { store, from, to });
    }
    Ok(match from {
        None => format!("{store}: made, with the schema {to}"),
        Some(from) if from == to => format!("{store}: is up to date, with the schema {to}"),
        Some(from) => format!("{store}: brought from the schema {from} to {to}"),
    })
}

async fn backup(config: &Path, file: &Path, json: bool) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Done {
        store: String,
        file: String,
        bytes: u64,
    }
    let store = Config::load_for_command(config)?.store;
    let made = backup_store(&store, file).await?;
    let shown = file.display();
    let size = file.metadata().map(|found| found.len());
    let bytes = size.map_err(|error| Failure::Other(format!("{shown}: {error}")))?;
    if json {
        let (store, file) = (store.to_string(), shown.to_string());
        return output::json(&Done { store, file, bytes });
    }
    let kept = match made {
        Backup::File => "",
        Backup::Copy => " Kept refusals are not in it.",
    };
    Ok(format!(
        "{shown}: {bytes} bytes, a backup of {store}\nThe key is not in it: keep a copy of the key, too.{kept}"
    ))
}

impl Copy {
    async fn run(self, config: &Path) -> Result<String, Failure> {
        #[derive(Serialize)]
        struct Done<'a> {
            from: String,
            to: String,
            rows: &'a crate::store::Copied,
        }
        let from = named(&self.from)?;
        let to = match &self.to {
            Some(file) => named(file)?,
            None => Config::load_for_command(config)?.store,
        };
        let rows = copy_store(&from, &to).await?;
        if self.json {
            return output::json(&Done {
                from: from.to_string(),
                to: to.to_string(),
                rows: &rows,
            });
        }
        let rows: Vec<[String; 2]> = rows
            .iter()
            .map(|(table, rows)| [(*table).to_owned(), rows.to_string()])
            .collect();
        Ok(format!(
            "{}\n\ncopied from {from}\nto {to}\n\nThe secrets are sealed as they were: whoever serves the \
             copy needs the same key.",
            output::table(["table", "rows"], &rows, |_, _| None)
        ))
    }
}

/// The store that a file is, or that a configuration names.
fn named(file: &Path) -> Result<StoreSettings, Failure> {
    let mut head = [0; SQLITE.len()];
    let is_store = File::open(file).and_then(|mut file| file.read_exact(&mut head));
    if is_store.is_ok() && head == *SQLITE {
        return Ok(StoreSettings::file(file.to_owned()));
    }
    Ok(Config::load_for_command(file)?.store)
}

/// How every file of SQLite begins (<https://www.sqlite.org/fileformat.html>).
const SQLITE: &[u8; 16] = b"SQLite format 3\0";
