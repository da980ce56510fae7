//! The section `[ledger]`: the replay memory in process and in Redis.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use toml_span::Span;
use zeroize::Zeroizing;

use super::LedgerConfig;
use super::server_url::{ServerUrl, server_url};
use super::table::Table;
use super::units::{Time, time, to_usize};
use crate::ledger::KeyPrefix;
use crate::proxy::UpstreamSettings;
use crate::redis::RedisSettings;
use crate::tls::{self, PemError, PemPart};

/// The section. The claim timeout is checked against the upstreams later.
pub(super) struct LedgerSection {
    pub(super) config: LedgerConfig,
    pub(super) remember: Duration,
    claim_timeout: Option<(Duration, Span)>,
}

pub(super) fn ledger(mut table: Table<'_, '_>, folder: &Path) -> LedgerSection {
    let span = table.span_of("remember");
    let remember = time(&mut table, "remember", 24 * 3600);
    if !(Duration::from_secs(1)..=MAX_REMEMBER).contains(&remember) {
        let message = "must be from \"1s\" to \"720h\"".to_owned();
        table.report_at(span, "remember", message);
    }
    let span = table.span_of("claim_timeout");
    let claim_timeout = table.with_unit::<Time>("claim_timeout", "60s");
    LedgerSection {
        config: LedgerConfig {
            capacity: table
                .number("capacity", 1000, 100_000_000)
                .map_or(1_000_000, to_usize),
            redis: redis(&mut table, folder),
        },
        remember,
        claim_timeout: claim_timeout.map(|time| (time.0, span)),
    }
}

/// The timeout of a claim. A claim must outlive the request to the backend, or the delivery could be sent twice.
pub(super) fn claim_timeout(
    root: &mut Table<'_, '_>,
    ledger: &LedgerSection,
    upstreams: &[UpstreamSettings],
) -> Duration {
    let totals = upstreams.iter().map(|upstream| upstream.timeouts.total);
    let longest = totals.max().unwrap_or_default();
    match ledger.claim_timeout {
        None => longest.saturating_add(CLAIM_MARGIN),
        Some((claim, span)) => {
            if claim <= longest {
                let message = format!(
                    "must be longer than the longest `total_timeout` of an upstream, {longest:?}"
                );
                root.report_at(span, "ledger.claim_timeout", message);
            }
            claim
        }
    }
}

/// The shared ledger; `None` if there is none or a mistake was reported.
fn redis(table: &mut Table<'_, '_>, folder: &Path) -> Option<(RedisSettings, KeyPrefix)> {
    let has_url = table.has("url");
    let url_span = table.span_of("url");
    let without_url: Vec<_> = ONLY_WITH_URL
        .into_iter()
        .filter(|key| table.has(key))
        .map(|key| (key, table.span_of(key)))
        .collect();
    let url = server_url(table, &["redis", "rediss"], folder);
    // With an invalid URL, the TLS files are validated if they are given.
    let is_tls = match &url {
        Some(url) => url.address().scheme() == "rediss",
        None => TLS_KEYS.iter().any(|key| table.has(key)),
    };
    let tls = tls(table, folder, is_tls);
    let prefix = table.parsed::<KeyPrefix>("key_prefix");
    let connect_timeout = bounded(table, "connect_timeout", 2000);
    let response_timeout = bounded(table, "response_timeout", 500);
    if !has_url {
        for (key, span) in without_url {
            let message = "needs the `url` of a Redis server".to_owned();
            table.report_at(span, key, message);
        }
        return None;
    }
    let mut place = |url: ServerUrl| {
        let place = place(&url).map_err(|message| table.report_at(url_span, "url", message));
        place.ok().map(|place| (url, place))
    };
    let (url, (host, user, database)) = place(url?)?;
    let settings = RedisSettings {
        host,
        port: url.address().port().unwrap_or(6379),
        tls: tls?.filter(|_| is_tls),
        user,
        password: url
            .expose_password()
            .map(|password| Zeroizing::new(password.to_owned())),
        database,
        connect_timeout,
        response_timeout,
    };
    Some((settings, prefix.unwrap_or_default()))
}

