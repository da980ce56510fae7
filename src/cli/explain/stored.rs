//! The endpoint that a capture is judged by, as the gate has it: over the same store, with its secrets.

use std::sync::Arc;

use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::directory::{Definition, Directory, DirectorySettings, Endpoint};
use crate::explain::{Secrets, Version};

/// The directory as the gate has it, over the same store.
pub(super) async fn directory(session: &Session) -> Result<Directory, Failure> {
    let directory = Directory::new(
        DirectorySettings {
            capacity: 16,
            store_reads: 1,
            upstream_paths: session.config.upstream_paths.clone(),
            draft_auth: session.config.draft_auth,
        },
        Arc::clone(&session.config.routes),
        Arc::clone(&session.custody.store) as _,
    );
    directory.load().await?;
    Ok(directory)
}

/// The endpoint as deliveries have it, if deliveries can have it at all.
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

/// Every version of the endpoint's secret. Reading them is audited, as revealing is.
pub(super) async fn secrets(
    session: &Session,
    definition: &Definition,
) -> Result<Option<Secrets>, Failure> {
    let Some(secret) = definition.secret() else {
        return Ok(None);
    };
    let now = session.custody.clock.now();
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
