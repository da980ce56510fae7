//! `portcullis endpoint list` and `endpoint show`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::auth::{AccountRule, Mode, Recipient};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::control::{Binding, ChallengeStatus};
use crate::directory::{
    Definition, DraftAuth, Duplicates, EndpointId, LedgerDown, MissingKey, ReplayKey, ReplayRule,
    Target,
};
use crate::secrets::SecretRef;

/// Lists the endpoints whose id starts with `prefix`.
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

/// Shows one endpoint, its public URL and the state of its secret.
pub(super) async fn show(
    session: &Session,
    id: &EndpointId,
    json: bool,
) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct EndpointView<'a> {
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
        return output::json(&EndpointView {
            url,
            secret: secret.map(|secret| secret.to_string()),
            secret_bound,
            secret_bound_since: since,
            handshake: &handshake,
            definition: &definition,
        });
    }
    let alarm = output::ALARM;
    let required = control.draft_auth(&definition);
    // A draft that requires only a workspace token ignores a missing `auth` or secret.
    let uses_auth = required != DraftAuth::Workspace;
    let auth = match auth {
        None if !uses_auth => "-".to_owned(),
        None => format!("{alarm}missing: every delivery is refused{alarm:#}"),
        Some(auth) if auth.mode == Mode::None && uses_auth => {
            format!("{alarm}none: every delivery is admitted{alarm:#}")
        }
        Some(auth) => match &auth.preset {
            Some(preset) => format!("{}, {preset}", auth.mode),
            None => auth.mode.to_string(),
        },
    };
    let secret = secret_line(&definition, secret.as_ref(), binding, uses_auth);
    let mut lines = vec![
        format!("endpoint      {id}"),
        format!("url           {}", url.as_deref().unwrap_or("-")),
        format!("organisation  {}", definition.organisation),
        format!("workspace     {}", definition.workspace),
        format!("target        {}", definition.target),
        format!("auth          {auth}"),
        format!("secret        {secret}"),
        format!("replays       {}", replay_line(session, &definition)),
        format!("upstream      {}", definition.upstream),
        format!(
            "state         {}",
            if definition.suspended {
                "suspended by an operator (resume it with: portcullis endpoint enable)"
            } else if definition.enabled {
                "enabled"
            } else {
                "disabled"
            }
        ),
    ];
    if definition.target == Target::Draft {
        lines.insert(
            5,
            format!("draft         {}", draft_line(required, &definition)),
        );
    }
    lines.extend(account_line(&definition));
    lines.extend(declaration_lines(&definition));
    lines.extend(challenge_lines(&handshake, &definition));
    if let Some(capture) = definition.capture {
        let time = SignedDuration::from_secs(i64::from(capture.for_seconds));
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

/// The accounts whose deliveries are accepted, where installations of one app share a key.
fn account_line(definition: &Definition) -> Option<String> {
    let auth = definition.auth.as_ref()?;
    let preset = auth.named_preset()?;
    let rule = preset.scheme.account()?;
    let accounts = match auth.settings.get(AccountRule::SETTING) {
        Some(accounts) => output::plain(accounts),
        None if preset.sender.recipient == Recipient::AppKey => format!(
            "any: every installation of the app shares the key; restrict it with --setting {}=…",
            AccountRule::SETTING
        ),
        None => return None,
    };
    let places: Vec<String> = rule.places().iter().map(ToString::to_string).collect();
    Some(format!("account       {accounts} ({})", places.join(", ")))
}

/// The address of the secret and whether it is usable.
fn secret_line(
    definition: &Definition,
    secret: Option<&SecretRef>,
    binding: Binding,
    uses_auth: bool,
) -> String {
    let alarm = output::ALARM;
    match (secret, binding.since()) {
        (None, _) => "-".to_owned(),
        (Some(secret), Some(at)) => format!("{secret} (bound since {at:.0})"),
        (Some(secret), None) => {
            let fault = binding.complaint().unwrap_or_default();
            if uses_auth {
                let remedy = Binding::remedy(definition, secret);
                format!("{secret} {alarm}({fault}: every delivery is refused){alarm:#}; {remedy}")
            } else {
                format!("{secret} ({fault})")
            }
        }
    }
}

/// What a draft requires from its senders.
fn draft_line(required: DraftAuth, definition: &Definition) -> String {
    let token = format!("a token of the workspace {}", definition.workspace);
    match required {
        DraftAuth::Workspace => format!("requires {token}; `auth` is not checked"),
        DraftAuth::Both => format!("requires {token} and the proof of `auth`"),
        _ => "requires the proof of `auth`".to_owned(),
    }
}

/// The lines about the flow, the events and the payload.
fn declaration_lines(definition: &Definition) -> Vec<String> {
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
            "takes         {events}; other events are acknowledged and not forwarded"
        ));
    }
    let contract = definition.contract.as_ref();
    if contract.is_some_and(|it| it.schema.is_some()) {
        lines.push("payload       must match a JSON Schema (see --json)".to_owned());
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
        let wait = duration_text(Duration::from_millis(turns.wait_ms));
        lines.push(format!(
            "concurrency   {} per key at once; the next one waits up to {wait}",
            turns.per_key
        ));
    }
    lines
}

