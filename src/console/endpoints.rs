//! Endpoints: list, show, create, change, enable, disable, delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::call::Call;
use super::cursor;
use super::problem::Problem;
use super::reply::{Page, Reply};
use crate::auth::Mode;
use crate::control::{
    Activity, ChallengeStatus, EndpointFilter, EndpointPlan, Impact, SecretState, Step,
};
use crate::directory::{AuthDefinition, Definition, EndpointId, LimitsDefinition, Name};
use crate::operators::Permission;
use crate::store::{EndpointRow, StateFilter};

/// An endpoint in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = EndpointSummary)]
pub(super) struct SummaryView {
    /// The id.
    id: String,
    /// The organisation that owns it.
    organisation: String,
    /// The workspace that owns it.
    workspace: String,
    /// `live`, `draft` or `installation`.
    target: &'static str,
    /// The flow that it belongs to.
    flow: Option<String>,
    /// The public URL, if a route or an alias leads to it.
    url: Option<String>,
    /// The path of the public URL.
    path: Option<String>,
    /// How deliveries are proven.
    mode: Option<&'static str>,
    /// The preset of the sender.
    preset: Option<String>,
    /// Whether its declaration enables it.
    enabled: bool,
    /// Whether an operator has suspended it.
    suspended: bool,
    /// Whether it accepts deliveries from anyone.
    unauthenticated: bool,
    /// The state of its secret.
    secret: SecretSummary,
    /// When the latest admitted delivery arrived, if deliveries are recorded.
    last_admitted_at: Option<Timestamp>,
    /// The counts of the last 24 hours.
    last_day: LastDay,
    /// The reason of the latest delivery.
    last_reason: Option<String>,
    /// What the caller may do: `change`, `reveal`.
    may: Vec<&'static str>,
}

/// The state of a secret.
#[derive(Serialize, ToSchema)]
struct SecretSummary {
    /// The address of the secret.
    address: Option<String>,
    /// The state.
    #[schema(value_type = String)]
    state: SecretState,
    /// Until when the state lasts, if that is known.
    until: Option<Timestamp>,
}

/// The deliveries of the last 24 hours.
#[derive(Serialize, ToSchema)]
struct LastDay {
    /// The deliveries that the backend received.
    admitted: u64,
    /// The deliveries that the gate refused.
    refused: u64,
    /// The deliveries at which the gate or the backend failed.
    failed: u64,
    /// The counts by hour, the current hour last.
    hours: Vec<HourView>,
}

/// The deliveries of one hour.
#[derive(Serialize, ToSchema)]
#[schema(as = HourlyCounts)]
struct HourView {
    /// The start of the hour.
    hour: Timestamp,
    /// The deliveries that the backend received.
    admitted: u64,
    /// The deliveries that the gate refused.
    refused: u64,
    /// The deliveries at which the gate or the backend failed.
    failed: u64,
}

/// An endpoint with its definition.
#[derive(Serialize, ToSchema)]
#[schema(as = Endpoint)]
pub(super) struct EndpointView {
    #[serde(flatten)]
    summary: SummaryView,
    /// The definition as it is stored.
    #[schema(value_type = Object)]
    definition: Definition,
    /// When it was last changed.
    updated_at: Timestamp,
    /// How to connect a sender.
    connect: ConnectView,
    /// Whether its flow declares it, so that only a declaration changes it.
    declared_in_flow: bool,
}

/// How to connect a sender.
#[derive(Serialize, ToSchema)]
#[schema(as = Connect)]
struct ConnectView {
    /// The URL for the sender.
    url: Option<String>,
    /// The URL that the sender signs, if it is another one.
    signed_url: Option<String>,
    /// The fields of the sender's form.
    form: Vec<FormField>,
    /// The proof in words.
    scheme: String,
    /// Commands that check the connection.
    checks: Vec<Check>,
    /// The state of the provider challenge.
    #[schema(value_type = Object)]
    challenge: ChallengeStatus,
}

/// A field of a form at the sender.
#[derive(Serialize, ToSchema)]
struct FormField {
    field: &'static str,
    value: String,
    hint: Option<&'static str>,
}

/// A command that checks the connection.
#[derive(Serialize, ToSchema)]
struct Check {
    title: &'static str,
    command: String,
    /// The status that it should print.
    expect: &'static str,
}

/// A new endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEndpoint {
    /// The id.
    #[schema(value_type = String)]
    id: EndpointId,
    /// The organisation that owns it.
    #[schema(value_type = String)]
    organisation: Name,
    /// The workspace that owns it.
    #[schema(value_type = String)]
    workspace: Name,
    /// How deliveries are proven. Default: the mode `secret`.
    #[schema(value_type = Option<Object>)]
    auth: Option<AuthDefinition>,
    /// The upstream. Default: the only one, or `default`.
    upstream: Option<String>,
    /// A description for people.
    description: Option<String>,
}

