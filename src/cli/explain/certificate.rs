//! The certificate that a delivery names, asked for as the gate would.

use std::sync::Arc;

use crate::auth::Scheme;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::explain::{Secrets, Version};
use crate::outbound::Outbound;
use crate::secrets::Secret;

/// The key in the certificate that `body` names; one that proves nothing, if it names none that counts.
pub(super) async fn certificate(
    session: &Session,
    scheme: &Scheme,
    body: &[u8],
) -> Result<Secrets, Failure> {
    let pem = match scheme.certificate_url(body) {
        Ok(url) => {
            let clock = Arc::clone(&session.custody.clock);
            let outbound = Outbound::new(session.config.outbound.clone(), clock);
            let fetched = outbound.certificate_file(&url).await;
            fetched.map_err(|error| Failure::Other(format!("{url}: {error}")))?
        }
        Err(_) => Vec::new(),
    };
    Ok(Secrets {
        current: Version {
            number: 1,
            kind: Some(scheme.algorithm().key_kind()),
            value: Arc::new(Secret::new(pem)),
        },
        previous: None,
        ended: Vec::new(),
    })
}
