//! No secret, token or query string in anything that is written: log, metrics, store, audit.

use super::*;

/// One endpoint of every mode, and what its senders send.
const MODES: [(&str, &str); 5] = [
    ("workflows/secret", "secret"),
    ("workflows/hmac", "hmac"),
    ("workflows/bearer", "bearer"),
    ("workflows/key", "api-key"),
    ("workflows/query", "secret"),
];

fn delivery(id: &str, mode: &str, secret: &str) -> Request {
    let path = format!("/webhooks/ai/{id}?private=a-private-query");
    match (id, mode) {
        ("workflows/query", _) => Request::post(&format!("{path}&token={secret}")),
        (_, "hmac") => {
            Request::post(&path).header("X-Hub-Signature-256", &github_signature(secret, b"{}"))
        }
        (_, "api-key") => Request::post(&path).header("X-Api-Key", secret),
        _ => Request::post(&path).header("Authorization", &format!("Bearer {secret}")),
    }
    .header("Cookie", "session=a-private-cookie")
    .body("{}")
}

/// Every file that the store consists of.
fn store_bytes(gate: &Gate) -> Vec<u8> {
    let names = gate.files();
    let names = names
        .iter()
        .filter(|name| name.starts_with("portcullis.db"));
    let bytes: Vec<u8> = names
        .flat_map(|name| std::fs::read(gate.folder().join(name)).unwrap())
        .collect();
    assert!(bytes.len() > 10_000);
    bytes
}

fn holds(haystack: &[u8], needle: &str) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[test]
fn nothing_that_proves_a_delivery_is_written_anywhere() {
    // `trace` is for those who look for a fault, and no less bound to this.
    for level in ["info", "trace"] {
        let backend = Backend::accepting();
        let mut gate = Gate::before(&backend).with("log", &format!("level = \"{level}\""));
        for (id, mode) in MODES {
            gate = gate.endpoint_with(id, &["--mode", mode]);
        }
        let gate = gate.start();
        let mut private = vec![
            "a-wrong-guess".to_owned(),
            "a-private-query".to_owned(),
            "a-private-cookie".to_owned(),
        ];
        let mut sent = 0;
        for (id, mode) in MODES {
            let secret = gate.secret(id);
            let answer = send(gate.http(), &delivery(id, mode, &secret));
            assert_eq!(answer.status, 202, "{id}");
            let refused = send(gate.http(), &delivery(id, mode, "a-wrong-guess"));
            assert_eq!(refused.status, 401, "{id}");
            for answer in [&answer, &refused] {
                assert!(!answer.head.contains(&secret) && !answer.text().contains(&secret));
            }
            private.push(secret);
            sent += 2;
        }
        // Where there is no endpoint, and where there is no HTTP, the token is one all the same.
        let token = private.last().unwrap().clone();
        let nowhere = format!("/webhooks/ai/workflows/nope?token={token}");
        assert_eq!(unproven(&gate, &nowhere), 404);
        assert_eq!(unproven(&gate, &format!("/nowhere?token={token}")), 404);
        for head in [
            format!("POST {PATH}?token={token} HTTP/9.9\r\nHost: h\r\n\r\n"),
            format!("POST {PATH}?token={token}\r\n\r\n"),
            format!("P@ST {PATH}?token={token} HTTP/1.1\r\nHost: h\r\n\r\n"),
            format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nAuthorization Bearer {token}\r\n\r\n"),
            format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: {token}\r\n\r\n"),
            format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {token}\r\n\r\n"),
            format!("{token} {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
        ] {
            let answer = Connection::to(gate.http()).write(head.as_bytes()).answer();
            assert!(answer.status >= 400, "{head}");
        }
        gate.log(sent + 2 + 6);
        let written = gate.everything_written();
        let metrics = gate.metrics();
        let audit = gate.run(&["audit", "list", "--json"]).succeeded();
        let store = store_bytes(&gate);
        for value in &private {
            for (place, text) in [("log", &written), ("metrics", &metrics), ("audit", &audit)] {
                let found = text.lines().find(|line| line.contains(value));
                assert_eq!(found, None, "{value} is in the {place} at {level}");
            }
            assert!(!holds(&store, value), "{value} is in the store");
        }
        assert!(!written.contains("token="), "{level}");
        // It is not silent about the rest.
        assert!(written.contains("/webhooks/ai/workflows/query"), "{level}");
    }
}

#[test]
fn nothing_that_proves_a_delivery_over_http2_is_written_either() {
    let backend = Backend::accepting();
    let authority = Authority::new();
    let gate = Gate::before(&backend)
        .tls(&authority)
        .with("public", "http2 = true")
        .with("log", "level = \"trace\"")
        .endpoint("secret")
        .start();
    let secret = gate.secret(ID);
    let connection = Http2::connect(gate.https(), authority.certificate()).unwrap();
    let url = format!("https://portal.example.com{PATH}");
    for (token, status) in [(secret.as_str(), 202), ("a-wrong-guess", 401)] {
        let in_the_header =
            http::Request::post(&url).header("Authorization", format!("Bearer {token}"));
        let in_the_query = http::Request::post(format!("{url}?token={token}"));
        for request in [in_the_header, in_the_query] {
            let request = request.header("Cookie", "session=a-private-cookie");
            let answer = connection.deliver(request.body(()).unwrap(), b"{}");
            assert_eq!(answer.status, status);
        }
    }
    gate.log(4);
    let written = gate.everything_written();
    for value in [&secret, "a-wrong-guess", "a-private-cookie", "token="] {
        let found = written.lines().find(|line| line.contains(value));
        assert_eq!(found, None, "{value} is in the log");
    }
}

#[test]
fn a_rotated_and_a_set_secret_leave_no_trace_in_the_store() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let mut values = vec![gate.secret(ID)];
    gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "1h"])
        .succeeded();
    values.push(gate.secret(ID));
    let issued = "whsec_issued-by-the-provider";
    gate.run_with_input(&["secret", "set", ID], issued.as_bytes())
        .succeeded();
    values.push(issued.to_owned());
    in_force(|| signed_with(&gate, issued) == 202);
    let store = store_bytes(&gate);
    // The search finds what is there.
    assert!(holds(&store, "secret_rotated") && holds(&store, ID));
    for value in &values {
        assert!(!holds(&store, value), "{value}");
        assert!(!gate.everything_written().contains(value.as_str()));
    }
    // Nor is the key that opens them beside them.
    let key = std::fs::read_to_string(gate.folder().join("portcullis.key")).unwrap();
    let key = key.split_whitespace().last().unwrap().to_owned();
    assert!(!holds(&store, &key) && !gate.everything_written().contains(&key));
}

#[test]
fn a_process_that_dies_leaves_no_core_with_secrets_in_it() {
    use std::os::unix::process::ExitStatusExt;

    let gate = Gate::before(&Backend::accepting()).endpoint("hmac");
    let command = format!(
        "cd '{}' && ulimit -c unlimited && exec '{}' serve 2>&1",
        gate.folder().display(),
        env!("CARGO_BIN_EXE_portcullis")
    );
    let mut child = std::process::Command::new("sh")
        .args(["-c", &command])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("health and metrics") {
        line.clear();
        assert_ne!(
            std::io::BufRead::read_line(&mut reader, &mut line).unwrap(),
            0
        );
    }
    let id = child.id().to_string();
    let abort = std::process::Command::new("kill")
        .args(["-ABRT", &id])
        .status();
    assert!(abort.unwrap().success());
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped());
}
