//! `portcullis sign`: a correctly signed request, ready to be sent.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use http::Method;

use super::failure::Failure;
use super::output::shell_word;
use super::session::Session;
use crate::auth::{Message, Place};
use crate::directory::{Definition, EndpointId};

/// What to sign, and how to show it.
#[derive(Args, Debug)]
pub(super) struct Sign {
    /// The endpoint.
    endpoint: EndpointId,

    /// The body: a file, or `-` for standard input.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,

    /// Another header for the request, such as 'X-GitHub-Event: ping'.
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,

    /// Print the headers of the proof only.
    #[arg(long)]
    headers_only: bool,
}

impl Sign {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let definition = session.definition(&self.endpoint).await?;
        let (body, data) = self.body()?;
        let proof = self.proof(session, &definition, &body).await?;
        if self.headers_only {
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
            return Ok(lines?.join("\n"));
        }
        let mut url = session
            .url(&definition)
            .ok_or_else(|| Failure::Other(format!("no route leads to `{}`", definition.id)))?;
        let method = definition.methods.first().map_or("POST", String::as_str);
        let mut words = vec!["curl -sS -i".to_owned(), format!("-X {method}")];
        for (place, value) in proof {
            match place {
                Place::Header(name) => {
                    words.push(format!("-H {}", shell_word(&format!("{name}: {value}"))));
                }
                Place::Query(name) => {
                    let pair = form_urlencoded::Serializer::new(String::new())
                        .append_pair(&name, &value)
                        .finish();
                    url = format!("{url}?{pair}");
                }
                Place::Body | Place::Form(_) | Place::Json(_) => {}
            }
        }
        words.push("-H 'Content-Type: application/json'".to_owned());
        words.extend(
            self.headers
                .iter()
                .map(|header| format!("-H {}", shell_word(header))),
        );
        words.push(format!("--data-binary {}", shell_word(&data)));
        words.push(shell_word(&url));
        Ok(words.join(" \\\n  "))
    }

    /// The body, and how curl is told to send it.
    fn body(&self) -> Result<(Vec<u8>, String), Failure> {
        let Some(path) = &self.body else {
            return Ok((SAMPLE.as_bytes().to_vec(), SAMPLE.to_owned()));
        };
        let unreadable = |error| Failure::Other(format!("{}: {error}", path.display()));
        let mut body = Vec::new();
        if path.as_os_str() == "-" {
            std::io::stdin()
                .read_to_end(&mut body)
                .map_err(unreadable)?;
        } else {
            body = std::fs::read(path).map_err(unreadable)?;
        }
        Ok((body, format!("@{}", path.display())))
    }

    async fn proof(
        &self,
        session: &Session,
        definition: &Definition,
        body: &[u8],
    ) -> Result<Vec<(Place, String)>, Failure> {
        let id = &definition.id;
        let auth = definition.auth.as_ref().ok_or_else(|| {
            Failure::Other(format!("`{id}` has no `auth`: every delivery is refused"))
        })?;
        let scheme = auth.compiled();
        let scheme = scheme.map_err(|error| Failure::Other(error.to_string()))?;
        let (Some(scheme), Some(secret)) = (scheme, auth.secret_of(id)) else {
            return Ok(Vec::new());
        };
        let revealed = session
            .custody
            .vault()
            .reveal(&secret, &session.actor)
            .await?;
        let url = session.url(definition);
        let message = Message {
            method: &Method::POST,
            url: auth.public_url.as_deref().or(url.as_deref()),
            body,
            at: session.custody.clock.now(),
            id: &format!("msg_{}", uuid::Uuid::now_v7().simple()),
        };
        scheme
            .prove(revealed.value.expose(), message)
            .map_err(|error| Failure::Other(error.to_string()))
    }
}

const SAMPLE: &str = r#"{"hello":"world"}"#;
