//! A delivery to be sent: for an endpoint of the store, or for a preset whose secret is typed.

mod sample;

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use http::header::AUTHORIZATION;
use http::{HeaderName, Method};
use jiff::Timestamp;

use super::draft_token::DraftToken;
use super::explain::load;
use super::failure::Failure;
use super::session::Session;
use super::wrong::{Wrong, prove};
use super::{at, preset};
use crate::auth::{Message, Place, Scheme, Unsignable};
use crate::control::Binding;
use crate::directory::{AuthDefinition, DraftAuth, EndpointId};
use crate::secrets::Secret;

/// What is sent, and to whom.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("judge").args(["endpoint", "preset"]).required(true)))]
pub(super) struct Outgoing {
    /// The endpoint.
    pub(super) endpoint: Option<EndpointId>,

    /// A preset (or the mode secret, hmac, bearer or api-key) in place of an endpoint; the secret comes from
    /// standard input.
    #[arg(long, value_name = "NAME")]
    pub(super) preset: Option<String>,

    /// Where it goes: the endpoint's public URL if it is not said.
    #[arg(long)]
    pub(super) url: Option<String>,

    /// The body: a file, or `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) body: Option<PathBuf>,

    /// Another header for the request, such as 'X-GitHub-Event: ping'.
    #[arg(long = "header", value_name = "HEADER")]
    pub(super) headers: Vec<String>,

    /// When it is signed, as RFC 3339 or in seconds since 1970; the present if it is not said.
    #[arg(long, value_name = "TIME", value_parser = at)]
    at: Option<Timestamp>,

    /// The id of the delivery, where the scheme has one; a new one if it is not said.
    #[arg(long)]
    id: Option<String>,

    /// Make it wrong, to see that it is refused.
    #[arg(long, value_enum)]
    wrong: Option<Wrong>,
}

/// Everything that is needed to sign.
pub(super) struct Signer {
    pub(super) method: Method,
    /// Where it goes, if that is known.
    pub(super) url: Option<String>,
    /// The URL that is signed, by schemes that cover it.
    signed_url: Option<String>,
    pub(super) body: Vec<u8>,
    proof: Option<(Scheme, Secret)>,
    /// What the endpoint asks for, if it is a draft.
    pub(super) draft_auth: DraftAuth,
    /// What the endpoint's `auth` says, whether it is asked or not.
    scheme: Option<Scheme>,
    /// The event that it stands for, if that was put in.
    pub(super) event: Option<String>,
    /// What goes into the head, if that was settled already.
    ready: Option<Vec<(Place, String)>>,
    at: Option<Timestamp>,
    id: Option<String>,
    wrong: Option<Wrong>,
}

impl Outgoing {
    /// The signer for a preset, with the secret from standard input; `None` if there is an endpoint.
    pub(super) fn by_preset(&self) -> Result<Option<Signer>, Failure> {
        let Some(name) = &self.preset else {
            return Ok(None);
        };
        let scheme = preset(name)?;
        if self.takes_standard_input() {
            return Err(Failure::Usage(
                "the secret comes from standard input, so the body cannot".to_owned(),
            ));
        }
        let body = self.body()?;
        let secret = super::secret_value::read_value()?;
        Ok(Some(self.signer(
            Method::POST,
            None,
            body,
            Some((scheme, secret)),
        )))
    }

