//! An endpoint as deliveries need it: compiled once, when it is loaded.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    CaptureDefinition, Concurrency, Definition, Directory, DraftAuth, EndpointId, EndpointRecord,
    Events, Name, PathTemplate, ReplayRule, Target,
};
use crate::auth::{Algorithm, KeyForm, Mode, Preset, Scheme};
use crate::contract::PayloadRules;
use crate::handshake::Handshake;
use crate::secrets::KeyAddress;

/// One webhook.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// The number of its creation: [`EndpointRecord::generation`].
    pub generation: i64,
    /// The digest of its definition.
    digest: [u8; 32],
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// The run-time that it belongs to.
    pub target: Target,
    /// The installation that it belongs to, by its id.
    pub installation: Option<Name>,
    /// The name of its upstream.
    pub upstream: Box<str>,
    /// The path at the upstream, if it is rewritten; of its parameters only `{path}` is left.
    pub path: Option<PathTemplate>,
    /// How senders prove themselves.
    pub auth: Auth,
    /// Whose word lets a delivery in: a draft asks for a token of its workspace, unless it was told otherwise;
    /// everything else for what `auth` says.
    pub draft_auth: DraftAuth,
    /// The handshake that is answered for it.
    pub greeting: Option<Box<Greeting>>,
    /// The methods that it takes.
    pub methods: Vec<Method>,
    /// The name of its event.
    pub event_name: Option<Name>,
    /// The events that it takes; all if `None`.
    pub events: Option<Events>,
    /// What it asks of payloads.
    pub payload: Option<Arc<PayloadRules>>,
    /// How many deliveries of one key may be with the backend at once.
    pub concurrency: Option<Concurrency>,
    /// Its own limits.
    pub limits: Limits,
    /// The fields of a form that hold a raw MIME message, if they are its own.
    pub raw_mime_fields: Option<Arc<[Box<str>]>>,
    /// How replays and duplicates are told.
    pub replay: ReplayRule,
    /// Whether refused deliveries are kept.
    pub capture: Option<CaptureDefinition>,
    /// Whether the backend gets the token that proved a delivery.
    pub forward_credentials: bool,
    /// Whether it takes deliveries.
    pub enabled: bool,
}

impl Endpoint {
    /// Compiles a record; `None` if its definition is not one that could have been stored.
    pub(super) fn compile(record: &EndpointRecord, directory: &Directory) -> Option<Self> {
        let definition = &record.definition;
        let methods: Vec<Method> = definition
            .methods
            .iter()
            .map(|method| method.parse().ok())
            .collect::<Option<_>>()?;
        let auth = Auth::compile(definition)?;
        Some(Self {
            replay: ReplayRule::of(&definition.replay, auth.scheme(), definition.sender()),
            installation: installation_of(&definition.id, definition.target),
            greeting: match &definition.handshake {
                None => None,
                Some(name) => Some(Box::new(Greeting::compile(name, definition, &auth)?)),
            },
            methods: if methods.is_empty() {
                auth.methods().to_vec()
            } else {
                methods
            },
            auth,
            draft_auth: match definition.target {
                Target::Draft => definition.draft_auth.unwrap_or(directory.draft_auth),
                Target::Installation | Target::Live => DraftAuth::Interface,
            },
            limits: Limits {
                max_body_bytes: definition.limits.max_body_bytes,
                max_multipart_bytes: definition.limits.max_multipart_bytes,
                body_timeout: definition.limits.body_timeout_ms.map(Duration::from_millis),
            },
            id: definition.id.clone(),
            generation: record.generation,
            digest: Sha256::digest(serde_json::to_vec(definition).ok()?).into(),
            organisation: definition.organisation.clone(),
            workspace: definition.workspace.clone(),
            target: definition.target,
            upstream: definition.upstream.as_str().into(),
            path: upstream_path(definition, directory)?,
            event_name: definition.event_name.clone(),
            events: Events::of(definition),
            payload: definition.payload_rules()?,
            concurrency: Concurrency::of(definition),
            raw_mime_fields: definition
                .limits
                .raw_mime_fields
                .as_ref()
                .map(|names| names.iter().map(|name| name.as_str().into()).collect()),
            capture: definition.capture,
            forward_credentials: definition.forward_credentials,
            enabled: definition.enabled && !definition.suspended,
        })
    }
}

impl Endpoint {
    /// Whether nothing about it has changed: it is the same creation, with the same definition.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.generation, self.digest) == (other.generation, other.digest)
    }

    /// How its deliveries are proven, in a word: the mode of its `auth`, or `workspace`. `None` if nobody gets in.
    pub fn mode_word(&self) -> Option<&'static str> {
        match self.draft_auth {
            DraftAuth::Workspace => Some(DraftAuth::Workspace.word()),
            DraftAuth::Both | DraftAuth::Interface => self.auth.mode().map(Mode::word),
        }
    }
}

