//! Secrets of endpoints: versions, impact, reveal, rotate, set, retire.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::call::{Call, parse_overlap};
use super::problem::Problem;
use super::reply::Reply;
use crate::auth::KeyKind;
use crate::control::{Control, ControlError, Impact, SecretState};
use crate::operators::{Permission, PrincipalKind};
use crate::secrets::{Retirement, Secret, VersionState, VersionStatus};

/// A secret with its versions.
#[derive(Serialize, ToSchema)]
#[schema(as = Secret)]
pub(super) struct SecretView {
    /// The address of the secret.
    secret: String,
    /// The state of the secret for the endpoint.
    #[schema(value_type = String)]
    state: SecretState,
    /// Until when the state lasts, if that is known.
    until: Option<Timestamp>,
    /// The versions, the newest first.
    versions: Vec<VersionView>,
    /// The endpoints that use it, of those that the caller may read.
    users: Vec<String>,
}

/// A version of a secret, without its value.
#[derive(Serialize, ToSchema)]
#[schema(as = SecretVersion)]
struct VersionView {
    /// The number, from 1.
    version: u32,
    /// `current`, `previous` or `retired`.
    state: &'static str,
    /// The kind of key.
    kind: Option<&'static str>,
    /// When it was created.
    created_at: Timestamp,
    /// When it ends or ended.
    ends_at: Option<Timestamp>,
    /// The key service that encrypted it.
    key_service: String,
    /// The key in that service.
    key: String,
    /// The deliveries that it has proven.
    deliveries: u64,
    /// When it proved the last one.
    last_used_at: Option<Timestamp>,
}

/// The value of a secret.
#[derive(Serialize, ToSchema)]
#[schema(as = RevealedSecret)]
pub(super) struct RevealedView<'a> {
    /// The number of the version.
    version: u32,
    /// The value.
    value: &'a str,
}

/// A rotation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecretRotation)]
pub(super) struct Rotate {
    /// How long the current version stays valid: `none`, or a time such as `24h` or `7d`.
    overlap: String,
    /// The current version that the caller has seen. If there is a newer one, nothing is done.
    based_on: u32,
}

/// A new value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecretValue)]
pub(super) struct Set {
    /// The value.
    #[schema(value_type = String)]
    value: Value,
    /// How long the current version stays valid: `none`, or a time such as `24h` or `7d`. Default: `none`.
    overlap: Option<String>,
    /// The current version that the caller has seen; `null` if the secret was not bound.
    based_on: Option<u32>,
    /// Whether a value that looks like a mistake is accepted.
    #[serde(default)]
    force: bool,
}

/// Which versions end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecretRetirement)]
pub(super) struct Retire {
    /// Whether the current version ends too, so that every delivery is refused.
    #[serde(default)]
    current: bool,
}

/// A replaced secret.
#[derive(Serialize, ToSchema)]
#[schema(as = ReplacedSecret)]
pub(super) struct ReplacedView {
    /// The number of the new version.
    pub(super) version: u32,
    /// When the version before ends; none without an overlap.
    pub(super) ends_at: Option<Timestamp>,
    /// What looks unusual about the value.
    pub(super) cautions: Vec<String>,
}

/// Ended versions.
#[derive(Serialize, ToSchema)]
#[schema(as = RetiredSecret)]
pub(super) struct RetiredView {
    /// How many versions ended.
    retired: u64,
}

/// A secret in a request. It is overwritten when it is dropped.
pub(super) struct Value(Zeroizing<String>);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl Value {
    /// The secret, if it has a valid form.
    pub(super) fn into_secret(self) -> Result<Secret, Problem> {
        let bytes = Zeroizing::new(self.0.as_bytes().to_vec());
        Ok(Control::secret_of(bytes)?)
    }
}

pub(super) async fn read(call: Call) -> Result<Reply, Problem> {
    let control = &call.console.control;
    let secret = call.secret()?;
    let (state, until) = call.endpoint()?.secret_state(call.console.clock.now());
    let versions = match control.secret_status(&secret).await {
        Err(ControlError::SecretUnbound(_)) => Vec::new(),
        versions => versions?,
    };
    let mut users = Vec::new();
    for user in control.secret_users(&secret).await? {
        if call.may(Permission::Read, &user.organisation, &user.workspace)? {
            users.push(user.id.to_string());
        }
    }
    Reply::ok(&SecretView {
        secret: secret.to_string(),
        state,
        until,
        versions: versions.into_iter().map(version).collect(),
        users,
    })
}

pub(super) async fn impact(call: Call) -> Result<Reply, Problem> {
    let control = &call.console.control;
    let secret = call.secret()?;
    let overlap = overlap_of(call.query_value("overlap"))?;
    let impact = match call.query_value("change") {
        Some("rotate") => control.rotation_impact(&secret, overlap).await?,
        Some("set") => control.replacement_impact(&secret, overlap).await?,
        Some("retire") => control.previous_retirement_impact(&secret).await?,
        Some("retire_current") => control.retirement_impact(&secret).await?,
        _ => {
            let expected = "expected `rotate`, `set`, `retire` or `retire_current`";
            return Err(Problem::parameter("change", expected));
        }
    };
    Reply::ok(&visible(&call, impact).await?)
}

