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
    AwsKeyService, AwsSettings, CiphertextFormat as AwsCiphertextFormat, DataKeyBounds, KeyName,
    MissingRegionError, ParseKeyNameError,
};
pub use self::cache::{CacheSettings, CacheStats, KeyAddress, KeyCache, KeyError, Keys};
pub use self::context::EncryptionContext;
pub use self::local::{KeyFileError, LocalKeyService};
pub use self::open::SignedChallenges;
pub use self::reference::{ParseSecretRefError, SecretRef};
pub use self::secret::Secret;
pub use self::service::{EncryptedSecret, KeyService, KeyServiceError};
pub use self::services::{KeyServices, MissingKeyServiceError};
pub use self::store::{
    CiphertextReplacement, ExpectationWindow, KeyUsage, NewSecretVersion, Retirement, SecretStore,
    StoreError, StoredVersion, ValueHistory, VersionRef,
};
pub use self::uses::{UseCounter, VersionUse};
pub use self::vault::{
    DecryptedVersion, RewrapOptions, RewrapProgress, Vault, VaultError, VersionState, VersionStatus,
};
