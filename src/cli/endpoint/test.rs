//! `portcullis endpoint test`: sends a real delivery through the public listener and reports the result.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::HeaderName;

use super::report::{PhaseTimes, TestReport};
use crate::auth::SigningError;
use crate::cli::client::Client;
use crate::cli::draft_token::{DraftToken, TokenSource};
use crate::cli::failure::Failure;
use crate::cli::outgoing::{Outgoing, Signer};
use crate::cli::output;
use crate::cli::session::Session;
use crate::clock::Stopwatch;
use crate::directory::{Definition, EndpointId};
use crate::proxy::{Forwarder, Upstream, UpstreamFault};

/// Test an endpoint with a real signed delivery.
///
/// The delivery goes to the public URL, through the gate, to the backend, which processes it. The report shows the
/// result and the time of each phase. The exit code is 0 only if the backend accepts it.
#[derive(Args, Debug)]
pub(in crate::cli) struct Test {
    /// The endpoint.
    id: EndpointId,

    /// The file with the body; `-` reads standard input. Default: a sample that fits the scheme.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,

    /// The event name, for senders that name one. Default: a common event of this sender.
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// An additional request header. Repeatable.
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,

    #[command(flatten)]
    token: TokenSource,

    /// The URL to send to. Default: the endpoint's public URL.
    #[arg(long)]
    url: Option<String>,

    /// A PEM file with the trusted authorities. Default: those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// The timeout for the response, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,

    /// Print JSON.
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
                "{}: no route leads to the endpoint. Name the URL with --url",
                self.id
            ))
        })?;
        let timeout = Duration::from_secs(self.timeout);
        let client = Client::to(&url, self.ca.as_deref(), timeout)?;
        let token = self.token.token_for(session, &definition, timeout);
        let token = token.await?;
        let report = self.attempt(&signer, &url, &client, token.as_ref(), watch);
        let report = report.await;
        if let Some(token) = token {
            token.revoke(session).await;
        }
        let mut report = report?;
        if report.is_unreachable() {
            report.backends = backends(session, &definition).await;
        }
        let text = if self.json {
            report.json()?
        } else {
            report.text()
        };
        match report.failure() {
            None => Ok(text),
            // The report is the result in any case. Scripts read the exit code.
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
    ) -> Result<TestReport, Failure> {
        let body = Bytes::from(signer.body.clone());
        let len = body.len();
        let request = signer.request(url, body, self.more_headers()?, token)?;
        let prepared = watch.elapsed();
        let answer = client.send(request).await;
        Ok(TestReport {
            endpoint: self.id.to_string(),
            url: url.to_owned(),
            body_bytes: len,
            proof: signer.proof_word(token),
            event: signer.event.clone(),
            parts: PhaseTimes {
                prepare: prepared,
                times: answer.as_ref().ok().map(|answer| answer.times),
                total: watch.elapsed(),
            },
            answer,
            backends: Vec::new(),
        })
    }

    /// Signs the given body, or a sample.
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

/// Connects to the backend from this machine, and describes the result for each address.
async fn backends(session: &Session, definition: &Definition) -> Vec<String> {
    let mut upstreams = session.config.upstreams.iter();
    let settings = upstreams.find(|it| *it.name == *definition.upstream);
    let Some(settings) = settings else {
        let fault = UpstreamFault::Unknown.explanation();
        return vec![format!("{}: {fault}", definition.upstream)];
    };
    let upstream = Upstream::new(settings.clone());
    upstream.resolve().await;
    let probed = Forwarder::new(1, BTreeMap::new()).probe(&upstream).await;
    let results = probed.into_iter().map(|one| match one {
        Ok(address) => format!("{address}: accepts connections from this machine. {AFTER_CONNECT}"),
        Err(at) => format!("{at} [{}]", at.fault.word()),
    });
    results.collect()
}

/// The faults that remain when the backend accepts connections.
const AFTER_CONNECT: &str = "If the gate runs here too, the backend closed the connection before its answer [reset], or \
                             its answer is not well-formed HTTP [protocol]";

/// Replaces the error of an endpoint whose deliveries only the provider can sign.
fn only_provider(definition: &Definition, failure: Failure) -> Failure {
    let Failure::Other(text) = &failure else {
        return failure;
    };
    if *text != SigningError::PrivateKey.to_string() {
        return failure;
    }
    let auth = definition.auth.as_ref();
    let name = auth.map_or("-", |auth| {
        auth.preset.as_deref().unwrap_or(auth.mode.word())
    });
    Failure::Other(format!(
        "{}: `{name}` signs deliveries with a private key that only the provider has, so this command cannot sign one. \
         Send a test delivery from the provider, and check the response with `portcullis explain`. \
         A draft that requires a workspace token can be tested without the signature",
        definition.id
    ))
}
