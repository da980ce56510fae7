//! The files of a store belong to its user alone.
//!
//! They are looked at by their paths and never opened: closing any descriptor of a file drops the locks that SQLite
//! holds on it in this process (<https://www.sqlite.org/howtocorrupt.html>, section 2.2).

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::store::OpenError;

/// Refuses a store that others may read, or whose log they may. What is not there is not looked at.
pub(super) fn verify(path: &Path) -> Result<(), OpenError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let file = beside(path, suffix);
        let Ok(found) = file.metadata() else {
            continue;
        };
        let mode = found.mode() & 0o777;
        if mode & 0o077 != 0 {
            let file = file.display().to_string();
            return Err(OpenError::Exposed { file, mode });
        }
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(suffix);
    path.with_file_name(name)
}
