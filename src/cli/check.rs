//! `portcullis check`: every mistake at once, before a sender finds it.

use std::path::Path;

use clap::Args;

use super::failure::Failure;
use crate::app::Sockets;
use crate::config::{Config, Mistake, Mistakes};
use crate::directory::Surroundings;
use crate::secrets::{KeyFileError, LocalKeyService};
use crate::store::{SqliteStore, Store as _};

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
        match LocalKeyService::open(&config.key_file) {
            // It is made on first use.
            Ok(_) | Err(KeyFileError::Missing { .. }) => {}
            Err(error) => wrong.push(error.to_string()),
        }
        let endpoints = endpoints(&config, &mut wrong).await;
        if wrong.is_empty() {
            return Ok(format!(
                "{}: in order; {} upstreams, {endpoints} endpoints",
                path.display(),
                config.upstreams.len()
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
async fn endpoints(config: &Config, wrong: &mut Vec<String>) -> usize {
    if !config.store.exists() {
        return 0;
    }
    let stored = match SqliteStore::open(&config.store).await {
        Ok(store) => store
            .definitions("")
            .await
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let stored = stored.unwrap_or_else(|error| {
        wrong.push(error);
        Vec::new()
    });
    let upstreams = config.upstream_names();
    let surroundings = Surroundings {
        upstreams: &upstreams,
        routes: &config.routes,
        allow_unauthenticated: config.gate.allow_unauthenticated,
    };
    for stored in &stored {
        let mistakes = stored.definition.mistakes(&surroundings);
        wrong.extend(
            mistakes
                .iter()
                .map(|mistake| format!("endpoint `{}`: {mistake}", stored.definition.id)),
        );
    }
    stored.len()
}
