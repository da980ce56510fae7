//! The backends: `[upstreams.NAME]`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::HeaderValue;

use super::table::Table;
use super::units::time;
use crate::directory::PathTemplate;
use crate::proxy::{
    UpstreamSettings, UpstreamTimeouts, UpstreamTls, authorities, client_certificate,
};

/// What the section says.
pub(super) struct Upstreams {
    pub(super) upstreams: Vec<UpstreamSettings>,
    pub(super) paths: BTreeMap<String, PathTemplate>,
}

/// Reads every upstream. Without one there is nowhere to go, which is a mistake.
pub(super) fn read(root: &mut Table<'_, '_>, folder: &Path) -> Upstreams {
    let span = root.span_of("upstreams");
    let mut paths = BTreeMap::new();
    let read: Vec<Option<UpstreamSettings>> = root.table("upstreams").each(|name, mut table| {
        if let Some(path) = table.parsed("path") {
            paths.insert(name.to_owned(), path);
        }
        one(name, &mut table, folder)
    });
    if read.is_empty() {
        let message = "there must be at least one, such as `[upstreams.default]`".to_owned();
        root.wrong_at(span, "upstreams", message);
    }
    Upstreams {
        upstreams: read.into_iter().flatten().collect(),
        paths,
    }
}

fn one(name: &str, table: &mut Table<'_, '_>, folder: &Path) -> Option<UpstreamSettings> {
    let span = table.span_of("addresses");
    let addresses: Vec<String> = table.list("addresses").unwrap_or_default();
    if !(1..=MAX_ADDRESSES).contains(&addresses.len()) {
        let message =
            format!("1 to {MAX_ADDRESSES} addresses are needed, such as [\"10.0.0.7:3000\"]");
        table.wrong_at(span, "addresses", message);
    }
    for address in &addresses {
        if !is_host_and_port(address) {
            let message =
                format!("`{address}`: expected a host and a port, such as \"10.0.0.7:3000\"");
            table.wrong_at(span, "addresses", message);
        }
    }
    let tls = tls(table, &addresses, folder);
    let host_span = table.span_of("host");
    let host = table.parsed::<String>("host").and_then(|host| {
        HeaderValue::from_str(&host)
            .map_err(|_| table.wrong_at(host_span, "host", "is no host name".to_owned()))
            .ok()
    });
    let timeouts = UpstreamTimeouts {
        connect: time(table, "connect_timeout", 2),
        read: time(table, "read_timeout", 8),
        write: time(table, "write_timeout", 8),
        total: time(table, "total_timeout", 8),
    };
    Some(UpstreamSettings {
        name: name.into(),
        addresses,
        tls: tls?,
        timeouts,
        idle_timeout: time(table, "idle_timeout", 60),
        host,
    })
}

/// The outer option is whether it could be read, the inner one whether TLS is used.
#[expect(clippy::option_option, reason = "the two are different questions")]
fn tls(
    table: &mut Table<'_, '_>,
    addresses: &[String],
    folder: &Path,
) -> Option<Option<UpstreamTls>> {
    let span = table.span_of("tls");
    let wanted = table.flag("tls").unwrap_or(false);
    let name_span = table.span_of("server_name");
    let server_name: Option<String> = table.parsed("server_name");
    let ca_span = table.span_of("ca");
    let ca: Option<PathBuf> = table.parsed("ca");
    let certificate_span = table.span_of("client_certificate");
    let certificate: Option<PathBuf> = table.parsed("client_certificate");
    let key: Option<PathBuf> = table.parsed("client_key");
    if !wanted {
        if server_name.is_some() || ca.is_some() || certificate.is_some() || key.is_some() {
            let message = "`server_name`, `ca` and `client_*` are for `tls = true`".to_owned();
            table.wrong_at(span, "tls", message);
        }
        return Some(None);
    }
    // The name of the first address, unless another one is given. Never an empty one: with that,
    // Pingora would not verify the certificate.
    let server_name = server_name
        .or_else(|| {
            addresses
                .first()?
                .rsplit_once(':')
                .map(|(host, _)| host.to_owned())
        })
        .unwrap_or_default();
    if rustls::pki_types::ServerName::try_from(server_name.as_str()).is_err() {
        let message = format!("`{server_name}` is no name that a certificate can have");
        table.wrong_at(name_span, "server_name", message);
        return None;
    }
    let ca = match ca.map(|path| authorities(&folder.join(path))) {
        None => None,
        Some(Ok(ca)) => Some(ca),
        Some(Err(error)) => {
            table.wrong_at(ca_span, "ca", error.to_string());
            return None;
        }
    };
    let client = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            match client_certificate(&folder.join(certificate), &folder.join(key)) {
                Ok(client) => Some(client),
                Err(error) => {
                    let message = error.to_string();
                    table.wrong_at(certificate_span, "client_certificate", message);
                    return None;
                }
            }
        }
        _ => {
            let message = "`client_certificate` and `client_key` belong together".to_owned();
            table.wrong_at(certificate_span, "client_certificate", message);
            return None;
        }
    };
    Some(Some(UpstreamTls {
        server_name,
        ca,
        client,
    }))
}

fn is_host_and_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// As many attempts as Pingora makes at most for one delivery.
const MAX_ADDRESSES: usize = 16;
