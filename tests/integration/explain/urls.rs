//! Schemes that sign the URL: what is told when the sender was told another one than the gate knows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

const SECRET: &str = "the-secret-of-the-provider";
const BODY: &str = r#"{"id":1}"#;
const JUDGED: &str = "https://portal.example.com/hooks/orders?from=a+b";

/// The headers with which a provider signs `url`.
fn signed(preset: &str, url: &str) -> Vec<(&'static str, String)> {
    let (url_body, body_url) = (format!("{url}{BODY}"), format!("{BODY}{url}"));
    match preset {
        "square" => {
            let code = STANDARD.encode(sha256_mac(SECRET.as_bytes(), url_body.as_bytes()));
            vec![("x-square-hmacsha256-signature", code)]
        }
        "trello" => {
            let code = STANDARD.encode(sha1_mac(SECRET.as_bytes(), body_url.as_bytes()));
            vec![("X-Trello-Webhook", code)]
        }
        "hubspot-v3" => {
            let at = "1700000000000";
            let message = format!("POST{url}{BODY}{at}");
            let code = STANDARD.encode(sha256_mac(SECRET.as_bytes(), message.as_bytes()));
            vec![
                ("X-HubSpot-Request-Timestamp", at.to_owned()),
                ("X-HubSpot-Signature-v3", code),
            ]
        }
        _ => {
            let code = STANDARD.encode(sha1_mac(SECRET.as_bytes(), url.as_bytes()));
            vec![("X-Twilio-Signature", code)]
        }
    }
}

fn explained(preset: &str, signed_url: &str, judged: &str, more: &[(&str, &str)]) -> Value {
    let headers = signed(preset, signed_url);
    let mut all: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    all.extend(more);
    let body = if preset == "twilio" { "" } else { BODY };
    let at = ["--at", "1700000000", "--url", judged];
    Desk::new().explain(preset, SECRET.as_bytes(), &http(&all, body.as_bytes()), &at)
}

#[test]
fn the_url_that_verifies_is_named_for_every_sender_that_signs_it() {
    for preset in ["twilio", "square", "hubspot-v3", "trello"] {
        for (url, what) in [
            ("http://portal.example.com/hooks/orders?from=a+b", "scheme"),
            (
                "https://www.portal.example.com/hooks/orders?from=a+b",
                "host",
            ),
            ("https://old.example.com/hooks/orders?from=a+b", "host"),
            (
                "https://portal.example.com:8443/hooks/orders?from=a+b",
                "port",
            ),
            ("https://portal.example.com/hooks/orders/?from=a+b", "slash"),
            ("https://portal.example.com/orders?from=a+b", "path"),
            ("https://portal.example.com/hooks/orders", "query"),
            (
                "http://old.example.com/hooks/orders?from=a+b",
                "scheme and host",
            ),
        ] {
            let seen = [
                ("X-Forwarded-Host", "old.example.com"),
                ("X-Forwarded-Port", "8443"),
            ];
            let diagnosis = explained(preset, url, JUDGED, &seen);
            assert_eq!(names(&diagnosis), ["url"], "{preset} {url}: {diagnosis}");
            assert_eq!(diagnosis["causes"][0]["proven"], true);
            let says = diagnosis["causes"][0]["says"].as_str().unwrap();
            assert!(says.contains(what) && says.contains(url), "{says}");
            assert_eq!(diagnosis["url"], JUDGED);
        }
    }
}

#[test]
fn names_url_mistakes_without_hints_in_the_headers() {
    for preset in ["twilio", "square", "hubspot-v3", "trello"] {
        for (told, what) in [
            (
                "https://portal.example.com/prod/hooks/orders?from=a+b",
                "path",
            ),
            (
                "https://portal.example.com/api/hooks/orders?from=a+b",
                "path",
            ),
            (
                "https://portal.example.com/api/v1/hooks/orders?from=a+b",
                "path",
            ),
            ("https://portal.example.com//hooks/orders?from=a+b", "slash"),
            ("https://portal.example.com/hooks//orders?from=a+b", "slash"),
            (
                "https://portal.example.com:8443/hooks/orders?from=a+b",
                "port",
            ),
            (
                "http://portal.example.com:8080/hooks/orders?from=a+b",
                "port",
            ),
            (
                "http://portal.example.com:3000/hooks/orders?from=a+b",
                "port",
            ),
        ] {
            // The proxy before Twilio's endpoint hides the port, so its preset accepts any.
            if preset == "twilio" && what == "port" {
                continue;
            }
            let said = explained(preset, told, JUDGED, &[]);
            assert_eq!(names(&said), ["url"], "{preset} {told}: {said}");
            let says = said["causes"][0]["says"].as_str().unwrap();
            assert!(says.contains(what) && says.contains(told), "{says}");
        }
        // The proxy dropped the query, and left the URL that it saw in a header.
        let judged = "https://portal.example.com/hooks/orders";
        let told = "https://portal.example.com/hooks/orders?tenant=5";
        for name in [
            "X-Original-URL",
            "X-Original-URI",
            "X-Forwarded-Uri",
            "X-Rewrite-URL",
        ] {
            let said = explained(preset, told, judged, &[(name, "/hooks/orders?tenant=5")]);
            assert_eq!(names(&said), ["url"], "{preset} {name}: {said}");
        }
    }
}