/// A change of an endpoint. Fields that are left out stay as they are.
#[expect(
    clippy::option_option,
    reason = "`null` differs from a field that is left out"
)]
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointPatch {
    /// How deliveries are proven; `null` refuses every delivery.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    auth: Option<Option<AuthDefinition>>,
    /// The events that it accepts; `null` for all.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    events: Option<Option<Vec<String>>>,
    /// Its own limits; `null` for those of the server.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Object>)]
    limits: Option<Option<LimitsDefinition>>,
}

/// A change, planned or made.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangedEndpoint)]
pub(super) struct ChangeView {
    /// Whether the store changes.
    changed: bool,
    /// The step for each endpoint.
    #[schema(value_type = Vec<Object>)]
    steps: Vec<Step>,
    /// The impact on deliveries.
    impact: Impact,
    /// The endpoint as it is stored now; none after its deletion.
    endpoint: Option<EndpointView>,
}

/// Tells `null` from a field that is left out.
#[expect(clippy::option_option, reason = "it is what it tells apart")]
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    let state = match call.query_value("state") {
        None => None,
        Some("disabled") => Some(StateFilter::Disabled),
        Some("overlap") => Some(StateFilter::Overlap),
        Some("refusing") => Some(StateFilter::Refusing),
        Some("unauthenticated") => Some(StateFilter::Unauthenticated),
        Some("unbound") => Some(StateFilter::Unbound),
        Some(_) => {
            return Err(Problem::parameter(
                "state",
                "expected `unbound`, `refusing`, `disabled`, `overlap` or `unauthenticated`",
            ));
        }
    };
    let search = call.query_value("q").map(str::to_owned);
    if search.as_ref().is_some_and(|text| text.len() > MAX_SEARCH) {
        return Err(Problem::parameter("q", "at most 512 bytes"));
    }
    let after = call.query_value("cursor");
    let filter = EndpointFilter {
        organisation: call.query_value("organisation").map(str::to_owned),
        workspace: call.query_value("workspace").map(str::to_owned),
        target: call.query_parsed("target", "expected `draft`, `live` or `installation`")?,
        state,
        search,
        after: after.map(|text| cursor::read(LIST, text)).transpose()?,
        limit: call.limit()?,
    };
    let control = &call.console.control;
    let page = control.endpoint_page(call.principal()?, filter).await?;
    let ids: Vec<EndpointId> = page
        .rows
        .iter()
        .map(|row| row.definition.id.clone())
        .collect();
    let mut activity = control.activity(&ids).await?;
    let items = page.rows.iter().map(|row| {
        let activity = activity.remove(&row.definition.id);
        summary(&call, row, activity)
    });
    Reply::ok(&Page {
        items: items.collect::<Result<Vec<SummaryView>, Problem>>()?,
        next: page.next.map(|id| cursor::write(LIST, &id)),
    })
}

pub(super) async fn read(call: Call) -> Result<Reply, Problem> {
    let row = call.endpoint()?;
    let reply = Reply::ok(&view(&call, row).await?)?;
    Ok(reply.tagged(&row.digest()?))
}

pub(super) async fn create(call: Call) -> Result<Reply, Problem> {
    let new: NewEndpoint = call.json()?;
    if !call.may(Permission::Change, &new.organisation, &new.workspace)? {
        return Err(call.denied(Problem::forbidden()));
    }
    let control = &call.console.control;
    let _changing = call.console.changes.lock().await;
    let id = new.id.clone();
    let definition = control.new_endpoint(new.id, new.organisation, new.workspace);
    let mut definition = definition.await?;
    if let Some(auth) = new.auth {
        definition.auth = Some(auth);
    }
    if let Some(upstream) = new.upstream {
        definition.upstream = upstream;
    }
    definition.description = new.description;
    check_secret_reference(&call, None, &definition).await?;
    let plan = control.endpoint_creation(definition).await?;
    control.perform(&call.actor()?, plan).await?;
    let row = stored(&call, &id).await?.ok_or_else(Problem::not_found)?;
    let reply = Reply::json(StatusCode::CREATED, &view(&call, &row).await?)?;
    Ok(reply.tagged(&row.digest()?))
}

pub(super) async fn change(call: Call) -> Result<Reply, Problem> {
    let patch: EndpointPatch = call.json()?;
    let console = Arc::clone(&call.console);
    let _changing = console.changes.lock().await;
    let call = reloaded(call).await?;
    call.require_match()?;
    let old = call.endpoint()?.definition.clone();
    let mut new = old.clone();
    patch.apply(&mut new);
    check_secret_reference(&call, Some(&old), &new).await?;
    let plan = console
        .control
        .endpoint_update(&old.id, |definition| *definition = new);
    finish(&call, plan.await?).await
}

