//! `portcullis init`: a folder that `serve` can run in.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::output::shell_word;
use crate::app::Custody;
use crate::config::Config;

/// The folder; it is made if it is not there.
#[derive(Args, Debug)]
pub(super) struct Init {
    /// Where to put portcullis.toml, the store and the key.
    #[arg(default_value = ".")]
    folder: PathBuf,

    /// Where the backend is, as host and port.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:3000")]
    backend: String,
}

impl Init {
    pub(super) async fn run(self) -> Result<String, Failure> {
        let path = self.folder.join(FILE);
        let text = TEMPLATE.replace("127.0.0.1:3000", &self.backend);
        let config = Config::parse(&path, &text)?;
        if path.exists() {
            return Err(there_already(&path));
        }
        let folder_was_there = self.folder.exists();
        std::fs::create_dir_all(&self.folder)
            .map_err(|error| Failure::Other(format!("{}: {error}", self.folder.display())))?;
        let store = config.store.path().unwrap_or(Path::new(""));
        let files = [store, config.key_services.key_file.as_path()];
        let were_there = files.map(Path::exists);
        if let Err(failure) = make(&config, &path, &text).await {
            // A second try must not stumble over what this one has left.
            let made = files.iter().zip(were_there).filter(|(_, was)| !was);
            made.for_each(|(file, _)| drop(std::fs::remove_file(file)));
            if !folder_was_there {
                let _ = std::fs::remove_dir(&self.folder);
            }
            return Err(failure);
        }
        let config_option = if self.folder == Path::new(".") {
            String::new()
        } else {
            format!(" -c {}", shell_word(&path.to_string_lossy()))
        };
        let verb = |was_there| if was_there { "kept   " } else { "created" };
        let [store_verb, key_verb] = were_there.map(verb);
        Ok(format!(
            "created {}\n{store_verb} {}\n{key_verb} {} (the key: keep it safe, and keep a copy)\n\n\
             next:   portcullis{config_option} endpoint create workflows/hello --organisation me --workspace main\n        \
             portcullis{config_option} serve",
            path.display(),
            store.display(),
            config.key_services.key_file.display(),
        ))
    }
}

async fn make(config: &Config, path: &Path, text: &str) -> Result<(), Failure> {
    Custody::open(config).await?.close().await;
    write_new(path, text)
}

fn there_already(path: &Path) -> Failure {
    let path = path.display();
    Failure::Other(format!("{path} is there already; it was not touched"))
}

/// Writes a file that was not there before.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => there_already(path),
            _ => Failure::Other(format!("{}: {error}", path.display())),
        })
}

const FILE: &str = "portcullis.toml";
const TEMPLATE: &str = include_str!("../../conf/minimal.toml");
