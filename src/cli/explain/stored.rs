//! The endpoint that judges a capture, and its secrets, loaded from the store as the gate does.

use std::sync::Arc;

use crate::auth::Scheme;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::directory::{Definition, Directory, DirectorySettings, Endpoint};
use crate::explain::{Secrets, Version};
use crate::outbound::Outbound;
use crate::secrets::Secret;

/// The directory of the gate over the same store.
pub(super) async fn directory(session: &Session) -> Result<Directory, Failure> {
    let directory = Directory::new(
        DirectorySettings {
            capacity: 16,
            store_reads: 1,
            upstream_paths: session.config.upstream_paths.clone(),
            draft_auth: session.config.draft_auth,
        },
        Arc::clone(&session.config.routes),
        Arc::clone(&session.backends.store) as _,
    );
    directory.load().await?;
    Ok(directory)
}

/// The compiled endpoint; `None` if no delivery can reach it.
pub(super) async fn compiled(
    session: &Session,
    directory: &Directory,
    definition: &Definition,
    found: Option<Arc<Endpoint>>,
) -> Option<Arc<Endpoint>> {
    if let Some(endpoint) = found.filter(|endpoint| endpoint.id == definition.id) {
        return Some(endpoint);
    }
    let route = session.config.routes.path_of(&definition.id);
    let path = route.or_else(|| definition.aliases.first().cloned())?;
    let found = directory.find(&path).await.ok()?;
    Some(found.endpoint).filter(|endpoint| endpoint.id == definition.id)
}

/// Every version of the endpoint's secret. Reading them is audited like `secret reveal`.
pub(super) async fn secrets(
    session: &Session,
    definition: &Definition,
) -> Result<Option<Secrets>, Failure> {
    let Some(secret) = definition.secret() else {
        return Ok(None);
    };
    let now = session.backends.clock.now();
    let mut current = None;
    let mut previous = None;
    let mut ended = Vec::new();
    let control = &session.control;
    let revealed = control.reveal_versions(&session.actor, &secret).await?;
    for revealed in revealed {
        let version = Version {
            number: revealed.version,
            kind: revealed.kind,
            value: Arc::new(revealed.value),
        };
        match revealed.ends_at {
            None => current = Some(version),
            Some(until) if until > now && previous.is_none() => previous = Some((version, until)),
            Some(_) => ended.push(version),
        }
    }
    Ok(current.map(|current| Secrets {
        current,
        previous,
        ended,
    }))
}

/// Fetches the certificate that `body` names, as the gate would. A body that names no acceptable certificate gets a
/// key that verifies nothing.
pub(super) async fn certificate(
    session: &Session,
    scheme: &Scheme,
    body: &[u8],
) -> Result<Secrets, Failure> {
    let pem = match scheme.certificate_url(body) {
        Ok(url) => {
            let clock = Arc::clone(&session.backends.clock);
            let outbound = Outbound::new(session.config.outbound.clone(), clock);
            let fetched = outbound.certificate_file(&url).await;
            fetched.map_err(|error| {
                Failure::Other(format!("{url}: cannot fetch the certificate: {error}"))
            })?
        }
        Err(_) => Vec::new(),
    };
    Ok(Secrets {
        current: Version {
            number: 1,
            kind: Some(scheme.algorithm().key_kind()),
            value: Arc::new(Secret::new(pem)),
        },
        previous: None,
        ended: Vec::new(),
    })
}
