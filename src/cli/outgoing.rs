//! Builds and signs the deliveries of `sign`, `send` and `endpoint test`: for a stored endpoint, or for a preset with
//! a secret from standard input.

use std::path::PathBuf;

use bytes::Bytes;
use clap::{ArgGroup, Args};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use jiff::Timestamp;

use super::draft_token::DraftToken;
use super::explain::load;
use super::failure::Failure;
use super::session::Session;
use super::tamper::{Tamper, prove};
use super::{at, preset};
use crate::auth::{Covers, Message, Place, Sample, Scheme, SigningError, Source};
use crate::clock::{Clock as _, SystemClock};
use crate::control::Binding;
use crate::directory::{AuthDefinition, Definition, DraftAuth, EndpointId};
use crate::payload::ContractDefinition;
use crate::secrets::Secret;

/// Options that describe a delivery.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("judge").args(["endpoint", "preset"]).required(true)))]
pub(super) struct Outgoing {
    /// The endpoint.
    pub(super) endpoint: Option<EndpointId>,

    /// A preset (or the mode secret, hmac, bearer or api-key) instead of an endpoint. The secret is read from standard
    /// input.
    #[arg(long, value_name = "NAME")]
    pub(super) preset: Option<String>,

    /// The URL to send to. Default: the endpoint's public URL.
    #[arg(long)]
    pub(super) url: Option<String>,

    /// The file with the body; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) body: Option<PathBuf>,

    /// An additional request header, such as 'X-GitHub-Event: ping'. Repeatable.
    #[arg(long = "header", value_name = "HEADER")]
    pub(super) headers: Vec<String>,

    /// The signing time, in RFC 3339 or in seconds since 1970. Default: now.
    #[arg(long, value_name = "TIME", value_parser = at)]
    at: Option<Timestamp>,

    /// The delivery id, for schemes that have one. Default: a new id.
    #[arg(long)]
    id: Option<String>,

    /// Tamper with the delivery, to test that it is refused.
    #[arg(long, value_enum)]
    wrong: Option<Tamper>,
}

/// A delivery with the secret that signs it.
pub(super) struct Signer {
    pub(super) method: Method,
    /// The URL to send to, if it is known.
    pub(super) url: Option<String>,
    /// The URL that schemes with URL coverage sign.
    signed_url: Option<String>,
    pub(super) body: Vec<u8>,
    proof: Option<(Scheme, Secret)>,
    /// What the endpoint requires from senders if it is a draft.
    pub(super) draft_auth: DraftAuth,
    /// The scheme of the endpoint's `auth`, also where a draft does not require it.
    scheme: Option<Scheme>,
    /// The event name in the delivery, if it has one.
    pub(super) event: Option<String>,
    /// The parts that the sender adds, if they are composed already.
    ready: Option<Vec<(Place, String)>>,
    at: Option<Timestamp>,
    id: Option<String>,
    wrong: Option<Tamper>,
}

impl Outgoing {
    /// The signer for a preset, with the secret from standard input; `None` if the options name an endpoint.
    pub(super) fn by_preset(&self) -> Result<Option<Signer>, Failure> {
        let Some(name) = &self.preset else {
            return Ok(None);
        };
        let scheme = preset(name)?;
        if self.takes_standard_input() {
            return Err(Failure::Usage(
                "standard input: holds the secret, so the body must be in a file".to_owned(),
            ));
        }
        let body = self.body()?;
        let secret = super::secret::read_value()?;
        Ok(Some(self.signer(
            Method::POST,
            None,
            body,
            Some((scheme, secret)),
        )))
    }