/// The host, the user and the number of the database.
fn place(url: &ServerUrl) -> Result<(String, Option<String>, u32), String> {
    let address = url.address();
    if address.query().is_some() {
        return Err("must not have a query (`?`)".to_owned());
    }
    let database = match address.path().trim_start_matches('/') {
        "" => 0,
        number => number
            .parse()
            .ok()
            .filter(|number| *number <= MAX_DATABASE)
            .ok_or("the path must be the number of a database, such as `/0`")?,
    };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
    let user = decoded(address.username()).map_err(|_| "the user is not UTF-8")?;
    if !user.is_empty() && url.expose_password().is_none() {
        let message = "a user needs a password: put it into `password_file`";
        return Err(message.to_owned());
    }
    let host = address.host_str().unwrap_or_default();
    let host = decoded(host.trim_matches(['[', ']'])).map_err(|_| "the host is not UTF-8")?;
    Ok((host, Some(user).filter(|user| !user.is_empty()), database))
}

/// Reads the TLS keys. The outer option is `None` if a mistake was reported, the inner one if TLS is off.
#[expect(clippy::option_option, reason = "the two are different questions")]
fn tls(
    table: &mut Table<'_, '_>,
    folder: &Path,
    is_tls: bool,
) -> Option<Option<Arc<ClientConfig>>> {
    let span_of = |table: &Table<'_, '_>, key| (key, table.span_of(key));
    let [ca, certificate, key] = TLS_KEYS.map(|key| span_of(table, key));
    let [ca_file, certificate_file, key_file] = TLS_KEYS.map(|key| {
        let path: Option<PathBuf> = table.parsed(key);
        path.map(|path| folder.join(path))
    });
    if !is_tls {
        for ((key, span), _) in [
            (ca, &ca_file),
            (certificate, &certificate_file),
            (key, &key_file),
        ]
        .into_iter()
        .filter(|(_, file)| file.is_some())
        {
            let message = "needs TLS: a `url` that starts with `rediss://`".to_owned();
            table.report_at(span, key, message);
        }
        return Some(None);
    }
    let client = match (&certificate_file, &key_file) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate.as_path(), key.as_path())),
        _ => {
            let message = "`client_certificate` and `client_key` must be given together".to_owned();
            table.report_at(certificate.1, certificate.0, message);
            return None;
        }
    };
    match client_config(ca_file.as_deref(), client) {
        Ok(tls) => Some(Some(tls)),
        Err(error) => {
            let (key, span) = match error.part {
                PemPart::Authorities => ca,
                PemPart::Certificate => certificate,
                PemPart::PrivateKey => key,
            };
            table.report_at(span, key, error.to_string());
            None
        }
    }
}

fn client_config(
    ca: Option<&Path>,
    client: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>, PemError> {
    let client = client.map(|(certificate, key)| tls::certified_key(certificate, key));
    Ok(tls::client(tls::roots(ca)?, client.transpose()?))
}

/// A timeout with a default in milliseconds. The upper bound is short, because a sender waits meanwhile.
fn bounded(table: &mut Table<'_, '_>, key: &'static str, default_ms: u64) -> Duration {
    let span = table.span_of(key);
    let time = table.with_unit::<Time>(key, "500ms");
    let time = time.map_or(Duration::from_millis(default_ms), |time| time.0);
    if !(MIN_TIMEOUT..=MAX_TIMEOUT).contains(&time) {
        table.report_at(span, key, "must be from \"10ms\" to \"30s\"".to_owned());
    }
    time
}

const TLS_KEYS: [&str; 3] = ["ca", "client_certificate", "client_key"];
const ONLY_WITH_URL: [&str; 6] = [
    "ca",
    "client_certificate",
    "client_key",
    "connect_timeout",
    "key_prefix",
    "response_timeout",
];
const CLAIM_MARGIN: Duration = Duration::from_secs(30);
const MAX_REMEMBER: Duration = Duration::from_hours(30 * 24);
const MIN_TIMEOUT: Duration = Duration::from_millis(10);
const MAX_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_DATABASE: u32 = 65_535;