/// What an endpoint asks of its senders.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Auth {
    /// Nothing was said: nobody gets in.
    Missing,
    /// A proof.
    Proof(Proof),
    /// No proof: everybody gets in, if the server's configuration agrees.
    Unauthenticated,
}

impl Auth {
    /// The mode, if there is one.
    pub fn mode(&self) -> Option<Mode> {
        match self {
            Self::Missing => None,
            Self::Proof(proof) => Some(proof.mode),
            Self::Unauthenticated => Some(Mode::None),
        }
    }

    /// How a proof is made, if one is asked for.
    pub fn scheme(&self) -> Option<&Scheme> {
        match self {
            Self::Proof(proof) => Some(&proof.scheme),
            Self::Missing | Self::Unauthenticated => None,
        }
    }

    /// The methods that are taken where an endpoint names none: those that its sender signs.
    fn methods(&self) -> &[Method] {
        let signed = self.scheme().filter(|scheme| scheme.covers_body());
        signed.map_or(&[Method::POST], Scheme::methods)
    }

    fn compile(definition: &Definition) -> Option<Self> {
        let Some(auth) = &definition.auth else {
            return Some(Self::Missing);
        };
        if auth
            .header
            .as_ref()
            .is_some_and(|name| name.parse::<HeaderName>().is_err())
        {
            return None;
        }
        let Some(scheme) = auth.compiled().ok()? else {
            return Some(Self::Unauthenticated);
        };
        let preset = auth.preset.as_deref().and_then(Preset::named);
        Some(Self::Proof(Proof {
            mode: auth.mode,
            refuses_empty: preset.is_some_and(|preset| preset.refuses_empty),
            probed: preset.is_some_and(|preset| preset.probed),
            public_url: auth.public_url.as_deref().map(Into::into),
            key: if scheme.has_certificate() {
                None
            } else {
                Some(KeyAddress {
                    secret: auth.secret_of(&definition.id)?,
                    form: scheme.key().clone(),
                })
            },
            scheme: Arc::new(scheme),
        }))
    }
}

/// A proof that is asked for.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The mode that it was chosen by.
    pub mode: Mode,
    /// Whether the sender needs refusals without a body.
    pub refuses_empty: bool,
    /// Whether the sender looks for the URL with `HEAD` before it delivers.
    pub probed: bool,
    /// The URL that the sender was told to deliver to, if it is not the portal's own.
    pub public_url: Option<Box<str>>,
    /// How it is made.
    pub scheme: Arc<Scheme>,
    /// What it is made with; `None` if that is a certificate that the delivery names.
    pub key: Option<KeyAddress>,
}

/// The handshake of an endpoint.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// What is asked and answered.
    pub handshake: &'static Handshake,
    /// The token that the provider has to send, where it sends one.
    pub verify_token: Option<KeyAddress>,
    /// Until when it may bind the endpoint's secret.
    pub expected_until: Option<Timestamp>,
}

impl Greeting {
    fn compile(name: &str, definition: &Definition, auth: &Auth) -> Option<Self> {
        let handshake = Handshake::named(name)?;
        handshake.fits(auth.scheme()).ok()?;
        let verify_token = definition.verify_token();
        Some(Self {
            handshake,
            verify_token: verify_token.map(|secret| KeyAddress {
                secret,
                form: KeyForm::plain(Algorithm::Token),
            }),
            expected_until: definition.handshake_expected_until,
        })
    }
}

/// Limits of one endpoint; what is not set is the server's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// The largest body.
    pub max_body_bytes: Option<u64>,
    /// The largest `multipart/*` body under a signed mode.
    pub max_multipart_bytes: Option<u64>,
    /// How long a body may take to arrive.
    pub body_timeout: Option<Duration>,
}

/// The outer option is whether every parameter is known, the inner one whether there is a template.
#[expect(clippy::option_option, reason = "the two are different questions")]
fn upstream_path(definition: &Definition, directory: &Directory) -> Option<Option<PathTemplate>> {
    let own = definition.path.as_ref();
    let template = own.or_else(|| directory.upstream_paths.get(&definition.upstream));
    let bound = template.map(|template| {
        template.bind(|name| match name {
            "endpoint" => Some(definition.id.as_str()),
            _ => directory.routes.parameter(&definition.id, name),
        })
    });
    // What cannot be rewritten as it was asked is not forwarded under another path.
    let is_whole = |template: &PathTemplate| template.parameters().all(|name| name == "path");
    bound.as_ref().is_none_or(is_whole).then_some(bound)
}

fn installation_of(id: &EndpointId, target: Target) -> Option<Name> {
    (target == Target::Installation)
        .then(|| id.as_str().split('/').nth(1))
        .flatten()
        .and_then(|name| name.parse().ok())
}
