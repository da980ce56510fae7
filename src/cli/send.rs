//! `portcullis send`: signs deliveries and sends them, as their sender would.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use serde::Serialize;

use super::client::{Answer, Client};
use super::draft_token::{DraftToken, TokenSource};
use super::failure::Failure;
use super::outgoing::{Outgoing, Signer};
use super::session::Access;
use super::{in_session, output, run_short};
use crate::telemetry::escape_bidi;

/// Send signed deliveries to an endpoint.
///
/// Each delivery is signed anew, with its own time and id, unless `--at` and `--id` fix them.
#[derive(Args, Debug)]
pub(super) struct Send {
    #[command(flatten)]
    outgoing: Outgoing,

    #[command(flatten)]
    token: TokenSource,

    /// The number of deliveries, sent one after the other.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    times: u16,

    /// The timeout for each response, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,

    /// A PEM file with the trusted authorities. Default: those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<std::path::PathBuf>,

    /// Print JSON, one object per line.
    #[arg(long)]
    json: bool,
}

impl Send {
    pub(super) fn run(self, config: &Path) -> Result<String, Failure> {
        if self.outgoing.preset.is_some() {
            return run_short(async {
                match self.outgoing.by_preset()? {
                    Some(signer) => self.send(&signer, None).await,
                    None => Ok(String::new()),
                }
            });
        }
        in_session(config, Access::Write, async |session| {
            let signer = self.outgoing.by_endpoint(session).await?;
            let id = self.outgoing.endpoint.as_ref();
            let token = match id {
                Some(id) => {
                    let definition = session.control.endpoint(id).await?;
                    let work = Duration::from_secs(self.timeout) * u32::from(self.times);
                    let token = self.token.token_for(session, &definition, work);
                    token.await?
                }
                None => None,
            };
            let sent = self.send(&signer, token.as_ref()).await;
            if let Some(token) = token {
                token.revoke(session).await;
            }
            sent
        })
    }

    async fn send(&self, signer: &Signer, token: Option<&DraftToken>) -> Result<String, Failure> {
        let url = signer
            .url
            .as_ref()
            .ok_or_else(|| Failure::Usage("no URL is known. Name it with --url".to_owned()))?;
        let client = Client::to(url, self.ca.as_deref(), Duration::from_secs(self.timeout))?;
        let body = Bytes::from(signer.body.clone());
        for _ in 0..self.times {
            let more = self.outgoing.more_headers()?;
            let request = signer.request(url, body.clone(), more, token)?;
            let answer = client.send(request).await.map_err(Failure::Other)?;
            output::print(&self.format(&answer)?);
        }
        Ok(String::new())
    }

    fn format(&self, answer: &Answer) -> Result<String, Failure> {
        #[derive(Serialize)]
        struct ResponseView<'a> {
            status: u16,
            reason: Option<&'a str>,
            request_id: Option<&'a str>,
            duration_us: u128,
            body: &'a str,
        }
        if self.json {
            let view = ResponseView {
                status: answer.status.as_u16(),
                reason: answer.reason.as_deref(),
                request_id: answer.request_id.as_deref(),
                duration_us: answer.took.as_micros(),
                body: &answer.body,
            };
            let json = serde_json::to_string(&view);
            let json = json.map_err(|error| Failure::Other(error.to_string()))?;
            return Ok(escape_bidi(&json).into_owned());
        }
        // The response is text from outside: print one line without control characters.
        let body: String = answer.body.trim_end().chars().take(MAX_SHOWN).collect();
        let body = output::plain(&body).replace(['\n', '\t'], "\u{fffd}");
        Ok(format!(
            "{}  {}  {:.1} ms  {body}",
            answer.status.as_u16(),
            answer.reason.as_deref().unwrap_or("-"),
            answer.took.as_secs_f64() * 1000.0,
        ))
    }
}

const MAX_SHOWN: usize = 2000;
