//! What is echoed to anybody carries no markup, and nobody but those who asked for it echoes at all.

use super::*;

/// What a stranger would like to see come back, in the form of a query's value.
const HOSTILE: [&str; 12] = [
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "%3Cimg%20src=x%20onerror=alert(1)%3E",
    "%22%7D%2C%22x%22%3A%22",
    "abc%0d%0aSet-Cookie:%20a=b",
    "abc%0a",
    "%00",
    "%c3%a9",
    "%ff",
    "javascript:alert(1)%2f%2f'",
    "a%26b",
    "%7B%7B7*7%7D%7D",
    "",
];

/// Every handshake that is unsigned and echoes, with its question.
fn asks(handshake: &str, value: &str) -> Option<Request> {
    Some(match handshake {
        "dropbox" | "nylas" => get(&format!("challenge={value}")),
        "microsoft-graph" => Request::post(&format!("{PATH}?validationToken={value}")),
        "x" => get(&format!("crc_token={value}")),
        "linkedin" => get(&format!("challengeCode={value}")),
        _ => return None,
    })
}

#[test]
fn what_could_be_markup_or_a_header_is_never_reflected() {
    for name in ["dropbox", "nylas", "microsoft-graph", "x", "linkedin"] {
        let backend = Backend::accepting();
        let gate = gate(name, HMAC, &backend);
        for value in HOSTILE {
            let answer = send(gate.http(), &asks(name, value).unwrap());
            assert_eq!(answer.status, 401, "{name} {value}");
            assert_eq!(answer.text(), r#"{"error":"Unauthorized"}"#);
            assert!(answer.try_header("set-cookie").is_none());
        }
        backend.was_not_contacted();
    }
}

#[test]
fn trello_finds_its_callback_there_and_gets_in_with_nothing_else() {
    let backend = Backend::refusing();
    let options = [
        "--mode",
        "provider",
        "--preset",
        "trello",
        "--handshake",
        "trello",
    ];
    let gate = Gate::before(&backend).endpoint_with(ID, &options).start();
    let head = Request::new("HEAD", PATH).bytes();
    let answer = Connection::to(gate.http()).write(&head).answer_to("HEAD");
    assert_eq!((answer.status, answer.reason()), (200, "handshake"));
    let get = send(gate.http(), &Request::new("GET", PATH));
    assert_eq!((get.status, get.reason()), (401, "method_not_signed"));
    backend.was_not_contacted();
}

#[test]
fn what_a_header_or_a_body_says_is_not_reflected_either() {
    let backend = Backend::accepting();
    let okta = gate("okta", HMAC, &backend);
    for value in ["<script>", "a\"b", "a b", "a\\b", "\u{e9}"] {
        let asks = Request::new("GET", PATH).header("X-Okta-Verification-Challenge", value);
        is_refused(&okta, &asks, 401, "method_not_signed");
    }
    let monday = gate("monday", HMAC, &backend);
    for value in ["<script>", "a\\\"b", "a b", "\\u003cb\\u003e", "a\\nb"] {
        let asks = Request::post(PATH).body(format!(r#"{{"challenge":"{value}"}}"#));
        is_refused(&monday, &asks, 401, "signature_missing");
    }
    backend.was_not_contacted();
}

#[test]
fn a_value_is_bounded() {
    let backend = Backend::accepting();
    let gate = gate("dropbox", HMAC, &backend);
    let longest = "a".repeat(256);
    hears(
        &gate,
        &get(&format!("challenge={longest}")),
        "text/plain",
        &longest,
    );
    let longer = get(&format!("challenge={longest}a"));
    is_refused(&gate, &longer, 401, "method_not_signed");
    let twice = get("challenge=abc&challenge=abd");
    is_refused(&gate, &twice, 401, "method_not_signed");
    backend.was_not_contacted();
}

#[test]
fn an_endpoint_without_a_handshake_answers_as_it_did() {
    for (mode, get_status, get_reason, post_reason) in [
        ("hmac", 401, "method_not_signed", "signature_missing"),
        ("secret", 405, "method_not_allowed", "token_missing"),
    ] {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend).endpoint(mode).start();
        for query in [
            "challenge=abc123",
            "crc_token=abc123",
            "challengeCode=890e4665-4dfe-4ab1-b689-ed553bceeed0",
            "hub.mode=subscribe&hub.challenge=1&hub.verify_token=abc",
        ] {
            is_refused(&gate, &get(query), get_status, get_reason);
        }
        let okta = Request::new("GET", PATH).header("X-Okta-Verification-Challenge", "abc");
        is_refused(&gate, &okta, get_status, get_reason);
        for asks in [
            Request::post(&format!("{PATH}?validationToken=abc")),
            Request::post(PATH).header("X-Hook-Secret", &"a".repeat(64)),
            Request::post(PATH).body(r#"{"challenge":"abc"}"#),
            Request::post(PATH).body(r#"{"type":"url_verification","challenge":"abc"}"#),
        ] {
            is_refused(&gate, &asks, 401, post_reason);
        }
        backend.was_not_contacted();
    }
}

#[test]
fn a_disabled_endpoint_answers_no_handshake() {
    let backend = Backend::accepting();
    let gate = gate("dropbox", HMAC, &backend);
    gate.run(&["endpoint", "disable", "--yes", ID]).succeeded();
    gate.catch_up();
    is_refused(&gate, &get("challenge=abc123"), 404, "not_configured");
}

/// Sends a part of a request, and gives the first answer to it.
fn answer_to_part(gate: &Gate, part: &[u8]) -> (u16, String) {
    let mut connection = Connection::to(gate.http());
    let answer = connection.write(part).answer();
    (answer.status, answer.reason().to_owned())
}

/// The head of a request that waits for 100 Continue.
fn announcing(bytes: usize) -> Vec<u8> {
    let request = Request::post(PATH).header("Content-Length", &bytes.to_string());
    request.header("Expect", "100-continue").framed().head()
}

/// The head of a request whose body comes in chunks.
fn chunked() -> Vec<u8> {
    let request = Request::post(PATH).header("Transfer-Encoding", "chunked");
    request.framed().head()
}

#[test]
fn unsigned_body_larger_than_any_challenge_is_refused_before_it_is_read() {
    let backend = Backend::refusing();
    let monday = gate("monday", HMAC, &backend);
    let refused = (401, "signature_missing".to_owned());
    // One byte more than any challenge has: the gate sends no 100 Continue.
    let most = 64 * 1024;
    assert_eq!(answer_to_part(&monday, &announcing(most + 1)), refused);
    // The same in a chunk that never ends.
    let chunk = [
        format!("{:x}\r\n", most + 1).into_bytes(),
        vec![b' '; most + 1],
    ];
    let endless = [chunked(), chunk.concat()].concat();
    assert_eq!(answer_to_part(&monday, &endless), refused);
    // Slack signs its challenges: without a signature the gate reads no body.
    let slack = gate("slack", SLACK, &backend);
    assert_eq!(answer_to_part(&slack, &announcing(100)), refused);
    backend.was_not_contacted();
}

#[test]
fn malformed_unsigned_body_gets_400() {
    let backend = Backend::refusing();
    let monday = gate("monday", HMAC, &backend);
    let broken = [chunked(), b"no chunk\r\n".to_vec()].concat();
    let refused = (400, "bad_request".to_owned());
    assert_eq!(answer_to_part(&monday, &broken), refused);
    backend.was_not_contacted();
}
