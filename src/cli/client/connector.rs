//! TLS towards a gate: the trusted authorities of the client.

use std::path::Path;

use tokio_rustls::TlsConnector;

use crate::cli::failure::Failure;
use crate::tls;

/// Trusts the authorities in the file `ca`, or those of the system.
pub(super) fn connector(ca: Option<&Path>) -> Result<TlsConnector, Failure> {
    let roots = tls::roots(ca).map_err(|error| Failure::Other(error.to_string()))?;
    if roots.is_empty() {
        let text = "no trusted authority found. Name a PEM file with --ca";
        return Err(Failure::Other(text.to_owned()));
    }
    Ok(TlsConnector::from(tls::client(roots, None)))
}
