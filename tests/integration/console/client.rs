//! Clients of the admin API: a script with an operator token, and a browser with a session.

use std::net::SocketAddr;

use serde_json::Value;

use crate::support::*;

/// A gate with a console, in front of a backend.
pub(super) fn gate(backend: &Backend) -> Gate {
    Gate::before(backend).with("console", r#"listen = "127.0.0.1:0""#)
}

/// An operator token with these roles.
pub(super) fn token(gate: &Gate, roles: &[&str]) -> String {
    let mut words = vec!["operator", "token", "create", "--label", "a test"];
    for role in roles {
        words.extend(["--role", role]);
    }
    let printed = gate.run(&words).succeeded();
    printed.trim().to_owned()
}

/// A client of the console of a gate.
#[derive(Clone)]
pub(super) struct Client {
    address: SocketAddr,
    /// The headers that sign every request in.
    headers: Vec<(String, String)>,
    /// The headers of changes.
    change_headers: Vec<(String, String)>,
}

impl Client {
    /// Nobody.
    pub(super) fn stranger(gate: &Gate) -> Self {
        Self {
            address: gate.console(),
            headers: Vec::new(),
            change_headers: Vec::new(),
        }
    }

    /// A script with an operator token of these roles.
    pub(super) fn with_roles(gate: &Gate, roles: &[&str]) -> Self {
        Self::with_token(gate, &token(gate, roles))
    }

    pub(super) fn with_token(gate: &Gate, token: &str) -> Self {
        let authorization = ("Authorization".to_owned(), format!("Bearer {token}"));
        Self {
            headers: vec![authorization],
            ..Self::stranger(gate)
        }
    }

    /// A browser that has used a login link of these roles.
    pub(super) fn signed_in(gate: &Gate, roles: &[&str]) -> Self {
        let link = login_link(gate, roles);
        let answer = Self::sign_in(gate, &link);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cookie = answer.header("set-cookie");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let csrf = json(&answer)["csrf"].as_str().unwrap().to_owned();
        Self {
            headers: vec![("Cookie".to_owned(), cookie)],
            change_headers: vec![
                ("Origin".to_owned(), origin(gate)),
                ("Sec-Fetch-Site".to_owned(), "same-origin".to_owned()),
                ("X-Portcullis-Csrf".to_owned(), csrf),
            ],
            ..Self::stranger(gate)
        }
    }

    /// Tries to use a login link up.
    pub(super) fn sign_in(gate: &Gate, link: &str) -> Answer {
        let body = serde_json::json!({ "link": link }).to_string();
        let request = Request::post("/admin/v1/session")
            .host("localhost")
            .header("Connection", "close")
            .header("Content-Type", "application/json")
            .header("Origin", &origin(gate))
            .body(body);
        send(gate.console(), &request)
    }

    /// The same client with another header for changes in place of the usual one; `None` leaves it out.
    pub(super) fn changing(&self, name: &str, value: Option<&str>) -> Self {
        let mut client = self.clone();
        client.change_headers.retain(|(known, _)| known != name);
        if let Some(value) = value {
            client
                .change_headers
                .push((name.to_owned(), value.to_owned()));
        }
        client
    }

    pub(super) fn request(&self, method: &str, path: &str) -> Request {
        let mut request = Request::new(method, path)
            .host("localhost")
            .header("Connection", "close");
        let changes = self.change_headers.iter().filter(|_| method != "GET");
        for (name, value) in self.headers.iter().chain(changes) {
            request = request.header(name, value);
        }
        request
    }

    pub(super) fn send(&self, request: &Request) -> Answer {
        let answer = send(self.address, request);
        check_headers(&answer);
        answer
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.send(&self.request("GET", path))
    }

    /// A change with a JSON body.
    pub(super) fn change(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.change_with(method, path, body, &[])
    }

    /// The same with more headers.
    pub(super) fn change_with(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self
            .request(method, path)
            .header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.send(&request.body(body.to_string()))
    }
}

/// The origin of the console.
pub(super) fn origin(gate: &Gate) -> String {
    format!("http://{}", gate.console())
}

/// The secret of a login link.
pub(super) fn login_link(gate: &Gate, roles: &[&str]) -> String {
    let url = origin(gate);
    let mut words = vec!["console", "login", "--subject", "ana", "--url", &url];
    for role in roles {
        words.extend(["--role", role]);
    }
    let printed = gate.run(&words).succeeded();
    let (address, link) = printed.trim().split_once('#').unwrap();
    assert_eq!(address, format!("{url}/sign-in"));
    link.to_owned()
}

/// The headers that every answer has.
fn check_headers(answer: &Answer) {
    let policy = answer.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value);
    }
    assert!(!answer.header("x-request-id").is_empty());
    assert_eq!(answer.try_header("access-control-allow-origin"), None);
    if answer.status >= 400 {
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("cache-control"), "no-store");
        let problem = json(answer);
        assert_eq!(problem["status"], answer.status);
        assert_eq!(problem["request_id"], answer.header("x-request-id"));
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("urn:portcullis:problem:{code}"));
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
}

#[track_caller]
pub(super) fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body)
        .unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
}

/// The code of a problem, with its status.
#[track_caller]
pub(super) fn problem(answer: &Answer) -> (u16, String) {
    let code = json(answer)["code"].as_str().unwrap_or_default().to_owned();
    (answer.status, code)
}

/// The path of an endpoint.
pub(super) fn endpoint(id: &str) -> String {
    format!("/admin/v1/endpoints/{}", id.replace('/', "%2F"))
}
