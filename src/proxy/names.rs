//! The names of the headers that the gate adds, and the names that no sender may use.

use bytes::Bytes;
use http::HeaderName;

/// The configured names of the headers that tell the backend the proven facts.
#[derive(Clone, Debug)]
pub struct HeaderNames {
    /// The organisation that owns the endpoint.
    pub organisation: Bytes,
    /// The workspace that owns the endpoint.
    pub workspace: Bytes,
    /// The id of the endpoint.
    pub endpoint: Bytes,
    /// The target of the endpoint.
    pub target: Bytes,
    /// The installation of the endpoint.
    pub installation: Bytes,
    /// The name of the event.
    pub event: Bytes,
    /// The mode of the proof.
    pub mode: Bytes,
    /// The version of the secret.
    pub secret_version: Bytes,
    /// The sender's id of the delivery.
    pub delivery: Bytes,
    /// The concurrency key of the payload.
    pub key: Bytes,
    /// The namespace and all these names, in the form for comparisons.
    reserved: ReservedNames,
    /// Names by which senders could override proven facts, in the same form, the shortest first.
    withheld: Vec<Vec<u8>>,
}

impl HeaderNames {
    /// The names under `namespace`, such as `X-Portal-`. `name_of` can give another name for a key of [`NAMES`].
    pub fn new(
        namespace: &str,
        name_of: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, HeaderNamesError> {
        let full = |key: &'static str, default: &str| {
            let name = name_of(key).unwrap_or_else(|| format!("{namespace}{default}"));
            match HeaderName::try_from(name.as_str()) {
                Ok(_) => Ok(Bytes::from(name)),
                Err(_) => Err(HeaderNamesError::NoName { key, name }),
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
            reserved: ReservedNames {
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
                return Err(HeaderNamesError::Twice(name));
            }
        }
        this.reserved.names = own
            .into_iter()
            .chain(ALWAYS_RESERVED.iter().map(|name| name.as_bytes().to_vec()))
            .collect();
        Ok(this)
    }

    /// The same names, and headers of the names in `withheld` do not reach the backend.
    #[must_use]
    pub fn withholding<'n>(self, withheld: impl IntoIterator<Item = &'n str>) -> Self {
        let withheld = withheld.into_iter().map(|name| comparable(name.as_bytes()));
        let mut withheld: Vec<Vec<u8>> = withheld.collect();
        withheld.sort_by_key(Vec::len);
        Self { withheld, ..self }
    }

    /// Whether a header of this name never reaches the backend.
    pub fn is_withheld(&self, name: &[u8]) -> bool {
        // Every header of a delivery comes here, so only names of its length are compared.
        let shorter = self
            .withheld
            .partition_point(|known| known.len() < name.len());
        let of_length = self.withheld.iter().skip(shorter);
        let mut of_length = of_length.take_while(|known| known.len() == name.len());
        of_length.any(|known| reads_like(name, known))
    }

