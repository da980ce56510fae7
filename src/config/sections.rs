//! The sections of a configuration file, each with its keys and defaults.
//!
//! `conf/portcullis.toml` shows them all to people; a test holds the two together.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use super::document::Document;
use super::routes;
use super::table::Table;
use super::units::{Time, size, time};
use super::upstreams::{self, Upstreams};
use super::{AdminConfig, Config, DirectoryConfig, LogConfig, PublicConfig, ServerConfig};
use crate::admin::AllowedHosts;
use crate::gate::GateSettings;
use crate::proxy::raw_head::HeadLimits;
use crate::proxy::{HeaderNames, NAMES, PublicSettings, TlsFiles, TrustedProxies};
use crate::secrets::CacheSettings;

/// Reads a whole configuration. What could not be read is reported by the document.
pub(super) fn read(document: &mut Document<'_>) -> Option<Config> {
    let folder = document.folder();
    let mut root = document.root();
    let server = server(root.table("server"));
    let (reason_header, request_id_header, names) = headers(root.table("headers"));
    let public = public(
        root.table("public"),
        &folder,
        reason_header,
        request_id_header,
    );
    let admin = admin(root.table("admin"));
    let allow_unauthenticated = root
        .table("auth")
        .flag("allow_unauthenticated")
        .unwrap_or(false);
    let (gate, body_budget_bytes) = bodies(root.table("bodies"), allow_unauthenticated);
    let store = folder.join(
        root.table("store")
            .parsed::<PathBuf>("path")
            .unwrap_or_else(|| "portcullis.db".into()),
    );
    let (key_file, keys) = secrets(root.table("secrets"), &folder);
    let directory = directory(root.table("directory"));
    let log = log(root.table("log"));
    let routes = routes::read(&mut root);
    let Upstreams {
        upstreams,
        paths: upstream_paths,
    } = upstreams::read(&mut root, &folder);
    Some(Config {
        server,
        public: public?,
        admin,
        gate,
        body_budget_bytes,
        names: names?,
        store,
        key_file,
        keys,
        directory,
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

fn public(
    mut table: Table<'_, '_>,
    folder: &Path,
    reason_header: bool,
    request_id_header: bool,
) -> Option<PublicConfig> {
    let https_span = table.span_of("https");
    let https: Option<SocketAddr> = table.parsed("https");
    let certificate_span = table.span_of("certificate");
    let certificate: Option<PathBuf> = table.parsed("certificate");
    let private_key: Option<PathBuf> = table.parsed("private_key");
    let offer_h2 = table.flag("http2").unwrap_or(false);
    let http: Option<SocketAddr> = match (table.has("http"), https) {
        (false, None) => Some(SocketAddr::from(([127, 0, 0, 1], 8080))),
        _ => table.parsed("http"),
    };
    let tls = match (https, certificate, private_key) {
        (None, None, None) => None,
        (Some(address), Some(certificate), Some(private_key)) => {
            let files = TlsFiles {
                certificate: folder.join(certificate),
                private_key: folder.join(private_key),
                http2: offer_h2,
            };
            if let Err(error) = files.check() {
                table.wrong_at(certificate_span, "certificate", error.to_string());
            }
            Some((address, files))
        }
        _ => {
            let message = "`https`, `certificate` and `private_key` belong together".to_owned();
            table.wrong_at(https_span, "https", message);
            None
        }
    };
    let url = public_url(&mut table).unwrap_or_else(|| match (&tls, http) {
        (Some((address, _)), _) => format!("https://{address}"),
        (None, Some(address)) => format!("http://{address}"),
        (None, None) => String::new(),
    });
    let settings = PublicSettings {
        head_timeout: time(&mut table, "head_timeout", 10),
        keep_alive: time(&mut table, "keep_alive", 30),
        send_timeout: time(&mut table, "send_timeout", 10),
        head_limits: HeadLimits {
            bytes: to_usize(size(&mut table, "max_head", 64 * KIB)),
            headers: table.number("max_headers", 1, 200).map_or(100, to_usize),
        },
        max_connections: table
            .number("max_connections", 1, 1_000_000)
            .map_or(10_000, to_usize),
        trusted_proxies: TrustedProxies::new(table.list("trusted_proxies").unwrap_or_default()),
        reason_header,
        request_id_header,
    };
    (http.is_some() || tls.is_some()).then_some(PublicConfig {
        http,
        https: tls,
        url,
        settings,
    })
}

fn public_url(table: &mut Table<'_, '_>) -> Option<String> {
    let span = table.span_of("url");
    let uri: Uri = table.parsed("url")?;
    let plain = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.authority().is_some()
        && uri.path() == "/"
        && uri.query().is_none();
    if !plain {
        let message = "expected a scheme and a host, such as \"https://portal.example.com\"";
        table.wrong_at(span, "url", message.to_owned());
    }
    Some(uri.to_string().trim_end_matches('/').to_owned())
}

fn admin(mut table: Table<'_, '_>) -> AdminConfig {
    AdminConfig {
        listen: table
            .parsed("listen")
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9090))),
        allowed_hosts: AllowedHosts::new(table.list("allowed_hosts").unwrap_or_default()),
    }
}

