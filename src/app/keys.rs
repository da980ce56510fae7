//! The key services that a configuration names, opened.

use std::sync::Arc;

use super::StartError;
use crate::config::{Config, KeyServiceName};
use crate::secrets::{
    AwsKeyService, KeyFileError, KeyService, KeyServiceError, KeyServices, LocalKeyService,
    MissingKeyService, SealedUnder, SecretStore,
};

/// The service that encrypts, over those whose ciphertexts may still be in `store`.
///
/// A local key is made for a store without secrets only. One that nothing has been encrypted with yet is put in
/// place by hand where secrets are to be moved to it: made by the way, it might be on one machine of many, or in
/// a container that goes away.
pub(super) async fn open(
    config: &Config,
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
            Creation::Forbidden => return Ok(Arc::new(MissingKeyService(path.clone()))),
        },
        (KeyServiceName::Local, None) => Some(LocalKeyService::open(path)?),
        // What it has encrypted is not opened any more, and everything else is: `check` says it.
        (KeyServiceName::Aws, None) => None,
    };
    let local = local.map(|it| Arc::new(it) as Arc<dyn KeyService>);
    let aws = aws.map(|it| Arc::new(it) as Arc<dyn KeyService>);
    let current = match config.key_services.current {
        KeyServiceName::Local => LOCAL,
        KeyServiceName::Aws => AWS,
    };
    // The configuration requires the settings of the current service, so it was opened.
    let services = KeyServices::new(current, local.into_iter().chain(aws).collect());
    Ok(Arc::new(services.ok_or(StartError::NoKeyService)?))
}

/// Whether a store and a key that do not exist may be created.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Creation {
    Allowed,
    Forbidden,
}

/// What would keep the services from opening what a store holds. AWS is asked.
pub(super) async fn inspect(config: &Config, sealed: &[SealedUnder]) -> Vec<StartError> {
    let mut wrong = Vec::new();
    match LocalKeyService::open(&config.key_services.key_file) {
        Ok(_) => {}
        Err(KeyFileError::Missing { .. }) if !is_missed(sealed) => {}
        Err(error) => wrong.push(error.into()),
    }
    match aws(config).await {
        Ok(Some(aws)) => {
            if let Err(error) = aws.probe().await {
                let key = key_of(&error);
                let region = aws.region().to_owned();
                wrong.push(StartError::KeyService { key, region, error });
            }
        }
        Ok(None) => {
            let by_aws = sealed.iter().filter(|under| under.service == AWS);
            let secrets: u64 = by_aws.map(|under| under.versions).sum();
            if secrets > 0 {
                wrong.push(StartError::KeyServiceMissing { secrets });
            }
        }
        Err(error) => wrong.push(error),
    }
    wrong
}

async fn aws(config: &Config) -> Result<Option<AwsKeyService>, StartError> {
    let services = &config.key_services;
    let Some(key) = &services.kms_key else {
        return Ok(None);
    };
    let keep_unwrapped = config.keys.time_to_live;
    let opened = AwsKeyService::open(key.clone(), &services.aws, keep_unwrapped).await;
    Ok(Some(opened?))
}

/// Whether there is something that only the local key opens.
fn is_missed(sealed: &[SealedUnder]) -> bool {
    sealed.iter().any(|under| under.service == LOCAL)
}

/// What to look at first.
fn key_of(error: &KeyServiceError) -> &'static str {
    match error {
        KeyServiceError::BadCredentials(_) | KeyServiceError::NoCredentials(_) => {
            "the credentials of AWS"
        }
        KeyServiceError::Denied(_) => "secrets.aws.key, or what these credentials may do with it",
        KeyServiceError::KeyUnusable(_)
        | KeyServiceError::Corrupt
        | KeyServiceError::OtherKey { .. } => "secrets.aws.key",
        _ => "secrets.aws.region or secrets.aws.endpoint",
    }
}

const AWS: &str = "aws";
const LOCAL: &str = "local";
