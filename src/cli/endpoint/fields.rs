//! The fields of an endpoint as options of `endpoint create` and `endpoint update`.

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
    /// How senders authenticate: secret, hmac, hmac-sha256, provider, signature, bearer, api-key or none. A new
    /// endpoint has `secret`.
    #[arg(long)]
    mode: Option<Mode>,

    /// The header of the token or signature, for the modes api-key and hmac-sha256.
    #[arg(long, requires = "mode")]
    header: Option<String>,

    /// The preset, for the mode provider. List them with `portcullis presets list`.
    #[arg(long, requires = "mode")]
    preset: Option<String>,

    /// The secret, as scope#slot. Default: the slot `webhook` of the endpoint.
    #[arg(long, requires = "mode")]
    secret: Option<SecretRef>,

    /// A key of the signature scheme, such as signature-header=X-Signature, for the modes signature and provider.
    /// Repeatable.
    #[arg(long = "scheme", value_name = "KEY=VALUE", value_parser = scheme_key)]
    scheme: Vec<(&'static str, String)>,

    /// A setting that the preset requires or accepts. Repeatable.
    #[arg(long = "setting", value_name = "KEY=VALUE", value_parser = label)]
    settings: Vec<(String, String)>,

    /// The URL that the sender signs, without its query, if it differs from the portal's URL.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The provider challenge that the gate answers. List them with `portcullis handshakes list`.
    #[arg(long)]
    handshake: Option<String>,

    /// What a draft requires from its senders: workspace, interface or both. Default: the server's `draft_auth`.
    #[arg(long, value_name = "WHO")]
    draft_auth: Option<DraftAuth>,

    /// The upstream that receives the deliveries.
    #[arg(long)]
    upstream: Option<String>,

    /// The path at the upstream, such as /internal/{workflow}.
    #[arg(long)]
    path: Option<PathTemplate>,

    /// An accepted method. Repeatable.
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<String>,

    /// Another public path of the endpoint. Repeatable.
    #[arg(long = "alias", value_name = "PATH")]
    aliases: Vec<String>,

    /// The event name that the backend receives with each delivery.
    #[arg(long)]
    event_name: Option<Name>,

    /// A label, for scripts and for `apply --prune`. Repeatable.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,

    /// The largest accepted body, such as 1MiB.
    #[arg(long, value_name = "SIZE")]
    max_body: Option<bytesize::ByteSize>,

    /// The response to an event id that was accepted before: acknowledge, reject or forward. Default: that of the
    /// preset, or acknowledge.
    #[arg(long, value_name = "WHAT")]
    duplicates: Option<Duplicates>,

    /// What identifies a repeated delivery: auto, id, signature or none. Default: auto.
    #[arg(long, value_name = "KEY")]
    replay_key: Option<ReplayKey>,

    /// How long the gate remembers an accepted delivery, such as 48h.
    #[arg(long, value_name = "TIME", value_parser = remember_ms)]
    remember: Option<u64>,

    /// What happens while the shared ledger is unavailable: closed (reject) or local (use each gate's own ledger).
    #[arg(long, value_name = "WHAT")]
    ledger_down: Option<LedgerDown>,

    /// Keep the last refused deliveries for `explain`, as NUMBER/TIME such as 10/1h.
    #[arg(long, value_name = "LAST/TIME", value_parser = capture)]
    capture: Option<CaptureDefinition>,

    /// Whether the backend receives the credential that authenticated the delivery.
    #[arg(long)]
    forward_credentials: Option<bool>,
}

impl Fields {
    /// Writes the given options into `definition`.
    pub(super) fn apply(self, definition: &mut Definition) {
        if let Some(mode) = self.mode {
            // Settings of the old mode stay if the new mode uses them.
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
                auth.scheme.set(key, value);
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

/// A field that `update --clear` resets.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(in crate::cli) enum Field {
    /// The required accounts: deliveries of every account are accepted.
    Account,
    /// The provider challenge: none is answered.
    Handshake,
    /// The proof that a draft requires: the server's `draft_auth`.
    DraftAuth,
    /// The path at the upstream: the path of the request.
    Path,
    /// The methods: `POST` only.
    Method,
    /// All aliases: none.
    Alias,
    /// The event name: none.
    EventName,
    /// All labels: none.
    Label,
    /// The largest body: the server's limit.
    MaxBody,
    /// All replay settings: the defaults.
    Replay,
    /// The capture of refused deliveries: off.
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

fn scheme_key(text: &str) -> Result<(&'static str, String), String> {
    let (name, value) = label(text)?;
    let key = SchemeWords::key(&name).ok_or_else(|| {
        let known: Vec<&str> = SchemeWords::keys().collect();
        format!(
            "unknown key `{name}`; expected one of `{}`",
            known.join("`, `")
        )
    })?;
    Ok((key, value))
}

/// In milliseconds. The definition checks the bounds.
fn remember_ms(text: &str) -> Result<u64, String> {
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
