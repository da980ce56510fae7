//! `portcullis store`: migrates, copies and backs up whole stores.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::Failure;
use super::output;
use crate::config::Config;
use crate::control::{Backup, backup_store, copy_store, migrate_store};
use crate::store::{Migration, StoreSettings};

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Migrate the schema of the store.
    ///
    /// `serve` migrates by itself, unless `store.migrate` is false.
    Migrate {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copy a store into an empty store.
    ///
    /// It copies between SQLite and PostgreSQL, in one transaction: endpoints, flows, encrypted secrets, tokens and the
    /// audit log. Captured deliveries are not copied. Gates may use the source meanwhile, but later changes there are not
    /// in the copy. A gate that serves the copy needs the same key.
    Copy(Copy),
    /// Back up the store into a new file.
    ///
    /// Gates may use the store meanwhile. The file is a SQLite store. To restore it, move it to `store.path`, or copy it
    /// into a database with `store copy --from FILE`. The key is not in the file, so back up the key too.
    Backup {
        /// The new file. It must not exist.
        file: PathBuf,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Options of `store copy`.
#[derive(Args, Debug)]
pub(super) struct Copy {
    /// The source: a SQLite file, or the configuration file of a gate.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,

    /// The destination, named in the same way. Default: the store of `--config`.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    /// Print JSON.
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
    struct MigrationReport {
        store: String,
        from: Option<i64>,
        to: i64,
    }
    let store = Config::load_for_command(config)?.store;
    let Migration { from, to } = migrate_store(&store).await?;
    if json {
        let store = store.to_string();
        return output::json(&MigrationReport { store, from, to });
    }
    Ok(match from {
        None => format!("{store}: created with schema {to}"),
        Some(from) if from == to => format!("{store}: up to date with schema {to}"),
        Some(from) => format!("{store}: migrated from schema {from} to {to}"),
    })
}

async fn backup(config: &Path, file: &Path, json: bool) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct BackupReport {
        store: String,
        file: String,
        bytes: u64,
    }
    let store = Config::load_for_command(config)?.store;
    let backup = backup_store(&store, file).await?;
    let shown = file.display();
    let size = file.metadata().map(|found| found.len());
    let bytes = size.map_err(|error| Failure::Other(format!("{shown}: {error}")))?;
    if json {
        let (store, file) = (store.to_string(), shown.to_string());
        return output::json(&BackupReport { store, file, bytes });
    }
    let omitted = match backup {
        Backup::File => "",
        Backup::Copy => " Captured deliveries are not in it.",
    };
    Ok(format!(
        "{shown}: {bytes} bytes, backup of {store}\nThe key is not in it, so back up the key too.{omitted}"
    ))
}

impl Copy {
    async fn run(self, config: &Path) -> Result<String, Failure> {
        #[derive(Serialize)]
        struct CopyReport<'a> {
            from: String,
            to: String,
            rows: &'a crate::store::CopyCounts,
        }
        let from = named(&self.from)?;
        let to = match &self.to {
            Some(file) => named(file)?,
            None => Config::load_for_command(config)?.store,
        };
        let rows = copy_store(&from, &to).await?;
        if self.json {
            return output::json(&CopyReport {
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
            "{}\n\ncopied from {from}\nto {to}\n\nThe secrets keep their encryption, so a gate that serves the \
             copy needs the same key.",
            output::table(["table", "rows"], &rows, |_, _| None)
        ))
    }
}

/// The store that `file` is (SQLite), or that the configuration in `file` names.
fn named(file: &Path) -> Result<StoreSettings, Failure> {
    let mut head = [0; SQLITE.len()];
    let is_store = File::open(file).and_then(|mut file| file.read_exact(&mut head));
    if is_store.is_ok() && head == *SQLITE {
        return Ok(StoreSettings::file(file.to_owned()));
    }
    Ok(Config::load_for_command(file)?.store)
}

/// The first bytes of every SQLite file (<https://www.sqlite.org/fileformat.html>).
const SQLITE: &[u8; 16] = b"SQLite format 3\0";
