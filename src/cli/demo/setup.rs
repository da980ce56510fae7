//! Creates the endpoints of the demonstration.

use crate::audit::Actor;
use crate::auth::Mode;
use crate::cli::failure::Failure;
use crate::control::Control;
use crate::directory::{AuthDefinition, Duplicates, EndpointId, Name};
use crate::secrets::Secret;

/// The secrets of the endpoints. They stay in memory only while the demonstration runs.
pub(super) struct Secrets {
    pub(super) github: Secret,
    pub(super) acknowledging: Secret,
    pub(super) bearer: Secret,
}

/// Creates two endpoints for GitHub, which treat a repeated id differently, and one with a bearer token.
pub(super) async fn endpoints(control: &Control, actor: &Actor) -> Result<Secrets, Failure> {
    Ok(Secrets {
        github: endpoint(control, actor, HMAC_ENDPOINT, Mode::Hmac, None).await?,
        acknowledging: endpoint(
            control,
            actor,
            ONCE_ENDPOINT,
            Mode::Hmac,
            Some(Duplicates::Acknowledge),
        )
        .await?,
        bearer: endpoint(control, actor, SECRET_ENDPOINT, Mode::Secret, None).await?,
    })
}

async fn endpoint(
    control: &Control,
    actor: &Actor,
    id: &str,
    mode: Mode,
    duplicates: Option<Duplicates>,
) -> Result<Secret, Failure> {
    let other = |error: &dyn std::fmt::Display| Failure::Other(error.to_string());
    let id: EndpointId = id.parse().map_err(|error| other(&error))?;
    let name = |text: &str| text.parse::<Name>().map_err(|error| other(&error));
    let mut definition = control
        .new_endpoint(id.clone(), name("acme")?, name("main")?)
        .await?;
    definition.auth = Some(AuthDefinition::of(mode));
    definition.replay.duplicates = duplicates;
    let plan = control.endpoint_creation(definition).await?;
    control.perform(actor, plan).await?;
    let secret = control.secret(id.as_str()).await?;
    Ok(control.reveal_secret(actor, &secret).await?.value)
}

const HMAC_ENDPOINT: &str = "workflows/pr-bot";
const ONCE_ENDPOINT: &str = "workflows/pr-once";
const SECRET_ENDPOINT: &str = "workflows/nightly";
