//! Detects that the path of the store leads to other files than the open ones.
//!
//! A file that is moved over an open store is another store. The server would keep reading the old one, and accept
//! secrets that were revoked in the new one. The log (`-wal`) and its index (`-shm`) belong to the store. If they are
//! removed, other processes create new ones, which this process does not read. A backup that is copied into the same
//! file is detected by the marks of the changes.

use std::ffi::OsString;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::secrets::StoreError;

/// The open files; none for a store in memory. Its owner must keep a connection open, because SQLite removes the log
/// and its index with the last connection.
#[derive(Debug, Default)]
pub(super) struct FileIdentity {
    files: Option<Files>,
    replaced: AtomicBool,
}

#[derive(Debug)]
struct Files {
    path: PathBuf,
    place: FileId,
    /// The log and its index.
    companions: [(PathBuf, Option<FileId>); 2],
}

/// Device and inode.
type FileId = (u64, u64);

impl FileIdentity {
    /// The files that `path` leads to now.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let companion = |suffix| {
            let path = sibling(path, suffix);
            let found = optional(path.metadata())?;
            Ok::<_, std::io::Error>((path, found.as_ref().map(place)))
        };
        let files = Files {
            path: path.to_owned(),
            place: place(&path.metadata()?),
            companions: [companion("-wal")?, companion("-shm")?],
        };
        Ok(Self {
            files: Some(files),
            replaced: AtomicBool::new(false),
        })
    }

    /// Checks the paths again.
    pub(super) async fn verify(&self) -> Result<(), StoreError> {
        let Some(files) = &self.files else {
            return Ok(());
        };
        let unavailable = |path: &Path, error: std::io::Error| {
            StoreError::Unavailable(format!("{}: {error}", path.display()))
        };
        // A missing store was not replaced.
        let found = tokio::fs::metadata(&files.path).await;
        let found = found.map_err(|error| unavailable(&files.path, error))?;
        let mut replaced = place(&found) != files.place;
        for (path, opened) in &files.companions {
            // A filesystem without shared memory has neither file.
            let Some(opened) = opened else { continue };
            let found = optional(tokio::fs::metadata(path).await);
            let found = found.map_err(|error| unavailable(path, error))?;
            replaced |= found.as_ref().map(place) != Some(*opened);
        }
        self.replaced.store(replaced, Ordering::Relaxed);
        self.check()
    }

    /// The result of the last check. A replaced store is not used until it is back.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.replaced.load(Ordering::Relaxed) {
            Err(StoreError::Replaced)
        } else {
            Ok(())
        }
    }
}

fn place(found: &Metadata) -> FileId {
    (found.dev(), found.ino())
}

fn optional(found: std::io::Result<Metadata>) -> std::io::Result<Option<Metadata>> {
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// The path of a file that belongs to the store at `path`.
pub(super) fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(suffix);
    path.with_file_name(name)
}
