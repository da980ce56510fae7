//! `portcullis send`: signs deliveries and posts them, as their sender would.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use serde::Serialize;

use super::client::{Answer, Client};
use super::draft_token::{DraftToken, TokenSource};
use super::failure::Failure;
use super::outgoing::{Outgoing, Signer};
use super::request::request;
use super::session::Access;
use super::{brief, in_session, output};
use crate::telemetry::escape_bidi;

/// Sign deliveries and post them: to the endpoint's public URL, or to any other.
///
/// Each is signed anew, with a time and an id of its own, unless `--at` and `--id` fix them.
#[derive(Args, Debug)]
pub(super) struct Send {
    #[command(flatten)]
    outgoing: Outgoing,

    #[command(flatten)]
    token: TokenSource,

    /// How many, one after the other.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    times: u16,

    /// How long to wait for each answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,

    /// The certificates of the authorities to trust, PEM; those of the system if it is not said.
    #[arg(long, value_name = "FILE")]
    ca: Option<std::path::PathBuf>,

    /// As JSON, one object a line.
    #[arg(long)]
    json: bool,
}

impl Send {
    pub(super) fn run(self, config: &Path) -> Result<String, Failure> {
        if self.outgoing.preset.is_some() {
            return brief(async {
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
                token.give_back(session).await;
            }
            sent
        })
    }

    async fn send(&self, signer: &Signer, token: Option<&DraftToken>) -> Result<String, Failure> {
        let url = signer
            .url
            .as_ref()
            .ok_or_else(|| Failure::Usage("say where it goes, with --url".to_owned()))?;
        let client = Client::to(url, self.ca.as_deref(), Duration::from_secs(self.timeout))?;
        let body = Bytes::from(signer.body.clone());
        for _ in 0..self.times {
            let more = self.outgoing.more_headers()?;
            let request = request(signer, url, body.clone(), more, token)?;
            let answer = client.send(request).await.map_err(Failure::Other)?;
            output::print(&self.shown(&answer)?);
        }
        Ok(String::new())
    }

    fn shown(&self, answer: &Answer) -> Result<String, Failure> {
        #[derive(Serialize)]
        struct Shown<'a> {
            status: u16,
            reason: Option<&'a str>,
            request_id: Option<&'a str>,
            duration_us: u128,
            body: &'a str,
        }
        if self.json {
            let shown = Shown {
                status: answer.status.as_u16(),
                reason: answer.reason.as_deref(),
                request_id: answer.request_id.as_deref(),
                duration_us: answer.took.as_micros(),
                body: &answer.body,
            };
            let json = serde_json::to_string(&shown);
            let json = json.map_err(|error| Failure::Other(error.to_string()))?;
            return Ok(escape_bidi(&json).into_owned());
        }
        // What a stranger answers is one line, and must not reach the terminal as commands.
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
