//! Declarations of endpoints: the file of `portcullis apply --file`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml_span::Span;

use super::document::Document;
use super::spans::Spans;
use super::table::Table;
use super::units::{Size, Time, milliseconds};
use super::{Mistakes, payload};
use crate::auth::{Mode, SchemeWords};
use crate::directory::{
    AuthDefinition, CaptureDefinition, Definition, EndpointDeclaration, EndpointId,
    LimitsDefinition, Name, ReplayDefinition, SourceLocation, Target, ValidationContext,
};
use crate::secrets::SecretRef;

/// Reads every endpoint of a TOML text. Errors name `path` as the file; `upstream` is the default upstream.
pub fn read_endpoints(
    path: &Path,
    text: &str,
    upstream: Option<&str>,
    context: &ValidationContext<'_>,
) -> Result<Vec<Definition>, Mistakes> {
    let declared = read_from(Document::parse(path, text)?, upstream, context)?;
    Ok(declared.into_iter().map(|it| it.definition).collect())
}

pub(super) fn read_from(
    mut document: Document<'_>,
    upstream: Option<&str>,
    context: &ValidationContext<'_>,
) -> Result<Vec<EndpointDeclaration>, Mistakes> {
    let folder = document.folder();
    let read = read(&mut document.root(), &folder, upstream, context);
    let spans = read.iter().flatten().map(|(_, span)| *span);
    let spans: Vec<Span> = spans.collect();
    let places = document.places(&spans);
    let declared = read.map(|read| {
        let with_places = read.into_iter().zip(places);
        let declared = with_places.map(|((definition, _), (file, at))| EndpointDeclaration {
            place: Some(SourceLocation {
                key: format!("endpoints[{}]", definition.id),
                at: Some(at),
                file,
            }),
            definition,
        });
        declared.collect()
    });
    document.finish(declared)
}

fn read(
    root: &mut Table<'_, '_>,
    folder: &Path,
    upstream: Option<&str>,
    context: &ValidationContext<'_>,
) -> Option<Vec<(Definition, Span)>> {
    let mut ids = BTreeSet::new();
    let mut aliases = BTreeSet::new();
    let by_id = |id: &str| id.parse::<EndpointId>().ok().map(|id| id.to_string());
    let definitions = root.tables("endpoints", by_id, |mut table| {
        table.accept_dashes();
        let span = table.span_of("id");
        let spans = Spans::of(&table);
        let definition = one(&mut table, folder, upstream)?;
        for mistake in definition.mistakes(context) {
            if mistake.key == "upstream" && definition.upstream.is_empty() {
                continue; // The missing key was reported.
            }
            spans.report(&mut table, mistake.key, mistake.message);
        }
        if !ids.insert(definition.id.clone()) {
            let message = format!("`{}` is declared twice", definition.id);
            spans.report(&mut table, "id", message);
        }
        for alias in &definition.aliases {
            if !aliases.insert(alias.clone()) {
                let message = format!("`{alias}` is declared twice");
                spans.report(&mut table, "aliases", message);
            }
        }
        Some((definition, span))
    });
    match definitions {
        None => {
            let span = root.span_of("endpoints");
            root.report_at(span, "endpoints", MISSING.to_owned());
            None
        }
        Some(definitions) => definitions.into_iter().collect(),
    }
}

/// Reads one endpoint. A missing or invalid value is reported and replaced by a placeholder, so that it does not hide
/// other mistakes. A reported mistake makes the whole file fail.
fn one(table: &mut Table<'_, '_>, folder: &Path, upstream: Option<&str>) -> Option<Definition> {
    let placeholder = || "somebody".parse().ok();
    let id: Option<EndpointId> = table.required("id");
    let organisation = table.required("organisation");
    let workspace = table.required("workspace");
    let target: Option<Target> = table.parsed("target");
    let upstream = match upstream {
        Some(default) => table
            .parsed("upstream")
            .or_else(|| Some(default.to_owned())),
        None => table.required("upstream"),
    };
    let auth = table.has("auth").then(|| auth(table.table("auth")));
    let identity = id.and_then(|id| {
        Some(Identity {
            target: target.unwrap_or_else(|| Target::of(&id)),
            id,
            organisation: organisation.or_else(placeholder)?,
            workspace: workspace.or_else(placeholder)?,
            upstream: upstream.unwrap_or_default(),
        })
    });
    read_common(table, folder, identity, auth.flatten())
}

/// The identity of an endpoint, which endpoint files and flow files declare differently.
pub(super) struct Identity {
    pub(super) id: EndpointId,
    pub(super) organisation: Name,
    pub(super) workspace: Name,
    pub(super) target: Target,
    pub(super) upstream: String,
}

