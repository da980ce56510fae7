//! The backends: `[upstreams.NAME]`.

use std::collections::BTreeMap;
use std::path::Path;

use http::HeaderValue;
use http::uri::Authority;

use super::table::Table;
use super::units::time;
use super::upstream_tls::tls;
use crate::directory::{PathTemplate, RouteTable};
use crate::proxy::{UpstreamSettings, UpstreamTimeouts};

/// What the section says.
pub(super) struct Upstreams {
    pub(super) upstreams: Vec<UpstreamSettings>,
    pub(super) paths: BTreeMap<String, PathTemplate>,
}

/// Reads every upstream. Without one there is nowhere to go, which is a mistake.
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
                table.wrong_at(span, "path", message);
            }
            paths.insert(name.to_owned(), path);
        }
        one(name, &mut table, folder)
    });
    if read.is_empty() && is_table {
        let message = "there must be at least one, such as `[upstreams.default]`".to_owned();
        root.wrong_at(span, "upstreams", message);
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
            table.wrong_at(host_span, "host", message);
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

fn timeouts(table: &mut Table<'_, '_>) -> UpstreamTimeouts {
    let span = table.span_of("connect_timeout");
    let was_there = table.has("connect_timeout");
    let connect = time(table, "connect_timeout", 2);
    let total = time(table, "total_timeout", 8);
    if was_there && connect > total {
        let message = "must be at most `total_timeout`, which ends everything".to_owned();
        table.wrong_at(span, "connect_timeout", message);
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
    let was_there = table.has("addresses");
    let addresses = match table.list::<String>("addresses") {
        None if was_there => return Vec::new(), // It was no list of strings, which was reported.
        addresses => addresses.unwrap_or_default(),
    };
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
    addresses
}

fn is_host_and_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// As many attempts as Pingora makes at most for one delivery.
const MAX_ADDRESSES: usize = 16;
