//! Opens the key services of a configuration.

use std::sync::Arc;

use super::StartError;
use super::backends::BackendSettings;
use crate::config::KeyServiceName;
use crate::secrets::{
    AwsKeyService, KeyFileError, KeyService, KeyServiceError, KeyServices, KeyUsage,
    LocalKeyService, MissingKeyServiceError, SecretStore,
};

/// Opens the current key service, and the other one if `store` may contain its ciphertexts.
///
/// A local key is created only for a store without secrets. To move existing secrets to a local key, the operator
/// installs the key first. A key that is created automatically might exist on one machine of many, or in a container
/// that is deleted.
pub(super) async fn open(
    config: &BackendSettings,
    local: Option<LocalKeyService>,
    store: &dyn SecretStore,
    creation: Creation,
) -> Result<Arc<dyn KeyService>, StartError> {
    let path = &config.key_services.key_file;
    let aws = aws(config).await?;
    let local = match (config.key_services.current, local) {
        (_, Some(local)) => Some(local),
        (KeyServiceName::Local, None) if store.sealed_under().await?.is_empty() => match creation {
            Creation::Allowed => Some(LocalKeyService::open_or_create(path)?),
            Creation::Forbidden => return Ok(Arc::new(MissingKeyServiceError(path.clone()))),
        },
        (KeyServiceName::Local, None) => Some(LocalKeyService::open(path)?),
        // Secrets under the missing local key cannot be decrypted. `portcullis check` reports them.
        (KeyServiceName::Aws, None) => None,
    };
    let local = local.map(|service| Arc::new(service) as Arc<dyn KeyService>);
    let aws = aws.map(|service| Arc::new(service) as Arc<dyn KeyService>);
    let current = match config.key_services.current {
        KeyServiceName::Local => LOCAL,
        KeyServiceName::Aws => AWS,
    };
    // The configuration is valid, so the current service was opened above.
    let services = KeyServices::new(current, local.into_iter().chain(aws).collect());
    Ok(Arc::new(services.ok_or(StartError::NoKeyService)?))
}

/// Whether a store and a key that do not exist may be created.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Creation {
    Allowed,
    Forbidden,
}

/// Finds every reason for which the services could not decrypt the store's secrets. It sends a probe to AWS.
pub(super) async fn inspect(config: &BackendSettings, sealed: &[KeyUsage]) -> Vec<StartError> {
    let mut errors = Vec::new();
    match LocalKeyService::open(&config.key_services.key_file) {
        Ok(_) => {}
        Err(KeyFileError::Missing { .. }) if !is_needed(sealed) => {}
        Err(error) => errors.push(error.into()),
    }
    match aws(config).await {
        Ok(Some(aws)) => {
            if let Err(error) = aws.probe().await {
                let key = key_of(&error);
                let region = aws.region().to_owned();
                errors.push(StartError::KeyService { key, region, error });
            }
        }
        Ok(None) => {
            let by_aws = sealed.iter().filter(|under| under.service == AWS);
            let secrets: u64 = by_aws.map(|under| under.versions).sum();
            if secrets > 0 {
                errors.push(StartError::KeyServiceMissing { secrets });
            }
        }
        Err(error) => errors.push(error),
    }
    errors
}

async fn aws(config: &BackendSettings) -> Result<Option<AwsKeyService>, StartError> {
    let services = &config.key_services;
    let Some(key) = &services.kms_key else {
        return Ok(None);
    };
    let opened = AwsKeyService::open(key.clone(), &services.aws, config.keep_unwrapped).await;
    Ok(Some(opened?))
}

/// Whether the store has secrets under the local key.
fn is_needed(sealed: &[KeyUsage]) -> bool {
    sealed.iter().any(|under| under.service == LOCAL)
}

/// What the operator should check first.
fn key_of(error: &KeyServiceError) -> &'static str {
    match error {
        KeyServiceError::BadCredentials(_) | KeyServiceError::NoCredentials(_) => {
            "the credentials of AWS"
        }
        KeyServiceError::Denied(_) => "secrets.aws.key, or the permissions of these credentials",
        KeyServiceError::KeyUnusable(_)
        | KeyServiceError::Corrupt
        | KeyServiceError::OtherKey { .. } => "secrets.aws.key",
        _ => "secrets.aws.region or secrets.aws.endpoint",
    }
}

const AWS: &str = "aws";
const LOCAL: &str = "local";
