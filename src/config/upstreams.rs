//! The sections `[upstreams.NAME]`: the backends, and TLS towards them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::HeaderValue;
use http::uri::Authority;
use rustls::pki_types::ServerName;

use super::table::Table;
use super::units::time;
use crate::directory::{PathTemplate, RouteTable};
use crate::proxy::{
    UpstreamSettings, UpstreamTimeouts, UpstreamTls, authorities, client_certificate,
};
use crate::tls::PemPart;

/// The upstreams and their path templates.
pub(super) struct Upstreams {
    pub(super) upstreams: Vec<UpstreamSettings>,
    pub(super) paths: BTreeMap<String, PathTemplate>,
}

/// Reads every upstream. At least one is required.
pub(super) fn read(
    root: &mut Table<'_, '_>,
    folder: &Path,
    routes: Option<&RouteTable>,
) -> Upstreams {
    let span = root.span_of("upstreams");
    let mut paths = BTreeMap::new();
    let table = root.table("upstreams");
    let is_table = table.is_well_formed();
    let read: Vec<Option<UpstreamSettings>> = table.each(|name, mut table| {
        let span = table.span_of("path");
        if let Some(path) = table.parsed::<PathTemplate>("path") {
            let is_known = |name: &str| {
                matches!(name, "endpoint" | "path")
                    || routes.is_none_or(|routes| routes.has_parameter(name))
            };
            if let Some(name) = path.parameters().find(|name| !is_known(name)) {
                let message = format!("no route has a parameter `{{{name}}}`");
                table.report_at(span, "path", message);
            }
            paths.insert(name.to_owned(), path);
        }
        one(name, &mut table, folder)
    });
    if read.is_empty() && is_table {
        let message = "at least one is required, such as `[upstreams.default]`".to_owned();
        root.report_at(span, "upstreams", message);
    }
    Upstreams {
        upstreams: read.into_iter().flatten().collect(),
        paths,
    }
}

fn one(name: &str, table: &mut Table<'_, '_>, folder: &Path) -> Option<UpstreamSettings> {
    let addresses = addresses(table);
    let tls = tls(table, &addresses, folder);
    let host_span = table.span_of("host");
    let host = table.parsed::<String>("host").and_then(|host| {
        let is_host = host
            .parse::<Authority>()
            .is_ok_and(|it| !host.contains('@') && it.host() != "");
        let value = HeaderValue::from_str(&host).ok().filter(|_| is_host);
        if value.is_none() {
            let message = "expected a host name, such as \"engine.internal\"".to_owned();
            table.report_at(host_span, "host", message);
        }
        value
    });
    let timeouts = timeouts(table);
    Some(UpstreamSettings {
        name: name.into(),
        addresses,
        tls: tls?,
        timeouts,
        idle_timeout: time(table, "idle_timeout", 60),
        host,
    })
}

/// Reads the TLS keys. The outer option is `None` if a mistake was reported, the inner one if TLS is off.
#[expect(clippy::option_option, reason = "the two are different questions")]
fn tls(
    table: &mut Table<'_, '_>,
    addresses: &[String],
    folder: &Path,
) -> Option<Option<UpstreamTls>> {
    let span = table.span_of("tls");
    let is_given = table.has("tls");
    let uses_tls = table.flag("tls").unwrap_or(is_given);
    let name_span = table.span_of("server_name");
    let server_name: Option<String> = table.parsed("server_name");
    let ca_span = table.span_of("ca");
    let ca: Option<PathBuf> = table.parsed("ca");
    let certificate_span = table.span_of("client_certificate");
    let certificate: Option<PathBuf> = table.parsed("client_certificate");
    let key_span = table.span_of("client_key");
    let key: Option<PathBuf> = table.parsed("client_key");
    if !uses_tls {
        if server_name.is_some() || ca.is_some() || certificate.is_some() || key.is_some() {
            let message = "`server_name`, `ca` and `client_*` need `tls = true`".to_owned();
            table.report_at(span, "tls", message);
        }
        return Some(None);
    }
    // The default is the host of the first address. It must not be empty, because Pingora does not verify the
    // certificate for an empty name.
    let host = addresses.first().and_then(|first| first.rsplit_once(':'));
    let host = host.map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
    let server_name = server_name.or(host);
    let is_name = |name: &String| ServerName::try_from(name.as_str()).is_ok();
    if let Some(name) = server_name.as_ref().filter(|name| !is_name(name)) {
        let message = format!("`{name}` is not a valid server name of a certificate");
        table.report_at(name_span, "server_name", message);
    }
    let ca = ca.map(|path| authorities(&folder.join(path)));
    let ca = ca.map(|read| read.map_err(|error| table.report_at(ca_span, "ca", error.to_string())));
    let client = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            let read = client_certificate(&folder.join(certificate), &folder.join(key));
            Some(read.map_err(|error| {
                let (span, key) = match error.part {
                    PemPart::Authorities | PemPart::Certificate => {
                        (certificate_span, "client_certificate")
                    }
                    PemPart::PrivateKey => (key_span, "client_key"),
                };
                table.report_at(span, key, error.to_string());
            }))
        }
        _ => {
            let message = "`client_certificate` and `client_key` must be given together".to_owned();
            table.report_at(certificate_span, "client_certificate", message);
            None
        }
    };
    Some(Some(UpstreamTls {
        server_name: server_name.filter(is_name)?,
        ca: ca.transpose().ok()?,
        client: client.transpose().ok()?,
    }))
}

fn timeouts(table: &mut Table<'_, '_>) -> UpstreamTimeouts {
    let span = table.span_of("connect_timeout");
    let is_given = table.has("connect_timeout");
    let connect = time(table, "connect_timeout", 2);
    let total = time(table, "total_timeout", 8);
    if is_given && connect > total {
        let message = "must be at most `total_timeout`, which covers the whole request".to_owned();
        table.report_at(span, "connect_timeout", message);
    }
    UpstreamTimeouts {
        connect,
        read: time(table, "read_timeout", 8),
        write: time(table, "write_timeout", 8),
        total,
    }
}

fn addresses(table: &mut Table<'_, '_>) -> Vec<String> {
    let span = table.span_of("addresses");
    let is_given = table.has("addresses");
    let addresses = match table.list::<String>("addresses") {
        None if is_given => return Vec::new(), // The invalid list was reported.
        addresses => addresses.unwrap_or_default(),
    };
    if !(1..=MAX_ADDRESSES).contains(&addresses.len()) {
        let message =
            format!("expected 1 to {MAX_ADDRESSES} addresses, such as [\"10.0.0.7:3000\"]");
        table.report_at(span, "addresses", message);
    }
    for address in &addresses {
        if !is_host_and_port(address) {
            let message =
                format!("`{address}`: expected a host and a port, such as \"10.0.0.7:3000\"");
            table.report_at(span, "addresses", message);
        }
    }
    addresses
}

fn is_host_and_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// The most connection attempts that Pingora makes for one delivery.
const MAX_ADDRESSES: usize = 16;
