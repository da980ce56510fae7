//! The sections of a configuration file, with their keys and defaults.
//!
//! `conf/portcullis.toml` documents every key, and a test compares it with this code.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::document::Document;
use super::table::Table;
use super::units::{Address, Time, time, to_usize};
use super::upstreams::{self, Upstreams};
use super::{AdminConfig, Config, DirectoryConfig, LogConfig, Purpose, ServerConfig};
use super::{
    bodies, console, deliveries, headers, ledger, outbound, public, routes, secrets, store,
};
use crate::admin::AllowedHosts;
use crate::gate::GateSettings;

/// Reads a whole configuration; `None` if a required section has a mistake, which the document reports.
pub(super) fn read(document: &mut Document<'_>, purpose: Purpose) -> Option<Config> {
    let folder = document.folder();
    let mut root = document.root();
    let has_console = root.has("console");
    let server = server(root.table("server"));
    let headers = headers::read(root.table("headers"));
    let public = public::read(root.table("public"), &folder, &headers, purpose);
    let admin = admin(root.table("admin"));
    let console = root.table("console");
    let console = has_console.then(|| console::read(console, &folder, purpose));
    let mut auth = root.table("auth");
    let allow_unauthenticated = auth.flag("allow_unauthenticated").unwrap_or(false);
    let draft_auth = auth.parsed("draft_auth").unwrap_or_default();
    drop(auth);
    let (bodies, body_budget_bytes) = bodies::read(root.table("bodies"));
    let ledger = ledger::ledger(root.table("ledger"), &folder);
    let store = store::read(root.table("store"), &folder);
    let (key_services, keys) = secrets::read(root.table("secrets"), &folder);
    let directory = directory(root.table("directory"));
    let deliveries = deliveries::read(root.table("deliveries"), has_console);
    let outbound = outbound::read(root.table("outbound"), &folder);
    let log = log(root.table("log"));
    let routes = routes::read(&mut root);
    let Upstreams {
        upstreams,
        paths: upstream_paths,
    } = upstreams::read(&mut root, &folder, routes.as_ref());
    let claim_timeout = ledger::claim_timeout(&mut root, &ledger, &upstreams);
    let gate = GateSettings {
        public_url: public.as_ref().map_or("", |public| &public.url).into(),
        max_body_bytes: bodies.max_bytes,
        max_multipart_bytes: bodies.max_multipart_bytes,
        max_raw_mime_bytes: bodies.max_raw_mime_bytes,
        raw_mime_fields: bodies.raw_mime_fields,
        multipart: bodies.multipart,
        body_timeout: bodies.timeout,
        allow_unauthenticated,
        remember: ledger.remember,
        claim_timeout,
        upstreams: Arc::new(
            upstreams
                .iter()
                .map(|upstream| (upstream.name.clone(), upstream.timeouts.total))
                .collect(),
        ),
    };
    Some(Config {
        server,
        public: public?,
        admin,
        console: console.flatten(),
        gate,
        ledger: ledger.config,
        body_budget_bytes,
        names: headers.names?,
        store: store?,
        key_services,
        keys,
        draft_auth,
        directory,
        deliveries,
        outbound,
        upstreams,
        upstream_paths,
        routes: Arc::new(routes?),
        log,
    })
}

fn server(mut table: Table<'_, '_>) -> ServerConfig {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ServerConfig {
        threads: table.number("threads", 1, 1024).map_or(cores, to_usize),
        shutdown_grace: time(&mut table, "shutdown_grace", 30),
        upstream_pool_size: table
            .number("upstream_pool_size", 1, 65_536)
            .map_or(512, to_usize),
    }
}

fn admin(mut table: Table<'_, '_>) -> AdminConfig {
    AdminConfig {
        listen: table
            .parsed("listen")
            .map_or(SocketAddr::from(([127, 0, 0, 1], 9090)), |Address(it)| it),
        allowed_hosts: AllowedHosts::new(table.list("allowed_hosts").unwrap_or_default()),
    }
}

fn directory(mut table: Table<'_, '_>) -> DirectoryConfig {
    let span = table.span_of("follow_every");
    let follow_every = table
        .with_unit::<Time>("follow_every", "200ms")
        .map_or(Duration::from_millis(200), |time| time.0);
    // Every change is applied in two rounds and must take effect within a second.
    if follow_every > MAX_FOLLOW_EVERY {
        let message = "must be at most 400ms, so that a change takes effect within a second";
        table.report_at(span, "follow_every", message.to_owned());
    }
    let span = table.span_of("grace");
    let grace = time(&mut table, "grace", 3600);
    if !(Duration::from_secs(1)..=MAX_GRACE).contains(&grace) {
        let message = "must be from \"1s\" to \"720h\"".to_owned();
        table.report_at(span, "grace", message);
    }
    DirectoryConfig {
        cache_capacity: table
            .number("cache_capacity", 1, 100_000_000)
            .unwrap_or(100_000),
        follow_every,
        grace,
    }
}

fn log(mut table: Table<'_, '_>) -> LogConfig {
    let span = table.span_of("level");
    let level = table
        .parsed::<String>("level")
        .unwrap_or_else(|| "info".to_owned());
    if !LEVELS.contains(&level.as_str()) {
        let message = format!("expected one of `{}`", LEVELS.join("`, `"));
        table.report_at(span, "level", message);
    }
    let format_span = table.span_of("format");
    let json = match table.parsed::<String>("format").as_deref() {
        None | Some("text") => false,
        Some("json") => true,
        Some(_) => {
            let message = "expected `text` or `json`".to_owned();
            table.report_at(format_span, "format", message);
            false
        }
    };
    LogConfig {
        level,
        json,
        access: table.flag("access").unwrap_or(true),
    }
}

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
const MAX_FOLLOW_EVERY: Duration = Duration::from_millis(400);
const MAX_GRACE: Duration = Duration::from_hours(30 * 24);
