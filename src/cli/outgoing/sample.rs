//! A made-up delivery: a body that fits the scheme, the event, and the proof, wherever it stands.

use super::Signer;
use crate::auth::{Message, Sample, Scheme, Source};
use crate::cli::draft_token::DraftToken;
use crate::cli::failure::Failure;
use crate::clock::{Clock as _, SystemClock};
use crate::contract::ContractDefinition;
use crate::directory::{Definition, DraftAuth};

impl Signer {
    /// Signs what is sent now: the body at hand, or a made-up one, with `event` or a usual one put in.
    pub(in crate::cli) fn compose(
        &mut self,
        definition: &Definition,
        event: Option<&str>,
        is_made_up: bool,
    ) -> Result<(), Failure> {
        let now = self.at.unwrap_or(SystemClock.now());
        let source = self.scheme.as_ref().and_then(Scheme::event);
        if event.is_some() && source.is_none() {
            let text = format!("the senders of `{}` name no event", definition.id);
            return Err(Failure::Usage(text));
        }
        self.event = source.map(|source| {
            let subscribed = definition.events.first().map(String::as_str);
            let event = event.or(subscribed).unwrap_or_else(|| usual_event(source));
            event.to_owned()
        });
        let id = format!("msg_{}", uuid::Uuid::now_v7().simple());
        if is_made_up {
            let message = Message {
                method: &self.method,
                url: self.signed_url.as_deref(),
                body: b"",
                at: now,
                id: &id,
            };
            let event = self.event.as_deref();
            let contract = definition.contract.as_ref();
            let payload = ContractDefinition::sample(contract, definition.key_field.as_ref());
            let sample = match (&self.proof, &self.scheme) {
                (Some((scheme, secret)), _) => scheme
                    .sample(secret.expose(), event, payload, message)
                    .map_err(|error| Failure::Other(error.to_string()))?,
                (None, Some(scheme)) => scheme.unproven_sample(event, payload, message),
                (None, None) => Sample {
                    body: if payload.is_empty() {
                        super::SAMPLE.as_bytes().to_vec()
                    } else {
                        serde_json::Value::from(payload).to_string().into_bytes()
                    },
                    added: Vec::new(),
                },
            };
            self.body = sample.body;
            self.ready = Some(sample.added);
            return Ok(());
        }
        let mut added = self.prove(now)?;
        let place = source.and_then(Source::preferred);
        if let (Some(place), Some(event)) = (place, &self.event)
            && !place.is_in_body()
        {
            added.push((place.clone(), event.clone()));
        }
        self.ready = Some(added);
        Ok(())
    }

    /// What proves it, for people.
    pub(in crate::cli) fn proof_word(&self, token: Option<&DraftToken>) -> String {
        let own = match &self.proof {
            None => "nothing",
            Some((scheme, _)) if scheme.covers_body() => "its signature",
            Some(_) => "its secret",
        };
        let token = token.map(|token| {
            if token.is_own() {
                "a token of the workspace, made for this once"
            } else {
                "a token of the workspace"
            }
        });
        match (self.draft_auth, token) {
            (DraftAuth::Workspace, Some(token)) => token.to_owned(),
            (_, Some(token)) => format!("{own} and {token}"),
            (_, None) => own.to_owned(),
        }
    }
}

/// An event that senders who name it there send.
fn usual_event(source: &Source) -> &'static str {
    let place = source.to_string();
    let known = USUAL.iter().find(|(known, _)| *known == place);
    known.map_or("test", |(_, event)| event)
}

const USUAL: &[(&str, &str)] = &[
    ("header:circleci-event-type", "workflow-completed"),
    ("header:twitch-eventsub-subscription-type", "channel.follow"),
    ("header:x-buildkite-event", "ping"),
    ("header:x-event-key", "repo:push"),
    ("header:x-forgejo-event", "push"),
    ("header:x-gitea-event", "push"),
    ("header:x-github-event", "ping"),
    ("header:x-gitlab-event", "Push Hook"),
    (
        "header:x-shopify-topic|header:shopify-topic",
        "orders/create",
    ),
    ("json:/event_type", "ping"),
];