    /// The signer for an endpoint. Reading its secret is audited.
    pub(super) async fn by_endpoint(&self, session: &Session) -> Result<Signer, Failure> {
        let id = self.endpoint.as_ref();
        let id = id.ok_or_else(|| Failure::Usage("name an endpoint".to_owned()))?;
        let definition = session.control.endpoint(id).await?;
        let body = self.body()?;
        let draft_auth = session.control.draft_auth(&definition);
        let own = definition.auth.as_ref();
        let auth = own.filter(|_| draft_auth != DraftAuth::Workspace);
        if auth.is_none() && draft_auth != DraftAuth::Workspace {
            let text = format!(
                "{id}: the endpoint has no `auth`, so every delivery is refused. Set it with: portcullis endpoint update {id} --mode secret"
            );
            return Err(Failure::Other(text));
        }
        let scheme = auth.map_or(Ok(None), AuthDefinition::compiled);
        let scheme = scheme.map_err(|error| Failure::Other(error.to_string()))?;
        let proof = match (scheme, auth.and_then(|auth| auth.secret_of(id))) {
            (Some(scheme), Some(_)) if scheme.algorithm().is_public_key() => {
                return Err(Failure::Other(SigningError::PrivateKey.to_string()));
            }
            (Some(scheme), Some(secret)) => {
                let needed = scheme.algorithm().key_kind();
                let binding = session.control.binding(&secret, Some(needed)).await?;
                if let (Binding::Unbound, false) = (binding, definition.can_generate_secret()) {
                    return Err(Failure::NotFound(format!(
                        "{id}: secret {secret} is not bound, so every delivery is refused, and only the provider \
                         issues it. Bind it with: {}",
                        Binding::remedy(&definition, &secret)
                    )));
                }
                let control = &session.control;
                let revealed = control.reveal_secret(&session.actor, &secret).await?;
                let key = scheme.key();
                key.prepare_bound(revealed.kind, revealed.value.expose())
                    .map_err(|error| {
                        let remedy = Binding::remedy(&definition, &secret);
                        Failure::Other(format!(
                            "{id}: secret {secret} is not usable: {error}. Replace it with: {remedy}"
                        ))
                    })?;
                Some((scheme, revealed.value))
            }
            (Some(_), None) => return Err(Failure::Other(SigningError::PrivateKey.to_string())),
            (None, _) => None,
        };
        let method = definition.methods.first().map_or("POST", String::as_str);
        let method = method
            .parse()
            .map_err(|_| Failure::Other(format!("{id}: `{method}` is not an HTTP method")))?;
        let mut signer = self.signer(method, session.control.url(&definition), body, proof);
        let public_url = auth.and_then(|auth| auth.public_url.clone());
        signer.signed_url = public_url.or(signer.signed_url);
        signer.draft_auth = draft_auth;
        signer.scheme = own.and_then(|auth| auth.compiled().ok().flatten());
        Ok(signer)
    }

    pub(super) fn takes_standard_input(&self) -> bool {
        self.body
            .as_ref()
            .is_some_and(|path| path.as_os_str() == "-")
    }

    /// The value of curl's `--data-binary`.
    pub(super) fn data(&self) -> String {
        match &self.body {
            None => SAMPLE.to_owned(),
            Some(path) => format!("@{}", path.display()),
        }
    }

    /// The options of a valid delivery to an endpoint.
    pub(super) fn to(endpoint: EndpointId, url: Option<String>, body: Option<PathBuf>) -> Self {
        Self {
            endpoint: Some(endpoint),
            preset: None,
            url,
            body,
            headers: Vec::new(),
            at: None,
            id: None,
            wrong: None,
        }
    }

    /// The additional headers, parsed.
    pub(super) fn more_headers(&self) -> Result<Vec<(HeaderName, String)>, Failure> {
        Self::headers(&self.headers)
    }

    /// Parses headers of the form `Name: value`.
    pub(super) fn headers(headers: &[String]) -> Result<Vec<(HeaderName, String)>, Failure> {
        let parse = |header: &String| {
            let (name, value) = header.split_once(':')?;
            Some((name.trim().parse().ok()?, value.trim().to_owned()))
        };
        let invalid = |header: &String| {
            Failure::Usage(format!(
                "`{header}`: not a header. Use the form 'Name: value'"
            ))
        };
        let headers = headers.iter();
        headers
            .map(|header| parse(header).ok_or_else(|| invalid(header)))
            .collect()
    }

    fn body(&self) -> Result<Vec<u8>, Failure> {
        match &self.body {
            None => Ok(SAMPLE.as_bytes().to_vec()),
            Some(path) => load(path).map_err(Failure::Other),
        }
    }

