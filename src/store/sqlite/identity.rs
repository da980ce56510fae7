//! Whether the path of a store still leads to the files that were opened.
//!
//! A file that is moved to the name of a store while a server has it open is another store. The server
//! would go on reading the old one, and admit secrets that were revoked in the new one. The log (`-wal`) and its
//! index (`-shm`) are parts of the store: if they are removed, other processes make new ones and write there, where
//! this process does not read. (A backup that is written into the same file is found by the marks of the changes.)

use std::ffi::OsString;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::secrets::StoreError;

/// The files that were opened; none for a store in memory. Whoever has it keeps a connection open: SQLite removes the
/// log and its index when the last connection is closed.
#[derive(Debug, Default)]
pub(super) struct Identity {
    files: Option<Files>,
    replaced: AtomicBool,
}

#[derive(Debug)]
struct Files {
    path: PathBuf,
    place: Place,
    /// The log and its index.
    beside: [(PathBuf, Option<Place>); 2],
}

/// Device and inode.
type Place = (u64, u64);

impl Identity {
    /// The files that `path` leads to now.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let beside = |suffix| {
            let path = beside(path, suffix);
            let found = optional(path.metadata())?;
            Ok::<_, std::io::Error>((path, found.as_ref().map(place)))
        };
        let files = Files {
            path: path.to_owned(),
            place: place(&path.metadata()?),
            beside: [beside("-wal")?, beside("-shm")?],
        };
        Ok(Self {
            files: Some(files),
            replaced: AtomicBool::new(false),
        })
    }

    /// Looks at the paths again.
    pub(super) async fn verify(&self) -> Result<(), StoreError> {
        let Some(files) = &self.files else {
            return Ok(());
        };
        let unavailable = |path: &Path, error: std::io::Error| {
            StoreError::Unavailable(format!("{}: {error}", path.display()))
        };
        // A store that is missing has not been replaced yet.
        let found = tokio::fs::metadata(&files.path).await;
        let found = found.map_err(|error| unavailable(&files.path, error))?;
        let mut replaced = place(&found) != files.place;
        for (path, opened) in &files.beside {
            // A filesystem without shared memory has neither.
            let Some(opened) = opened else { continue };
            let found = optional(tokio::fs::metadata(path).await);
            let found = found.map_err(|error| unavailable(path, error))?;
            replaced |= found.as_ref().map(place) != Some(*opened);
        }
        self.replaced.store(replaced, Ordering::Relaxed);
        self.known()
    }

    /// What the last look has found. A store that was replaced is not used until it is back.
    pub(super) fn known(&self) -> Result<(), StoreError> {
        if self.replaced.load(Ordering::Relaxed) {
            Err(StoreError::Replaced)
        } else {
            Ok(())
        }
    }
}

fn place(found: &Metadata) -> Place {
    (found.dev(), found.ino())
}

fn optional(found: std::io::Result<Metadata>) -> std::io::Result<Option<Metadata>> {
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// The name of a file that belongs to the store at `path`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(suffix);
    path.with_file_name(name)
}
