//! `portcullis explain`: judges a captured delivery again and says why it is refused.

mod input;
mod near;
mod print;
mod stored;

use std::path::Path;
use std::sync::Arc;

use clap::{ArgGroup, Args};
use http::Method;
use jiff::Timestamp;

use self::input::Input;
pub(super) use self::input::load;
use self::stored::{certificate, compiled, directory, secrets};
use super::failure::Failure;
use super::session::{Access, Session};
use super::{at, in_session, output, preset, run_short};
use crate::clock::{Clock as _, SystemClock};
use crate::directory::{DraftAuth, EndpointId, LookupError};
use crate::explain::{
    Delivery, Diagnosis, JudgedAt, PathTarget, Question, Secrets, Version, diagnose, parse_raw_http,
};

/// Explain why a captured delivery is refused.
///
/// The capture is raw HTTP, a curl command or a HAR file, or options describe the request. It is judged by the named
/// endpoint, by the endpoint of its path, or by a preset with the secret on standard input. The report names the
/// cause and what to change.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("judge").args(["endpoint", "preset"])))]
pub(super) struct Explain {
    #[command(flatten)]
    input: Input,

    /// A refused delivery that the gate keeps, by its request id. List them with `portcullis capture list`.
    #[arg(long = "capture", value_name = "ID", conflicts_with_all = ["capture", "preset"])]
    kept: Option<String>,

    /// The endpoint that judges the delivery. Default: the endpoint of its path.
    #[arg(long, value_name = "ID")]
    endpoint: Option<EndpointId>,

    /// The preset that judges the delivery (or the mode secret, hmac, bearer or api-key). The secret is read from
    /// standard input.
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,

    /// The time of the delivery, in RFC 3339 or in seconds since 1970. Default: the time in the capture, or now.
    #[arg(long, value_name = "TIME", value_parser = at)]
    at: Option<Timestamp>,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn run(self, config: &Path) -> Result<String, Failure> {
        if let Some(name) = self.preset.clone() {
            return run_short(async { self.by_preset(&name) });
        }
        in_session(config, Access::Decrypt, async |session| {
            self.by_endpoint(session).await
        })
    }

    fn by_preset(self, name: &str) -> Result<String, Failure> {
        let scheme = preset(name)?;
        if self.input.takes_standard_input() {
            return Err(Failure::Usage(
                "standard input: holds the secret, so the capture must be in a file".to_owned(),
            ));
        }
        let mut delivery = self.input.read()?;
        delivery.url = delivery.guessed_url();
        let value = Arc::new(super::secret::read_value()?);
        let now = SystemClock.now();
        let (at, judged_at) = self.time(&delivery, now);
        let kind = Some(scheme.algorithm().key_kind());
        let diagnosis = diagnose(&Question {
            methods: vec![delivery.method.clone(), Method::POST],
            delivery,
            is_open: false,
            scheme: Some(Arc::new(scheme)),
            secrets: Some(Secrets {
                current: Version {
                    number: 1,
                    kind,
                    value,
                },
                previous: None,
                ended: Vec::new(),
            }),
            limit_bytes: None,
            leads: PathTarget::NotAsked,
            at,
            judged_at,
        });
        self.answer(&format!("preset {name}"), judged_at, &diagnosis)
    }

    /// The kept delivery, the capture, or the delivery that the options describe.
    async fn delivery(&self, session: &Session) -> Result<Delivery, Failure> {
        let mut delivery = match &self.kept {
            None => self.input.read()?,
            Some(id) => {
                let (_, http) = session.control.capture(id).await?;
                parse_raw_http(&http).map_err(|error| Failure::Other(error.to_string()))?
            }
        };
        if !delivery.has_target {
            delivery.path = self.own_path(session).await?;
        }
        Ok(delivery)
    }

