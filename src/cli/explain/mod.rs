//! `portcullis explain`: why a captured delivery is refused, and what to change.

mod certificate;
mod input;
mod near;
mod print;
mod stored;

use std::path::Path;
use std::sync::Arc;

use clap::{ArgGroup, Args};
use http::Method;
use jiff::Timestamp;

use self::certificate::certificate;
use self::input::Input;
pub(super) use self::input::load;
use self::stored::{compiled, directory, secrets};
use super::failure::Failure;
use super::session::{Access, Session};
use super::{at, brief, in_session, output, preset};
use crate::clock::{Clock as _, SystemClock};
use crate::directory::{DraftAuth, EndpointId, LookupError};
use crate::explain::{
    Delivery, Diagnosis, JudgedAt, Leads, Question, Secrets, Version, diagnose, parse_raw_http,
};

/// Say why a captured delivery is refused, and what to change.
///
/// The capture is a file of raw HTTP, a curl command or a HAR file; or flags say what was sent. It is judged
/// by an endpoint: the one that is named or the one that its path leads to. Or by a preset, with the secret
/// on standard input.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("judge").args(["endpoint", "preset"])))]
pub(super) struct Explain {
    #[command(flatten)]
    input: Input,

    /// A refused delivery that the gate has kept, by the id of its request: see `portcullis capture list`.
    #[arg(long = "capture", value_name = "ID", conflicts_with_all = ["capture", "preset"])]
    kept: Option<String>,

    /// The endpoint to judge it by; the one that its path leads to, if nothing is said.
    #[arg(long, value_name = "ID")]
    endpoint: Option<EndpointId>,

    /// The preset to judge it by (or the mode secret, hmac, bearer or api-key); the secret comes from
    /// standard input.
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,

    /// The time to judge it at, as RFC 3339 or in seconds since 1970; if nothing is said, the time in the
    /// capture or the present.
    #[arg(long, value_name = "TIME", value_parser = at)]
    at: Option<Timestamp>,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn run(self, config: &Path) -> Result<String, Failure> {
        if let Some(name) = self.preset.clone() {
            return brief(async { self.by_preset(&name) });
        }
        in_session(config, Access::Read, async |session| {
            self.by_endpoint(session).await
        })
    }

    fn by_preset(self, name: &str) -> Result<String, Failure> {
        let scheme = preset(name)?;
        if self.input.takes_standard_input() {
            return Err(Failure::Usage(
                "the secret comes from standard input, so the capture cannot".to_owned(),
            ));
        }
        let mut delivery = self.input.read()?;
        delivery.url = delivery.guessed_url();
        let value = Arc::new(super::secret_value::read_value()?);
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
            leads: Leads::NotAsked,
            at,
            judged_at,
        });
        self.answer(&format!("preset {name}"), judged_at, &diagnosis)
    }

    /// The delivery that was captured, or that the arguments describe.
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
                let meant = near::meant(session, &directory, &delivery.path).await?;
                let meant = meant.map(|meant| format!("did you mean {meant}? "));
                return Err(Failure::NotFound(format!(
                    "{} leads to no endpoint that takes deliveries; {}name one with --endpoint, or a preset \
                     with --preset",
                    delivery.path,
                    meant.unwrap_or_default()
                )));
            }
        };
        let definition = session.control.endpoint(&id).await?;
        let asks = session.control.draft_auth(&definition);
        let leads = match &found {
            Some(endpoint) if endpoint.id == id => Leads::Here(id.to_string()),
            Some(endpoint) => Leads::Elsewhere(endpoint.id.to_string()),
            None => Leads::Nowhere(session.control.url(&definition)),
        };
        let meant_path = match &leads {
            Leads::Nowhere(_) => near::meant(session, &directory, &delivery.path).await?,
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
        if asks != DraftAuth::Interface {
            let note = "this is a draft: it asks for a token of its workspace, which is not judged here; what is \
                        judged is the rest, as at the live endpoint";
            delivery.remarks.push(note.to_owned());
        }
        // Whoever names a URL asks about that one.
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
            let note = format!("no URL was given: it is judged as sent to {url}");
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
        let (at, judged_at) = self.time(&delivery, session.custody.clock.now());
        let diagnosis = diagnose(&Question {
            delivery,
            is_open: scheme.is_none()
                && match definition.auth {
                    Some(_) => session.config.gate.allow_unauthenticated,
                    None => asks == DraftAuth::Workspace,
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

    /// The path that the endpoint is known by, for a delivery that does not say where it was sent.
    async fn own_path(&self, session: &Session) -> Result<String, Failure> {
        let Some(id) = &self.endpoint else {
            return Err(Failure::NotFound(
                "the delivery does not say where it was sent: name its URL with --url, its endpoint with \
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

    /// The explanation goes to standard output in any case; a delivery that is refused is a failure too,
    /// so that scripts can ask.
    fn answer(
        &self,
        by: &str,
        judged_at: JudgedAt,
        diagnosis: &Diagnosis,
    ) -> Result<String, Failure> {
        let text = if self.json {
            output::json(&print::Json {
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
