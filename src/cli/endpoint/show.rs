//! Endpoints, as people and scripts look at them.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::challenge;
use super::replays::{replays, shown};
use crate::auth::{AccountRule, Mode, Recipient};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::control::{Binding, ChallengeStatus};
use crate::directory::{Definition, DraftAuth, EndpointId, MissingKey, Target};
use crate::secrets::SecretRef;

/// All endpoints whose id begins with `prefix`.
pub(super) async fn list(session: &Session, prefix: &str, json: bool) -> Result<String, Failure> {
    let stored = session.control.endpoints(prefix).await?;
    if json {
        let definitions: Vec<_> = stored.iter().map(|stored| &stored.definition).collect();
        return output::json(&definitions);
    }
    let rows: Vec<[String; 6]> = stored
        .iter()
        .map(|stored| {
            let it = &stored.definition;
            let mode = it.auth.as_ref().map_or("missing", |auth| auth.mode.word());
            [
                it.id.to_string(),
                it.organisation.to_string(),
                it.workspace.to_string(),
                mode.to_owned(),
                if it.enabled && !it.suspended {
                    "enabled"
                } else {
                    "disabled"
                }
                .to_owned(),
                it.upstream.clone(),
            ]
        })
        .collect();
    Ok(output::table(
        [
            "id",
            "organisation",
            "workspace",
            "auth",
            "state",
            "upstream",
        ],
        &rows,
        |column, cell| (column == 3 && cell == "none").then_some(output::ALARM),
    ))
}

/// One endpoint, with its public URL and whether its secret is bound.
pub(super) async fn show(
    session: &Session,
    id: &EndpointId,
    json: bool,
) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Shown<'a> {
        url: Option<String>,
        secret: Option<String>,
        secret_bound: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        secret_bound_since: Option<Timestamp>,
        #[serde(flatten)]
        handshake: &'a ChallengeStatus,
        #[serde(flatten)]
        definition: &'a Definition,
    }
    let control = &session.control;
    let definition = control.endpoint(id).await?;
    let auth = definition.auth.as_ref();
    let secret = auth.and_then(|auth| auth.secret_of(id));
    let binding = match &secret {
        None => Binding::Unbound,
        Some(secret) => {
            let needed = Binding::needed_kind(&definition);
            control.binding(secret, needed).await?
        }
    };
    let since = binding.since();
    let secret_bound = secret.is_some().then_some(since.is_some());
    let url = control.url(&definition);
    let handshake = control.challenge_status(&definition).await?;
    if json {
        return output::json(&Shown {
            url,
            secret: secret.map(|secret| secret.to_string()),
            secret_bound,
            secret_bound_since: since,
            handshake: &handshake,
            definition: &definition,
        });
    }
    let alarm = output::ALARM;
    let asks = control.draft_auth(&definition);
    // A draft that asks for a token instead keeps nobody out by what it lacks.
    let is_asked = asks != DraftAuth::Workspace;
    let auth = match auth {
        None if !is_asked => "-".to_owned(),
        None => format!("{alarm}missing: every delivery is refused{alarm:#}"),
        Some(auth) if auth.mode == Mode::None && is_asked => {
            format!("{alarm}none: everybody gets in{alarm:#}")
        }
        Some(auth) => match &auth.preset {
            Some(preset) => format!("{}, {preset}", auth.mode),
            None => auth.mode.to_string(),
        },
    };
    let secret = secret_line(&definition, secret.as_ref(), binding, is_asked);
    let mut lines = vec![
        format!("endpoint      {id}"),
        format!("url           {}", url.as_deref().unwrap_or("-")),
        format!("organisation  {}", definition.organisation),
        format!("workspace     {}", definition.workspace),
        format!("target        {}", definition.target),
        format!("auth          {auth}"),
        format!("secret        {secret}"),
        format!("replays       {}", replays(session, &definition)),
        format!("upstream      {}", definition.upstream),
        format!(
            "state         {}",
            if definition.suspended {
                "stopped by an operator (`endpoint enable` lets it go on)"
            } else if definition.enabled {
                "enabled"
            } else {
                "disabled"
            }
        ),
    ];
    if definition.target == Target::Draft {
        lines.insert(5, format!("draft         {}", said(asks, &definition)));
    }
    lines.extend(account_line(&definition));
    lines.extend(declared(&definition));
    lines.extend(challenge::lines(&handshake, &definition));
    if let Some(capture) = definition.capture {
        let time = jiff::SignedDuration::from_secs(i64::from(capture.for_seconds));
        lines.push(format!(
            "capture       the last {} for {time:#}",
            capture.last
        ));
    }
    lines.extend(
        definition
            .aliases
            .iter()
            .map(|alias| format!("alias         {alias}")),
    );
    Ok(lines.join("\n"))
}

