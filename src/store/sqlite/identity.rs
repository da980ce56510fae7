//! Whether the path of a store still leads to the file that was opened.
//!
//! A file that is moved to the name of a store while a server has it open is another store. The server
//! would go on reading the old one, and admit secrets that were revoked in the new one. (A backup that
//! is written into the same file is found by the marks of the changes.)

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::secrets::StoreError;

/// The file that was opened; none for a store in memory.
#[derive(Debug, Default)]
pub(super) struct Identity {
    file: Option<File>,
    replaced: AtomicBool,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Identity {
    /// The file that `path` leads to now.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let found = path.metadata()?;
        let file = File {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
        };
        Ok(Self {
            file: Some(file),
            replaced: AtomicBool::new(false),
        })
    }

    /// Looks at the path again.
    pub(super) async fn verify(&self) -> Result<(), StoreError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let found = tokio::fs::metadata(&file.path).await.map_err(|error| {
            StoreError::Unavailable(format!("{}: {error}", file.path.display()))
        })?;
        let replaced = (found.dev(), found.ino()) != (file.device, file.inode);
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
