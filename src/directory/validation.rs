//! Validation of declared endpoints: every mistake at once, each with its key.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use http::Method;
use serde_json::Value;

use super::replay::distinguishes_deliveries;
use super::{
    AuthDefinition, Definition, DraftAuth, Duplicates, MissingKey, PathTemplate, ReplayDefinition,
    ReplayKey, ReplayRule, RouteTable, Target,
};
use crate::auth::{Mode, SchemeError, Sender, may_be_event};
use crate::challenge::Challenge;
use crate::payload::Contract;

/// What a definition is validated against.
#[derive(Clone, Copy, Debug)]
pub struct ValidationContext<'a> {
    /// The names of the configured upstreams.
    pub upstreams: &'a [String],
    /// The route table.
    pub routes: &'a RouteTable,
    /// The path templates of upstreams, by name.
    pub upstream_paths: &'a BTreeMap<String, PathTemplate>,
    /// Whether endpoints may accept deliveries without a proof.
    pub allow_unauthenticated: bool,
    /// Who may deliver to drafts that do not say so themselves.
    pub draft_auth: DraftAuth,
    /// The largest body that fits the memory budget, in bytes.
    pub largest_body_bytes: u64,
}

/// One mistake in a definition.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct DefinitionMistake {
    /// The key of the definition that is wrong.
    pub key: &'static str,
    /// The fault and the fix.
    pub message: String,
}

/// One pass over a definition that collects its mistakes.
pub(super) struct Validation<'a> {
    definition: &'a Definition,
    context: &'a ValidationContext<'a>,
    mistakes: Vec<DefinitionMistake>,
}

impl<'a> Validation<'a> {
    /// Every mistake of `definition`.
    pub(super) fn run(
        definition: &'a Definition,
        context: &'a ValidationContext<'a>,
    ) -> Vec<DefinitionMistake> {
        let mut validation = Self {
            definition,
            context,
            mistakes: Vec::new(),
        };
        validation.check_names();
        validation.check_auth();
        validation.check_draft_auth();
        validation.check_challenge();
        validation.check_path();
        validation.check_replay();
        validation.check_payload();
        validation.check_methods();
        validation.check_limits();
        validation.mistakes
    }

    fn report(&mut self, key: &'static str, message: String) {
        self.mistakes.push(DefinitionMistake { key, message });
    }

    /// Checks the upstream, the target, the aliases and the route.
    fn check_names(&mut self) {
        let definition = self.definition;
        let Definition { id, upstream, .. } = definition;
        if !self.context.upstreams.contains(upstream) {
            let known = self.context.upstreams.join("`, `");
            let message = format!("no upstream `{upstream}` is configured: use `{known}`");
            self.report("upstream", message);
        }
        let by_id = Target::of(id);
        if definition.target != by_id {
            let message = format!(
                "the target of `{id}` is `{by_id}`, not `{}`",
                definition.target
            );
            self.report("target", message);
        }
        for alias in &definition.aliases {
            if let Some(why) = alias_mistake(alias, self.context.routes) {
                self.report("aliases", format!("`{alias}`: {why}"));
            }
        }
        if self.context.routes.path_of(id).is_none() && definition.aliases.is_empty() {
            let message = format!("no route leads to `{id}`, and it has no alias");
            self.report("id", message);
        }
    }