    /// The signer for an endpoint. Its secret is read, which is audited.
    pub(super) async fn by_endpoint(&self, session: &Session) -> Result<Signer, Failure> {
        let id = self.endpoint.as_ref();
        let id = id.ok_or_else(|| Failure::Usage("name an endpoint".to_owned()))?;
        let definition = session.control.endpoint(id).await?;
        let body = self.body()?;
        let draft_auth = session.control.draft_auth(&definition);
        let own = definition.auth.as_ref();
        let auth = own.filter(|_| draft_auth != DraftAuth::Workspace);
        if auth.is_none() && draft_auth != DraftAuth::Workspace {
            let text = format!("`{id}` has no `auth`: every delivery is refused");
            return Err(Failure::Other(text));
        }
        let scheme = auth.map_or(Ok(None), AuthDefinition::compiled);
        let scheme = scheme.map_err(|error| Failure::Other(error.to_string()))?;
        let proof = match (scheme, auth.and_then(|auth| auth.secret_of(id))) {
            (Some(scheme), Some(_)) if scheme.algorithm().is_public_key() => {
                return Err(Failure::Other(Unsignable::PrivateKey.to_string()));
            }
            (Some(scheme), Some(secret)) => {
                let needed = scheme.algorithm().key_kind();
                let binding = session.control.binding(&secret, Some(needed)).await?;
                if let (Binding::Unbound, false) = (binding, definition.can_generate_secret()) {
                    return Err(Failure::NotFound(format!(
                        "`{id}`: no secret is bound to {secret}, so every delivery is refused, and only the provider \
                         issues it; first: {}",
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
                            "`{id}`: its secret `{secret}` proves nothing: {error}; first: {remedy}"
                        ))
                    })?;
                Some((scheme, revealed.value))
            }
            (Some(_), None) => return Err(Failure::Other(Unsignable::PrivateKey.to_string())),
            (None, _) => None,
        };
        let method = definition.methods.first().map_or("POST", String::as_str);
        let method = method
            .parse()
            .map_err(|_| Failure::Other(format!("`{method}` is no method")))?;
        let mut signer = self.signer(method, session.control.url(&definition), body, proof);
        let told = auth.and_then(|auth| auth.public_url.clone());
        signer.signed_url = told.or(signer.signed_url);
        signer.draft_auth = draft_auth;
        signer.scheme = own.and_then(|auth| auth.compiled().ok().flatten());
        Ok(signer)
    }

    pub(super) fn takes_standard_input(&self) -> bool {
        self.body
            .as_ref()
            .is_some_and(|path| path.as_os_str() == "-")
    }

    /// How curl is told what to send.
    pub(super) fn data(&self) -> String {
        match &self.body {
            None => SAMPLE.to_owned(),
            Some(path) => format!("@{}", path.display()),
        }
    }

    /// A correctly signed delivery to an endpoint.
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

    /// The headers that were asked for, apart.
    pub(super) fn more_headers(&self) -> Result<Vec<(HeaderName, String)>, Failure> {
        Self::headers(&self.headers)
    }

    /// Headers as they are written on the command line, apart.
    pub(super) fn headers(headers: &[String]) -> Result<Vec<(HeaderName, String)>, Failure> {
        let parse = |header: &String| {
            let (name, value) = header.split_once(':')?;
            Some((name.trim().parse().ok()?, value.trim().to_owned()))
        };
        let wrong = |header: &String| Failure::Usage(format!("`{header}` is no header"));
        let headers = headers.iter();
        headers
            .map(|header| parse(header).ok_or_else(|| wrong(header)))
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
    /// The type of the body, as far as the scheme minds.
    pub(super) fn content_type(&self) -> &'static str {
        match &self.proof {
            Some((scheme, _)) if scheme.reads_form() => "application/x-www-form-urlencoded",
            _ => "application/json",
        }
    }

    /// What the sender adds to the request.
    ///
    /// `token` is the one that a draft asks for. Where it is the whole proof, it is what `--wrong` is about.
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
            (DraftAuth::Workspace, Some(Wrong::Missing)) => Ok(Vec::new()),
            (DraftAuth::Workspace, Some(Wrong::Signature)) => {
                Ok(vec![header(&DraftToken::of_nobody()?)])
            }
            (DraftAuth::Workspace, Some(_)) => Err(Failure::Usage(
                "a token is no signature: it can be wrong as `signature` or as `missing`"
                    .to_owned(),
            )),
            _ => {
                let mut added = self.prove(now)?;
                added.push(header(token));
                Ok(added)
            }
        }
    }

    /// Whether what is added proves the sender and not the body: whoever sees it can send anything.
    pub(super) fn proves_by_token(&self) -> bool {
        self.proof
            .as_ref()
            .is_none_or(|(scheme, _)| !scheme.covers_body())
    }

    fn prove(&self, now: Timestamp) -> Result<Vec<(Place, String)>, Failure> {
        if let Some(ready) = &self.ready {
            return Ok(ready.clone());
        }
        let Some((scheme, secret)) = &self.proof else {
            return match self.wrong {
                None => Ok(Vec::new()),
                Some(_) => Err(Failure::Usage(
                    "an endpoint without a proof takes everything: nothing can be wrong".to_owned(),
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

/// `url` with a parameter more.
pub(super) fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let pair = form_urlencoded::Serializer::new(String::new())
        .append_pair(name, value)
        .finish();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{pair}")
}

const SAMPLE: &str = r#"{"hello":"world"}"#;
