//! The key service `local`: AES-256-GCM with a key in a file.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::aead::{KEY_LEN, SealingKey};
use super::{EncryptedSecret, EncryptionContext, KeyService, KeyServiceError, Secret};
use crate::private_file::check_owner;

/// Encrypts with a 256-bit key that only the user of the process can read.
pub struct LocalKeyService {
    key: SealingKey,
    key_id: String,
}

impl LocalKeyService {
    /// Opens the key file, or creates it with mode 0600.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyFileError> {
        match Self::open(path) {
            Err(KeyFileError::Missing { .. }) => Self::create(path),
            other => other,
        }
    }

    /// Opens the key file and checks its owner and mode.
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        let unreadable = KeyFileError::unusable(path, "read");
        let mut file = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => KeyFileError::Missing {
                path: path.to_owned(),
            },
            _ => unreadable(error),
        })?;
        // The metadata of the open file, because the path could be swapped in between.
        let found = file.metadata().map_err(&unreadable)?;
        let mode = found.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed {
                path: path.to_owned(),
                mode,
            });
        }
        check_owner(&found).map_err(|foreign| KeyFileError::Foreign {
            path: path.to_owned(),
            owner: foreign.owner,
            user: foreign.user,
        })?;
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_FILE_LEN));
        (&mut file)
            .take(MAX_FILE_LEN as u64)
            .read_to_end(&mut text)
            .map_err(&unreadable)?;
        parse(&text)
            .map(|key| Self::with_key(&key))
            .ok_or_else(|| KeyFileError::Malformed {
                path: path.to_owned(),
            })
    }

    /// Creates a key file. An existing file is kept.
    fn create(path: &Path) -> Result<Self, KeyFileError> {
        let uncreatable = KeyFileError::unusable(path, "created");
        let mut key = Zeroizing::new([0; KEY_LEN]);
        getrandom::fill(&mut *key).map_err(|error| uncreatable(std::io::Error::other(error)))?;
        let text = Zeroizing::new(format!("{HEADER} {}\n", STANDARD.encode(*key)));

        // The key gets its name only when it is complete on disk, so a crash leaves no partial key.
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let temporary = folder.join(name);
        let result = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| std::fs::hard_link(&temporary, path))
            .and_then(|()| File::open(folder)?.sync_all());
        // A failure is harmless: the name shows that the file is temporary.
        let _ = std::fs::remove_file(&temporary);
        match result {
            Ok(()) => Ok(Self::with_key(&key)),
            // Another process created the file first, so its key is used.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::open(path),
            Err(error) => Err(uncreatable(error)),
        }
    }

    /// The public name of the key: the first 16 hex digits of a hash.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    fn with_key(key: &[u8; KEY_LEN]) -> Self {
        let id = Sha256::new()
            .chain_update(b"portcullis-key-id-1")
            .chain_update(key)
            .finalize();
        let mut key_id = hex::encode(id);
        key_id.truncate(16);
        Self {
            key: SealingKey::new(key),
            key_id,
        }
    }
}

#[async_trait]
impl KeyService for LocalKeyService {
    fn name(&self) -> &'static str {
        NAME
    }

    fn has_key_of(&self, sealed: &EncryptedSecret) -> bool {
        sealed.service == NAME && sealed.key_id == self.key_id
    }

    async fn encrypt(
        &self,
        secret: &Secret,
        context: &EncryptionContext<'_>,
    ) -> Result<EncryptedSecret, KeyServiceError> {
        Ok(EncryptedSecret {
            service: NAME.to_owned(),
            key_id: self.key_id.clone(),
            ciphertext: self.key.seal(secret, context)?,
        })
    }

    async fn decrypt(
        &self,
        sealed: &EncryptedSecret,
        context: &EncryptionContext<'_>,
    ) -> Result<Secret, KeyServiceError> {
        if !self.has_key_of(sealed) {
            return Err(KeyServiceError::OtherKey {
                service: sealed.service.clone(),
                wanted: sealed.key_id.clone(),
                here: self.key_id.clone(),
            });
        }
        self.key.open(&sealed.ciphertext, context)
    }

    async fn is_current(&self, sealed: &EncryptedSecret) -> Result<bool, KeyServiceError> {
        Ok(self.has_key_of(sealed))
    }
}

/// A key file that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Its mode lets other users read it.
    #[error(
"{}: others can read the key (mode {mode:04o}): run `chmod 600` on it, and find out who may have read it",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// The permissions of the file.
        mode: u32,
    },

    /// Another user owns it and can read or replace it.
    #[error(
"{}: the key belongs to another user (id {owner}, this process runs as {user}): run `chown {user}` on it, or \
         run Portcullis as its owner",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
        /// The user id of the process.
        user: u32,
    },

    /// The content is not a key.
    #[error("{}: not a key file of Portcullis", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },

    /// The file does not exist.
    #[error(
"{}: there is no key file, but the store holds secrets that only its key can decrypt: restore it from your \
         backup",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },

    /// It could not be read or created.
    #[error("{}: the key file cannot be {verb}: {error}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What failed: `read` or `created`.
        verb: &'static str,
        /// The error of the system.
        error: String,
    },
}

impl KeyFileError {
    fn unusable(path: &Path, verb: &'static str) -> impl Fn(std::io::Error) -> Self {
        move |error| Self::Unusable {
            path: path.to_owned(),
            verb,
            error: error.to_string(),
        }
    }
}

fn parse(text: &[u8]) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    let encoded = text
        .strip_prefix(HEADER.as_bytes())?
        .strip_prefix(b" ")?
        .trim_ascii_end();
    let bytes = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    <[u8; KEY_LEN]>::try_from(bytes.as_slice())
        .ok()
        .map(Zeroizing::new)
}

/// The name of this key service in the store.
pub(super) const NAME: &str = "local";
const HEADER: &str = "portcullis-key-1";
const MAX_FILE_LEN: usize = 128;