    /// Checks how senders prove themselves, and which methods that allows.
    fn check_auth(&mut self) {
        let definition = self.definition;
        let Some(auth) = &definition.auth else { return };
        let mode = auth.mode;
        if mode == Mode::None && !self.context.allow_unauthenticated {
            let message = "mode `none` accepts every delivery without a proof: set \
                           `allow_unauthenticated = true` in the server's configuration first";
            self.report("auth", message.to_owned());
        }
        if mode == Mode::None && auth.secret.is_some() {
            self.report("auth", "mode `none` has no secret".to_owned());
        }
        if auth.has_certificate() && auth.secret.is_some() {
            let message = "this preset verifies the sender's certificate: there is no secret";
            self.report("auth", message.to_owned());
        }
        if let Some(header) = &auth.header {
            if !mode.takes_header() {
                let message = format!(
                    "mode `{mode}` has its own header: only `api-key` and `hmac-sha256` take one"
                );
                self.report("auth.header", message);
            } else if header.parse::<http::HeaderName>().is_err() {
                self.report("auth.header", format!("`{header}` is not a header name"));
            }
        }
        if auth.preset.is_some() && !mode.takes_preset() {
            let message = format!("mode `{mode}` takes no preset: use mode `provider`");
            self.report("auth.preset", message);
        }
        if !auth.scheme.is_empty() && !mode.takes_words() {
            let message = format!(
                "mode `{mode}` has a fixed scheme: use `signature` or `provider` to change it"
            );
            self.report("auth", message);
        }
        if let Some(url) = auth.public_url.as_deref().filter(|url| !is_public_url(url)) {
            let message = format!("`{url}` is not a URL such as \"https://example.com/hook\"");
            self.report("auth.public_url", message);
        }
        let compiled = auth.compiled();
        match (&auth.preset, &compiled) {
            _ if !mode.takes_preset() && !auth.settings.is_empty() => {
                let message = format!("mode `{mode}` takes no settings");
                self.report("auth.settings", message);
            }
            (None, _) if mode.takes_preset() => {
                let message = "mode `provider` needs a `preset`: see `portcullis presets list`";
                self.report("auth", message.to_owned());
            }
            (Some(name), Err(SchemeError::UnknownPreset)) => {
                let message = format!("no preset `{name}`: see `portcullis presets list`");
                self.report("auth.preset", message);
            }
            (_, Err(SchemeError::Words(words))) => {
                for word in words {
                    self.report(word.place(), word.message.clone());
                }
            }
            (
                _,
                Err(error @ (SchemeError::SettingMissing(_) | SchemeError::SettingMalformed(..))),
            ) => {
                self.report("auth.settings", error.to_string());
            }
            (_, Err(error)) => self.report("auth", error.to_string()),
            (_, Ok(_)) => {}
        }
        if let Ok(Some(scheme)) = &compiled
            && scheme.covers_body()
        {
            let signed: Vec<&str> = scheme.methods().iter().map(Method::as_str).collect();
            let unsigned = |method: &String| !signed.contains(&method.as_str());
            if definition.methods.iter().any(unsigned) {
                let signed = signed.join("`, `");
                let message = format!(
                    "{} signs a body, so only `{signed}` can be used",
                    proof_name(auth)
                );
                self.report("methods", message);
            }
        }
    }

    /// Checks who may deliver to a draft.
    fn check_draft_auth(&mut self) {
        let definition = self.definition;
        if Target::of(&definition.id) != Target::Draft {
            if definition.draft_auth.is_some() {
                self.report("draft_auth", format!("`{}` is not a draft", definition.id));
            }
            return;
        }
        let required = definition.draft_auth.unwrap_or(self.context.draft_auth);
        // A fault of `auth` itself is reported under `auth`.
        let compiled = definition
            .auth
            .as_ref()
            .and_then(|auth| auth.compiled().ok().flatten());
        if required == DraftAuth::Both
            && compiled.is_some_and(|scheme| scheme.reads_authorization())
        {
            let message = "`both` reads the workspace token from `Authorization`, and `auth` reads that header \
                           too: use another mode, or `workspace` or `interface`";
            self.report("draft_auth", message.to_owned());
        }
    }

    /// Checks the provider challenge.
    fn check_challenge(&mut self) {
        let definition = self.definition;
        let Some(name) = &definition.handshake else {
            return;
        };
        let Some(handshake) = Challenge::named(name) else {
            let known = Challenge::all().iter().map(|handshake| handshake.name);
            let known = known.collect::<Vec<_>>().join("`, `");
            return self.report(
                "handshake",
                format!("`{name}` is not a known challenge: use `{known}`"),
            );
        };
        // An unknown preset is reported under `auth`.
        let scheme = definition
            .auth
            .as_ref()
            .map_or(Ok(None), AuthDefinition::compiled);
        if let Ok(scheme) = scheme
            && let Err(why) = handshake.check_scheme(scheme.as_ref())
        {
            self.report("handshake", format!("`{name}`: {why}"));
        }
        if definition.verify_token().is_some() && definition.verify_token() == definition.secret() {
            let message = format!(
                "the verify token of `{name}` is sent in plain text, so it must not be the secret that \
                 verifies deliveries: use another secret"
            );
            self.report("handshake", message);
        }
    }

    /// Checks the path at the upstream.
    fn check_path(&mut self) {
        let definition = self.definition;
        let id = &definition.id;
        let context = self.context;
        let is_known = |name: &str| {
            matches!(name, "endpoint" | "path") || context.routes.parameter(id, name).is_some()
        };
        let of_upstream = || context.upstream_paths.get(&definition.upstream);
        let path = definition.path.as_ref().or_else(of_upstream);
        let mut names = path.into_iter().flat_map(PathTemplate::parameters);
        if let Some(name) = names.find(|name| !is_known(name)) {
            let origin = match definition.path {
                Some(_) => String::new(),
                None => format!(
                    ", which the path of the upstream `{}` requires",
                    definition.upstream
                ),
            };
            let message = format!("no route of `{id}` has the parameter `{{{name}}}`{origin}");
            self.report("path", message);
        }
    }

