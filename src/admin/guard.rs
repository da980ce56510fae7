//! Host check of the admin listener, against DNS rebinding.
//!
//! A web page can point a name of its own at loopback and make a browser send requests there. Such a request has that
//! name in `Host`. Operators and scrapers use an address, `localhost` or a configured name.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Admin;

/// The host names that are allowed in addition to addresses and `localhost`.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    /// `names` are compared without case and port.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    fn allow(&self, host: &str) -> bool {
        let name = without_port(host);
        let address = name.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || self
                .0
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

/// Responds with 421 to a request with another host name.
pub(super) async fn require_allowed_host(
    State(admin): State<Arc<Admin>>,
    request: Request,
    next: Next,
) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    if admin.allowed_hosts.allow(host) {
        next.run(request).await
    } else {
        let text = "this host name is not allowed: add it to `admin.allowed_hosts`\n";
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    }
}

/// `name:port` without the port; an IPv6 address is in brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit())
                && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}
