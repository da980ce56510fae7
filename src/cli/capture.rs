//! `portcullis capture`: shows refused deliveries that the gate keeps.

use clap::Subcommand;
use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::directory::EndpointId;

#[derive(Debug, Subcommand)]
pub(super) enum CaptureCommand {
    /// List the refused deliveries of an endpoint.
    List {
        /// The endpoint.
        endpoint: EndpointId,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a refused delivery as raw HTTP.
    ///
    /// `explain` reads this format.
    Show {
        /// The request id, as in the list and in the log.
        id: String,
    },
}

impl CaptureCommand {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        match self {
            Self::List { endpoint, json } => list(session, &endpoint, json).await,
            Self::Show { id } => {
                let (_, http) = session.control.capture(&id).await?;
                // The sender is not authenticated, so a terminal gets no control characters.
                if output::stdout_is_terminal() {
                    output::print(&output::plain(&String::from_utf8_lossy(&http)));
                } else {
                    output::print_bytes(&http);
                }
                Ok(String::new())
            }
        }
    }
}

async fn list(session: &Session, endpoint: &EndpointId, json: bool) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct CaptureView<'a> {
        id: &'a str,
        at: jiff::Timestamp,
        ends_at: jiff::Timestamp,
        reason: &'a str,
        bytes: u64,
    }
    let kept = session.control.captures(endpoint).await?;
    if json {
        let shown = kept.iter().map(|one| CaptureView {
            id: &one.request_id,
            at: one.at,
            ends_at: one.ends_at,
            reason: &one.reason,
            bytes: one.bytes,
        });
        return output::json(&shown.collect::<Vec<_>>());
    }
    let rows: Vec<[String; 5]> = kept
        .iter()
        .map(|one| {
            [
                one.request_id.clone(),
                format!("{:.0}", one.at),
                format!("{:.0}", one.ends_at),
                one.reason.clone(),
                one.bytes.to_string(),
            ]
        })
        .collect();
    let titles = ["id", "at", "kept until", "reason", "bytes"];
    Ok(output::table(titles, &rows, |_, _| None))
}
