//! An endpoint as deliveries need it: compiled once when it is loaded.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, Method};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    CaptureDefinition, Concurrency, Definition, Directory, DraftAuth, EndpointId, EndpointRecord,
    Name, PathTemplate, ReplayRule, Target,
};
use crate::auth::{Algorithm, KeyForm, Mode, Preset, Scheme};
use crate::challenge::Challenge;
use crate::payload::PayloadRules;
use crate::secrets::KeyAddress;

/// One webhook, compiled.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The endpoint id.
    pub id: EndpointId,
    /// The random number of its creation: [`EndpointRecord::generation`].
    pub generation: i64,
    /// A SHA-256 of the definition, to detect changes.
    digest: [u8; 32],
    /// The organisation that owns it.
    pub organisation: Name,
    /// The workspace that owns it.
    pub workspace: Name,
    /// The run-time that it belongs to.
    pub target: Target,
    /// The id of the installation that it belongs to.
    pub installation: Option<Name>,
    /// The name of its upstream.
    pub upstream: Box<str>,
    /// The path at the upstream if it is rewritten. `{path}` is the only parameter left in it.
    pub path: Option<PathTemplate>,
    /// How senders prove themselves.
    pub auth: Auth,
    /// Who may deliver. Only a draft can ask for a workspace token; every other endpoint asks for the proof of
    /// `auth`.
    pub draft_auth: DraftAuth,
    /// The provider challenge that the gate answers.
    pub challenge: Option<Box<ChallengeConfig>>,
    /// The methods that it accepts.
    pub methods: Vec<Method>,
    /// The name of its event.
    pub event_name: Option<Name>,
    /// The events that it accepts; `None` for all.
    pub events: Option<Events>,
    /// The rules for payloads.
    pub payload: Option<Arc<PayloadRules>>,
    /// How many deliveries of one key may be in flight at once.
    pub concurrency: Option<Concurrency>,
    /// Its own limits.
    pub limits: Limits,
    /// The form fields that hold a raw MIME message, if it declares its own.
    pub raw_mime_fields: Option<Arc<[Box<str>]>>,
    /// How replays and duplicates are detected and answered.
    pub replay: ReplayRule,
    /// Which refused deliveries are captured.
    pub capture: Option<CaptureDefinition>,
    /// Whether the backend receives the token that proved a delivery.
    pub forward_credentials: bool,
    /// Whether it accepts deliveries: enabled and not suspended.
    pub enabled: bool,
}

impl Endpoint {
    /// Compiles a record; `None` if the definition could not have been stored by this version.
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
            challenge: match &definition.handshake {
                None => None,
                Some(name) => Some(Box::new(ChallengeConfig::compile(name, definition, &auth)?)),
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
    /// True if it is the same creation with the same definition.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.generation, self.digest) == (other.generation, other.digest)
    }

    /// How its deliveries are proven, in a word: the mode of `auth`, or `workspace`. `None` if every delivery is
    /// refused.
    pub fn mode_word(&self) -> Option<&'static str> {
        match self.draft_auth {
            DraftAuth::Workspace => Some(DraftAuth::Workspace.word()),
            DraftAuth::Both | DraftAuth::Interface => self.auth.mode().map(Mode::word),
        }
    }
}

/// What an endpoint requires from senders.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Auth {
    /// Nothing is declared: every delivery is refused.
    Missing,
    /// Deliveries need this proof.
    Proof(Proof),
    /// Deliveries need no proof, if the configuration of the server allows that.
    Unauthenticated,
}

impl Auth {
    /// The declared mode, if there is one.
    pub fn mode(&self) -> Option<Mode> {
        match self {
            Self::Missing => None,
            Self::Proof(proof) => Some(proof.mode),
            Self::Unauthenticated => Some(Mode::None),
        }
    }

    /// The scheme of the proof, if one is required.
    pub fn scheme(&self) -> Option<&Scheme> {
        match self {
            Self::Proof(proof) => Some(&proof.scheme),
            Self::Missing | Self::Unauthenticated => None,
        }
    }

    /// The default methods: those that the sender signs.
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

/// A proof that deliveries need.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The declared mode.
    pub mode: Mode,
    /// Whether refusals must have an empty body, because the sender requires it.
    pub refuses_empty: bool,
    /// Whether the sender probes the URL with `HEAD` before it delivers.
    pub probed: bool,
    /// The URL that the sender signs, if it is not the URL of the portal.
    pub public_url: Option<Box<str>>,
    /// How the proof is computed and where it stands.
    pub scheme: Arc<Scheme>,
    /// The key; `None` if the delivery names a certificate.
    pub key: Option<KeyAddress>,
}

/// The provider challenge of an endpoint.
#[derive(Clone, Debug)]
pub struct ChallengeConfig {
    /// The challenge and its answer.
    pub handshake: &'static Challenge,
    /// The token that the provider has to send, if it sends one.
    pub verify_token: Option<KeyAddress>,
    /// Until when the challenge may bind the secret of the endpoint.
    pub expected_until: Option<Timestamp>,
}

impl ChallengeConfig {
    fn compile(name: &str, definition: &Definition, auth: &Auth) -> Option<Self> {
        let handshake = Challenge::named(name)?;
        handshake.check_scheme(auth.scheme()).ok()?;
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

/// The events that an endpoint accepts. A trailing `*` matches any rest.
#[derive(Clone, Debug)]
pub struct Events(Vec<Box<str>>);

impl Events {
    /// The events of `definition`; `None` if it accepts all.
    fn of(definition: &Definition) -> Option<Self> {
        let names = definition.events.iter().map(|name| name.as_str().into());
        (!definition.events.is_empty()).then(|| Self(names.collect()))
    }

    /// True if the endpoint accepts this event.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|known| match known.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == &**known,
        })
    }
}

/// Limits of one endpoint. A limit that is not set is that of the server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// The largest body in bytes.
    pub max_body_bytes: Option<u64>,
    /// The largest `multipart/*` body of a signed delivery, in bytes.
    pub max_multipart_bytes: Option<u64>,
    /// The timeout for receiving a body.
    pub body_timeout: Option<Duration>,
}

/// The outer option is `None` if a parameter is unknown; the inner one if there is no template.
#[expect(
    clippy::option_option,
    reason = "an invalid template differs from none"
)]
fn upstream_path(definition: &Definition, directory: &Directory) -> Option<Option<PathTemplate>> {
    let declared = definition.path.as_ref();
    let template = declared.or_else(|| directory.upstream_paths.get(&definition.upstream));
    let bound = template.map(|template| {
        template.bind(|name| match name {
            "endpoint" => Some(definition.id.as_str()),
            _ => directory.routes.parameter(&definition.id, name),
        })
    });
    // A path that cannot be rewritten as declared must not be forwarded under another name.
    let is_whole = |template: &PathTemplate| template.parameters().all(|name| name == "path");
    bound.as_ref().is_none_or(is_whole).then_some(bound)
}

fn installation_of(id: &EndpointId, target: Target) -> Option<Name> {
    (target == Target::Installation)
        .then(|| id.as_str().split('/').nth(1))
        .flatten()
        .and_then(|name| name.parse().ok())
}
