//! Whether the path of a store still leads to the file that was opened.
//!
//! A backup that is put back under a running server is another file under the same name. The server
//! would go on reading the old one, and admit secrets that were revoked in the new one.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::secrets::StoreError;

/// The file that was opened.
#[derive(Debug)]
pub(super) struct Identity {
    path: PathBuf,
    device: u64,
    inode: u64,
    replaced: AtomicBool,
}

impl Identity {
    /// The file that `path` leads to now.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let found = path.metadata()?;
        Ok(Self {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
            replaced: AtomicBool::new(false),
        })
    }

    /// Looks at the path again.
    pub(super) async fn verify(&self) -> Result<(), StoreError> {
        let found = tokio::fs::metadata(&self.path).await.map_err(|error| {
            StoreError::Unavailable(format!("{}: {error}", self.path.display()))
        })?;
        if (found.dev(), found.ino()) != (self.device, self.inode) {
            self.replaced.store(true, Ordering::Relaxed);
        }
        self.known()
    }

    /// What the last look has found: once replaced, a store is not used any more.
    pub(super) fn known(&self) -> Result<(), StoreError> {
        if self.replaced.load(Ordering::Relaxed) {
            Err(StoreError::Replaced)
        } else {
            Ok(())
        }
    }
}
