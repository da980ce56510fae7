//! What becomes of deliveries that were accepted before, in words.

use std::time::Duration;

use jiff::SignedDuration;

use crate::cli::session::Session;
use crate::directory::{Definition, Duplicates, LedgerDown, ReplayKey, ReplayRule};

/// What becomes of deliveries that were accepted before.
pub(super) fn replays(session: &Session, definition: &Definition) -> String {
    let auth = definition.auth.as_ref();
    let Some(scheme) = auth.and_then(|auth| auth.compiled().ok().flatten()) else {
        return "not told".to_owned();
    };
    let sender = definition.sender();
    let rule = ReplayRule::of(&definition.replay, Some(&scheme), sender);
    let remember = shown(rule.remember.unwrap_or(session.config.gate.remember));
    let window = scheme.timestamp().and_then(|time| time.window);
    let signature = rule.signature.then(|| {
        let done = if rule.acknowledges_signature {
            "acknowledged"
        } else {
            "refused"
        };
        match window {
            Some(_) => format!("the same signature is {done} inside its window"),
            None => format!("the same signature is {done} for {remember}"),
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
        let done = match duplicates {
            Duplicates::Acknowledge => "acknowledged",
            Duplicates::Forward => "forwarded",
            Duplicates::Reject => "refused",
        };
        format!("the same {id} is {done} for {remember}")
    });
    // Where nodes share no memory there is none that could be out of reach.
    let is_shared = session.config.ledger.redis.is_some() && rule.remembers();
    let without = is_shared.then(|| match rule.ledger_down {
        LedgerDown::Closed => "refused while Redis is out of reach".to_owned(),
        LedgerDown::Local => "judged by each gate alone while Redis is out of reach".to_owned(),
    });
    let told = signature.into_iter().chain(id).chain(forwarded);
    let told: Vec<String> = told.chain(without).collect();
    if told.is_empty() {
        "not told".to_owned()
    } else {
        told.join("; ")
    }
}

/// A time, for people.
pub(super) fn shown(time: Duration) -> String {
    SignedDuration::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:#}"))
}
