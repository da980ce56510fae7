//! Why a process cannot start.

use std::path::PathBuf;

use crate::secrets::{KeyFileError, KeyServiceError, NoRegion, StoreError};
use crate::store::OpenError;

/// A process that cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no folder for a file that has to be made.
    #[error("{}: its folder cannot be used: {error}", path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        error: std::io::Error,
    },

    /// The system refused something.
    #[error(transparent)]
    Io(#[from] std::io::Error),

    /// The key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),

    /// A key service does not do its work.
    #[error("{key}: {error} (asked in the region {region})")]
    KeyService {
        /// What to look at first.
        key: &'static str,
        /// The region that was asked.
        region: String,
        /// What it said.
        error: KeyServiceError,
    },

    /// The store holds what a key service has encrypted that is not configured.
    #[error(
        "secrets.aws: {secrets} versions of secrets in the store were encrypted by the key service `aws`; \
         say with which `key`, or they do not open"
    )]
    KeyServiceMissing {
        /// The number of versions.
        secrets: u64,
    },

    /// The metrics cannot be registered.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),

    /// No service encrypts.
    #[error("secrets.key_service: it is not configured")]
    NoKeyService,

    /// Nobody says which region of AWS is meant.
    #[error(transparent)]
    NoRegion(#[from] NoRegion),

    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),

    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
