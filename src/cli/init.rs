//! `portcullis init`: creates a folder with a configuration, a store and a key for `serve`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::Failure;
use super::output::shell_word;
use crate::app::Backends;
use crate::config::Config;

/// Options of `init`.
#[derive(Args, Debug)]
pub(super) struct Init {
    /// The folder for portcullis.toml, the store and the key.
    #[arg(default_value = ".")]
    folder: PathBuf,

    /// The address of the backend.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:3000")]
    backend: String,
}

impl Init {
    pub(super) async fn run(self) -> Result<String, Failure> {
        let path = self.folder.join(FILE);
        let text = TEMPLATE.replace("127.0.0.1:3000", &self.backend);
        let config = Config::parse(&path, &text)?;
        if path.exists() {
            return Err(exists_error(&path));
        }
        let folder_existed = self.folder.exists();
        std::fs::create_dir_all(&self.folder)
            .map_err(|error| Failure::Other(format!("{}: {error}", self.folder.display())))?;
        let store = config.store.path().unwrap_or(Path::new(""));
        let files = [store, config.key_services.key_file.as_path()];
        let existed = files.map(Path::exists);
        if let Err(failure) = make(&config, &path, &text).await {
            // Remove the files of this attempt, so that the next one starts clean.
            let created = files.iter().zip(existed).filter(|(_, was)| !was);
            created.for_each(|(file, _)| drop(std::fs::remove_file(file)));
            if !folder_existed {
                let _ = std::fs::remove_dir(&self.folder);
            }
            return Err(failure);
        }
        let config_option = if self.folder == Path::new(".") {
            String::new()
        } else {
            format!(" -c {}", shell_word(&path.to_string_lossy()))
        };
        let verb = |existed| if existed { "kept   " } else { "created" };
        let [store_verb, key_verb] = existed.map(verb);
        Ok(format!(
            "created {}\n{store_verb} {}\n{key_verb} {} (the key: store a copy in a safe place)\n\n\
             next:   portcullis{config_option} endpoint create workflows/hello --organisation me --workspace main\n        \
             portcullis{config_option} serve",
            path.display(),
            store.display(),
            config.key_services.key_file.display(),
        ))
    }
}

async fn make(config: &Config, path: &Path, text: &str) -> Result<(), Failure> {
    Backends::open(config).await?.close().await;
    write_new(path, text)
}

fn exists_error(path: &Path) -> Failure {
    let path = path.display();
    Failure::Other(format!(
        "{path}: exists already and was not changed. Choose another folder, or edit the file"
    ))
}

/// Writes a new file. Fails if it exists.
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
            ErrorKind::AlreadyExists => exists_error(path),
            _ => Failure::Other(format!("{}: {error}", path.display())),
        })
}

const FILE: &str = "portcullis.toml";
const TEMPLATE: &str = include_str!("../../conf/minimal.toml");
