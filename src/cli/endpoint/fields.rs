//! What can be chosen and changed about an endpoint.

use clap::Args;
use jiff::SignedDuration;

use crate::auth::{AccountRule, Mode, SchemeWords};
use crate::directory::{
    AuthDefinition, CaptureDefinition, Definition, DraftAuth, Duplicates, LedgerDown, Name,
    PathTemplate, ReplayDefinition, ReplayKey,
};
use crate::secrets::SecretRef;

/// The options of `create` and `update`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Fields {
    /// How senders prove themselves: secret, hmac, hmac-sha256, provider, signature, bearer,
    /// api-key or none. A new endpoint has
    /// `secret`.
    #[arg(long)]
    mode: Option<Mode>,

    /// The header of the token, for the modes api-key and hmac-sha256.
    #[arg(long, requires = "mode")]
    header: Option<String>,

    /// The provider's preset, for the mode provider: see `portcullis presets list`.
    #[arg(long, requires = "mode")]
    preset: Option<String>,

    /// The secret, as scope#slot; the endpoint's own slot `webhook` if it is not said.
    #[arg(long, requires = "mode")]
    secret: Option<SecretRef>,

    /// A word about the scheme, such as signature-header=X-Signature, for the modes signature and
    /// provider; may be repeated.
    #[arg(long = "scheme", value_name = "KEY=VALUE", value_parser = word)]
    scheme: Vec<(&'static str, String)>,

    /// What the preset asks of the endpoint; may be repeated.
    #[arg(long = "setting", value_name = "KEY=VALUE", value_parser = label)]
    settings: Vec<(String, String)>,

    /// The URL that the sender delivers to and signs, without its query, if it is not the portal's own.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The provider's handshake that is answered at the edge: see `portcullis handshakes list`.
    #[arg(long)]
    handshake: Option<String>,

    /// Who may deliver to it, if it is a draft: workspace, interface or both; what the server says, if it is not
    /// said.
    #[arg(long, value_name = "WHO")]
    draft_auth: Option<DraftAuth>,

    /// The upstream that gets its deliveries.
    #[arg(long)]
    upstream: Option<String>,

    /// The path at the upstream, such as /internal/{workflow}.
    #[arg(long)]
    path: Option<PathTemplate>,

    /// A method that it takes; may be repeated.
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<String>,

    /// Another path that leads to it; may be repeated.
    #[arg(long = "alias", value_name = "PATH")]
    aliases: Vec<String>,

    /// The name of the event that its deliveries stand for.
    #[arg(long)]
    event_name: Option<Name>,

    /// Something to remember, as key=value; may be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,

    /// The largest body, such as 1MiB.
    #[arg(long, value_name = "SIZE")]
    max_body: Option<bytesize::ByteSize>,

    /// What becomes of an event that was accepted before: acknowledge, reject or forward. A new endpoint
    /// has `acknowledge`.
    #[arg(long, value_name = "WHAT")]
    duplicates: Option<Duplicates>,

    /// What deliveries are told by: auto, id, signature or none. A new endpoint has `auto`.
    #[arg(long, value_name = "KEY")]
    replay_key: Option<ReplayKey>,

    /// How long an accepted delivery is remembered, such as 48h.
    #[arg(long, value_name = "TIME", value_parser = remembered)]
    remember: Option<u64>,

    /// What becomes of deliveries while the ledger that nodes share is out of reach: closed or local.
    #[arg(long, value_name = "WHAT")]
    ledger_down: Option<LedgerDown>,

    /// Keep the last refused deliveries for `explain`, and for how long: 10/1h.
    #[arg(long, value_name = "LAST/TIME", value_parser = capture)]
    capture: Option<CaptureDefinition>,

    /// Whether the backend gets the token that proved a delivery.
    #[arg(long)]
    forward_credentials: Option<bool>,
}

