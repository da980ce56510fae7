//! What the backend sees: everything that the sender sent, nothing that only the gate may say, and what
//! the gate knows.

use crate::support::*;

#[test]
fn the_backend_learns_who_owns_the_delivery_and_how_it_was_proven() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint_with(
            ID,
            &["--mode", "hmac", "--event-name", "pull_request.opened"],
        )
        .start();
    let request = genuine(&gate, b"{}")
        .header("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
        .header("User-Agent", "GitHub-Hookshot/0f1e2d3")
        .header("x-Custom-CASE", "Kept As It Is");
    assert_eq!(send(gate.http(), &request).status, 202);

    let received = backend.only();
    for (name, value) in [
        ("X-Portal-Org-Id", "acme"),
        ("X-Portal-Workspace-Id", "main"),
        ("X-Portal-Endpoint-Id", ID),
        ("X-Portal-Target", "live"),
        ("X-Portal-Auth-Mode", "hmac"),
        ("X-Portal-Secret-Version", "1"),
        ("X-Portal-Event-Name", "pull_request.opened"),
        (
            "X-Portal-Delivery-Id",
            "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        ),
        ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("User-Agent", "GitHub-Hookshot/0f1e2d3"),
        ("Host", "portal.example.com"),
        ("Content-Length", "2"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "portal.example.com"),
    ] {
        assert_eq!(received.header(name), value, "{name}");
    }
    assert!(
        received
            .head
            .contains("\r\nx-Custom-CASE: Kept As It Is\r\n")
    );
    assert!(
        received
            .header("X-Hub-Signature-256")
            .starts_with("sha256=")
    );
    let trace: Vec<&str> = received.header("traceparent").split('-').collect();
    assert_eq!((trace[0], trace[1].len(), trace[2].len()), ("00", 32, 16));
    assert_eq!(received.request_line(), format!("POST {PATH} HTTP/1.1"));
}

#[test]
fn spoofed_headers_of_the_portal_never_reach_the_backend_however_they_are_spelt() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let request = genuine(&gate, b"{}")
        .header("X-Portal-Org-Id", "evil")
        .header("x-portal-org-id", "evil")
        .header("X-PORTAL-ORG-ID", "evil")
        .header("X_Portal_Org_Id", "evil")
        .header("X-Portal_Org-Id", "evil")
        .header("x.portal.org.id", "evil")
        .header("X~Portal~Org~Id", "evil")
        .header("X-Portal-Secret-Version", "evil")
        .header("X-Portal-Anything", "evil")
        .header("X-Portal-", "evil")
        .header("X-Request-Id", "evil")
        .header("X_Request_Id", "evil")
        .header("Portcullis-Reason", "evil");
    assert_eq!(send(gate.http(), &request).status, 202);
    let received = backend.only();
    assert!(!received.head.contains("evil"), "{}", received.head);
    assert_eq!(received.header("X-Portal-Org-Id"), "acme");
}

#[test]
fn a_sender_cannot_nominate_the_gates_headers_away() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let request = genuine(&gate, b"{}")
        .header(
            "Connection",
            "X-Portal-Org-Id, X-Portal-Endpoint-Id, X-Forwarded-For, X-Request-Id, Host, \
             Content-Length, traceparent, X-Private",
        )
        .header("Connection", "keep-alive, X-Also-Private")
        .header("X-Private", "for the next hop only")
        .header("X-Also-Private", "for the next hop only");
    assert_eq!(send(gate.http(), &request).status, 202);
    let received = backend.only();
    for name in [
        "X-Portal-Org-Id",
        "X-Portal-Endpoint-Id",
        "X-Forwarded-For",
        "X-Request-Id",
        "Host",
        "Content-Length",
        "traceparent",
    ] {
        received.header(name);
    }
    for name in ["Connection", "X-Private", "X-Also-Private"] {
        assert!(received.headers(name).is_empty(), "{name}");
    }
}

