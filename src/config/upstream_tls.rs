//! How a backend is spoken to by TLS.

use std::path::{Path, PathBuf};

use rustls::pki_types::ServerName;

use super::table::Table;
use crate::proxy::{UpstreamTls, authorities, client_certificate};
use crate::tls::PemPart;

/// The outer option is whether it could be read, the inner one whether TLS is used.
#[expect(clippy::option_option, reason = "the two are different questions")]
pub(super) fn tls(
    table: &mut Table<'_, '_>,
    addresses: &[String],
    folder: &Path,
) -> Option<Option<UpstreamTls>> {
    let span = table.span_of("tls");
    let was_there = table.has("tls");
    let wanted = table.flag("tls").unwrap_or(was_there);
    let name_span = table.span_of("server_name");
    let server_name: Option<String> = table.parsed("server_name");
    let ca_span = table.span_of("ca");
    let ca: Option<PathBuf> = table.parsed("ca");
    let certificate_span = table.span_of("client_certificate");
    let certificate: Option<PathBuf> = table.parsed("client_certificate");
    let key_span = table.span_of("client_key");
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
    let host = addresses.first().and_then(|first| first.rsplit_once(':'));
    let host = host.map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
    let server_name = server_name.or(host);
    let is_name = |name: &String| ServerName::try_from(name.as_str()).is_ok();
    if let Some(name) = server_name.as_ref().filter(|name| !is_name(name)) {
        let message = format!("`{name}` is no name that a certificate can have");
        table.wrong_at(name_span, "server_name", message);
    }
    let ca = ca.map(|path| authorities(&folder.join(path)));
    let ca = ca.map(|read| read.map_err(|error| table.wrong_at(ca_span, "ca", error.to_string())));
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
                table.wrong_at(span, key, error.to_string());
            }))
        }
        _ => {
            let message = "`client_certificate` and `client_key` belong together".to_owned();
            table.wrong_at(certificate_span, "client_certificate", message);
            None
        }
    };
    Some(Some(UpstreamTls {
        server_name: server_name.filter(is_name)?,
        ca: ca.transpose().ok()?,
        client: client.transpose().ok()?,
    }))
}