    async fn by_endpoint(&self, session: &Session) -> Result<String, Failure> {
        let delivery = self.delivery(session).await?;
        let directory = directory(session).await?;
        let found = match directory.find(&delivery.path).await {
            Ok(found) => Some(found.endpoint),
            Err(LookupError::NotConfigured(_)) => None,
            Err(LookupError::Store(error)) => return Err(error.into()),
        };
        let id = match (&self.endpoint, &found) {
            (Some(id), _) => id.clone(),
            (None, Some(endpoint)) => endpoint.id.clone(),
            (None, None) => {
                let similar = near::similar_path(session, &directory, &delivery.path).await?;
                let similar = similar.map(|path| format!("did you mean {path}? "));
                return Err(Failure::NotFound(format!(
                    "{}: leads to no enabled endpoint; {}name one with --endpoint, or a preset \
                     with --preset",
                    delivery.path,
                    similar.unwrap_or_default()
                )));
            }
        };
        let definition = session.control.endpoint(&id).await?;
        let required = session.control.draft_auth(&definition);
        let leads = match &found {
            Some(endpoint) if endpoint.id == id => PathTarget::Here(id.to_string()),
            Some(endpoint) => PathTarget::Elsewhere(endpoint.id.to_string()),
            None => PathTarget::Nowhere(session.control.url(&definition)),
        };
        let meant_path = match &leads {
            PathTarget::Nowhere(_) => {
                near::similar_path(session, &directory, &delivery.path).await?
            }
            _ => None,
        };
        let endpoint = compiled(session, &directory, &definition, found).await;
        let methods = match &endpoint {
            Some(endpoint) => endpoint.methods.clone(),
            None => vec![Method::POST],
        };
        let gate = &session.config.gate;
        let limit_bytes = endpoint.as_ref();
        let limit_bytes =
            limit_bytes.map(|endpoint| gate.limit_bytes(endpoint, &delivery.request()));
        let mut delivery = Delivery {
            meant_path,
            ..delivery
        };
        if required != DraftAuth::Interface {
            let note = "this draft also requires a workspace token. The token is not checked here; the rest is \
                        judged as at the live endpoint";
            delivery.remarks.push(note.to_owned());
        }
        // A URL from the command line is judged as given.
        if !self.input.names_url() {
            delivery.url =
                endpoint.and_then(|endpoint| gate.public_url(&endpoint, &delivery.request()));
        }
        if !delivery.has_target {
            let url = delivery
                .url
                .clone()
                .or_else(|| session.control.url(&definition));
            let url = url.unwrap_or_else(|| delivery.path.clone());
            let note = format!("no URL was given, so the delivery is judged as sent to {url}");
            delivery.remarks.push(note);
        }
        let scheme = match &definition.auth {
            None => None,
            Some(auth) => auth
                .compiled()
                .map_err(|error| Failure::Other(error.to_string()))?,
        };
        let secrets = match &scheme {
            Some(scheme) if scheme.has_certificate() => {
                Some(certificate(session, scheme, &delivery.body).await?)
            }
            _ => secrets(session, &definition).await?,
        };
        let (at, judged_at) = self.time(&delivery, session.backends.clock.now());
        let diagnosis = diagnose(&Question {
            delivery,
            is_open: scheme.is_none()
                && match definition.auth {
                    Some(_) => session.config.gate.allow_unauthenticated,
                    None => required == DraftAuth::Workspace,
                },
            scheme: scheme.map(Arc::new),
            secrets,
            methods,
            limit_bytes,
            leads,
            at,
            judged_at,
        });
        self.answer(&format!("endpoint {id}"), judged_at, &diagnosis)
    }

    /// The path of the named endpoint, for a delivery without a target.
    async fn own_path(&self, session: &Session) -> Result<String, Failure> {
        let Some(id) = &self.endpoint else {
            return Err(Failure::NotFound(
                "the delivery has no URL. Name it with --url, its endpoint with \
                 --endpoint, or a preset with --preset"
                    .to_owned(),
            ));
        };
        let definition = session.control.endpoint(id).await?;
        Ok(session
            .control
            .path(&definition)
            .unwrap_or_else(|| "/".to_owned()))
    }

    fn time(&self, delivery: &Delivery, now: Timestamp) -> (Timestamp, JudgedAt) {
        match (self.at, delivery.taken_at) {
            (Some(at), _) => (at, JudgedAt::Given),
            (None, Some(at)) => (at, JudgedAt::Captured),
            (None, None) => (now, JudgedAt::Now),
        }
    }

    /// Prints the explanation. A refused delivery is also a failure, so that scripts see it in the exit code.
    fn answer(
        &self,
        by: &str,
        judged_at: JudgedAt,
        diagnosis: &Diagnosis,
    ) -> Result<String, Failure> {
        let text = if self.json {
            output::json(&print::ExplanationView {
                judged_by: by,
                diagnosis,
            })?
        } else {
            print::text(by, judged_at, diagnosis)
        };
        if diagnosis.admitted {
            return Ok(text);
        }
        output::print(&text);
        Err(Failure::Other(format!("refused: {}", diagnosis.reason)))
    }
}