#[test]
fn a_sender_cannot_nominate_away_what_says_how_the_body_is_to_be_read() {
    let needed = [
        ("Content-Type", "application/json"),
        ("Content-Encoding", "identity"),
        ("Content-Language", "en"),
        ("Content-Disposition", "inline"),
        ("Content-Location", "/a"),
        ("Content-Digest", "sha-256=:AAAA:"),
        ("Digest", "sha-256=AAAA"),
    ];
    let backend = Backend::answering(
        b"HTTP/1.1 202 Accepted\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\
          Connection: content-type\r\n\r\n",
    );
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let mut request = genuine(&gate, b"{}");
    for (name, value) in needed {
        let nominated = name.to_ascii_uppercase();
        request = request.header(name, value).header("Connection", &nominated);
    }
    let answer = send(gate.http(), &request);
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("Content-Type"), "text/plain");
    let received = backend.only();
    for (name, value) in needed {
        assert_eq!(received.header(name), value);
    }
}

#[test]
fn keeps_nominated_headers_that_the_scheme_reads() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").endpoint_with(
        "workflows/std",
        &["--mode", "provider", "--preset", "standard-webhooks"],
    );
    gate.run_with_input(
        &["secret", "set", "workflows/std"],
        crate::replays::standard_secret().as_bytes(),
    )
    .succeeded();
    let gate = gate.start();
    let read = ["X-Hub-Signature-256", "X-GitHub-Event", "X-GitHub-Delivery"];
    let request = genuine(&gate, b"{}")
        .header("X-GitHub-Event", "ping")
        .header("X-GitHub-Delivery", "1")
        .header("X-Private", "for the next hop only")
        .header("Connection", &read.join(", "))
        .header("Connection", "X-Private, x_hub_signature_256");
    assert_eq!(send(gate.http(), &request).status, 202);
    let received = backend.only();
    for name in read {
        received.header(name);
    }
    assert!(received.headers("X-Private").is_empty());

    let signed = crate::replays::standard("evt_1", crate::replays::now(), "{}").bytes();
    let signed = String::from_utf8(signed).unwrap();
    let signed = signed.replacen(ID, "workflows/std", 1).replacen(
        "\r\n\r\n",
        "\r\nConnection: webhook-id, webhook-timestamp, Webhook-Signature\r\n\r\n",
        1,
    );
    let answer = Connection::to(gate.http())
        .write(signed.as_bytes())
        .answer();
    assert_eq!(answer.status, 202);
    let received = backend.received().pop().unwrap();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        received.header(name);
    }
}

#[test]
fn withholds_other_spellings_of_headers_that_the_gate_reads() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let spellings = [
        "Content_Type",
        "Content_Encoding",
        "content.type",
        "X_Hub_Signature_256",
        "X-Hub_Signature-256",
        "x.github.event",
        "X_GitHub_Delivery",
        "Authorization_",
        "Cookie~",
        "Digest_",
    ];
    let (disguised, plain): (Vec<&str>, Vec<&str>) = spellings
        .into_iter()
        .partition(|name| !name.ends_with(['_', '~']));
    let mut request = genuine(&gate, b"{}").header("Content-Type", "application/json");
    for name in &disguised {
        request = request.header(name, "other");
    }
    for name in &plain {
        request = request.header(name, "kept");
    }
    assert_eq!(send(gate.http(), &request).status, 202);
    let received = backend.only();
    for name in disguised {
        assert!(received.headers(name).is_empty(), "{name}");
    }
    // Names of another length are other names.
    for name in plain {
        assert_eq!(received.headers(name), ["kept"], "{name}");
    }
    assert_eq!(received.header("Content-Type"), "application/json");
    received.header("X-Hub-Signature-256");
}