fn bodies(mut table: Table<'_, '_>, allow_unauthenticated: bool) -> (GateSettings, u64) {
    let settings = GateSettings {
        max_body_bytes: size(&mut table, "max", 50 * MIB),
        max_multipart_bytes: size(&mut table, "max_multipart_signed", 5 * MIB),
        body_timeout: time(&mut table, "timeout", 30),
        allow_unauthenticated,
    };
    let budget_span = table.span_of("budget");
    let budget = size(&mut table, "budget", 1024 * MIB);
    // While a body grows there are two pieces of it for a moment, and an eighth is for small ones.
    if budget < settings.max_body_bytes.saturating_mul(2) {
        let message = "must be at least twice the largest body, `bodies.max`".to_owned();
        table.wrong_at(budget_span, "budget", message);
    }
    (settings, budget)
}

fn secrets(mut table: Table<'_, '_>, folder: &Path) -> (PathBuf, CacheSettings) {
    let key_file = table
        .parsed::<PathBuf>("key_file")
        .unwrap_or_else(|| "portcullis.key".into());
    let settings = CacheSettings {
        capacity: table
            .number("cache_capacity", 1, 100_000_000)
            .unwrap_or(100_000),
        time_to_live: time(&mut table, "cache_time_to_live", 300),
    };
    (folder.join(key_file), settings)
}

fn directory(mut table: Table<'_, '_>) -> DirectoryConfig {
    let span = table.span_of("follow_every");
    let follow_every = table
        .with_unit::<Time>("follow_every", "200ms")
        .map_or(Duration::from_millis(200), |time| time.0);
    // Every change is applied twice, in two rounds, and has to be in force within a second.
    if follow_every > MAX_FOLLOW_EVERY {
        let message = "must be at most 400ms, so that a change is in force within a second";
        table.wrong_at(span, "follow_every", message.to_owned());
    }
    DirectoryConfig {
        cache_capacity: table
            .number("cache_capacity", 1, 100_000_000)
            .unwrap_or(100_000),
        follow_every,
    }
}

fn headers(mut table: Table<'_, '_>) -> (bool, bool, Option<HeaderNames>) {
    let reason = table.flag("reason").unwrap_or(true);
    let request_id = table.flag("request_id").unwrap_or(true);
    let namespace_span = table.span_of("namespace");
    let namespace = table
        .parsed::<String>("namespace")
        .unwrap_or_else(|| "X-Portal-".to_owned());
    let names_span = table.span_of("names");
    let mut inner = table.table("names");
    let given: Vec<(&str, String)> = NAMES
        .iter()
        .filter_map(|(key, _)| Some((*key, inner.parsed::<String>(key)?)))
        .collect();
    drop(inner);
    let names = HeaderNames::new(&namespace, |key| {
        given
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, name)| name.clone())
    });
    if namespace.is_empty() {
        let message = "must not be empty: what it covers is kept from senders".to_owned();
        table.wrong_at(namespace_span, "namespace", message);
    }
    let names = names.map_err(|error| table.wrong_at(names_span, "names", error.to_string()));
    (reason, request_id, names.ok())
}

fn log(mut table: Table<'_, '_>) -> LogConfig {
    let span = table.span_of("level");
    let level = table
        .parsed::<String>("level")
        .unwrap_or_else(|| "info".to_owned());
    if !LEVELS.contains(&level.as_str()) {
        let message = format!("expected one of `{}`", LEVELS.join("`, `"));
        table.wrong_at(span, "level", message);
    }
    let format_span = table.span_of("format");
    let json = match table.parsed::<String>("format").as_deref() {
        None | Some("text") => false,
        Some("json") => true,
        Some(_) => {
            let message = "expected `text` or `json`".to_owned();
            table.wrong_at(format_span, "format", message);
            false
        }
    };
    LogConfig {
        level,
        json,
        access: table.flag("access").unwrap_or(true),
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
const MAX_FOLLOW_EVERY: Duration = Duration::from_millis(400);