pub(super) async fn delete(call: Call) -> Result<Reply, Problem> {
    let console = Arc::clone(&call.console);
    let _changing = console.changes.lock().await;
    let call = reloaded(call).await?;
    call.require_match()?;
    let plan = console
        .control
        .endpoint_deletion(call.endpoint_id()?)
        .await?;
    finish(&call, plan).await
}

pub(super) async fn enable(call: Call) -> Result<Reply, Problem> {
    switch(call, true).await
}

pub(super) async fn disable(call: Call) -> Result<Reply, Problem> {
    switch(call, false).await
}

async fn switch(call: Call, enabled: bool) -> Result<Reply, Problem> {
    let _changing = call.console.changes.lock().await;
    let id = call.endpoint_id()?;
    let plan = call.console.control.endpoint_switch(id, enabled).await?;
    finish(&call, plan).await
}

/// Performs a plan unless it is a dry run, and shows it with its impact.
async fn finish(call: &Call, plan: EndpointPlan) -> Result<Reply, Problem> {
    let control = &call.console.control;
    let changed = !plan.is_unchanged();
    let impact = control.endpoint_impact(&plan).await?;
    let plan = if call.is_dry_run()? {
        plan
    } else {
        control.perform(&call.actor()?, plan).await?
    };
    let row = stored(call, call.endpoint_id()?).await?;
    let endpoint = match &row {
        None => None,
        Some(row) => Some(view(call, row).await?),
    };
    let reply = Reply::ok(&ChangeView {
        changed,
        steps: plan.steps().to_vec(),
        impact,
        endpoint,
    })?;
    match &row {
        Some(row) => Ok(reply.tagged(&row.digest()?)),
        None => Ok(reply),
    }
}

/// Reads the endpoint again, under the lock of changes.
async fn reloaded(mut call: Call) -> Result<Call, Problem> {
    let row = stored(&call, call.endpoint_id()?).await?;
    call.endpoint = Some(row.ok_or_else(Problem::not_found)?);
    Ok(call)
}

async fn stored(call: &Call, id: &EndpointId) -> Result<Option<EndpointRow>, Problem> {
    Ok(call.console.control.endpoint_row(id.as_str()).await?)
}

/// Refuses a definition that names a secret which the principal may not change. Otherwise its endpoint would reveal it.
pub(super) async fn check_secret_reference(
    call: &Call,
    old: Option<&Definition>,
    new: &Definition,
) -> Result<(), Problem> {
    let named = new.auth.as_ref().and_then(|auth| auth.secret.as_ref());
    let is_old = old.and_then(Definition::secret).as_ref() == named;
    match named {
        Some(secret) if !is_old => call.require_whole_secret(secret).await,
        _ => Ok(()),
    }
}

impl EndpointPatch {
    fn apply(self, definition: &mut Definition) {
        if let Some(auth) = self.auth {
            definition.auth = auth;
        }
        if let Some(events) = self.events {
            definition.events = events.unwrap_or_default();
        }
        if let Some(limits) = self.limits {
            definition.limits = limits.unwrap_or_default();
        }
    }
}

async fn view(call: &Call, row: &EndpointRow) -> Result<EndpointView, Problem> {
    let control = &call.console.control;
    let id = row.definition.id.clone();
    let mut activity: BTreeMap<EndpointId, Activity> =
        control.activity(std::slice::from_ref(&id)).await?;
    let challenge = control.challenge_status(&row.definition).await?;
    Ok(EndpointView {
        summary: summary(call, row, activity.remove(&id))?,
        connect: connect(call, &row.definition, challenge),
        definition: row.definition.clone(),
        updated_at: row.updated_at,
        declared_in_flow: row.definition.flow.is_some(),
    })
}

fn summary(
    call: &Call,
    row: &EndpointRow,
    activity: Option<Activity>,
) -> Result<SummaryView, Problem> {
    let control = &call.console.control;
    let definition = &row.definition;
    let auth = definition.auth.as_ref();
    let (state, until) = row.secret_state(call.console.clock.now());
    let mut may = Vec::new();
    for (permission, word) in [
        (Permission::Change, "change"),
        (Permission::Reveal, "reveal"),
    ] {
        if call.may(permission, &definition.organisation, &definition.workspace)? {
            may.push(word);
        }
    }
    let (last_admitted_at, last_reason, hours) = match activity {
        None => (None, None, Vec::new()),
        Some(it) => (it.last_admitted_at, it.last_reason, it.hours.to_vec()),
    };
    let hours: Vec<HourView> = hours
        .into_iter()
        .map(|counts| HourView {
            hour: counts.hour,
            admitted: counts.admitted,
            refused: counts.refused,
            failed: counts.failed,
        })
        .collect();
    Ok(SummaryView {
        id: definition.id.to_string(),
        organisation: definition.organisation.to_string(),
        workspace: definition.workspace.to_string(),
        target: definition.target.word(),
        flow: definition.flow.as_ref().map(ToString::to_string),
        url: control.url(definition),
        path: control.path(definition),
        mode: auth.map(|auth| auth.mode.word()),
        preset: auth.and_then(|auth| auth.preset.clone()),
        enabled: definition.enabled,
        suspended: definition.suspended,
        unauthenticated: auth.is_some_and(|auth| auth.mode == Mode::None),
        secret: SecretSummary {
            address: definition.secret().map(|secret| secret.to_string()),
            state,
            until,
        },
        last_admitted_at,
        last_day: LastDay {
            admitted: total(&hours, |hour| hour.admitted),
            refused: total(&hours, |hour| hour.refused),
            failed: total(&hours, |hour| hour.failed),
            hours,
        },
        last_reason,
        may,
    })
}