/// Headers out of which a backend may read another request than the one that was proven.
const OVERRIDES: [&str; 40] = [
    "X-HTTP-Method-Override",
    "X-Original-URL",
    "X-Rewrite-URL",
    "Proxy",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X_HTTP_Method_Override",
    "x.rewrite.url",
    // Rails, Rack
    "Client-IP",
    "X-Script-Name",
    "X_Client_IP",
    // Next.js, Vercel, Netlify
    "X-Middleware-Subrequest",
    "X-Middleware-Rewrite",
    "X-Vercel-Forwarded-For",
    "X-NF-Client-Connection-IP",
    // Cloudflare, Fastly, Fly, Akamai
    "CF-Connecting-IPv6",
    "CF-Pseudo-IPv4",
    "Fastly-Client-IP",
    "Fly-Client-IP",
    "Akamai-Origin-Hop",
    // Azure, App Engine, DigitalOcean
    "X-Azure-ClientIP",
    "X-Azure-SocketIP",
    "X-Appengine-User-IP",
    "X-Appengine-Remote-Addr",
    "DO-Connecting-IP",
    // Envoy
    "X-Envoy-Original-Path",
    "X-Envoy-Original-Host",
    "X-Envoy-External-Address",
    // ASP.NET, IIS
    "X-Original-For",
    "X-Original-Proto",
    "X-Url-Scheme",
    "Front-End-Https",
    "X-ARR-SSL",
    // Symfony, Laravel, Zend, Magento
    "X-HTTP-Path-Override",
    "X-Original-Method",
    "X-HTTP-Host-Override",
    // nginx, Apache
    "X-Accel-Redirect",
    "X-Sendfile",
    "X-ProxyUser-Ip",
    "Ssl-Client-Cert",
];

#[test]
fn headers_that_override_the_request_are_withheld_unless_the_configuration_lets_them_pass() {
    let deliver = |lines: &str| {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend)
            .with("headers", lines)
            .endpoint("hmac")
            .start();
        let mut request = genuine(&gate, b"{}").header("X-Of-My-Own", "override");
        for name in OVERRIDES {
            request = request.header(name, "override");
        }
        assert_eq!(send(gate.http(), &request).status, 202);
        backend.only()
    };
    let by_default = deliver("");
    for name in OVERRIDES {
        assert!(by_default.headers(name).is_empty(), "{name}");
    }
    assert_eq!(by_default.header("X-Of-My-Own"), "override");
    let chosen = deliver("withheld = [\"X-Of-My-Own\"]");
    assert!(chosen.headers("X-Of-My-Own").is_empty());
    for name in OVERRIDES {
        assert_eq!(chosen.headers(name), ["override"], "{name}");
    }
    for name in ["Content-Type", "content-encoding", "no name", ""] {
        let gate = Gate::configured(format!(
            "[upstreams.a]\naddresses = [\"h:1\"]\n[headers]\nwithheld = [\"{name}\"]\n"
        ));
        let output = gate.run(&["check", "--running"]).failed_with(3);
        assert!(output.contains("headers.withheld"), "{output}");
    }
}

#[test]
fn hop_by_hop_headers_end_at_the_gate_in_both_directions() {
    let backend = Backend::answering(
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: keep-alive, X-Inner\r\n\
          Keep-Alive: timeout=5\r\nX-Inner: secret\r\nUpgrade: h2c\r\n\
          Portcullis-Reason: spoofed\r\nX-Request-Id: spoofed\r\n\r\n",
    );
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let hop_by_hop = [
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Trailer", "X-Checksum"),
        ("Upgrade", "websocket"),
        ("Proxy-Authorization", "Basic Zm9vOmJhcg=="),
        ("Proxy-Connection", "keep-alive"),
        ("HTTP2-Settings", "AAMAAABkAAQ"),
    ];
    let request = hop_by_hop
        .iter()
        .fold(genuine(&gate, b"{}"), |request, (name, value)| {
            request.header(name, value)
        });
    let answer = send(gate.http(), &request);
    assert_eq!(answer.status, 202);
    let received = backend.only();
    for (name, _) in hop_by_hop {
        assert!(received.headers(name).is_empty(), "{name}");
    }
    for name in ["Keep-Alive", "X-Inner", "Upgrade"] {
        assert_eq!(answer.try_header(name), None, "{name}");
    }
    assert_eq!(answer.reason(), "admitted");
    assert!(!answer.head.contains("spoofed"));
}

