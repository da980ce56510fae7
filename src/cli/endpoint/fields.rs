//! What can be chosen and changed about an endpoint.

use clap::Args;
use jiff::SignedDuration;

use crate::auth::Mode;
use crate::directory::{AuthDefinition, CaptureDefinition, Definition, Name, PathTemplate};
use crate::secrets::SecretRef;

/// The options of `create` and `update`.
#[derive(Args, Debug)]
pub(in crate::cli) struct Fields {
    /// How senders prove themselves: secret, hmac, provider, bearer, api-key or none. A new endpoint has
    /// `secret`.
    #[arg(long)]
    mode: Option<Mode>,

    /// The header of the token, for the mode api-key.
    #[arg(long, requires = "mode")]
    header: Option<String>,

    /// The provider's preset, for the mode provider: see `portcullis presets list`.
    #[arg(long, requires = "mode")]
    preset: Option<String>,

    /// The secret, as scope#slot; the endpoint's own slot `webhook` if it is not said.
    #[arg(long, requires = "mode")]
    secret: Option<SecretRef>,

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
            let (header, preset, secret) = old.map_or((None, None, None), |old| {
                (old.header, old.preset, old.secret)
            });
            definition.auth = Some(AuthDefinition {
                mode,
                header: self.header.or(header.filter(|_| mode.takes_header())),
                preset: self.preset.or(preset.filter(|_| mode.takes_preset())),
                secret: self.secret.or(secret.filter(|_| mode != Mode::None)),
            });
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
    /// The keeping of refused deliveries: none are kept any more.
    Capture,
}

impl Field {
    pub(super) fn clear(self, definition: &mut Definition) {
        match self {
            Self::Path => definition.path = None,
            Self::Method => definition.methods.clear(),
            Self::Alias => definition.aliases.clear(),
            Self::EventName => definition.event_name = None,
            Self::Label => definition.labels.clear(),
            Self::Capture => definition.capture = None,
            Self::MaxBody => definition.limits.max_body_bytes = None,
        }
    }
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

fn label(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected key=value".to_owned())
}
