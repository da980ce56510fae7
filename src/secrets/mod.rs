//! Secrets: made, kept encrypted, rotated, and held ready for deliveries.
//!
//! ```text
//! SecretRef      scope#slot: the address of a secret
//! Vault          what people do with it: create, set, rotate, reveal; audited
//! KeyService     encrypts and decrypts a version, bound to its address and number
//! SecretStore    keeps the ciphertexts (a trait; `store` implements it)
//! KeyCache       what deliveries use: keys, prepared, bounded, expiring, loaded once
//! ```

mod cache;
mod context;
mod local;
mod open;
mod reference;
mod secret;
mod service;
mod store;
mod uses;
mod vault;

pub use self::cache::{CacheSettings, CacheStats, KeyAddress, KeyCache, KeyError};
pub use self::context::EncryptionContext;
pub use self::local::{KeyFileError, LocalKeyService};
pub use self::reference::{InvalidSecretRef, SecretRef};
pub use self::secret::Secret;
pub use self::service::{KeyService, KeyServiceError, Sealed};
pub use self::store::{Ending, Installation, SealedVersion, SecretStore, StoreError, Window};
pub use self::uses::{Uses, VersionUse};
pub use self::vault::{Revealed, Vault, VaultError, VersionStanding, VersionStatus};