#[test]
fn what_the_reference_lists_as_removed_does_not_reach_the_backend() {
    let page = include_str!("../../docs/reference/backend-headers.md");
    let heading = "\n## Removed from the request\n";
    let (_, section) = page.split_once(heading).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let names: Vec<&str> = rows
        .flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        // These two change how the request itself is read.
        .filter(|name| !["Expect", "Transfer-Encoding"].contains(name))
        .collect();
    for name in ["TE", "X-Portal-", "X-Real-IP", "tracestate"] {
        assert!(names.contains(&name), "{name} is not listed: {names:?}");
    }
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let request = names.iter().fold(genuine(&gate, b"{}"), |request, name| {
        request.header(name, "of-the-sender")
    });
    assert_eq!(send(gate.http(), &request).status, 202);
    let received = backend.only();
    assert!(
        !received.head.contains("of-the-sender"),
        "{}",
        received.head
    );
}

#[test]
fn the_token_that_proved_a_delivery_is_not_passed_on() {
    for (mode, header) in [
        ("secret", true),
        ("secret", false),
        ("bearer", true),
        ("api-key", true),
    ] {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend).endpoint(mode).start();
        let token = gate.secret(ID);
        let request = match (mode, header) {
            ("api-key", _) => Request::post(PATH).header("X-Api-Key", &token),
            (_, true) => Request::post(PATH).header("Authorization", &format!("bearer  {token}")),
            (_, false) => Request::post(&format!("{PATH}?a=1&token={token}&b=2&token={token}")),
        };
        assert_eq!(send(gate.http(), &request.body("{}")).status, 202, "{mode}");
        let received = backend.only();
        assert!(!received.head.contains(&token), "{mode}: {}", received.head);
        assert!(received.headers("Authorization").is_empty());
        assert!(received.headers("X-Api-Key").is_empty());
        if !header {
            let line = format!("POST {PATH}?a=1&b=2 HTTP/1.1");
            assert_eq!(received.request_line(), line);
        }
    }
}

#[test]
fn an_endpoint_may_ask_for_its_credentials() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint_with(ID, &["--mode", "secret", "--forward-credentials", "true"])
        .start();
    let bearer = format!("Bearer {}", gate.secret(ID));
    let request = Request::post(&format!("{PATH}?token={}", gate.secret(ID)))
        .header("Authorization", &bearer)
        .body("{}");
    assert_eq!(send(gate.http(), &request).status, 202);
    let received = backend.only();
    assert_eq!(received.header("Authorization"), bearer);
    assert!(received.request_line().contains("token="));
}

#[test]
fn what_proved_nothing_is_not_the_gates_to_remove() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let signature = github_signature(&gate.secret(ID), b"{}");
    let request = Request::post(&format!("{PATH}?token=abc&x"))
        .header("X-Hub-Signature-256", &signature)
        .header("Authorization", "Basic Zm9vOmJhcg==")
        .header("Cookie", "a=b")
        .body("{}");
    assert_eq!(send(gate.http(), &request).status, 202);
    let received = backend.only();
    assert_eq!(received.header("Authorization"), "Basic Zm9vOmJhcg==");
    assert_eq!(received.header("Cookie"), "a=b");
    let line = format!("POST {PATH}?token=abc&x HTTP/1.1");
    assert_eq!(received.request_line(), line);

    // A token in the query proves it; another scheme in the header is none of the gate's business.
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("secret").start();
    let request = Request::post(&format!("{PATH}?token={}", gate.secret(ID)))
        .header("Authorization", "Basic Zm9vOmJhcg==")
        .body("{}");
    assert_eq!(send(gate.http(), &request).status, 202);
    assert_eq!(backend.only().header("Authorization"), "Basic Zm9vOmJhcg==");
}

