//! `portcullis sign`: prints a curl command with a signed request. The command shows no credential in its arguments.

use std::path::Path;

use clap::Args;

use super::draft_token::VARIABLE;
use super::failure::Failure;
use super::outgoing::{Outgoing, Signer, with_parameter};
use super::output::shell_word;
use super::session::Access;
use super::{in_session, run_short};
use crate::auth::Place;
use crate::clock::{Clock as _, SystemClock};
use crate::directory::DraftAuth;

/// Options of `sign`.
#[derive(Args, Debug)]
pub(super) struct Sign {
    #[command(flatten)]
    outgoing: Outgoing,

    /// Print only the headers of the proof.
    #[arg(long)]
    headers_only: bool,
}

impl Sign {
    pub(super) fn run(self, config: &Path) -> Result<String, Failure> {
        if self.outgoing.preset.is_some() {
            return run_short(async {
                match self.outgoing.by_preset()? {
                    Some(signer) => self.command(&signer),
                    None => Ok(String::new()),
                }
            });
        }
        in_session(config, Access::Decrypt, async |session| {
            self.command(&self.outgoing.by_endpoint(session).await?)
        })
    }

    fn command(&self, signer: &Signer) -> Result<String, Failure> {
        let proof = signer.sign(SystemClock.now(), None)?;
        // The command reads the token from a variable, because its arguments are visible to other users.
        let requires_token = signer.draft_auth != DraftAuth::Interface;
        if self.headers_only {
            let token = requires_token.then(|| format!("Authorization: Bearer ${VARIABLE}"));
            let lines: Result<Vec<String>, Failure> = proof
                .into_iter()
                .map(|(place, value)| match place {
                    Place::Header(name) => Ok(format!("{name}: {value}")),
                    place => {
                        let text = format!("--headers-only: the proof is {place} and not a header. Leave the option out");
                        Err(Failure::Other(text))
                    }
                })
                .collect();
            return Ok([lines?, Vec::from_iter(token)].concat().join("\n"));
        }
        let mut url = match (&signer.url, &self.outgoing.endpoint) {
            (Some(url), _) => url.clone(),
            (None, Some(id)) => {
                return Err(Failure::Other(format!(
                    "{id}: no route leads to the endpoint. Name the URL with --url"
                )));
            }
            (None, None) => DEFAULT_URL.to_owned(),
        };
        let mut words = vec!["curl -sS -i".to_owned(), format!("-X {}", signer.method)];
        let mut input = CurlInput::default();
        if requires_token {
            input.token();
        }
        // A signature over the whole body is valid for that body only. Other proofs are credentials.
        let mut url_has_credential = false;
        for (place, value) in proof {
            let is_credential = signer.is_credential(&place);
            match place {
                Place::Header(name) if is_credential => input.header(&format!("{name}: {value}")),
                Place::Header(name) => {
                    words.push(format!("-H {}", shell_word(&format!("{name}: {value}"))));
                }
                Place::Query(name) => {
                    url_has_credential |= is_credential;
                    url = with_parameter(&url, &name, &value);
                }
                Place::Body | Place::Form(_) | Place::Json(_) => {}
            }
        }
        if url_has_credential {
            input.url(&url);
        }
        words.extend(input.option());
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
        if !url_has_credential {
            words.push(shell_word(&url));
        }
        Ok(input
            .feed(words, self.outgoing.data() == "@-")
            .join(" \\\n  "))
    }
}

/// Credentials that curl reads from standard input, because every user of the machine sees arguments. `printf` is a
/// shell builtin, so its arguments are not visible.
#[derive(Default)]
struct CurlInput {
    has_token: bool,
    headers: Vec<String>,
    url: Option<String>,
}

impl CurlInput {
    fn token(&mut self) {
        self.has_token = true;
    }

    fn header(&mut self, header: &str) {
        self.headers.push(header.to_owned());
    }

    fn url(&mut self, url: &str) {
        self.url = Some(url.to_owned());
    }

    fn is_empty(&self) -> bool {
        !self.has_token && self.headers.is_empty() && self.url.is_none()
    }

    /// The curl option that reads the input. Only a configuration can hold a URL.
    fn option(&self) -> Option<String> {
        match self.url {
            _ if self.is_empty() => None,
            None => Some("-H @FILE".to_owned()),
            Some(_) => Some("--config FILE".to_owned()),
        }
    }

    /// Builds the pipeline. A body on standard input stays there, and the credentials use another descriptor.
    fn feed(&self, mut words: Vec<String>, body_is_piped: bool) -> Vec<String> {
        if self.is_empty() {
            return words;
        }
        let file = if body_is_piped { "/dev/fd/3" } else { "-" };
        for word in &mut words {
            if matches!(word.as_str(), "-H @FILE" | "--config FILE") {
                *word = word.replace("FILE", file);
            }
        }
        let config = self.url.is_some();
        let headers = self.headers.iter().map(|header| {
            let line = if config {
                format!("header = {}", config_word(header))
            } else {
                header.clone()
            };
            shell_word(&line)
        });
        let token = self.has_token.then(|| {
            if config {
                format!("\"header = \\\"Authorization: Bearer ${VARIABLE}\\\"\"")
            } else {
                format!("\"Authorization: Bearer ${VARIABLE}\"")
            }
        });
        let url = self
            .url
            .iter()
            .map(|url| shell_word(&format!("url = {}", config_word(url))));
        let lines: Vec<String> = headers.chain(url).collect();
        let printf = match (&token, lines.is_empty()) {
            (Some(_), true) if !config => {
                format!("printf 'Authorization: Bearer %s\\n' \"${VARIABLE}\"")
            }
            _ => {
                let lines: Vec<String> = lines.into_iter().chain(token).collect();
                format!("printf '%s\\n' {}", lines.join(" "))
            }
        };
        words.insert(0, format!("{printf} |"));
        if body_is_piped {
            words.insert(0, "{".to_owned());
            words.push("3<&0 0<&4; } 4<&0".to_owned());
        }
        words
    }
}

/// Quotes `text` for a configuration of curl.
fn config_word(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
}

/// The default address of a gate.
const DEFAULT_URL: &str = "http://127.0.0.1:8080/";
