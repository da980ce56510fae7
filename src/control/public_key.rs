//! The ways in which a public key would become a shared secret.

use crate::directory::EndpointId;
use crate::secrets::SecretRef;

/// How a public key would become a shared secret.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PublicKeyConflict {
    /// A flow declares a slot that was bound as a public key as a shared secret.
    Bound,
    /// An earlier version of the flow used it as the public key of this endpoint.
    Earlier(EndpointId),
    /// Another endpoint uses it as a public key.
    Other {
        /// The endpoint that would use it as a shared secret.
        endpoint: EndpointId,
        /// The endpoint that uses it as a public key.
        owner: EndpointId,
    },
    /// The endpoint itself uses it as a public key now.
    Own(EndpointId),
}

impl PublicKeyConflict {
    pub(super) fn message(&self, secret: &SecretRef) -> String {
        match self {
            Self::Bound => {
                format!("{secret}: bound as a public key, which everybody has")
            }
            Self::Earlier(endpoint) => {
                format!(
                    "{secret}: an earlier version used it as the public key of `{endpoint}`, which everybody has"
                )
            }
            Self::Other { endpoint, owner } => format!(
                "`{endpoint}`: the secret `{secret}` is the public key of `{owner}`, which everybody has"
            ),
            Self::Own(endpoint) => format!(
                "`{endpoint}`: its secret `{secret}` is a public key now, which everybody has"
            ),
        }
    }

    pub(super) fn next_step(&self) -> &'static str {
        match self {
            Self::Bound | Self::Earlier(_) => "declare another slot for the shared secret",
            Self::Other { .. } => "give it another secret",
            Self::Own(_) => {
                "choose another slot for the shared secret (`--secret`, or `secret = \"…\"`)"
            }
        }
    }
}
