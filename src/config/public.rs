//! The section `[public]`: the listeners for senders.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use http::Uri;
use toml_span::Span;

use super::headers::HeadersSection;
use super::table::Table;
use super::units::{Address, KIB, Network, size, time, to_usize};
use super::{PublicConfig, Purpose};
use crate::proxy::{HeadLimits, PublicSettings, TlsFiles, TrustedProxies};
use crate::tls::PemPart;

/// Reads the section; `None` if there is no valid listener, which was reported.
pub(super) fn read(
    mut table: Table<'_, '_>,
    folder: &Path,
    headers: &HeadersSection,
    purpose: Purpose,
) -> Option<PublicConfig> {
    let has_listener = table.has("http") || table.has("https");
    let tls = tls(&mut table, folder, purpose);
    let http = match table.parsed("http") {
        Some(Address(address)) => Some(address),
        None if has_listener => None,
        None => Some(SocketAddr::from(([127, 0, 0, 1], 8080))),
    };
    let url = origin(&mut table, "url").unwrap_or_else(|| match (&tls, http) {
        (Some((address, _)), _) => format!("https://{address}"),
        (None, Some(address)) => format!("http://{address}"),
        (None, None) => String::new(),
    });
    let networks: Vec<Network> = table.list("trusted_proxies").unwrap_or_default();
    let networks = networks.into_iter().map(|Network(network)| network);
    let max_connections = table
        .number("max_connections", 1, 1_000_000)
        .map_or(10_000, to_usize);
    let settings = PublicSettings {
        head_timeout: time(&mut table, "head_timeout", 10),
        keep_alive: time(&mut table, "keep_alive", 30),
        send_timeout: time(&mut table, "send_timeout", 10),
        head_limits: HeadLimits {
            bytes: to_usize(size(&mut table, "max_head", 32 * KIB)),
            headers: table.number("max_headers", 1, 200).map_or(100, to_usize),
        },
        max_connections,
        // HTTP/1 has one request per connection.
        max_requests: table
            .number("max_requests", 1, 1_000_000)
            .map_or(max_connections, to_usize),
        trusted_proxies: TrustedProxies::new(networks.collect()),
        reason_header: headers.reason,
        request_id_header: headers.request_id,
    };
    (http.is_some() || tls.is_some()).then_some(PublicConfig {
        http,
        https: tls,
        url,
        settings,
    })
}

/// Reads the TLS listener, if there is one.
fn tls(
    table: &mut Table<'_, '_>,
    folder: &Path,
    purpose: Purpose,
) -> Option<(SocketAddr, TlsFiles)> {
    let given = ["https", "certificate", "private_key"].map(|key| table.has(key));
    let [https_span, certificate_span, key_span] =
        ["https", "certificate", "private_key"].map(|key| table.span_of(key));
    let https = table.parsed("https");
    let certificate: Option<PathBuf> = table.parsed("certificate");
    let private_key: Option<PathBuf> = table.parsed("private_key");
    let offer_h2 = table.flag("http2").unwrap_or(false);
    if given.contains(&true) && given.contains(&false) {
        let message = "`https`, `certificate` and `private_key` must be given together".to_owned();
        table.report_at(https_span, "https", message);
        return None;
    }
    let files = TlsFiles {
        certificate: folder.join(certificate?),
        private_key: folder.join(private_key?),
        http2: offer_h2,
    };
    check_tls_files(table, &files, purpose, [certificate_span, key_span]);
    let Address(address) = https?;
    Some((address, files))
}

/// Checks the files of a TLS listener for a server, and reports a fault at its key. `spans` are those of `certificate` and
/// `private_key`.
pub(super) fn check_tls_files(
    table: &mut Table<'_, '_>,
    files: &TlsFiles,
    purpose: Purpose,
    spans: [Span; 2],
) {
    if purpose == Purpose::Server
        && let Err(error) = files.check()
    {
        let [certificate_span, key_span] = spans;
        let (span, key) = match error.part {
            PemPart::Authorities | PemPart::Certificate => (certificate_span, "certificate"),
            PemPart::PrivateKey => (key_span, "private_key"),
        };
        table.report_at(span, key, error.to_string());
    }
}

/// Reads the origin at `key`: a scheme and a host.
pub(super) fn origin(table: &mut Table<'_, '_>, key: &'static str) -> Option<String> {
    let span = table.span_of(key);
    let uri: Uri = table.parsed(key)?;
    let is_origin = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.authority().is_some()
        && uri.path() == "/"
        && uri.query().is_none();
    if !is_origin {
        let message = "expected only a scheme and a host, such as \"https://portal.example.com\"";
        table.report_at(span, key, message.to_owned());
    }
    Some(uri.to_string().trim_end_matches('/').to_owned())
}
