//! Secrets: generated, encrypted at rest, rotated, and cached for deliveries.
//!
//! ```text
//! SecretRef      scope#slot: the address of a secret
//! Vault          the operations of people: create, set, rotate, reveal, move to another key; audited
//! KeyService     encrypts and decrypts one version, bound to its address and number: `local`, `aws`
//! SecretStore    the interface of a store of ciphertexts, which `store` implements
//! KeyCache       the prepared keys of deliveries: bounded, expiring, loaded once for concurrent requests
//! ```

mod aead;
mod aws;
mod cache;
mod context;
mod local;
mod open;
mod reference;
mod secret;
mod service;
mod services;
mod store;
mod uses;
mod vault;

pub use self::aws::{
    AwsKeyService, AwsSettings, DataKeyBounds, Form as AwsForm, InvalidKeyName, KeyName, NoRegion,
};
pub use self::cache::{CacheSettings, CacheStats, KeyAddress, KeyCache, KeyError, Keys};
pub use self::context::EncryptionContext;
pub use self::local::{KeyFileError, LocalKeyService};
pub use self::open::Challenges;
pub use self::reference::{InvalidSecretRef, SecretRef};
pub use self::secret::Secret;
pub use self::service::{KeyService, KeyServiceError, Sealed};
pub use self::services::{KeyServices, MissingKeyService};
pub use self::store::{
    Ending, NewSecretVersion, Resealing, SealedUnder, SealedVersion, SecretStore, StoreError,
    ValueHistory, VersionRef, Window,
};
pub use self::uses::{Uses, VersionUse};
pub use self::vault::{Moved, Moving, Revealed, Vault, VaultError, VersionStanding, VersionStatus};
