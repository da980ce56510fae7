//! `portcullis endpoint expect-handshake`: opens the window in which a provider challenge may set the secret.

use clap::Args;
use jiff::SignedDuration;

use crate::cli::failure::Failure;
use crate::cli::plan;
use crate::cli::session::Session;
use crate::directory::EndpointId;

/// Options of `expect-handshake`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Expect {
    /// The endpoint.
    id: EndpointId,

    /// The length of the window, at most 24h; 0s closes it now.
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = window)]
    window: SignedDuration,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Expect {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let id = &self.id;
        let control = &session.control;
        let expected = control.expected_challenge(id, self.window).await?;
        let plan = control.perform(&session.actor, expected.plan).await?;
        if self.json {
            return plan::text(&plan, true);
        }
        let challenge = expected.challenge;
        let name = challenge.name;
        if self.window.is_zero() {
            return Ok(format!(
                "{id}: the window for the {name} handshake is closed"
            ));
        }
        let next = challenge.next.as_deref().map(|text| {
            let text = text.replace("{endpoint}", id.as_str());
            format!("\nthen {text}")
        });
        Ok(format!(
            "{id}: expects the {name} handshake until {}\n\
             create the webhook at the provider now, then check: portcullis endpoint show {id}{}",
            expected.until,
            next.unwrap_or_default()
        ))
    }
}

fn window(text: &str) -> Result<SignedDuration, String> {
    let window: SignedDuration = text
        .parse()
        .map_err(|_| "expected a time with its unit, such as 10m".to_owned())?;
    if window.is_negative() || window > LONGEST {
        return Err("expected a time from 0s to 24h".to_owned());
    }
    Ok(window)
}

const LONGEST: SignedDuration = SignedDuration::from_hours(24);