impl Fields {
    /// Puts what was given into `definition`.
    pub(super) fn apply(self, definition: &mut Definition) {
        if let Some(mode) = self.mode {
            // What was chosen for the old mode stays, where the new one has a use for it.
            let old = definition.auth.take();
            let old = old.unwrap_or(AuthDefinition::of(mode));
            definition.auth = Some(AuthDefinition {
                mode,
                header: self.header.or(old.header.filter(|_| mode.takes_header())),
                preset: self.preset.or(old.preset.filter(|_| mode.takes_preset())),
                scheme: Some(old.scheme)
                    .filter(|_| mode.takes_words())
                    .unwrap_or_default(),
                settings: Some(old.settings)
                    .filter(|_| mode.takes_preset())
                    .unwrap_or_default(),
                public_url: old.public_url.filter(|_| mode != Mode::None),
                secret: self.secret.or(old.secret.filter(|_| mode != Mode::None)),
            });
        }
        if let (Some(auth), Some(url)) = (&mut definition.auth, self.public_url) {
            auth.public_url = Some(url);
        }
        if let Some(auth) = &mut definition.auth {
            for (key, value) in self.scheme {
                auth.scheme.say(key, value);
            }
            auth.settings.extend(self.settings);
        }
        if self.handshake.is_some() {
            definition.handshake = self.handshake;
        }
        if self.draft_auth.is_some() {
            definition.draft_auth = self.draft_auth;
        }
        if let Some(upstream) = self.upstream {
            definition.upstream = upstream;
        }
        if self.path.is_some() {
            definition.path = self.path;
        }
        if !self.methods.is_empty() {
            definition.methods = self.methods;
        }
        if !self.aliases.is_empty() {
            definition.aliases = self.aliases;
        }
        if self.event_name.is_some() {
            definition.event_name = self.event_name;
        }
        definition.labels.extend(self.labels);
        if let Some(size) = self.max_body {
            definition.limits.max_body_bytes = Some(size.as_u64());
        }
        let replay = &mut definition.replay;
        *replay = ReplayDefinition {
            duplicates: self.duplicates.or(replay.duplicates),
            key: self.replay_key.unwrap_or(replay.key),
            remember_ms: self.remember.or(replay.remember_ms),
            ledger_down: self.ledger_down.or(replay.ledger_down),
        };
        if self.capture.is_some() {
            definition.capture = self.capture;
        }
        if let Some(forward) = self.forward_credentials {
            definition.forward_credentials = forward;
        }
    }
}

/// What `update` can take back.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(in crate::cli) enum Field {
    /// The accounts that its deliveries must name: those of every account are taken again.
    Account,
    /// The handshake: none is answered any more.
    Handshake,
    /// Who may deliver to a draft: what the server says, again.
    DraftAuth,
    /// The path at the upstream: the one that was sent, again.
    Path,
    /// The methods: `POST` only, again.
    Method,
    /// All aliases.
    Alias,
    /// The name of the event.
    EventName,
    /// All labels.
    Label,
    /// The largest body: that of the server, again.
    MaxBody,
    /// Everything about replays and duplicates: the usual, again.
    Replay,
    /// The keeping of refused deliveries: none are kept any more.
    Capture,
}

impl Field {
    pub(super) fn clear(self, definition: &mut Definition) {
        match self {
            Self::Account => {
                if let Some(auth) = &mut definition.auth {
                    auth.settings.remove(AccountRule::SETTING);
                }
            }
            Self::Handshake => definition.handshake = None,
            Self::DraftAuth => definition.draft_auth = None,
            Self::Path => definition.path = None,
            Self::Method => definition.methods.clear(),
            Self::Alias => definition.aliases.clear(),
            Self::EventName => definition.event_name = None,
            Self::Label => definition.labels.clear(),
            Self::Capture => definition.capture = None,
            Self::MaxBody => definition.limits.max_body_bytes = None,
            Self::Replay => definition.replay = ReplayDefinition::default(),
        }
    }
}

fn word(text: &str) -> Result<(&'static str, String), String> {
    let (name, value) = label(text)?;
    let key = SchemeWords::key(&name).ok_or_else(|| {
        let known: Vec<&str> = SchemeWords::keys().collect();
        format!("no key `{name}`; there is `{}`", known.join("`, `"))
    })?;
    Ok((key, value))
}

/// In milliseconds; the bounds are the definition's.
fn remembered(text: &str) -> Result<u64, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|time| u64::try_from(time.as_millis()).ok())
        .ok_or_else(|| "expected a time with its unit, such as 48h".to_owned())
}

fn capture(text: &str) -> Result<CaptureDefinition, String> {
    let (last, time) = text.split_once('/').unwrap_or((text, "1h"));
    let last = last.parse().ok();
    let time: Option<SignedDuration> = time.parse().ok();
    let seconds = time.and_then(|time| u32::try_from(time.as_secs()).ok());
    match (last, seconds) {
        (Some(last), Some(for_seconds)) => Ok(CaptureDefinition { last, for_seconds }),
        _ => Err("expected a number and a time, such as 10/1h".to_owned()),
    }
}

pub(in crate::cli) fn label(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected key=value".to_owned())
}