/// The challenge of the endpoint, and its verify token.
fn challenge_lines(status: &ChallengeStatus, definition: &Definition) -> Vec<String> {
    let alarm = output::ALARM;
    let Some(name) = &definition.handshake else {
        return Vec::new();
    };
    let mut line = format!("handshake     {name}");
    match (status.secret_from_handshake_at, status.expected_until) {
        (Some(at), _) => line.push_str(&format!(" (set the secret at {at})")),
        (None, Some(until)) => line.push_str(&format!(
            " {alarm}(may set the secret until {until}){alarm:#}"
        )),
        (None, None) => {}
    }
    let mut lines = vec![line];
    lines.extend(status.verify_token.as_ref().map(|token| {
        let bound = match status.verify_token_bound {
            Some(true) => "(bound)".to_owned(),
            _ => format!("{alarm}(not bound: no challenge is answered){alarm:#}"),
        };
        format!("verify token  {token} {bound}")
    }));
    lines
}

/// How the endpoint responds to repeated deliveries.
fn replay_line(session: &Session, definition: &Definition) -> String {
    let auth = definition.auth.as_ref();
    let Some(scheme) = auth.and_then(|auth| auth.compiled().ok().flatten()) else {
        return "not detected".to_owned();
    };
    let sender = definition.sender();
    let rule = ReplayRule::of(&definition.replay, Some(&scheme), sender);
    let remember = duration_text(rule.remember.unwrap_or(session.config.gate.remember));
    let window = scheme.timestamp().and_then(|time| time.window);
    let signature = rule.signature.then(|| {
        let action = if rule.acknowledges_signature {
            "acknowledged"
        } else {
            "refused"
        };
        match window {
            Some(_) => format!("the same signature is {action} inside its window"),
            None => format!("the same signature is {action} for {remember}"),
        }
    });
    let is_forwarded = rule.id.is_none()
        && scheme.id().is_some()
        && matches!(definition.replay.key, ReplayKey::Auto | ReplayKey::Id);
    let forwarded = is_forwarded.then(|| "the same id is forwarded".to_owned());
    let id = rule.id.map(|duplicates| {
        let id = if scheme.id_is_signed() {
            "signed id"
        } else {
            "id"
        };
        let action = match duplicates {
            Duplicates::Acknowledge => "acknowledged",
            Duplicates::Forward => "forwarded",
            Duplicates::Reject => "refused",
        };
        format!("the same {id} is {action} for {remember}")
    });
    // Only a shared ledger can be unavailable.
    let is_shared = session.config.ledger.redis.is_some() && rule.remembers();
    let outage = is_shared.then(|| match rule.ledger_down {
        LedgerDown::Closed => "refused while Redis is unavailable".to_owned(),
        LedgerDown::Local => "checked by each gate alone while Redis is unavailable".to_owned(),
    });
    let rules = signature.into_iter().chain(id).chain(forwarded);
    let rules: Vec<String> = rules.chain(outage).collect();
    if rules.is_empty() {
        "not detected".to_owned()
    } else {
        rules.join("; ")
    }
}

fn duration_text(time: Duration) -> String {
    SignedDuration::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:#}"))
}