/// Whose deliveries it takes, where installations of one app share a key.
fn account_line(definition: &Definition) -> Option<String> {
    let auth = definition.auth.as_ref()?;
    let preset = auth.named_preset()?;
    let rule = preset.scheme.account()?;
    let says = match auth.settings.get(AccountRule::SETTING) {
        Some(accounts) => output::plain(accounts),
        None if preset.sender.recipient == Recipient::AppKey => format!(
            "any: every installation of the app shares the key; bind it with --setting {}=…",
            AccountRule::SETTING
        ),
        None => return None,
    };
    let places: Vec<String> = rule.places().iter().map(ToString::to_string).collect();
    Some(format!("account       {says} ({})", places.join(", ")))
}

/// Where the secret is, and whether it lets anybody in.
fn secret_line(
    definition: &Definition,
    secret: Option<&SecretRef>,
    binding: Binding,
    is_asked: bool,
) -> String {
    let alarm = output::ALARM;
    match (secret, binding.since()) {
        (None, _) => "-".to_owned(),
        (Some(secret), Some(at)) => format!("{secret} (bound since {at:.0})"),
        (Some(secret), None) => {
            let why = binding.complaint().unwrap_or_default();
            if is_asked {
                let remedy = Binding::remedy(definition, secret);
                format!("{secret} {alarm}({why}: every delivery is refused){alarm:#}; {remedy}")
            } else {
                format!("{secret} ({why})")
            }
        }
    }
}

/// Who may deliver to a draft.
fn said(asks: DraftAuth, definition: &Definition) -> String {
    let token = format!(
        "whoever has a token of the workspace {}",
        definition.workspace
    );
    match asks {
        DraftAuth::Workspace => format!("for {token}; `auth` is not asked"),
        DraftAuth::Both => format!("for {token}, and proves itself by `auth`"),
        _ => "for whoever proves itself by `auth`".to_owned(),
    }
}

/// What its flow says of it, and what it asks of a payload.
fn declared(definition: &Definition) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(flow) = &definition.flow {
        lines.push(format!("flow          {flow}"));
    }
    if let Some(text) = &definition.description {
        lines.push(format!("description   {}", output::plain(text)));
    }
    if let Some(event) = &definition.event_name {
        lines.push(format!("event         {event}"));
    }
    if !definition.events.is_empty() {
        let events = output::plain(&definition.events.join(", "));
        lines.push(format!(
            "takes         {events}; other events are acknowledged and not passed on"
        ));
    }
    let contract = definition.contract.as_ref();
    if contract.is_some_and(|it| it.schema.is_some()) {
        lines.push("payload       has to fit a JSON Schema (see --json)".to_owned());
    }
    let inputs = contract.into_iter().flat_map(|it| &it.inputs);
    lines.extend(inputs.map(|input| {
        let required = if input.required { ", required" } else { "" };
        let label = input.label.as_deref().map(output::plain);
        let label = label.map_or_else(String::new, |label| format!(" \"{label}\""));
        let name = output::plain(&input.name);
        format!("input         {name} ({}{required}){label}", input.kind)
    }));
    if let Some(key) = &definition.key_field {
        let missing = match definition.key_missing {
            MissingKey::Reject => "; a payload without it is refused",
            _ => "",
        };
        lines.push(format!(
            "key           {}{missing}",
            output::plain(&key.to_string())
        ));
    }
    if let Some(turns) = definition.concurrency {
        let wait = shown(Duration::from_millis(turns.wait_ms));
        lines.push(format!(
            "concurrency   {} of a key at once; one more waits {wait}",
            turns.per_key
        ));
    }
    lines
}