    /// Checks the replay rules.
    fn check_replay(&mut self) {
        let definition = self.definition;
        let ReplayDefinition {
            duplicates,
            key,
            remember_ms,
            ledger_down,
        } = definition.replay;
        if remember_ms.is_some_and(|time| !REMEMBER_MS.contains(&time)) {
            self.report(
                "replay",
                "`remember` must be from \"1s\" to \"720h\"".to_owned(),
            );
        }
        let Some(auth) = definition
            .auth
            .as_ref()
            .filter(|_| !definition.replay.is_default())
        else {
            return;
        };
        let proof = proof_name(auth);
        let Ok(scheme) = auth.compiled() else {
            return; // An unknown preset is reported under `auth`.
        };
        let Some(scheme) = scheme else {
            self.report(
                "replay",
                format!("{proof} proves nothing, so deliveries cannot be identified"),
            );
            return;
        };
        if key == ReplayKey::Id && scheme.id().is_none() {
            self.report(
                "replay",
                format!("{proof} has no id, so `key` cannot be `id`"),
            );
        }
        if key == ReplayKey::Signature && !distinguishes_deliveries(&scheme) {
            self.report(
                "replay",
                format!(
                    "{proof} has no signature that covers the body, so `key` cannot be `signature`"
                ),
            );
        }
        let looks_at_ids = matches!(key, ReplayKey::Auto | ReplayKey::Id);
        // `acknowledge` is the common default and needs no id to make sense.
        let is_chosen = duplicates.is_some_and(|it| it != Duplicates::Acknowledge);
        let sender = auth.preset().map(|preset| &preset.sender);
        let repeats_signatures = sender.is_some_and(Sender::repeats_signatures) && scheme.expires();
        if is_chosen && !looks_at_ids {
            let key = key.word();
            self.report(
                "replay",
                format!("`duplicates` applies to ids, which `key = \"{key}\"` ignores"),
            );
        } else if is_chosen && scheme.id().is_none() && !repeats_signatures {
            self.report(
                "replay",
                format!("{proof} has no id, so `duplicates` has no effect"),
            );
        }
        let rule = ReplayRule::of(&definition.replay, Some(&scheme), sender);
        let forwards =
            duplicates.is_none() && Duplicates::default_for(sender) == Duplicates::Forward;
        let has_no_effect = forwards && scheme.id().is_some() && !rule.remembers();
        let is_configured = key == ReplayKey::Id || remember_ms.is_some() || ledger_down.is_some();
        if has_no_effect && looks_at_ids && is_configured && definition.concurrency.is_none() {
            self.report("replay", format!(
"{proof} has a sender that never retries, so a repeated id is forwarded and nothing is \
                 remembered: add `duplicates = \"acknowledge\"` or `\"reject\"`"
            ));
            return;
        }
        if remember_ms.is_some() && !rule.has_choice(&scheme) {
            let message = "`remember` has no effect: there is neither an id nor a signature without a window of \
                           its own";
            self.report("replay", message.to_owned());
        }
        if ledger_down.is_some() && !rule.remembers() && definition.concurrency.is_none() {
            let message = "`ledger_down` has no effect: no delivery is remembered, and none waits for its turn \
                           (`concurrency`)";
            self.report("replay", message.to_owned());
        }
    }

    /// Checks the payload contract, the concurrency key and the events.
    fn check_payload(&mut self) {
        let definition = self.definition;
        let contract = definition.contract.as_ref();
        let schema = contract.and_then(|contract| contract.schema.as_ref());
        if schema.is_some_and(|schema| is_deeper_than(MAX_SCHEMA_DEPTH, schema)) {
            // JSON parsers give up at a depth of 128, and inside a flow the schema is nested deeper.
            let message = format!("the schema is nested deeper than {MAX_SCHEMA_DEPTH} levels");
            self.report("contract", message);
        } else if let Some(Err(mistakes)) = contract.map(Contract::compile) {
            for mistake in mistakes {
                self.report("contract", mistake);
            }
        }
        if definition.key_missing == MissingKey::Reject && definition.key_field.is_none() {
            let message = "`key_missing` needs a `key_field`";
            self.report("key_missing", message.to_owned());
        }
        if let Some(concurrency) = definition.concurrency {
            if definition.key_field.is_none() {
                let message =
                    "`concurrency` needs a `key_field`, which names the key in the payload";
                self.report("concurrency", message.to_owned());
            }
            if !PER_KEY.contains(&concurrency.per_key) || concurrency.wait_ms > MAX_WAIT_MS {
                let message = "`per_key` must be from 1 to 1000, and `wait` at most \"60s\"";
                self.report("concurrency", message.to_owned());
            }
        }
        let names = definition.limits.raw_mime_fields.iter().flatten();
        if names.clone().any(|name| !is_plain(name)) || names.count() > MAX_NAMES {
            let message = "`raw_mime_fields` takes at most 100 names of fields, such as \"email\"";
            self.report("limits", message.to_owned());
        }
        self.check_events();
    }

