//! `portcullis check`: every mistake at once, before a sender finds it.

use std::path::Path;

use clap::Args;

use super::failure::Failure;
use crate::app::{Custody, Sockets};
use crate::config::{Config, Mistake, Mistakes};
use crate::control::Binding;
use crate::directory::{DraftAuth, Target};
use crate::ledger::Shared;
use crate::redis::Eviction;
use crate::store::{Contents, Stored};

/// What to leave out.
#[derive(Args, Debug)]
pub(super) struct Check {
    /// Do not try to listen: a server with this configuration is running.
    #[arg(long)]
    running: bool,
}

impl Check {
    pub(super) async fn run(self, path: &Path) -> Result<String, Failure> {
        let config = Config::load(path)?;
        let mut wrong: Vec<String> = Vec::new();
        if !self.running
            && let Err(errors) = Sockets::bind(&config)
        {
            wrong.extend(errors.iter().map(ToString::to_string));
        }
        for upstream in &config.upstreams {
            for name in &upstream.addresses {
                if let Err(error) = tokio::net::lookup_host(name).await {
                    wrong.push(format!("upstreams.{}: `{name}`: {error}", upstream.name));
                }
            }
        }
        let mut notes = String::new();
        if let Some((settings, prefix)) = &config.ledger.redis {
            match Shared::inspect(settings, prefix).await {
                Ok(Eviction::None) => {}
                Ok(eviction @ Eviction::Unknown(_)) => notes = format!("\nnote: {eviction}"),
                Ok(eviction @ Eviction::By(_)) => wrong.push(format!("ledger.url: {eviction}")),
                Err(error) => wrong.push(format!("ledger.url: {settings}: {error}")),
            }
        }
        let (contents, errors) = Custody::inspect(&config).await;
        let stored = &contents.endpoints;
        wrong.extend(errors.iter().map(ToString::to_string));
        wrong.extend(wrong_endpoints(&config, stored));
        // A store that cannot be reached is among the errors already.
        if let Ok(false) = config.store.exists().await {
            let store = &config.store;
            notes.push_str(&format!(
                "\nnote: {store}: there is no store here; `portcullis serve` creates it"
            ));
        }
        for note in unbound(&config, &contents) {
            notes.push_str(&format!("\nnote: {note}"));
        }
        if wrong.is_empty() {
            return Ok(format!(
                "{}: in order; {}, {}{notes}",
                path.display(),
                count(config.upstreams.len(), "upstream"),
                count(stored.len(), "endpoint")
            ));
        }
        let mistakes = wrong.into_iter().map(|message| Mistake {
            path: path.to_owned(),
            at: None,
            key: String::new(),
            message,
        });
        Err(Mistakes(mistakes.collect()).into())
    }
}

/// Looks at what is stored with the eyes of this configuration.
fn wrong_endpoints(config: &Config, stored: &[Stored]) -> Vec<String> {
    let upstreams = config.upstream_names();
    let surroundings = config.surroundings(&upstreams);
    let mistakes = stored.iter().flat_map(|Stored { definition, .. }| {
        let mistakes = definition.mistakes(&surroundings);
        mistakes
            .into_iter()
            .map(|mistake| format!("endpoint `{}`: {mistake}", definition.id))
    });
    mistakes.collect()
}

/// Endpoints that refuse every delivery because their secret is not bound, or as something else.
fn unbound(config: &Config, contents: &Contents) -> Vec<String> {
    let mut notes = Vec::new();
    for Stored { definition, .. } in &contents.endpoints {
        let asks = definition.draft_auth.unwrap_or(config.draft_auth);
        let is_waived = definition.target == Target::Draft && asks == DraftAuth::Workspace;
        let Some(secret) = definition.secret().filter(|_| !is_waived) else {
            continue;
        };
        let bound = contents.bound.get(&secret.to_string());
        let why = match bound {
            None => "is not bound".to_owned(),
            Some(Some(kind)) if Binding::needed_kind(definition) != Some(*kind) => {
                format!("is bound as {}", kind.noun())
            }
            Some(_) => continue,
        };
        notes.push(format!(
            "endpoint `{}`: its secret `{secret}` {why}, so every delivery is refused: {}",
            definition.id,
            Binding::remedy(definition, &secret)
        ));
    }
    let left = notes.len().saturating_sub(MOST_NOTES);
    notes.truncate(MOST_NOTES);
    if left > 0 {
        notes.push(format!(
            "{left} more endpoints have no secret that they can use"
        ));
    }
    notes
}

/// Endpoints without a secret that are told one by one.
const MOST_NOTES: usize = 20;

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