#[test]
fn a_stranger_cannot_speak_for_a_proxy() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let request = genuine(&gate, b"{}")
        .header("X-Forwarded-For", "203.0.113.9")
        .header("X_Forwarded_For", "203.0.113.9")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "evil.example")
        .header("X-Forwarded-Port", "444")
        .header("X-Real-IP", "203.0.113.9")
        .header("Forwarded", "for=203.0.113.9");
    assert_eq!(send(gate.http(), &request).status, 202);
    let received = backend.only();
    assert_eq!(received.header("X-Forwarded-For"), "127.0.0.1");
    assert_eq!(received.header("X-Forwarded-Proto"), "http");
    assert_eq!(received.header("X-Forwarded-Host"), "portal.example.com");
    for name in [
        "X_Forwarded_For",
        "X-Forwarded-Port",
        "X-Real-IP",
        "Forwarded",
    ] {
        assert!(received.headers(name).is_empty(), "{name}");
    }
    assert_eq!(gate.log(1)[0]["client"], "127.0.0.1");
}

#[test]
fn a_trusted_proxy_is_believed_about_its_own_peer_and_no_further() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with(
            "public",
            "trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]",
        )
        .endpoint("hmac")
        .start();
    let request = genuine(&gate, b"{}")
        .header("X-Forwarded-For", "198.51.100.7, 203.0.113.9, 10.1.2.3")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "hooks.example.com")
        .header("X-Request-Id", "from-the-balancer");
    let answer = send(gate.http(), &request);
    assert_eq!(answer.status, 202);
    let received = backend.only();
    assert_eq!(
        received.header("X-Forwarded-For"),
        "198.51.100.7, 203.0.113.9, 10.1.2.3, 127.0.0.1"
    );
    assert_eq!(received.header("X-Forwarded-Proto"), "https");
    assert_eq!(received.header("X-Forwarded-Host"), "hooks.example.com");
    assert_eq!(received.header("X-Request-Id"), "from-the-balancer");
    assert_eq!(answer.header("X-Request-Id"), "from-the-balancer");
    assert_eq!(gate.log(1)[0]["client"], "203.0.113.9");
}

#[test]
fn a_sender_behind_a_trusted_proxy_cannot_choose_its_address() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("public", "trusted_proxies = [\"127.0.0.0/8\"]")
        .endpoint("hmac")
        .start();
    let request = genuine(&gate, b"{}").bytes();
    // The sender's own lines, to which its proxy adds the address that it sees.
    for (count, (lines, client)) in [
        (
            &[&b"203.0.113.6"[..], b"\x80, 198.51.100.9"],
            "198.51.100.9",
        ),
        (&[b"203.0.113.6", b"198.51.100.9\x80"], "127.0.0.1"),
    ]
    .into_iter()
    .enumerate()
    {
        let end_of_head = request.len() - 4;
        let (head, body) = request.split_at(end_of_head);
        let mut spoofed = head.to_vec();
        for line in lines {
            spoofed.extend([b"X-Forwarded-For: ", *line, b"\r\n"].concat());
        }
        spoofed.extend(body);
        let answer = Connection::to(gate.http()).write(&spoofed).answer();
        assert_eq!(answer.status, 202);
        assert_eq!(gate.log(count + 1)[count]["client"], client);
    }
}

#[test]
fn a_trace_is_continued_and_a_broken_one_begun_anew() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let good = format!("00-{trace}-b7ad6b7169203331-00");
    for sent in [
        good.as_str(),
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "nonsense",
    ] {
        let request = genuine(&gate, b"{}").header("traceparent", sent);
        assert_eq!(send(gate.http(), &request).status, 202);
        let received = backend.received().pop().unwrap();
        let passed = received.header("traceparent");
        assert_ne!(passed, sent);
        assert_eq!(
            passed.contains(trace),
            sent == good,
            "{sent} became {passed}"
        );
        assert!(passed.ends_with(if sent == good { "-00" } else { "-01" }));
    }
}