    /// Checks the names of events, and that deliveries name theirs.
    fn check_events(&mut self) {
        let definition = self.definition;
        if definition.events.is_empty() {
            return;
        }
        if definition.events.len() > MAX_NAMES {
            self.report("events", "at most 100 events can be named".to_owned());
        }
        let fits = |name: &String| {
            let is_bare = name.trim() == *name;
            may_be_event(name) && is_bare && !name.trim_end_matches('*').contains('*')
        };
        for name in definition.events.iter().filter(|name| !fits(name)) {
            let message = format!(
                "`{name}` is not the name of an event, such as \"pull_request\" or \"invoice.*\""
            );
            self.report("events", message);
        }
        let scheme = definition.auth.as_ref().map(AuthDefinition::compiled);
        let source = match &scheme {
            Some(Ok(Some(scheme))) => scheme.event(),
            None | Some(Ok(None)) => None,
            // The fault of the scheme is reported under `auth`.
            Some(Err(_)) => return,
        };
        match source {
            None => {
                let message = "`auth` does not say where deliveries name their event: add `event`, or accept all \
                               events";
                self.report("events", message.to_owned());
            }
            Some(source) if source.picks_element() => {
                let message = format!(
                    "deliveries are batches, and `{source}` names only the first event: the endpoint would accept \
                     or ignore the others with it"
                );
                self.report("events", message);
            }
            Some(_) => {}
        }
    }

    fn check_methods(&mut self) {
        for method in &self.definition.methods {
            if !METHODS.contains(&method.as_str()) {
                let known = METHODS.join("`, `");
                self.report(
                    "methods",
                    format!("`{method}` is not a supported method: use `{known}`"),
                );
            }
        }
    }

    /// Checks the capture and the body limits.
    fn check_limits(&mut self) {
        let definition = self.definition;
        if let Some(capture) = definition.capture
            && !(LAST.contains(&capture.last) && FOR_SECONDS.contains(&capture.for_seconds))
        {
            let message = "`last` must be from 1 to 100, and `for` from 1 second to 7 days";
            self.report("capture", message.to_owned());
        }
        let limits = [
            definition.limits.max_body_bytes,
            definition.limits.max_multipart_bytes,
        ];
        let largest = self.context.largest_body_bytes;
        if limits
            .iter()
            .flatten()
            .any(|limit| *limit == 0 || *limit > largest)
        {
            let message = format!(
                "a limit must be from 1 to {largest} bytes, which `bodies.budget` has room for"
            );
            self.report("limits", message);
        }
    }
}

fn alias_mistake(alias: &str, routes: &RouteTable) -> Option<&'static str> {
    let is_plain_path = alias.strip_prefix('/').is_some_and(|path| {
        alias.len() <= MAX_ALIAS_LEN && path.split('/').all(super::name::is_segment)
    });
    if !is_plain_path {
        Some("an alias must be a path of plain names, such as `/hooks/orders`")
    } else if routes.resolve(alias).is_some() {
        Some("a route has that path already")
    } else {
        None
    }
}

/// True if it is an absolute URL without a query. The query comes from the request.
fn is_public_url(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some()
            && uri.query().is_none()
    })
}

/// The name of the proof in messages.
fn proof_name(auth: &AuthDefinition) -> String {
    match &auth.preset {
        Some(preset) if auth.mode.takes_preset() => format!("the preset `{preset}`"),
        _ => format!("mode `{}`", auth.mode),
    }
}

/// True if the name is visible ASCII of a plausible length.
fn is_plain(name: &str) -> bool {
    (1..=MAX_FIELD_NAME_LEN).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// True if `value` is nested deeper than `levels`. It descends no deeper than that.
fn is_deeper_than(levels: usize, value: &Value) -> bool {
    let Some(left) = levels.checked_sub(1) else {
        return matches!(value, Value::Array(_) | Value::Object(_));
    };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper_than(left, item)),
        Value::Object(members) => members.values().any(|item| is_deeper_than(left, item)),
        _ => false,
    }
}

/// In bytes, with the leading slash.
pub(super) const MAX_ALIAS_LEN: usize = 512;
const LAST: RangeInclusive<u16> = 1..=100;
const FOR_SECONDS: RangeInclusive<u32> = 1..=7 * 86_400;
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// 1 second to 30 days.
const REMEMBER_MS: RangeInclusive<u64> = 1000..=30 * 24 * 3_600_000;
const MAX_SCHEMA_DEPTH: usize = 64;
const PER_KEY: RangeInclusive<u32> = 1..=1000;
const MAX_WAIT_MS: u64 = 60_000;
const MAX_NAMES: usize = 100;
const MAX_FIELD_NAME_LEN: usize = 256;
