//! `portcullis endpoint test`: a real delivery through the public listener, and what became of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::HeaderName;

use super::verdict::{Parts, Trial};
use crate::auth::Unsignable;
use crate::cli::client::Client;
use crate::cli::draft_token::{DraftToken, TokenSource};
use crate::cli::failure::Failure;
use crate::cli::outgoing::{Outgoing, Signer};
use crate::cli::output;
use crate::cli::request::request;
use crate::cli::session::Session;
use crate::clock::Stopwatch;
use crate::directory::{Definition, EndpointId};
use crate::proxy::{Forwarder, Upstream, UpstreamFault};

/// Send a real, correctly signed sample to an endpoint, and say what became of it and how long each part took.
///
/// It takes the way of every delivery: to the public URL, through the gate, to the backend, which acts on it. The
/// exit code is 0 only if the backend has accepted it.
#[derive(Args, Debug)]
pub(in crate::cli) struct Test {
    /// The endpoint.
    id: EndpointId,

    /// The body: a file, or `-` for standard input; a made-up one that fits the scheme if it is not said.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,

    /// The event that it stands for, where the sender names one; a usual one of this sender if it is not said.
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// Another header for the request; may be repeated.
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,

    #[command(flatten)]
    token: TokenSource,

    /// Where it goes: the endpoint's public URL if it is not said.
    #[arg(long)]
    url: Option<String>,

    /// The certificates of the authorities to trust, PEM; those of the system if it is not said.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// How long to wait for the answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Test {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let watch = Stopwatch::start();
        let definition = session.control.endpoint(&self.id).await?;
        let signer = self.signer(session, &definition).await?;
        let url = signer.url.clone().ok_or_else(|| {
            Failure::Usage(format!(
                "no route leads to `{}`: say where it goes, with --url",
                self.id
            ))
        })?;
        let timeout = Duration::from_secs(self.timeout);
        let client = Client::to(&url, self.ca.as_deref(), timeout)?;
        let token = self.token.token_for(session, &definition, timeout);
        let token = token.await?;
        let trial = self.attempt(&signer, &url, &client, token.as_ref(), watch);
        let trial = trial.await;
        if let Some(token) = token {
            token.give_back(session).await;
        }
        let mut trial = trial?;
        if trial.is_out_of_reach() {
            trial.backends = backends(session, &definition).await;
        }
        let text = if self.json {
            trial.json()?
        } else {
            trial.text()
        };
        match trial.failure() {
            None => Ok(text),
            // What became of it is the result in any case; scripts ask for the exit code.
            Some(failure) => {
                output::print(&text);
                Err(Failure::Other(failure))
            }
        }
    }

    async fn attempt(
        &self,
        signer: &Signer,
        url: &str,
        client: &Client,
        token: Option<&DraftToken>,
        watch: Stopwatch,
    ) -> Result<Trial, Failure> {
        let body = Bytes::from(signer.body.clone());
        let len = body.len();
        let request = request(signer, url, body, self.more_headers()?, token)?;
        let prepared = watch.elapsed();
        let answer = client.send(request).await;
        Ok(Trial {
            endpoint: self.id.to_string(),
            url: url.to_owned(),
            body_bytes: len,
            proof: signer.proof_word(token),
            event: signer.event.clone(),
            parts: Parts {
                prepare: prepared,
                times: answer.as_ref().ok().map(|answer| answer.times),
                total: watch.elapsed(),
            },
            answer,
            backends: Vec::new(),
        })
    }

    /// Signs the body that was given, or a made-up delivery.
    async fn signer(&self, session: &Session, definition: &Definition) -> Result<Signer, Failure> {
        let outgoing = Outgoing::to(self.id.clone(), self.url.clone(), self.body.clone());
        let signer = outgoing.by_endpoint(session).await;
        let mut signer = signer.map_err(|failure| only_provider(definition, failure))?;
        let composed = signer.compose(definition, self.event.as_deref(), self.body.is_none());
        composed.map_err(|failure| only_provider(definition, failure))?;
        Ok(signer)
    }

    fn more_headers(&self) -> Result<Vec<(HeaderName, String)>, Failure> {
        Outgoing::headers(&self.headers)
    }
}

/// What keeps the backend of an endpoint from being reached, as seen from this machine.
async fn backends(session: &Session, definition: &Definition) -> Vec<String> {
    let mut upstreams = session.config.upstreams.iter();
    let settings = upstreams.find(|it| *it.name == *definition.upstream);
    let Some(settings) = settings else {
        let says = UpstreamFault::Unknown.says();
        return vec![format!("{}: {says}", definition.upstream)];
    };
    let upstream = Upstream::new(settings.clone());
    upstream.resolve().await;
    let probed = Forwarder::new(1, BTreeMap::new()).probe(&upstream).await;
    let told = probed.into_iter().map(|one| match one {
        Ok(address) => format!("{address}: it takes connections from this machine"),
        Err(at) => format!("{at} [{}]", at.fault.word()),
    });
    told.collect()
}

/// Says who can sign, where it is not us.
fn only_provider(definition: &Definition, failure: Failure) -> Failure {
    let Failure::Other(text) = &failure else {
        return failure;
    };
    if *text != Unsignable::PrivateKey.to_string() {
        return failure;
    }
    let auth = definition.auth.as_ref();
    let name = auth.map_or("-", |auth| {
        auth.preset.as_deref().unwrap_or(auth.mode.word())
    });
    Failure::Other(format!(
        "`{}` is proven by `{name}`: its deliveries are signed with a private key that only the provider has, so \
         nobody else can make one. Let the provider send a test delivery, and `portcullis explain` what it was \
         answered; a draft with a token of its workspace can be tested without",
        definition.id
    ))
}