fn total(hours: &[HourView], count: fn(&HourView) -> u64) -> u64 {
    hours.iter().map(count).sum()
}

fn connect(call: &Call, definition: &Definition, challenge: ChallengeStatus) -> ConnectView {
    let url = call.console.control.url(definition);
    let auth = definition.auth.as_ref();
    let shown_url = url.clone().unwrap_or_default();
    let scheme = auth.and_then(|auth| auth.compiled().ok().flatten());
    let words = match (auth, &scheme) {
        (None, _) => "no proof is configured: every delivery is refused".to_owned(),
        (Some(auth), None) if auth.mode == Mode::None => {
            "none: every delivery is admitted".to_owned()
        }
        (Some(auth), None) => auth.mode.to_string(),
        (Some(_), Some(scheme)) => {
            let covered = scheme.covers().word();
            let algorithm = scheme.algorithm().name();
            match scheme.weakness() {
                Some(weakness) => format!("{algorithm} over the {covered}; {weakness}"),
                None => format!("{algorithm} over the {covered}"),
            }
        }
    };
    ConnectView {
        signed_url: auth.and_then(|auth| auth.public_url.clone()),
        form: form(definition, &shown_url),
        checks: checks(definition, &shown_url),
        scheme: words,
        challenge,
        url,
    }
}

/// The fields of the sender's form: those of GitHub where its signature is checked, or else the URL and the secret.
fn form(definition: &Definition, url: &str) -> Vec<FormField> {
    let field = |field, value: &str, hint| FormField {
        field,
        value: value.to_owned(),
        hint,
    };
    let auth = definition.auth.as_ref();
    let preset = auth.and_then(AuthDefinition::preset);
    let is_github = preset.is_some_and(|preset| preset.name == "github")
        || auth.is_some_and(|auth| auth.mode == Mode::Hmac && auth.header.is_none());
    let has_secret = definition.secret().is_some();
    if is_github {
        let events = match definition.events.as_slice() {
            [] => "Send me everything, or only what the backend handles".to_owned(),
            events => events.join(", "),
        };
        return vec![
            field("Payload URL", url, None),
            field(
                "Content type",
                "application/json",
                Some("The proof covers the bytes that are sent, so both types work."),
            ),
            field("Secret", "", Some("Reveal the secret, and paste it here.")),
            field("SSL verification", "Enable SSL verification", None),
            field("Events", &events, None),
            field("Active", "Yes", None),
        ];
    }
    let mut fields = vec![field("URL", url, None)];
    if let Some(header) = auth.and_then(|auth| auth.header.as_deref()) {
        fields.push(field("Header", header, None));
    }
    if has_secret {
        let hint = if definition.can_generate_secret() {
            "Reveal the secret, and paste it here."
        } else {
            "The provider issues it. Set the value of the provider."
        };
        fields.push(field("Secret", "", Some(hint)));
    }
    fields
}

/// Three commands: the URL leads here, a proof is required, and a signed delivery is accepted.
fn checks(definition: &Definition, url: &str) -> Vec<Check> {
    let id = &definition.id;
    let is_open = definition
        .auth
        .as_ref()
        .is_some_and(|auth| auth.mode == Mode::None);
    vec![
        Check {
            title: "A URL without an endpoint is not found",
            command: format!("curl -s -o /dev/null -w '%{{http_code}}\\n' -X POST '{url}-missing'"),
            expect: "404",
        },
        Check {
            title: "A delivery without a proof is refused",
            command: format!(
                "curl -s -o /dev/null -w '%{{http_code}}\\n' -X POST -d '{{}}' '{url}'"
            ),
            expect: if is_open { "200" } else { "401" },
        },
        Check {
            title: "A signed delivery is accepted",
            command: format!("portcullis endpoint test {id}"),
            expect: "accepted",
        },
    ]
}

const LIST: &str = "endpoints";
const MAX_SEARCH: usize = 512;