#[test]
fn a_url_that_nobody_can_guess_is_suspected_and_no_secret_is_blamed() {
    for preset in ["twilio", "square", "hubspot-v3", "trello"] {
        let diagnosis = explained(preset, "https://elsewhere.example.net/x", JUDGED, &[]);
        assert_eq!(names(&diagnosis), ["other-url"], "{preset}: {diagnosis}");
        assert_eq!(diagnosis["causes"][0]["proven"], false);
        let says = diagnosis["causes"][0]["says"].as_str().unwrap();
        assert!(says.contains(JUDGED), "{says}");
    }
}

#[test]
fn what_may_be_a_credential_in_a_url_is_not_repeated() {
    let judged = "https://user:pass@portal.example.com/hooks?api_key=hunter2&a=1";
    let diagnosis =
        explained("square", "https://portal.example.com/other", judged, &[]).to_string();
    assert!(diagnosis.contains("api_key=…&a=1"), "{diagnosis}");
    assert!(
        !diagnosis.contains("hunter2") && !diagnosis.contains("user:pass"),
        "{diagnosis}"
    );
}

#[test]
fn a_url_beside_an_endpoint_is_the_one_that_is_judged() {
    let gate = Gate::before(&Backend::refusing())
        .with("public", "url = \"https://portal.example.com\"")
        .endpoint_with(ID, &["--mode", "provider", "--preset", "square"]);
    gate.run_with_input(&["secret", "set", ID], SECRET.as_bytes())
        .succeeded();
    let url = format!("https://old.example.com{PATH}");
    let headers = signed("square", &url);
    let header = format!("{}: {}", headers[0].0, headers[0].1);
    let body = gate.file("body.json", BODY);
    let explain = |more: &[&str]| {
        let words = ["explain", "--endpoint", ID, "--header", &header, "--body"];
        let body = [body.to_str().unwrap()];
        gate.run(&[&words[..], &body, more].concat())
    };
    let diagnosis = explain(&["--url", &url]).succeeded();
    assert!(diagnosis.contains("admitted"), "{diagnosis}");
    assert!(
        diagnosis.contains(&format!("judged URL   {url}")),
        "{diagnosis}"
    );
    // Where only the path is said, the URL is the endpoint's.
    let diagnosis = explain(&["--url", PATH]);
    assert_eq!(diagnosis.code, Some(1));
    let own = format!("judged URL   https://portal.example.com{PATH}");
    assert!(diagnosis.stdout.contains(&own), "{}", diagnosis.stdout);
    // A slash at the end and a name that is nearly right lead nowhere, and what was meant is told.
    let near = PATH.replace("pr-bot", "pr-bto");
    for (path, meant) in [(format!("{PATH}/"), "without the slash"), (near, PATH)] {
        let diagnosis = explain(&["--url", &path]);
        let meant_it =
            diagnosis.stdout.contains("did you mean") && diagnosis.stdout.contains(meant);
        assert!(meant_it, "{path}: {}", diagnosis.stdout);
        let body = body.to_str().unwrap();
        let output = gate
            .run(&["explain", "--url", &path, "--body", body])
            .failed_with(4);
        assert!(output.contains("did you mean"), "{output}");
    }
}

#[test]
fn a_delivery_without_a_url_is_judged_as_sent_to_the_endpoint_that_is_named() {
    let gate = Gate::before(&Backend::refusing())
        .with("public", "url = \"https://portal.example.com\"")
        .endpoint_with(ID, &["--mode", "provider", "--preset", "square"]);
    gate.run_with_input(&["secret", "set", ID], SECRET.as_bytes())
        .succeeded();
    let own = format!("https://portal.example.com{PATH}");
    let headers = signed("square", &own);
    let header = format!("{}: {}", headers[0].0, headers[0].1);
    let body = gate.file("body.json", BODY);
    let body = body.to_str().unwrap();
    // As flags, and as a page of recent deliveries shows it: headers, and no request line.
    let capture = gate.file("capture", format!("{header}\n\n{BODY}"));
    for words in [
        &["--header", &header, "--body", body][..],
        &[capture.to_str().unwrap()],
    ] {
        let explain = |more: &[&str]| gate.run(&[&["explain"], words, more].concat());
        let diagnosis = explain(&["--endpoint", ID]).succeeded();
        assert!(diagnosis.contains("admitted"), "{diagnosis}");
        assert!(
            diagnosis.contains(&format!("{PATH} leads to {ID}")),
            "{diagnosis}"
        );
        assert!(
            diagnosis.contains(&format!("judged URL   {own}")),
            "{diagnosis}"
        );
        let note = format!("no URL was given, so the delivery is judged as sent to {own}");
        assert!(diagnosis.contains(&note), "{diagnosis}");
        // Nobody can tell which endpoint is meant.
        let output = explain(&[]).failed_with(4);
        assert!(
            output.contains("--url") && output.contains("--endpoint"),
            "{output}"
        );
        assert!(!output.contains("/ leads to"), "{output}");
    }
    // What is wrong all the same is not the path.
    let forged = header.replace(": ", ": A");
    let ran = gate.run(&[
        "explain",
        "--endpoint",
        ID,
        "--header",
        &forged,
        "--body",
        body,
    ]);
    assert_eq!(ran.code, Some(1));
    assert!(!ran.stdout.contains("not_configured"), "{}", ran.stdout);
    // An endpoint that takes no deliveries is still told so.
    gate.run(&["endpoint", "disable", "--yes", ID]).succeeded();
    let ran = gate.run(&[
        "explain",
        "--endpoint",
        ID,
        "--header",
        &header,
        "--body",
        body,
    ]);
    assert!(ran.stdout.contains("not_configured"), "{}", ran.stdout);
}

