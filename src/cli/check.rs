//! `portcullis check`: validates the configuration and everything that it refers to, and lists every mistake.

use std::path::Path;

use clap::Args;

use super::failure::Failure;
use crate::app::{Backends, Sockets};
use crate::config::{Config, Mistake, Mistakes};
use crate::control::Binding;
use crate::directory::{DraftAuth, Target};
use crate::ledger::RedisLedger;
use crate::redis::Eviction;
use crate::store::{StoreContents, StoredEndpoint};

/// Options of `check`.
#[derive(Args, Debug)]
pub(super) struct Check {
    /// Do not bind the listeners, because a server with this configuration runs.
    #[arg(long)]
    running: bool,
}

impl Check {
    pub(super) async fn run(self, path: &Path) -> Result<String, Failure> {
        let config = Config::load(path)?;
        let mut errors: Vec<String> = Vec::new();
        if !self.running
            && let Err(bind_errors) = Sockets::bind(&config)
        {
            errors.extend(bind_errors.iter().map(ToString::to_string));
        }
        for upstream in &config.upstreams {
            for name in &upstream.addresses {
                if let Err(error) = tokio::net::lookup_host(name).await {
                    errors.push(format!("upstreams.{}: `{name}`: {error}", upstream.name));
                }
            }
        }
        let mut notes = String::new();
        if let Some((settings, prefix)) = &config.ledger.redis {
            match RedisLedger::inspect(settings, prefix).await {
                Ok(Eviction::None) => {}
                Ok(eviction @ Eviction::Unknown(_)) => notes = format!("\nnote: {eviction}"),
                Ok(eviction @ Eviction::By(_)) => errors.push(format!("ledger.url: {eviction}")),
                Err(error) => errors.push(format!("ledger.url: {settings}: {error}")),
            }
        }
        let (contents, open_errors) = Backends::inspect(&config).await;
        let stored = &contents.endpoints;
        errors.extend(open_errors.iter().map(ToString::to_string));
        errors.extend(invalid_endpoints(&config, stored));
        // An unreachable store is reported above.
        if let Ok(false) = config.store.exists().await {
            let store = &config.store;
            notes.push_str(&format!(
                "\nnote: {store}: the store does not exist yet; `portcullis serve` creates it"
            ));
        }
        for note in unbound(&config, &contents) {
            notes.push_str(&format!("\nnote: {note}"));
        }
        if errors.is_empty() {
            return Ok(format!(
                "{}: ok; {}, {}{notes}",
                path.display(),
                count(config.upstreams.len(), "upstream"),
                count(stored.len(), "endpoint")
            ));
        }
        let mistakes = errors.into_iter().map(|message| Mistake {
            path: path.to_owned(),
            at: None,
            key: String::new(),
            message,
        });
        Err(Mistakes(mistakes.collect()).into())
    }
}

/// Validates the stored endpoints against this configuration.
fn invalid_endpoints(config: &Config, stored: &[StoredEndpoint]) -> Vec<String> {
    let upstreams = config.upstream_names();
    let context = config.validation_context(&upstreams);
    let mistakes = stored.iter().flat_map(|StoredEndpoint { definition, .. }| {
        let mistakes = definition.mistakes(&context);
        mistakes
            .into_iter()
            .map(|mistake| format!("endpoint `{}`: {mistake}", definition.id))
    });
    mistakes.collect()
}

/// Notes about endpoints that refuse every delivery, because their secret is unbound or bound as another kind.
fn unbound(config: &Config, contents: &StoreContents) -> Vec<String> {
    let mut notes = Vec::new();
    for StoredEndpoint { definition, .. } in &contents.endpoints {
        let required = definition.draft_auth.unwrap_or(config.draft_auth);
        let takes_token_only =
            definition.target == Target::Draft && required == DraftAuth::Workspace;
        let Some(secret) = definition.secret().filter(|_| !takes_token_only) else {
            continue;
        };
        let bound = contents.bound.get(&secret.to_string());
        let fault = match bound {
            None => "is not bound".to_owned(),
            Some(Some(kind)) if Binding::needed_kind(definition) != Some(*kind) => {
                format!("is bound as {}", kind.noun())
            }
            Some(_) => continue,
        };
        notes.push(format!(
            "endpoint `{}`: secret `{secret}` {fault}, so every delivery is refused. Bind it with: {}",
            definition.id,
            Binding::remedy(definition, &secret)
        ));
    }
    let left = notes.len().saturating_sub(MOST_NOTES);
    notes.truncate(MOST_NOTES);
    if left > 0 {
        notes.push(format!("{left} more endpoints have no usable secret"));
    }
    notes
}

/// The most endpoints without a secret that are listed one by one.
const MOST_NOTES: usize = 20;

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
