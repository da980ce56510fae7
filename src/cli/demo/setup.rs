//! The endpoints of the demonstration.

use crate::app::Custody;
use crate::audit::{Action, Actor, AuditEntry};
use crate::auth::Mode;
use crate::cli::failure::Failure;
use crate::directory::{AuthDefinition, Definition, Duplicates, EndpointChange, EndpointId, Name};
use crate::secrets::{Secret, SecretRef};

/// The values of their secrets, in memory only as long as the demonstration needs them.
pub(super) struct Secrets {
    pub(super) github: Secret,
    pub(super) acknowledging: Secret,
    pub(super) bearer: Secret,
}

/// Makes the endpoints: two for GitHub, which differ in what happens to a repeated id, and one for a token.
pub(super) async fn endpoints(custody: &Custody, actor: &Actor) -> Result<Secrets, Failure> {
    Ok(Secrets {
        github: endpoint(custody, actor, HMAC_ENDPOINT, Mode::Hmac, None).await?,
        acknowledging: endpoint(
            custody,
            actor,
            ONCE_ENDPOINT,
            Mode::Hmac,
            Some(Duplicates::Acknowledge),
        )
        .await?,
        bearer: endpoint(custody, actor, SECRET_ENDPOINT, Mode::Secret, None).await?,
    })
}

async fn endpoint(
    custody: &Custody,
    actor: &Actor,
    id: &str,
    mode: Mode,
    duplicates: Option<Duplicates>,
) -> Result<Secret, Failure> {
    let other = |error: &dyn std::fmt::Display| Failure::Other(error.to_string());
    let id: EndpointId = id.parse().map_err(|error| other(&error))?;
    let secret = SecretRef::new(id.as_str(), "webhook").map_err(|error| other(&error))?;
    let name = |text: &str| text.parse::<Name>().map_err(|error| other(&error));
    let upstream = "default".to_owned();
    let mut definition = Definition::new(id.clone(), name("acme")?, name("main")?, upstream);
    definition.auth = Some(AuthDefinition::of(mode));
    definition.replay.duplicates = duplicates;
    let entry = AuditEntry {
        at: custody.clock.now(),
        actor: actor.clone(),
        action: Action::EndpointCreated,
        subject: id.to_string(),
        detail: "demo".to_owned(),
    };
    let vault = custody.vault();
    let first = vault.first_version(&secret, actor).await?;
    let change = (EndpointChange::Put(Box::new(definition)), entry);
    custody
        .store
        .change(vec![change], first.into_iter().collect())
        .await?;
    Ok(vault.reveal(&secret, actor).await?.value)
}

const HMAC_ENDPOINT: &str = "workflows/pr-bot";
const ONCE_ENDPOINT: &str = "workflows/pr-once";
const SECRET_ENDPOINT: &str = "workflows/nightly";
