//! The section `[console]`: the listener of the console and of the admin API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::Purpose;
use super::public::{check_tls_files, origin};
use super::table::Table;
use super::units::Address;
use crate::proxy::TlsFiles;

/// Reads the section; `None` without a valid listener, which was reported.
pub(super) fn read(
    mut table: Table<'_, '_>,
    folder: &Path,
    purpose: Purpose,
) -> Option<ConsoleConfig> {
    let listen_span = table.span_of("listen");
    let listen = table.required("listen").map(|Address(address)| address);
    let url = origin(&mut table, "url");
    let tls = tls(&mut table, folder, purpose);
    let listen = listen?;
    if tls.is_none() && !listen.ip().is_loopback() {
        let message = "needs `certificate` and `private_key`, because it is not a loopback address";
        table.report_at(listen_span, "listen", message.to_owned());
    }
    Some(ConsoleConfig { listen, url, tls })
}

/// Reads the certificate and the private key, if they are given.
fn tls(table: &mut Table<'_, '_>, folder: &Path, purpose: Purpose) -> Option<TlsFiles> {
    let [certificate_span, key_span] = ["certificate", "private_key"].map(|key| table.span_of(key));
    let certificate: Option<PathBuf> = table.parsed("certificate");
    let private_key: Option<PathBuf> = table.parsed("private_key");
    if certificate.is_some() != private_key.is_some() {
        let message = "`certificate` and `private_key` must be given together".to_owned();
        table.report_at(certificate_span, "certificate", message);
        return None;
    }
    let files = TlsFiles {
        certificate: folder.join(certificate?),
        private_key: folder.join(private_key?),
        http2: false,
    };
    check_tls_files(table, &files, purpose, [certificate_span, key_span]);
    Some(files)
}

/// The listener of the console and of the admin API.
#[derive(Clone, Debug)]
pub struct ConsoleConfig {
    /// The address of the listener.
    pub listen: SocketAddr,
    /// The origin that browsers use, if it is not that of the listener.
    pub url: Option<String>,
    /// The files for TLS; `None` for plain HTTP on a loopback address.
    pub tls: Option<TlsFiles>,
}

impl ConsoleConfig {
    /// The origin that browsers use, without a trailing slash. `bound` is the address of the listener.
    pub fn url_at(&self, bound: SocketAddr) -> String {
        match (&self.url, &self.tls) {
            (Some(url), _) => url.clone(),
            (None, Some(_)) => format!("https://{bound}"),
            (None, None) => format!("http://{bound}"),
        }
    }
}