    fn signer(
        &self,
        method: Method,
        url: Option<String>,
        body: Vec<u8>,
        proof: Option<(Scheme, Secret)>,
    ) -> Signer {
        Signer {
            method,
            signed_url: url.clone().or_else(|| self.url.clone()),
            url: self.url.clone().or(url),
            body,
            proof,
            draft_auth: DraftAuth::Interface,
            scheme: None,
            event: None,
            ready: None,
            at: self.at,
            id: self.id.clone(),
            wrong: self.wrong,
        }
    }
}

impl Signer {
    /// The content type that the scheme expects.
    pub(super) fn content_type(&self) -> &'static str {
        match &self.proof {
            Some((scheme, _)) if scheme.reads_form() => "application/x-www-form-urlencoded",
            _ => "application/json",
        }
    }

    /// The headers and parameters that the sender adds to the request.
    ///
    /// `token` is the workspace token of a draft. If the draft requires only the token, `--wrong` applies to it.
    pub(super) fn sign(
        &self,
        now: Timestamp,
        token: Option<&DraftToken>,
    ) -> Result<Vec<(Place, String)>, Failure> {
        let header = |token: &DraftToken| {
            let value = token.authorization().to_string();
            (Place::Header(AUTHORIZATION), value)
        };
        let Some(token) = token else {
            return self.prove(now);
        };
        match (self.draft_auth, self.wrong) {
            (DraftAuth::Workspace, None) => {
                let ready = self.ready.clone().unwrap_or_default();
                Ok([ready, vec![header(token)]].concat())
            }
            (DraftAuth::Workspace, Some(Tamper::Missing)) => Ok(Vec::new()),
            (DraftAuth::Workspace, Some(Tamper::Signature)) => {
                Ok(vec![header(&DraftToken::random()?)])
            }
            (DraftAuth::Workspace, Some(_)) => Err(Failure::Usage(
                "--wrong: a token allows only `signature` and `missing`".to_owned(),
            )),
            _ => {
                let mut added = self.prove(now)?;
                added.push(header(token));
                Ok(added)
            }
        }
    }

    /// Whether the proof at `place` is a credential: valid for other bodies too, or sent as HTTP authentication.
    pub(super) fn is_credential(&self, place: &Place) -> bool {
        *place == Place::Header(AUTHORIZATION)
            || self
                .proof
                .as_ref()
                .is_none_or(|(scheme, _)| scheme.covers() < Covers::Body)
    }

    /// Composes and signs the delivery now: the given body or a sample, with `event` or a common event.
    pub(super) fn compose(
        &mut self,
        definition: &Definition,
        event: Option<&str>,
        uses_sample: bool,
    ) -> Result<(), Failure> {
        let now = self.at.unwrap_or(SystemClock.now());
        let source = self.scheme.as_ref().and_then(Scheme::event);
        if event.is_some() && source.is_none() {
            let text = format!(
                "{}: its senders name no event. Leave --event out",
                definition.id
            );
            return Err(Failure::Usage(text));
        }
        self.event = source.map(|source| {
            let subscribed = definition.events.first().map(String::as_str);
            let event = event.or(subscribed).unwrap_or_else(|| common_event(source));
            event.to_owned()
        });
        let id = format!("msg_{}", uuid::Uuid::now_v7().simple());
        if uses_sample {
            let message = Message {
                method: &self.method,
                url: self.signed_url.as_deref(),
                body: b"",
                at: now,
                id: &id,
            };
            let event = self.event.as_deref();
            let contract = definition.contract.as_ref();
            let payload = ContractDefinition::sample(contract, definition.key_field.as_ref());
            let sample = match (&self.proof, &self.scheme) {
                (Some((scheme, secret)), _) => scheme
                    .sample(secret.expose(), event, payload, message)
                    .map_err(|error| Failure::Other(error.to_string()))?,
                (None, Some(scheme)) => scheme.unproven_sample(event, payload, message),
                (None, None) => Sample {
                    body: if payload.is_empty() {
                        SAMPLE.as_bytes().to_vec()
                    } else {
                        serde_json::Value::from(payload).to_string().into_bytes()
                    },
                    added: Vec::new(),
                },
            };
            self.body = sample.body;
            self.ready = Some(sample.added);
            return Ok(());
        }
        let mut added = self.prove(now)?;
        let place = source.and_then(Source::preferred);
        if let (Some(place), Some(event)) = (place, &self.event)
            && !place.is_in_body()
        {
            added.push((place.clone(), event.clone()));
        }
        self.ready = Some(added);
        Ok(())
    }

    /// The proof of the delivery in words.
    pub(super) fn proof_word(&self, token: Option<&DraftToken>) -> String {
        let own = match &self.proof {
            None => "nothing",
            Some((scheme, _)) if scheme.covers_body() => "its signature",
            Some(_) => "its secret",
        };
        let token = token.map(|token| {
            if token.is_temporary() {
                "a temporary token of the workspace"
            } else {
                "a token of the workspace"
            }
        });
        match (self.draft_auth, token) {
            (DraftAuth::Workspace, Some(token)) => token.to_owned(),
            (_, Some(token)) => format!("{own} and {token}"),
            (_, None) => own.to_owned(),
        }
    }

    /// Signs the delivery and builds the request. `more` are the additional headers.
    pub(super) fn request(
        &self,
        url: &str,
        body: Bytes,
        more: Vec<(HeaderName, String)>,
        token: Option<&DraftToken>,
    ) -> Result<http::Request<Bytes>, Failure> {
        let mut url = url.to_owned();
        let mut proof = Vec::new();
        for (place, value) in self.sign(SystemClock.now(), token)? {
            match place {
                Place::Header(name) => proof.push((name, value)),
                Place::Query(name) => url = with_parameter(&url, &name, &value),
                Place::Body | Place::Form(_) | Place::Json(_) => {}
            }
        }
        let invalid = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(&url)
            .body(body)
            .map_err(|error| invalid(&error))?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type()));
        // Additional headers replace the default ones, but not the proof: `--wrong` changes that.
        for (name, value) in more.into_iter().chain(proof) {
            let value = HeaderValue::from_bytes(value.as_bytes());
            let mut value = value.map_err(|error| invalid(&error))?;
            value.set_sensitive(name == AUTHORIZATION);
            headers.insert(name, value);
        }
        Ok(request)
    }

    fn prove(&self, now: Timestamp) -> Result<Vec<(Place, String)>, Failure> {
        if let Some(ready) = &self.ready {
            return Ok(ready.clone());
        }
        let Some((scheme, secret)) = &self.proof else {
            return match self.wrong {
                None => Ok(Vec::new()),
                Some(_) => Err(Failure::Usage(
                    "--wrong: the endpoint has no proof to tamper with. Leave the option out"
                        .to_owned(),
                )),
            };
        };
        let new_id = || format!("msg_{}", uuid::Uuid::now_v7().simple());
        let message = Message {
            method: &self.method,
            url: self.signed_url.as_deref(),
            body: &self.body,
            at: self.at.unwrap_or(now),
            id: &self.id.clone().unwrap_or_else(new_id),
        };
        prove(scheme, secret.expose(), message, self.wrong)
    }
}

/// Adds a query parameter to `url`.
pub(super) fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let pair = form_urlencoded::Serializer::new(String::new())
        .append_pair(name, value)
        .finish();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{pair}")
}

/// A common event of the senders that name the event at `source`.
fn common_event(source: &Source) -> &'static str {
    let place = source.to_string();
    let known = COMMON_EVENTS.iter().find(|(known, _)| *known == place);
    known.map_or("test", |(_, event)| event)
}

const COMMON_EVENTS: &[(&str, &str)] = &[
    ("header:circleci-event-type", "workflow-completed"),
    ("header:twitch-eventsub-subscription-type", "channel.follow"),
    ("header:x-buildkite-event", "ping"),
    ("header:x-event-key", "repo:push"),
    ("header:x-forgejo-event", "push"),
    ("header:x-gitea-event", "push"),
    ("header:x-github-event", "ping"),
    ("header:x-gitlab-event", "Push Hook"),
    (
        "header:x-shopify-topic|header:shopify-topic",
        "orders/create",
    ),
    ("json:/event_type", "ping"),
];

const SAMPLE: &str = r#"{"hello":"world"}"#;