#[test]
fn the_names_of_the_portals_headers_are_configuration() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("headers", "namespace = \"X-Gate-\"")
        .with("headers.names", "organisation = \"Tenant\"")
        .endpoint("hmac")
        .start();
    let request = genuine(&gate, b"{}")
        .header("Tenant", "evil")
        .header("tenant", "evil")
        .header("X_Gate_Endpoint_Id", "evil")
        .header("X-Portal-Org-Id", "just a header now");
    assert_eq!(send(gate.http(), &request).status, 202);
    let received = backend.only();
    assert_eq!(received.header("Tenant"), "acme");
    assert_eq!(received.header("X-Gate-Endpoint-Id"), ID);
    assert_eq!(received.header("X-Portal-Org-Id"), "just a header now");
    assert!(!received.head.contains("evil"));
}

#[test]
fn the_upstream_may_ask_for_a_host_of_its_own() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("upstreams.default", "host = \"engine.internal\"")
        .endpoint("hmac")
        .start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    let received = backend.only();
    assert_eq!(received.header("Host"), "engine.internal");
    assert_eq!(received.header("X-Forwarded-Host"), "portal.example.com");
}

#[test]
fn what_a_trusted_proxy_passes_on_under_another_spelling_is_not_its_own_word() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("public", "trusted_proxies = [\"127.0.0.0/8\"]")
        .endpoint("hmac")
        .start();
    let request = genuine(&gate, b"{}")
        .header("X-Forwarded-For", "203.0.113.9")
        .header("X_Forwarded_For", "6.6.6.6")
        .header("X-Forwarded_Proto", "https")
        .header("X_Forwarded-Port", "666")
        .header("X-Forwarded-Port", "443")
        .header("X_Real_IP", "6.6.6.6");
    assert_eq!(send(gate.http(), &request).status, 202);
    let received = backend.only();
    assert_eq!(received.header("X-Forwarded-For"), "203.0.113.9, 127.0.0.1");
    assert_eq!(received.header("X-Forwarded-Port"), "443");
    let head = received.head.to_lowercase();
    assert!(
        !head.contains("6.6.6.6") && !head.contains(": 666"),
        "{head}"
    );
    assert_eq!(head.matches("proto").count(), 1, "{head}");
}

#[test]
fn framing_headers_in_another_spelling_stay_outside() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let request = genuine(&gate, b"{}")
        .header("Content_Length", "9")
        .header("Transfer_Encoding", "chunked")
        .header("Host_", "kept");
    assert_eq!(send(gate.http(), &request).status, 202);
    let head = backend.only().head.to_lowercase();
    assert!(!head.contains("content_length") && !head.contains("transfer_"));
    assert!(head.contains("host_: kept"), "only whole names count");
}

#[test]
fn what_is_said_about_a_trace_goes_with_the_trace() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for (parents, kept) in [
        (&[trace][..], true),
        (&["broken"], false),
        (&[trace, trace], false),
    ] {
        let mut request = genuine(&gate, b"{}").header("tracestate", "vendor=1");
        for parent in parents {
            request = request.header("traceparent", parent);
        }
        assert_eq!(send(gate.http(), &request).status, 202);
        let received = backend.received().pop().unwrap();
        assert_eq!(received.headers("tracestate").len(), usize::from(kept));
        assert_eq!(received.headers("traceparent").len(), 1);
    }
}

#[test]
fn a_token_stays_outside_in_every_spelling_of_its_header() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("api-key").start();
    let token = gate.secret(ID);
    let request = Request::post(PATH)
        .header("X-Api-Key", &token)
        .header("X_Api_Key", &token)
        .body("{}");
    assert_eq!(send(gate.http(), &request).status, 202);
    let head = backend.only().head;
    assert!(!head.contains(&token), "{head}");
}
