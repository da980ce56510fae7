//! The window in which a provider's handshake may bring an endpoint's secret.

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use crate::cli::failure::Failure;
use crate::cli::plan::Plan;
use crate::cli::session::Session;
use crate::directory::{EndpointId, Operation};
use crate::handshake::Handshake;

/// Which endpoint, and for how long.
#[derive(Args, Debug)]
pub(in crate::cli) struct Expect {
    /// The endpoint.
    id: EndpointId,

    /// For how long, at most 24h; 0s ends it now.
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = window)]
    window: SignedDuration,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Expect {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let id = &self.id;
        let definition = session.definition(id).await?;
        let handshake = definition.handshake.as_deref().and_then(Handshake::named);
        let name = match (handshake, definition.secret()) {
            (Some(handshake), Some(secret)) if handshake.binds_secret() => {
                if session.custody.vault().is_bound(&secret).await? {
                    return Err(Failure::Other(format!(
                        "`{secret}` is bound, and a handshake never replaces a secret; set it by hand \
                         (`portcullis secret set {id}`), or delete the endpoint and create it anew"
                    )));
                }
                handshake.name
            }
            _ => {
                let text = format!("`{id}` has no handshake that brings a secret");
                return Err(Failure::Other(text));
            }
        };
        let until = session.custody.clock.now().checked_add(self.window);
        let until = until.unwrap_or(Timestamp::MAX);
        let mut plan = Plan::to_operate(id.clone(), Operation::ExpectHandshake(until));
        plan.perform(session).await?;
        if self.json {
            return plan.shown(true);
        }
        if self.window.is_zero() {
            return Ok(format!("{id}: no handshake of {name} is expected any more"));
        }
        let next = handshake.and_then(|it| it.next.as_deref()).map(|text| {
            let text = text.replace("{endpoint}", id.as_str());
            format!("\nthen {text}")
        });
        Ok(format!(
            "{id}: a handshake of {name} is expected until {until}\n\
             make the webhook at the provider now, then look: portcullis endpoint show {id}{}",
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