/// Reads the keys that endpoints and interfaces of flows have in common.
pub(super) fn read_common(
    table: &mut Table<'_, '_>,
    folder: &Path,
    identity: Option<Identity>,
    auth: Option<AuthDefinition>,
) -> Option<Definition> {
    let path = table.parsed("path");
    let handshake = table.parsed("handshake");
    let methods = table.list("methods").unwrap_or_default();
    let aliases = table.list("aliases").unwrap_or_default();
    let event_name = table.parsed("event_name");
    let events = table.list("events").unwrap_or_default();
    let contract = table
        .has("contract")
        .then(|| payload::contract(table.table("contract"), folder));
    let key_field = payload::key_field(table);
    let key_missing = table.parsed("key_missing").unwrap_or_default();
    let concurrency = table
        .has("concurrency")
        .then(|| payload::concurrency(table.table("concurrency")));
    let draft_auth = table.parsed("draft_auth");
    let labels: BTreeMap<String, String> = table.table("labels").strings().into_iter().collect();
    let limits = limits(table.table("limits"));
    let replay = replay(table.table("replay"));
    let capture = table
        .has("capture")
        .then(|| capture(table.table("capture")));
    let forward_credentials = table.flag("forward_credentials").unwrap_or(false);
    let enabled = table.flag("enabled").unwrap_or(true);
    let identity = identity?;
    Some(Definition {
        id: identity.id,
        organisation: identity.organisation,
        workspace: identity.workspace,
        target: identity.target,
        upstream: identity.upstream,
        path,
        auth,
        handshake,
        handshake_expected_until: None,
        suspended: false,
        methods,
        aliases,
        event_name,
        events,
        contract,
        key_field,
        key_missing,
        concurrency,
        draft_auth,
        description: None,
        flow: None,
        labels,
        limits,
        replay,
        capture,
        forward_credentials,
        enabled,
    })
}

fn auth(mut table: Table<'_, '_>) -> Option<AuthDefinition> {
    table.accept_dashes();
    let mode = table.required::<Mode>("mode");
    let secret = table.parsed("secret");
    auth_settings(&mut table, mode, secret)
}

/// Reads the keys of `auth` other than the mode and the secret.
pub(super) fn auth_settings(
    table: &mut Table<'_, '_>,
    mode: Option<Mode>,
    secret: Option<SecretRef>,
) -> Option<AuthDefinition> {
    let header = table.parsed("header");
    let preset = table.parsed("preset");
    let mut scheme = SchemeWords::default();
    for key in SchemeWords::keys() {
        if let Some(text) = table.parsed::<String>(key) {
            scheme.set(key, text);
        }
    }
    let settings = table.table("settings").strings().into_iter();
    let settings = settings.map(|(key, value)| (key.replace('-', "_"), value));
    let settings = settings.collect();
    let public_url = table.parsed("public_url");
    Some(AuthDefinition {
        mode: mode?,
        header,
        preset,
        scheme,
        settings,
        public_url,
        secret,
    })
}

fn limits(mut table: Table<'_, '_>) -> LimitsDefinition {
    LimitsDefinition {
        max_body_bytes: table
            .with_unit::<Size>("max_body", "5 MiB")
            .map(|size| size.0),
        max_multipart_bytes: table
            .with_unit::<Size>("max_multipart", "5 MiB")
            .map(|size| size.0),
        body_timeout_ms: table
            .with_unit::<Time>("body_timeout", "10s")
            .map(|time| milliseconds(time.0)),
        raw_mime_fields: table.list("raw_mime_fields"),
    }
}

fn replay(mut table: Table<'_, '_>) -> ReplayDefinition {
    ReplayDefinition {
        duplicates: table.parsed("duplicates"),
        key: table.parsed("key").unwrap_or_default(),
        remember_ms: table
            .with_unit::<Time>("remember", "24h")
            .map(|time| milliseconds(time.0)),
        ledger_down: table.parsed("ledger_down"),
    }
}

fn capture(mut table: Table<'_, '_>) -> CaptureDefinition {
    let last = table.number("last", 1, 100).unwrap_or(10);
    let kept_for = table.with_unit::<Time>("for", "1h");
    let seconds = kept_for.map_or(3600, |time| time.0.as_secs());
    CaptureDefinition {
        last: u16::try_from(last).unwrap_or(u16::MAX),
        for_seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
    }
}

const MISSING: &str = "is missing; a flow declares `interfaces` instead";
