//! Who may speak to the admin listener: nobody who was led here under another name.
//!
//! A web page can make a browser send requests to loopback by pointing a name of its own there (DNS
//! rebinding). Such a request carries that name in `Host`; those of people and scrapers carry an
//! address, `localhost`, or a name that the configuration knows.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Admin;

/// The host names that are allowed beside addresses and `localhost`.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    /// These names.
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

pub(super) async fn own_host_only(
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
        let text = "this host name is not allowed; see `admin.allowed_hosts`\n";
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