pub(super) async fn reveal(call: Call) -> Result<Reply, Problem> {
    let console = &call.console;
    let principal = call.principal()?;
    if let PrincipalKind::Session { signed_in_at } = principal.kind
        && console.clock.now().duration_since(signed_in_at) > FRESH_SIGN_IN
    {
        return Err(Problem::sign_in_required());
    }
    let secret = call.secret()?;
    // Before anything is decrypted.
    console.reveals.count(&principal.key()).map_err(|wait| {
        call.denied(Problem::too_many(
            "too many reveals; nothing was shown",
            wait,
        ))
    })?;
    let revealed = console
        .control
        .reveal_secret(&call.actor()?, &secret)
        .await?;
    let value = std::str::from_utf8(revealed.value.expose()).map_err(|_| Problem::internal())?;
    Reply::secret(
        StatusCode::OK,
        &RevealedView {
            version: revealed.version,
            value,
        },
    )
}

pub(super) async fn rotate(call: Call) -> Result<Reply, Problem> {
    let Rotate { overlap, based_on } = call.json()?;
    let overlap = parse_overlap(&overlap)?;
    let console = &call.console;
    let secret = call.secret()?;
    call.require_whole_secret(&secret).await?;
    let actor = call.actor()?;
    let changed = console
        .control
        .rotate_secret_from(&actor, &secret, overlap, Some(based_on));
    Reply::ok(&ReplacedView {
        version: changed.await?.version,
        ends_at: end_of(&call, overlap),
        cautions: Vec::new(),
    })
}

pub(super) async fn set(call: Call) -> Result<Reply, Problem> {
    let Set {
        value,
        overlap,
        based_on,
        force,
    } = call.json()?;
    let overlap = overlap_of(overlap.as_deref())?;
    let value = value.into_secret()?;
    let console = &call.console;
    let secret = call.secret()?;
    call.require_whole_secret(&secret).await?;
    if based_on.is_none() && call.endpoint()?.current.is_some() {
        return Err(ControlError::VersionChanged(secret).into());
    }
    let actor = call.actor()?;
    let changed = console
        .control
        .set_secret_from(&actor, &secret, &value, overlap, force, based_on);
    let changed = changed.await?;
    Reply::ok(&ReplacedView {
        version: changed.version,
        ends_at: based_on.and_then(|_| end_of(&call, overlap)),
        cautions: changed.cautions.iter().map(ToString::to_string).collect(),
    })
}

pub(super) async fn retire(call: Call) -> Result<Reply, Problem> {
    let Retire { current } = call.json()?;
    let secret = call.secret()?;
    call.require_whole_secret(&secret).await?;
    let ending = if current {
        Retirement::Everything
    } else {
        Retirement::Previous
    };
    let control = &call.console.control;
    let retired = control
        .retire_secret(&call.actor()?, &secret, ending)
        .await?;
    Reply::ok(&RetiredView { retired })
}

/// An impact without the endpoints that the caller may not read.
async fn visible(call: &Call, mut impact: Impact) -> Result<Impact, Problem> {
    let control = &call.console.control;
    let mut hidden = Vec::new();
    for secret in &impact.secrets {
        for user in control.secret_users(&secret.secret).await? {
            if !call.may(Permission::Read, &user.organisation, &user.workspace)? {
                hidden.push(user.id);
            }
        }
    }
    impact
        .senders
        .retain(|sender| !hidden.contains(&sender.endpoint));
    for secret in &mut impact.secrets {
        secret.shared_by.retain(|user| !hidden.contains(user));
    }
    Ok(impact)
}

pub(super) fn overlap_of(text: Option<&str>) -> Result<SignedDuration, Problem> {
    text.map_or(Ok(SignedDuration::ZERO), parse_overlap)
}

/// When the version before ends.
pub(super) fn end_of(call: &Call, overlap: SignedDuration) -> Option<Timestamp> {
    let now = call.console.clock.now();
    (!overlap.is_zero()).then(|| now.checked_add(overlap).unwrap_or(Timestamp::MAX))
}

fn version(status: VersionStatus) -> VersionView {
    let (state, ends_at) = match status.state {
        VersionState::Current => ("current", None),
        VersionState::Previous(until) => ("previous", Some(until)),
        VersionState::Retired(at) => ("retired", Some(at)),
    };
    VersionView {
        version: status.version,
        state,
        kind: status.kind.map(KeyKind::word),
        created_at: status.created_at,
        ends_at,
        key_service: status.service,
        key: status.key_id,
        deliveries: status.deliveries,
        last_used_at: status.last_used_at,
    }
}

const FRESH_SIGN_IN: SignedDuration = SignedDuration::from_mins(10);
