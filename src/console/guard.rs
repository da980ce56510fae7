//! Who may send requests: the host guard against DNS rebinding, and the checks against cross-site requests.

use std::net::{IpAddr, SocketAddr};

use http::header::{self, HeaderMap, HeaderName};

use super::problem::Problem;

/// Accepts the host of the configured URL, `localhost`, and the address of the listener. A listener on every address
/// accepts every address.
pub(super) fn check_host(
    headers: &HeaderMap,
    url: &str,
    listen: SocketAddr,
) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().unwrap_or_default(),
        _ => "",
    };
    let name = without_port(host);
    let own = url.split_once("://").map_or(url, |(_, host)| host);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let is_own_address = address.parse::<IpAddr>().is_ok_and(|address| {
        address == listen.ip() || listen.ip().is_unspecified() || address.is_loopback()
    });
    let is_own_name = !name.is_empty()
        && (name.eq_ignore_ascii_case(without_port(own)) || name.eq_ignore_ascii_case("localhost"));
    if is_own_address || is_own_name {
        return Ok(());
    }
    let detail = "this host name is not that of the console: use the host of `console.url`";
    Err(Problem::new(
        http::StatusCode::MISDIRECTED_REQUEST,
        "misdirected",
        detail,
    ))
}

/// Tells whether a request has sent the CSRF token of its session.
type TokenCheck<'c> = &'c dyn Fn(&[u8]) -> bool;

/// Accepts a change by a session only from the page of this console. `csrf` tells the CSRF token of the session.
pub(super) fn check_same_origin(
    headers: &HeaderMap,
    url: &str,
    csrf: Option<TokenCheck<'_>>,
) -> Result<(), Problem> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(&header::ORIGIN) != Some(url) {
        return Err(Problem::cross_site(
            "the header `Origin` is not that of the console",
        ));
    }
    if headers.contains_key(&SEC_FETCH_SITE) && text(&SEC_FETCH_SITE) != Some("same-origin") {
        return Err(Problem::cross_site(
            "the header `Sec-Fetch-Site` is not `same-origin`",
        ));
    }
    let Some(is_csrf_token) = csrf else {
        return Ok(());
    };
    let given = headers
        .get(&CSRF)
        .map_or(&b""[..], |value| value.as_bytes());
    if is_csrf_token(given) {
        Ok(())
    } else {
        Err(Problem::cross_site(
            "the header `X-Portcullis-Csrf` is not that of the session",
        ))
    }
}

/// Accepts a body only as JSON, which a form of another site cannot send.
pub(super) fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    let detail = "send the body with `Content-Type: application/json`";
    Err(Problem::new(
        http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "content_type",
        detail,
    ))
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

const CSRF: HeaderName = HeaderName::from_static("x-portcullis-csrf");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_hosts_are_accepted() {
        let listen: SocketAddr = "10.1.2.3:9443".parse().unwrap();
        let url = "https://console.example.com:8443";
        for (host, accepted) in [
            ("console.example.com", true),
            ("Console.Example.com:8443", true),
            ("localhost:9443", true),
            ("10.1.2.3:9443", true),
            ("127.0.0.1", true),
            ("[::1]:9443", true),
            ("10.1.2.4:9443", false),
            ("evil.example.com", false),
            ("console.example.com.evil.example", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            let checked = check_host(&headers, url, listen);
            assert_eq!(checked.is_ok(), accepted, "{host}");
        }
        assert!(check_host(&HeaderMap::new(), url, listen).is_err());
    }

    #[test]
    fn a_change_of_a_session_needs_the_origin_and_the_token() {
        let url = "https://console.example.com";
        let right = "right";
        let csrf = |sent: &[u8]| sent == right.as_bytes();
        for (origin, site, token, accepted) in [
            (Some(url), Some("same-origin"), Some(right), true),
            (Some(url), None, Some(right), true),
            (None, Some("same-origin"), Some(right), false),
            (Some("null"), Some("same-origin"), Some(right), false),
            (Some("https://evil.example.com"), None, Some(right), false),
            (Some(url), Some("same-site"), Some(right), false),
            (Some(url), Some("cross-site"), Some(right), false),
            (Some(url), Some("none"), Some(right), false),
            (Some(url), Some("same-origin"), Some("wrong"), false),
            (Some(url), Some("same-origin"), None, false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [
                (header::ORIGIN, origin),
                (SEC_FETCH_SITE, site),
                (CSRF, token),
            ] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            let checked = check_same_origin(&headers, url, Some(&csrf));
            assert_eq!(checked.is_ok(), accepted, "{origin:?} {site:?} {token:?}");
        }
    }

    #[test]
    fn a_body_must_be_json() {
        for (kind, accepted) in [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("multipart/form-data; boundary=application/json", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
            assert_eq!(check_json(&headers).is_ok(), accepted, "{kind}");
        }
        assert!(check_json(&HeaderMap::new()).is_err());
    }
}
