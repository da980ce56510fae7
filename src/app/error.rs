//! The errors for which a process cannot start.

use std::path::PathBuf;

use crate::secrets::{KeyFileError, KeyServiceError, MissingRegionError, StoreError};
use crate::store::OpenError;

/// Why a process cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The folder of a file to create does not exist or cannot be read.
    #[error("{}: the folder cannot be used: {error}", path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: std::io::Error,
    },

    /// Another I/O error.
    #[error(transparent)]
    Io(#[from] std::io::Error),

    /// The key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),

    /// The key service cannot be used.
    #[error("{key}: {error} (region {region})")]
    KeyService {
        /// What to check first, such as a configuration key.
        key: &'static str,
        /// The AWS region of the request.
        region: String,
        /// The error of the key service.
        error: KeyServiceError,
    },

    /// The store contains secrets of a key service that is not configured.
    #[error(
        "secrets.aws: the key service `aws` encrypted {secrets} secret versions in the store; \
         set `key`, or they cannot be decrypted"
    )]
    KeyServiceMissing {
        /// The number of secret versions.
        secrets: u64,
    },

    /// Two metrics have the same name, or a name is invalid.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),

    /// No key service is configured to encrypt.
    #[error("secrets.key_service: not configured")]
    NoKeyService,

    /// Neither the configuration nor the environment sets an AWS region.
    #[error(transparent)]
    NoRegion(#[from] MissingRegionError),

    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),

    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