#[test]
fn without_a_body_the_secret_is_not_blamed() {
    let code = hex::encode(sha256_mac(SECRET.as_bytes(), BODY.as_bytes()));
    let header = format!("X-Hub-Signature-256: sha256={code}");
    for preset in ["github", "slack"] {
        let ran = Desk::new().run(
            &["--preset", preset, "--header", &header],
            SECRET.as_bytes(),
        );
        let diagnosis = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, Some(1), "{diagnosis}");
        assert!(!diagnosis.contains("secret does not verify"), "{diagnosis}");
        assert!(!diagnosis.contains("secrets differ"), "{diagnosis}");
        assert!(diagnosis.contains("body"), "{diagnosis}");
    }
}

#[test]
fn numbers_and_characters_that_were_written_anew_are_recognised() {
    let cases = [
        (
            r#"{"a":1.0,"b":[1e3, 2.50]}"#,
            r#"{"a":1,"b":[1000, 2.5]}"#,
            "json-numbers",
        ),
        (
            r#"{"a":12345678901234567890}"#,
            r#"{"a":12345678901234567000}"#,
            "json-numbers",
        ),
        (r#"{"price": 12.5}"#, r#"{"price": 12.50}"#, "json-numbers"),
        (r#"{"count": 3}"#, r#"{"count": 3.0}"#, "json-numbers"),
        (
            "{\"a\":\"e\u{301}\"}",
            "{\"a\":\"\u{e9}\"}",
            "body-normalised",
        ),
        (
            "{\"a\":\"\u{e9}\"}",
            "{\"a\":\"e\u{301}\"}",
            "body-normalised",
        ),
    ];
    for (sent, signed, name) in cases {
        let code = hex::encode(sha256_mac(SECRET.as_bytes(), signed.as_bytes()));
        let value = format!("sha256={code}");
        let capture = http(&[("X-Hub-Signature-256", &value)], sent.as_bytes());
        let diagnosis = Desk::new().explain("github", SECRET.as_bytes(), &capture, &[]);
        assert_eq!(names(&diagnosis), [name], "{sent}: {diagnosis}");
    }
}

#[test]
fn the_encoding_of_the_key_comes_before_another_preset() {
    let key = STANDARD.encode([7; 32]);
    let secret = format!("whsec_{key}");
    let at = "1700000000";
    // Signed with the text, as some senders do that have not read the specification.
    let code = STANDARD.encode(sha256_mac(
        key.as_bytes(),
        format!("msg_1.{at}.{BODY}").as_bytes(),
    ));
    let value = format!("v1,{code}");
    let headers = [
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", at),
        ("webhook-signature", value.as_str()),
    ];
    let capture = http(&headers, BODY.as_bytes());
    let diagnosis = Desk::new().explain(
        "standard-webhooks",
        secret.as_bytes(),
        &capture,
        &["--at", at],
    );
    assert_eq!(names(&diagnosis), ["key-encoding"], "{diagnosis}");
}

#[test]
fn another_public_key_is_called_that() {
    let key = ed25519_key(1);
    let signature = ed25519_signature(2, &format!("1700000000{BODY}"));
    let headers = [
        ("X-Signature-Timestamp", "1700000000"),
        ("X-Signature-Ed25519", signature.as_str()),
    ];
    let capture = http(&headers, BODY.as_bytes());
    let diagnosis =
        Desk::new().explain("discord", key.as_bytes(), &capture, &["--at", "1700000000"]);
    assert_eq!(names(&diagnosis), ["other-public-key"], "{diagnosis}");
    assert_eq!(diagnosis["reason"], "signature_mismatch");
}

fn ed25519(seed: u8) -> ring::signature::Ed25519KeyPair {
    ring::signature::Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn ed25519_key(seed: u8) -> String {
    hex::encode(ring::signature::KeyPair::public_key(&ed25519(seed)))
}

fn ed25519_signature(seed: u8, message: &str) -> String {
    hex::encode(ed25519(seed).sign(message.as_bytes()))
}
