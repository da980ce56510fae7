//! `portcullis sign`: a correctly signed request, ready to be sent; or a wrong one, on request.

use std::path::Path;

use clap::Args;

use super::draft_token::VARIABLE;
use super::failure::Failure;
use super::outgoing::{Outgoing, Signer, with_parameter};
use super::output::shell_word;
use super::{brief, in_session};
use crate::auth::Place;
use crate::clock::{Clock as _, SystemClock};
use crate::directory::DraftAuth;

/// What to sign, and how to show it.
#[derive(Args, Debug)]
pub(super) struct Sign {
    #[command(flatten)]
    outgoing: Outgoing,

    /// Print the headers of the proof only.
    #[arg(long)]
    headers_only: bool,
}

impl Sign {
    pub(super) fn run(self, config: &Path) -> Result<String, Failure> {
        if self.outgoing.preset.is_some() {
            return brief(async {
                match self.outgoing.by_preset()? {
                    Some(signer) => self.shown(&signer),
                    None => Ok(String::new()),
                }
            });
        }
        in_session(config, async |session| {
            self.shown(&self.outgoing.by_endpoint(session).await?)
        })
    }

    fn shown(&self, signer: &Signer) -> Result<String, Failure> {
        let proof = signer.sign(SystemClock.now(), None)?;
        // A token is no part of a command: whoever runs it has it in a variable.
        let asks_token = signer.draft_auth != DraftAuth::Interface;
        if self.headers_only {
            let token = asks_token.then(|| format!("Authorization: Bearer ${VARIABLE}"));
            let lines: Result<Vec<String>, Failure> = proof
                .into_iter()
                .map(|(place, value)| match place {
                    Place::Header(name) => Ok(format!("{name}: {value}")),
                    place => {
                        let text = format!("the proof is no header but {place}");
                        Err(Failure::Other(text))
                    }
                })
                .collect();
            return Ok([lines?, Vec::from_iter(token)].concat().join("\n"));
        }
        let mut url = match (&signer.url, &self.outgoing.endpoint) {
            (Some(url), _) => url.clone(),
            (None, Some(id)) => {
                return Err(Failure::Other(format!("no route leads to `{id}`")));
            }
            (None, None) => DEFAULT_URL.to_owned(),
        };
        let mut words = vec!["curl -sS -i".to_owned(), format!("-X {}", signer.method)];
        if asks_token {
            // Nor of curl's arguments, which every user of the machine sees: `printf` is the shell itself.
            let header = format!("printf 'Authorization: Bearer %s\\n' \"${VARIABLE}\" |");
            words.insert(0, header);
            words.push("-H @-".to_owned());
        }
        for (place, value) in proof {
            match place {
                Place::Header(name) => {
                    words.push(format!("-H {}", shell_word(&format!("{name}: {value}"))));
                }
                Place::Query(name) => url = with_parameter(&url, &name, &value),
                Place::Body | Place::Form(_) | Place::Json(_) => {}
            }
        }
        words.push(format!("-H 'Content-Type: {}'", signer.content_type()));
        words.extend(
            self.outgoing
                .headers
                .iter()
                .map(|header| format!("-H {}", shell_word(header))),
        );
        words.push(format!(
            "--data-binary {}",
            shell_word(&self.outgoing.data())
        ));
        words.push(shell_word(&url));
        Ok(words.join(" \\\n  "))
    }
}

/// Where a gate listens if its configuration says nothing.
const DEFAULT_URL: &str = "http://127.0.0.1:8080/";
