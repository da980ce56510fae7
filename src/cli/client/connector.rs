//! TLS towards a gate: which authorities a client trusts.

use std::path::Path;

use tokio_rustls::TlsConnector;

use crate::cli::failure::Failure;
use crate::tls;

/// A connector that trusts the authorities in the file `ca`, or those of the system.
pub(super) fn connector(ca: Option<&Path>) -> Result<TlsConnector, Failure> {
    let roots = tls::roots(ca).map_err(|error| Failure::Other(error.to_string()))?;
    if roots.is_empty() {
        let text = "no authority is trusted: there are no certificates; name them with --ca";
        return Err(Failure::Other(text.to_owned()));
    }
    Ok(TlsConnector::from(tls::client(roots, None)))
}