    /// Whether a backend could take a header of this name for one of the gate.
    pub fn is_reserved(&self, name: &[u8]) -> bool {
        let ReservedNames { namespace, names } = &self.reserved;
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
struct ReservedNames {
    namespace: Vec<u8>,
    names: Vec<Vec<u8>>,
}

/// Header names that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderNamesError {
    /// The name is not a token (RFC 9110 §5.6.2).
    #[error("`{name}` is not a header name (for `{key}`)")]
    NoName {
        /// The key in the configuration.
        key: &'static str,
        /// The configured name.
        name: String,
    },

    /// Two headers have the same name.
    #[error("two headers have the name `{0}`: give each its own")]
    Twice(String),
}

/// The keys of the names in the order of the fields, each with its default behind the namespace.
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

/// The headers that are withheld by default. Frameworks, servers and proxies take another method, URL, host, scheme, client
/// or user from them, or obey them in other ways. No proof covers them. The sources are Rack and Rails, Django, Spring,
/// ASP.NET and IIS, Symfony and Laravel, Next.js, nginx, Envoy and the edges of Cloudflare, `CloudFront`, Fastly, Fly, Akamai,
/// Azure, Google, Vercel, Netlify and `DigitalOcean`. CGI turns `Proxy` into `HTTP_PROXY`.
pub const WITHHELD: [&str; 78] = [
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Original-Method",
    "X-Original-URL",
    "X-Original-URI",
    "X-Original-Path",
    "X-Rewrite-URL",
    "X-Override-URL",
    "X-HTTP-Path-Override",
    "X-Request-URI",
    "X-Script-Name",
    "X-Waws-Unencoded-URL",
    "X-Envoy-Original-Path",
    "X-Middleware-Subrequest",
    "X-Middleware-Rewrite",
    "X-Middleware-Next",
    "X-Matched-Path",
    "X-Invoke-Path",
    "X-Original-Host",
    "X-HTTP-Host-Override",
    "X-Envoy-Original-Host",
    "X-Backend-Host",
    "X-Host",
    "X-Original-Proto",
    "X-Url-Scheme",
    "X-Scheme",
    "Front-End-Https",
    "X-ARR-SSL",
    "CloudFront-Forwarded-Proto",
    "Fastly-SSL",
    "CF-Visitor",
    "Proxy",
    "X-Accel-Redirect",
    "X-Accel-Mapping",
    "X-Sendfile",
    "X-Sendfile-Type",
    "X-Envoy-Internal",
    "True-Client-IP",
    "Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Remote-IP",
    "X-Remote-Addr",
    "X-Originating-IP",
    "X-Original-For",
    "X-Original-Forwarded-For",
    "X-ProxyUser-Ip",
    "Proxy-Client-IP",
    "WL-Proxy-Client-IP",
    "CF-Connecting-IP",
    "CF-Connecting-IPv6",
    "CF-Pseudo-IPv4",
    "CloudFront-Viewer-Address",
    "Fastly-Client-IP",
    "Fly-Client-IP",
    "Akamai-Client-IP",
    "Akamai-Origin-Hop",
    "X-Azure-ClientIP",
    "X-Azure-SocketIP",
    "X-Appengine-User-IP",
    "X-Appengine-Remote-Addr",
    "X-Envoy-External-Address",
    "X-Vercel-Forwarded-For",
    "X-NF-Client-Connection-IP",
    "DO-Connecting-IP",
    "Remote-User",
    "X-Remote-User",
    "X-Authenticated-User",
    "X-MS-Client-Principal",
    "X-MS-Client-Principal-Id",
    "X-MS-Client-Principal-Name",
    "X-Goog-Authenticated-User-Id",
    "X-Goog-Authenticated-User-Email",
    "X-Client-Cert",
    "X-SSL-Client-Cert",
    "Ssl-Client-Cert",
    "X-ARR-ClientCert",
];

pub(super) const FORWARDED_FOR: &str = "X-Forwarded-For";
pub(super) const FORWARDED_HOST: &str = "X-Forwarded-Host";
pub(super) const FORWARDED_PROTO: &str = "X-Forwarded-Proto";
pub(super) const REQUEST_ID: &str = "X-Request-Id";
pub(super) const TRACEPARENT: &str = "traceparent";

/// Names of headers in answers, which no sender may use either.
pub(super) const ALWAYS_RESERVED: [&str; 2] = ["x-request-id", "portcullis-reason"];

/// Whether a reader could take two names for the same.
///
/// Servers that turn header names into variables map every character except letters and digits to `_`. There
/// `X_Portal-Org.Id` and `X-Portal-Org-Id` are the same, so all these spellings are equal.
pub(super) fn reads_like(name: &[u8], known: &[u8]) -> bool {
    name.len() == known.len() && begins_like(name, known)
}

/// Whether a reader could take the start of a name for `known`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_like_another_if_only_case_and_separators_differ() {
        for (name, reads_like_it, begins_like_it) in [
            ("X-Portal-Org-Id", true, true),
            ("x-portal-org-id", true, true),
            ("X_PORTAL_ORG_ID", true, true),
            ("X.Portal~Org!Id", true, true),
            ("X-Portal-Org-Id-2", false, true),
            ("X-Portal-Org-Id-", false, true),
            ("X-Portal-Org-I", false, false),
            ("XPortal-Org-Id", false, false),
            ("X--Portal-Org-Id", false, false),
            ("X-Portal-Org-Jd", false, false),
            ("", false, false),
        ] {
            let known = b"x-portal-org-id";
            let name = name.as_bytes();
            let text = String::from_utf8_lossy(name);
            assert_eq!(reads_like(name, known), reads_like_it, "{text}");
            assert_eq!(begins_like(name, known), begins_like_it, "{text}");
        }
    }

    #[test]
    fn a_sender_may_use_no_name_of_the_gate_in_any_spelling() {
        let own = |key: &str| (key == "event").then(|| "Event-Kind".to_owned());
        let names = HeaderNames::new("X-Portal-", own).unwrap();
        let names = names.withholding(["X-Original-URL"]);
        for (name, is_reserved, is_withheld) in [
            ("X-Portal-Org-Id", true, false),
            ("x_portal_anything", true, false),
            ("X-Portal-", true, false),
            ("Event-Kind", true, false),
            ("event_kind", true, false),
            ("X-Request-Id", true, false),
            ("Portcullis.Reason", true, false),
            ("X-Portal", false, false),
            ("X-Portals-A", false, false),
            ("Event-Kinds", false, false),
            ("X-Original-URL", false, true),
            ("x_original_url", false, true),
            ("X-Original-URLs", false, false),
            ("X-Original-URI", false, false),
        ] {
            let bytes = name.as_bytes();
            assert_eq!(names.is_reserved(bytes), is_reserved, "{name}");
            assert_eq!(names.is_withheld(bytes), is_withheld, "{name}");
        }
    }

    #[test]
    fn every_header_of_the_gate_has_a_valid_name_of_its_own() {
        let twice = |name: &str| HeaderNamesError::Twice(name.to_owned());
        let no_name = |key, name: &str| HeaderNamesError::NoName {
            key,
            name: name.to_owned(),
        };
        for (key, name, error) in [
            ("event", "X-Event", None),
            ("event", "X-Portal-Target", Some(twice("x-portal-target"))),
            ("event", "x_portal.target", Some(twice("x-portal-target"))),
            (
                "target",
                "x_portal_event_name",
                Some(twice("x-portal-event-name")),
            ),
            ("event", "X Event", Some(no_name("event", "X Event"))),
            ("event", "", Some(no_name("event", ""))),
            ("delivery", "X-Ü", Some(no_name("delivery", "X-Ü"))),
        ] {
            let own = |wanted: &str| (wanted == key).then(|| name.to_owned());
            assert_eq!(
                HeaderNames::new("X-Portal-", own).err(),
                error,
                "{key} {name}"
            );
        }
    }
}
