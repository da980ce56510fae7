//! Parts: how much of which kind there may be, told at once or after the proof.

use super::*;

const TYPE: &str = "multipart/form-data; boundary=xyz";
const MIB: usize = 1024 * 1024;

fn part(name: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn body(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), b"--xyz--\r\n".to_vec()].concat()
}

#[track_caller]
fn is_too_large(answer: &Answer, limit: usize) {
    assert_eq!(answer.status, 413, "{}", answer.head);
    assert_eq!(
        answer.text(),
        format!(r#"{{"error":"Payload too large","limit_bytes":{limit}}}"#)
    );
}

#[test]
fn a_raw_message_may_be_as_large_as_a_body_and_everything_else_5_mib() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let message = noise(12 * MIB);
    for name in ["email", "body-mime", "message"] {
        let body = body(&[
            part("from", b"a@example.com"),
            part(name, &message),
            part("to", b"b"),
        ]);
        let answer = send(gate.http(), &delivery(&gate, TYPE, &body));
        assert_eq!(answer.status, 202, "{name}: {}", answer.text());
        assert_eq!(
            backend.received().last().unwrap().body_sha256,
            sha256(&body)
        );
    }
    let large = noise(5 * MIB + 1);
    let cases = [
        body(&[part("attachment", &large)]),
        body(&[part("email", b"x"), part("attachment", &large)]),
        body(&[part("Email", &large)]),
        // Once it is malformed, everything counts.
        [
            b"--xyz\r\nno header\r\n\r\n\r\n".to_vec(),
            body(&[part("email", &large)]),
        ]
        .concat(),
        [body(&[part("email", b"x")]), large.clone()].concat(),
        [large.clone(), body(&[part("email", b"x")])].concat(),
    ];
    for case in &cases {
        is_too_large(&send(gate.http(), &delivery(&gate, TYPE, case)), 5 * MIB);
    }
    for other in [
        "multipart/form-data",
        "multipart/mixed; boundary=xyz",
        "multipart/form-data; boundary=abc",
    ] {
        let body = body(&[part("email", &large)]);
        is_too_large(&send(gate.http(), &delivery(&gate, other, &body)), 5 * MIB);
    }
    let total = vec![7; 50 * MIB];
    let answer = send(
        gate.http(),
        &delivery(&gate, TYPE, body(&[part("email", &total)])),
    );
    is_too_large(&answer, 50 * MIB);
    assert_eq!(backend.received().len(), 3);
}

#[test]
fn which_fields_are_raw_is_the_choice_of_server_and_endpoint() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("bodies", "max_multipart_signed = \"8 KiB\"\nraw_mime_fields = [\"mail\"]\nmax_raw_mime_field = \"64 KiB\"")
        .endpoint("hmac")
        .start();
    let content = noise(16 * 1024);
    let request = |name: &str| delivery(&gate, TYPE, body(&[part(name, &content)]));
    assert_eq!(send(gate.http(), &request("mail")).status, 202);
    is_too_large(&send(gate.http(), &request("email")), 8 * 1024);
    let larger = body(&[part("mail", &noise(64 * 1024 + 1))]);
    is_too_large(
        &send(gate.http(), &delivery(&gate, TYPE, larger)),
        64 * 1024,
    );

    let gate = gate
        .apply(&declaration(
            "limits = { raw_mime_fields = [\"letter\"], max_multipart = \"4 KiB\" }",
        ))
        .start();
    let request = |name: &str| delivery(&gate, TYPE, body(&[part(name, &content)]));
    assert_eq!(send(gate.http(), &request("letter")).status, 202);
    is_too_large(&send(gate.http(), &request("mail")), 4 * 1024);
}

#[test]
fn too_many_parts_or_headers_are_413_after_the_proof() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let many = body(&vec![part("a", b"x"); 10_000]);
    let bomb = format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\nX: {}\r\n\r\nx\r\n--xyz--",
        "y".repeat(17_000)
    );
    let lines = format!(
        "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n{}\r\nx\r\n--xyz--",
        "X: y\r\n".repeat(32)
    );
    for hostile in [&many[..], bomb.as_bytes(), lines.as_bytes()] {
        let answer = send(gate.http(), &delivery(&gate, TYPE, hostile));
        assert_eq!(
            (answer.status, answer.text()),
            (413, r#"{"error":"Payload too large"}"#)
        );
        let forged = Request::post(PATH)
            .header("X-Hub-Signature-256", &github_signature("another", hostile))
            .header("Content-Type", TYPE)
            .body(hostile);
        assert_eq!(send(gate.http(), &forged).status, 401);
    }
    backend.was_not_contacted();
    // What is malformed is the backend's affair, where no contract looks at it.
    for malformed in [
        &b"--xyz\r\nbroken"[..],
        b"",
        b"no parts at all",
        b"--xyz\r\n\r\n--xyz--",
    ] {
        assert_eq!(
            send(gate.http(), &delivery(&gate, TYPE, malformed)).status,
            202
        );
    }
}

#[test]
fn looking_through_50_mib_takes_no_memory_beside_the_body() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("bodies", "budget = \"256 MiB\"")
        .apply(&declaration("[endpoints.contract]\ninputs = [{ name = \"from\", type = \"text\", required = true }]"))
        .start();
    let message = vec![7; 49 * MIB];
    let body = body(&[part("from", b"a"), part("email", &message)]);
    let peak_of = |content_type: &str, status: u16| {
        // The kernel keeps the most that the process has held since this.
        std::fs::write(format!("/proc/{}/clear_refs", gate.process_id()), "5").unwrap();
        let answer = send(gate.http(), &delivery(&gate, content_type, &body));
        assert_eq!(answer.status, status, "{}", answer.text());
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", gate.process_id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<usize>()
            .unwrap()
            * 1024
    };
    // The least of several: how soon memory goes back to the system is a matter of time.
    let least_peak = |content_type, status| (0..3).map(|_| peak_of(content_type, status)).min();
    let plain = least_peak("application/octet-stream", 422).unwrap();
    let scanned = least_peak(TYPE, 202).unwrap();
    // A copy of the message would be 49 MiB.
    assert!(
        scanned <= plain + 8 * MIB,
        "{} KiB more",
        (scanned - plain) / 1024
    );
}
