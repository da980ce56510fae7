//! The files of a store must be private to its user.
//!
//! They are checked by path and never opened. Closing any descriptor of a file drops the locks that SQLite holds on
//! it in this process (<https://www.sqlite.org/howtocorrupt.html>, section 2.2).

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::identity::sibling;
use crate::private_file::check_owner;
use crate::store::OpenError;

/// Refuses a store if others can read it or its log, or if another user owns one of its files. Missing files are skipped, and so is an empty store.
pub(super) fn verify(path: &Path) -> Result<(), OpenError> {
    verify_owner(path)?;
    for suffix in SUFFIXES {
        let file = sibling(path, suffix);
        let Ok(found) = file.metadata() else {
            continue;
        };
        if suffix.is_empty() && found.len() == 0 {
            continue;
        }
        let mode = found.mode() & 0o777;
        if mode & 0o077 != 0 {
            let file = file.display().to_string();
            return Err(OpenError::Exposed { file, mode });
        }
    }
    Ok(())
}

/// Refuses a store if another user owns it or its log. Run by root, SQLite gives the log to the owner of the store when it
/// opens it, so this comes first.
pub(super) fn verify_owner(path: &Path) -> Result<(), OpenError> {
    for suffix in SUFFIXES {
        let file = sibling(path, suffix);
        if let Ok(found) = file.metadata()
            && let Err(foreign) = check_owner(&found)
        {
            return Err(OpenError::Foreign {
                file: file.display().to_string(),
                foreign: foreign.to_string(),
            });
        }
    }
    Ok(())
}

/// Makes an empty store private before anything is written to it.
pub(super) fn claim_empty(path: &Path) -> std::io::Result<()> {
    let found = path.metadata()?;
    if found.len() == 0 && found.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// What the names of the files of a store end in.
const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];
