//! The section `[outbound]`: requests of the gate to providers.

use std::path::{Path, PathBuf};

use super::table::Table;
use super::units::time;
use crate::outbound::{OutboundSettings, Proxy};
use crate::tls::roots;

pub(super) fn read(mut table: Table<'_, '_>, folder: &Path) -> OutboundSettings {
    let ca_span = table.span_of("ca");
    let ca = table.parsed::<PathBuf>("ca");
    let ca = ca.and_then(|path| {
        roots(Some(&folder.join(path)))
            .map_err(|error| table.report_at(ca_span, "ca", error.to_string()))
            .ok()
    });
    let proxy_span = table.span_of("proxy");
    let proxy = table.parsed::<String>("proxy").and_then(|text| {
        Proxy::at(&text)
            .map_err(|error| table.report_at(proxy_span, "proxy", error.to_string()))
            .ok()
    });
    OutboundSettings {
        ca,
        proxy,
        timeout: time(&mut table, "timeout", 5),
    }
}
