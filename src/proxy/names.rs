//! The names of the headers that the gate adds, and which of them no sender may bring.

use bytes::Bytes;
use http::HeaderName;

/// The headers that tell the backend what was proven, under their configured names.
#[derive(Clone, Debug)]
pub struct HeaderNames {
    /// The organisation that owns the endpoint.
    pub organisation: Bytes,
    /// The workspace that owns it.
    pub workspace: Bytes,
    /// Its id.
    pub endpoint: Bytes,
    /// Its target.
    pub target: Bytes,
    /// Its installation.
    pub installation: Bytes,
    /// The name of the event.
    pub event: Bytes,
    /// The mode of the proof.
    pub mode: Bytes,
    /// The version of the secret.
    pub secret_version: Bytes,
    /// The sender's id of the delivery.
    pub delivery: Bytes,
    /// The key of the payload.
    pub key: Bytes,
    /// All of them and the namespace, in the form in which names are compared.
    reserved: Reserved,
    /// Names that senders use to override what was proven, in the same form.
    withheld: Vec<Vec<u8>>,
}

impl HeaderNames {
    /// The names under `namespace`, such as `X-Portal-`, unless `name_of` gives another one for a key
    /// of [`NAMES`].
    pub fn new(
        namespace: &str,
        name_of: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, InvalidHeaderNames> {
        let full = |key: &'static str, default: &str| {
            let name = name_of(key).unwrap_or_else(|| format!("{namespace}{default}"));
            match HeaderName::try_from(name.as_str()) {
                Ok(_) => Ok(Bytes::from(name)),
                Err(_) => Err(InvalidHeaderNames::NoName { key, name }),
            }
        };
        let mut names = NAMES.iter().map(|(key, default)| full(key, default));
        let mut next = || {
            names
                .next()
                .unwrap_or_else(|| unreachable!("NAMES has a name for every field"))
        };
        let mut this = Self {
            organisation: next()?,
            workspace: next()?,
            endpoint: next()?,
            target: next()?,
            installation: next()?,
            event: next()?,
            mode: next()?,
            secret_version: next()?,
            delivery: next()?,
            key: next()?,
            reserved: Reserved {
                namespace: comparable(namespace.as_bytes()),
                names: Vec::new(),
            },
            withheld: Vec::new(),
        };
        let own: Vec<Vec<u8>> = this
            .all()
            .into_iter()
            .map(|name| comparable(name))
            .collect();
        for (position, name) in own.iter().enumerate() {
            if own.iter().skip(position + 1).any(|other| other == name) {
                let name = String::from_utf8_lossy(name).into_owned();
                return Err(InvalidHeaderNames::Twice(name));
            }
        }
        this.reserved.names = own
            .into_iter()
            .chain(ALWAYS_RESERVED.iter().map(|name| name.as_bytes().to_vec()))
            .collect();
        Ok(this)
    }

    /// The same, and headers of the names in `withheld` are kept from the backend.
    #[must_use]
    pub fn withholding<'n>(self, withheld: impl IntoIterator<Item = &'n str>) -> Self {
        let withheld = withheld.into_iter();
        Self {
            withheld: withheld.map(|name| comparable(name.as_bytes())).collect(),
            ..self
        }
    }

    /// Whether a header of this name is kept from the backend, whoever sends it.
    pub fn is_withheld(&self, name: &[u8]) -> bool {
        self.withheld.iter().any(|known| reads_like(name, known))
    }

    /// Whether a header of this name could be taken for one of the portal's own.
    pub fn is_reserved(&self, name: &[u8]) -> bool {
        let Reserved { namespace, names } = &self.reserved;
        (!namespace.is_empty() && begins_like(name, namespace))
            || names.iter().any(|own| reads_like(name, own))
    }

    fn all(&self) -> [&Bytes; 10] {
        [
            &self.organisation,
            &self.workspace,
            &self.endpoint,
            &self.target,
            &self.installation,
            &self.event,
            &self.mode,
            &self.secret_version,
            &self.delivery,
            &self.key,
        ]
    }
}

#[derive(Clone, Debug)]
struct Reserved {
    namespace: Vec<u8>,
    names: Vec<Vec<u8>>,
}

/// Configured names that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeaderNames {
    /// No header can have that name.
    #[error("`{name}` is no name of a header (for `{key}`)")]
    NoName {
        /// The key of the configuration.
        key: &'static str,
        /// The name.
        name: String,
    },

    /// One name for two things; the backend could not tell them apart.
    #[error("`{0}` is there twice")]
    Twice(String),
}

/// The keys of the names, in the order of the fields, with what follows the namespace by default.
pub const NAMES: [(&str, &str); 10] = [
    ("organisation", "Org-Id"),
    ("workspace", "Workspace-Id"),
    ("endpoint", "Endpoint-Id"),
    ("target", "Target"),
    ("installation", "Installation-Id"),
    ("event", "Event-Name"),
    ("mode", "Auth-Mode"),
    ("secret_version", "Secret-Version"),
    ("delivery", "Delivery-Id"),
    ("concurrency_key", "Concurrency-Key"),
];

/// The headers that are withheld unless the configuration says otherwise. Frameworks read another method, path or
/// client out of them, and CGI takes `Proxy` for `HTTP_PROXY`. No proof covers them.
pub const WITHHELD: [&str; 14] = [
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Original-URL",
    "X-Original-URI",
    "X-Original-Host",
    "X-Rewrite-URL",
    "X-Host",
    "Proxy",
    "True-Client-IP",
    "CF-Connecting-IP",
    "Fastly-Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
];

pub(super) const FORWARDED_FOR: &str = "X-Forwarded-For";
pub(super) const FORWARDED_HOST: &str = "X-Forwarded-Host";
pub(super) const FORWARDED_PROTO: &str = "X-Forwarded-Proto";
pub(super) const REQUEST_ID: &str = "X-Request-Id";
pub(super) const TRACEPARENT: &str = "traceparent";

/// Beside the portal's own names: what answers carry.
pub(super) const ALWAYS_RESERVED: [&str; 2] = ["x-request-id", "portcullis-reason"];

/// Whether two names can be the same to whoever reads them.
///
/// Servers that turn header names into variables map every character but letters and digits to `_`, so
/// `X_Portal-Org.Id` arrives there as `X-Portal-Org-Id` does. All spellings count as one.
pub(super) fn reads_like(name: &[u8], known: &[u8]) -> bool {
    name.len() == known.len() && begins_like(name, known)
}

/// Whether a name begins with what can be the same as `known`.
pub(super) fn begins_like(name: &[u8], known: &[u8]) -> bool {
    name.get(..known.len()).is_some_and(|start| {
        start
            .iter()
            .zip(known)
            .all(|(a, b)| comparable_byte(*a) == comparable_byte(*b))
    })
}

fn comparable(name: &[u8]) -> Vec<u8> {
    name.iter().copied().map(comparable_byte).collect()
}

const fn comparable_byte(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}
