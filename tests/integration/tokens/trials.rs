//! `endpoint test`, and `send` to drafts: what somebody at the keyboard sees, against a real backend.

use portcullis::auth::{Algorithm, KeyEncoding, Preset};
use serde_json::Value;

use super::*;

/// A gate that knows its own URL.
fn at_its_url(gate: Gate) -> Gate {
    let url = format!("url = \"http://{}\"", gate.http());
    gate.with("public", &url)
}

fn tested(gate: &Gate, words: &[&str], code: i32) -> Value {
    let ran = gate.run(&[&["endpoint", "test"], words, &["--json"]].concat());
    assert_eq!(ran.code, Some(code), "{words:?}: {ran:?}");
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn a_webhook_that_works_is_seen_to_work_with_the_time_of_each_part() {
    let backend = Backend::accepting();
    let gate = at_its_url(Gate::before(&backend).endpoint("hmac").start());
    let ran = gate.run(&["endpoint", "test", ID]);
    let output = ran.succeeded();
    for line in [
        "endpoint      workflows/pr-bot",
        "verdict       accepted: the backend accepted it",
        "status        202 (admitted)",
        "answer        {\"executionId\":\"exec_1\"}",
    ] {
        assert!(
            output.lines().any(|known| known == line),
            "{line}: {output}"
        );
    }
    assert!(
        output.contains(&format!("http://{}{PATH}", gate.http())),
        "{output}"
    );
    assert!(
        output.contains(", event ping, authenticated by its signature"),
        "{output}"
    );
    for part in [
        "look-up and signing",
        "connect",
        "TLS handshake",
        "sending",
        "waiting for the answer",
        "body of the answer",
        "total",
    ] {
        let line = output.lines().find(|line| line.starts_with(part));
        let line = line.unwrap_or_else(|| panic!("{part}: {output}"));
        assert_eq!(line.ends_with(" ms"), part != "TLS handshake", "{line}");
    }
    assert_eq!(backend.only().header("X-GitHub-Event"), "ping");

    // Each is a new one, and no duplicate.
    let body = gate.file("event.json", r#"{"number": 7}"#);
    let words = [
        ID,
        "--event",
        "pull_request",
        "--header",
        "X-More: 1",
        "--body",
    ];
    let report = tested(&gate, &[&words[..], &[body.to_str().unwrap()]].concat(), 0);
    assert_eq!(report["verdict"], "accepted");
    assert_eq!(
        (&report["status"], &report["reason"]),
        (&202.into(), &"admitted".into())
    );
    assert_eq!(
        (&report["body_bytes"], &report["event"]),
        (&13.into(), &"pull_request".into())
    );
    let times = report["times_us"].as_object().unwrap();
    let part = |name: &str| {
        times[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name}: {report:#}"))
    };
    assert_eq!(times["tls_handshake"], Value::Null);
    let parts = [
        "look-up_and_signing",
        "connect",
        "sending",
        "waiting_for_the_answer",
    ];
    let sum: u64 = parts.iter().map(|name| part(name)).sum();
    assert!(
        sum + part("body_of_the_answer") <= part("total"),
        "{report:#}"
    );
    let received = backend.received().pop().unwrap();
    assert_eq!(received.header("X-GitHub-Event"), "pull_request");
    assert_eq!(received.header("X-More"), "1");
    assert_eq!(received.body_sha256, sha256(br#"{"number": 7}"#));
}

#[test]
fn over_tls_the_handshake_has_a_time_of_its_own() {
    let backend = Backend::accepting();
    let authority = Authority::new();
    let gate = Gate::before(&backend).tls(&authority).endpoint("hmac");
    let identity = authority.sign("localhost");
    gate.file("portal.pem", identity.certificate);
    gate.file("portal-key.pem", identity.key);
    let ca = gate.file("ca.pem", authority.certificate());
    let gate = gate.start();
    let url = format!("https://localhost:{}{PATH}", gate.https().port());
    let report = tested(&gate, &[ID, "--url", &url, "--ca", ca.to_str().unwrap()], 0);
    assert!(
        report["times_us"]["tls_handshake"].as_u64().unwrap() > 0,
        "{report:#}"
    );
    let stranger = gate.file("stranger.pem", Authority::new().certificate());
    let words = [ID, "--url", &url, "--ca", stranger.to_str().unwrap()];
    let report = tested(&gate, &words, 1);
    assert_eq!(report["verdict"], "unanswered");
    assert!(
        report["says"].as_str().unwrap().contains("certificate"),
        "{report:#}"
    );
}

#[test]
fn what_does_not_work_is_told_in_a_sentence_with_what_to_do_and_ends_with_1() {
    let backend = Backend::answering(b"HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\nno\x1b[31m\r\n");
    let gate = at_its_url(
        Gate::before(&backend)
            .with("upstreams.away", "addresses = [\"127.0.0.1:1\"]")
            .endpoint_with(ID, &["--mode", "hmac", "--upstream", "default"])
            .endpoint_with("workflows/away", &["--mode", "hmac", "--upstream", "away"])
            .endpoint_with(
                "workflows/off",
                &["--mode", "hmac", "--upstream", "default"],
            )
            .start(),
    );
    let ran = gate.run(&["endpoint", "test", ID]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stdout.contains(
            "verdict       not accepted: the gate admitted it, and the backend responded with 500"
        ),
        "{ran:?}"
    );
    assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
    assert!(ran.stderr.contains("not accepted"), "{ran:?}");

    gate.run(&["endpoint", "disable", "--yes", "workflows/off"])
        .succeeded();
    in_force(|| {
        let path = "/webhooks/ai/workflows/off";
        send(gate.http(), &Request::post(path).body("{}")).status == 404
    });
    for (id, more, reason, next) in [
        (
            "workflows/away",
            &[][..],
            "upstream_unreachable",
            "[upstreams]",
        ),
        (
            "workflows/off",
            &[],
            "not_configured",
            "portcullis endpoint enable workflows/off",
        ),
        (
            ID,
            &[
                "--header",
                "X-Hub-Signature-256: x",
                "--header",
                "Expect: x",
            ],
            "expectation_failed",
            "without",
        ),
    ] {
        let report = tested(&gate, &[&[id], more].concat(), 1);
        assert_eq!(
            (&report["verdict"], &report["reason"]),
            (&"refused".into(), &reason.into())
        );
        assert!(
            report["next"].as_str().unwrap().contains(next),
            "{report:#}"
        );
        assert!(report["says"].as_str().unwrap().len() > 10, "{report:#}");
    }
    // Somebody signs with another secret than the gate judges by.
    let path = "/webhooks/ai/workflows/away";
    let report = tested(
        &gate,
        &[ID, "--url", &format!("http://{}{path}", gate.http())],
        1,
    );
    assert_eq!(report["reason"], "signature_mismatch");
    let next = report["next"].as_str().unwrap();
    assert!(
        next.contains("portcullis explain FILE --endpoint workflows/pr-bot"),
        "{report:#}"
    );

    let report = tested(&gate, &[ID, "--url", "http://127.0.0.1:1/x"], 1);
    assert_eq!(
        (&report["verdict"], &report["status"]),
        (&"unanswered".into(), &Value::Null)
    );
    for (code, words) in [
        (4, &["workflows/nope"][..]),
        (2, &[ID, "--url", "ftp://x"]),
        (2, &[ID, "--timeout", "0"]),
        (1, &[ID, "--body", "/nowhere"]),
        (
            1,
            &[
                ID,
                "--token-file",
                "/nowhere",
                "--url",
                "http://127.0.0.1:1/",
            ],
        ),
    ] {
        let ran = gate.run(&[&["endpoint", "test"], words].concat());
        assert_eq!(ran.code, Some(code), "{words:?}: {ran:?}");
    }
}

#[test]
fn a_draft_is_tested_with_a_token_of_its_own_which_is_revoked_afterwards() {
    let backend = Backend::accepting();
    // Only Discord can sign for this one; a draft does without.
    let options = ["--mode", "provider", "--preset", "discord"];
    let gate = Gate::before(&backend)
        .endpoint_with(DRAFT, &options)
        .start();
    let gate = at_its_url(gate);
    let report = tested(&gate, &[DRAFT], 0);
    assert_eq!(report["proof"], "a temporary token of the workspace");
    assert_eq!(backend.only().header("X-Portal-Auth-Mode"), "workspace");
    let listed = gate.run(&["token", "list", "--json"]).succeeded();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let own = &listed[0];
    assert_eq!(own["state"], "revoked");
    let time = |key: &str| {
        own[key]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    let lasts = time("expires_at").duration_since(time("created_at"));
    // As long as it may take, and a minute.
    assert_eq!(lasts.as_secs(), 90);
    let audit = gate.run(&["audit", "list", "--limit", "2"]).succeeded();
    assert!(
        audit.contains("token_created") && audit.contains("token_revoked"),
        "{audit}"
    );

    let token = gate.token("main");
    let file = gate.file("token", format!("{token}\n"));
    let report = tested(&gate, &[DRAFT, "--token-file", file.to_str().unwrap()], 0);
    assert_eq!(report["proof"], "a token of the workspace");
    let gate = gate.environment("PORTCULLIS_TOKEN", &token);
    tested(&gate, &[DRAFT], 0);
    gate.run(&["send", DRAFT]).succeeded();
    let listed = gate.run(&["token", "list", "--json"]).succeeded();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        listed.as_array().unwrap().len(),
        2,
        "no more were made: {listed:#}"
    );

    let other = gate.token("other");
    let gate = gate.environment("PORTCULLIS_TOKEN", &other);
    let ran = gate.run(&["endpoint", "test", DRAFT]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stdout
            .contains("no endpoint accepts deliveries at this URL"),
        "{ran:?}"
    );
    assert!(
        !ran.stdout.contains(&other) && !ran.stderr.contains(&other),
        "{ran:?}"
    );
}

#[test]
fn send_delivers_to_drafts_and_sign_leaves_the_token_to_whoever_runs_the_command() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint_with(DRAFT, &["--mode", "hmac"])
        .endpoint_with(
            "flows/orders/draft/both",
            &["--mode", "hmac", "--draft-auth", "both"],
        )
        .start();
    let gate = at_its_url(gate);
    for id in [DRAFT, "flows/orders/draft/both"] {
        let output = gate.run(&["send", id, "--times", "2"]).succeeded();
        assert!(
            output
                .lines()
                .all(|line| line.starts_with("202  admitted  ")),
            "{output}"
        );
    }
    assert_eq!(backend.received().len(), 4);
    // Each token was there for as long as its deliveries could take, and never for longer than an hour.
    let rest = ["--times", "7", "--timeout", "600", "--wrong", "missing"];
    gate.run(&[&["send", DRAFT], &rest[..]].concat())
        .succeeded();
    let listed = gate.run(&["token", "list", "--json"]).succeeded();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let time = |token: &Value, key: &str| {
        let time = token[key].as_str().unwrap();
        time.parse::<jiff::Timestamp>().unwrap()
    };
    let lifetimes = listed.as_array().unwrap().iter().map(|token| {
        let lasts = time(token, "expires_at").duration_since(time(token, "created_at"));
        lasts.as_secs()
    });
    assert_eq!(lifetimes.collect::<Vec<_>>(), [120, 120, 3600]);
    for (wrong, reason) in [
        ("missing", "token_missing"),
        ("signature", "token_mismatch"),
    ] {
        let output = gate.run(&["send", DRAFT, "--wrong", wrong]).succeeded();
        assert!(output.starts_with(&format!("401  {reason}  ")), "{output}");
    }
    gate.run(&["send", DRAFT, "--wrong", "timestamp"])
        .failed_with(2);
    let output = gate.run(&["send", "flows/orders/draft/both", "--wrong", "body"]);
    assert!(output.succeeded().starts_with("401  signature_mismatch  "));

    let command = gate.run(&["sign", DRAFT]).succeeded();
    assert!(
        command.starts_with(
            "printf 'Authorization: Bearer %s\\n' \"$PORTCULLIS_TOKEN\" | \\\n  curl "
        ),
        "{command}"
    );
    // Whatever the shell puts into the arguments of another program is there for every user to see.
    let (_, curl) = command.split_once(" | ").unwrap();
    assert!(!curl.contains("TOKEN"), "{command}");
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", &command])
        .env("PORTCULLIS_TOKEN", gate.token("main"));
    let output = CommandOutput::of(shell, b"").succeeded();
    assert!(output.starts_with("HTTP/1.1 202"), "{output}");
    // And it can be explained as it was printed.
    let command = gate.run(&["sign", "flows/orders/draft/both"]).succeeded();
    let output = gate.run_with_input(&["explain", "-"], command.as_bytes());
    let output = output.succeeded();
    assert!(
        output.contains("the input that is piped into curl is ignored"),
        "{output}"
    );
}

#[test]
fn explain_judges_what_a_draft_has_beside_its_token_and_says_that_it_does() {
    let gate = Gate::before(&Backend::refusing())
        .endpoint_with(DRAFT, &["--mode", "hmac"])
        .apply(
            "[[endpoints]]\nid = \"flows/orders/draft/bare\"\norganisation = \"acme\"\n\
             workspace = \"main\"\n",
        );
    let bare = "/api/flows/orders/interfaces/draft/bare";
    let capture = |path: &str| {
        let request = Request::post(path)
            .header("X-Hub-Signature-256", &github_signature("another", b"{}"))
            .body("{}");
        let file = gate.file("capture.http", request.bytes());
        gate.run(&["explain", file.to_str().unwrap()])
    };
    let (refused, admitted) = (capture(DRAFT_PATH), capture(bare));
    assert_eq!(
        (refused.code, admitted.code),
        (Some(1), Some(0)),
        "{refused:?} {admitted:?}"
    );
    assert!(refused.stdout.contains("signature_mismatch"), "{refused:?}");
    for output in [refused.stdout, admitted.stdout] {
        assert!(
            output.contains("this draft also requires a workspace token"),
            "{output}"
        );
    }
}

#[test]
fn every_preset_whose_secret_is_ours_can_be_tested_and_of_the_others_it_is_said_why_not() {
    let backend = Backend::accepting();
    // Some sign the URL: the gate has to know its own from the start.
    let at = format!("127.0.0.1:{}", free_port());
    // What only endpoints can say.
    let topic = "topic_arn = \"arn:aws:sns:eu-central-1:123456789012:orders\"".to_owned();
    let settings = [
        ("aws-sns", topic.clone()),
        ("aws-sns-sha1", topic),
        ("jira-connect", format!("base_url = \"http://{at}\"")),
        ("paypal-pinned", "webhook_id = \"WH-1\"".to_owned()),
    ];
    let mut declared = String::new();
    for preset in Preset::all() {
        let name = preset.name;
        let settings = settings.iter().find(|(known, _)| *known == name);
        let settings =
            settings.map_or_else(String::new, |(_, it)| format!(", settings = {{ {it} }}"));
        declared.push_str(&format!(
            "[[endpoints]]\nid = \"workflows/{name}\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
             auth = {{ mode = \"provider\", preset = \"{name}\"{settings} }}\n"
        ));
    }
    let public = format!("http = \"{at}\"\nurl = \"http://{at}\"");
    let gate = Gate::before(&backend)
        .with_only("public", &public)
        .apply(&declared)
        .start();
    let mut of_providers = Vec::new();
    let mut tested = 0;
    for preset in Preset::all() {
        let name = preset.name;
        let id = format!("workflows/{name}");
        let form = preset.scheme.key();
        let is_public =
            preset.scheme.algorithm().is_public_key() || preset.scheme.has_certificate();
        if !is_public {
            let digits = "0123456789abcdef";
            let text = match (form.algorithm, form.encoding) {
                _ if name.starts_with("adyen-") => digits.repeat(4),
                (Algorithm::Basic, _) => "user:password".to_owned(),
                (_, KeyEncoding::Base64) => "q7Yc0VwZkT3uJmXo5rHs8LdEaGfB1iNp".to_owned(),
                _ => digits.repeat(2),
            };
            let secret = format!("{}{text}", form.strip.as_deref().unwrap_or_default());
            gate.run_with_input(&["secret", "set", &id], secret.as_bytes())
                .succeeded();
        }
        let ran = gate.run(&["endpoint", "test", &id]);
        if is_public {
            of_providers.push(name);
            let code = if ran.stderr.contains("only the provider has") {
                1
            } else {
                4
            };
            assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
            continue;
        }
        tested += 1;
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
    }
    assert!(
        tested > 80 && of_providers.len() > 5,
        "{tested} {of_providers:?}"
    );
}

#[test]
fn what_is_made_up_fits_the_contract_the_key_and_the_events_of_the_endpoint() {
    let types = [
        "text",
        "number",
        "integer",
        "boolean",
        "date",
        "timestamp",
        "email",
        "url",
        "object",
        "array",
        "file",
    ];
    let inputs: Vec<String> = types
        .iter()
        .map(|it| format!("{{ name = \"a-{it}\", type = \"{it}\", required = true }}"))
        .chain([
            "{ name = \"size\", type = \"text\", required = true, options = [\"L\", \"XL\"] }".to_owned(),
            "{ name = \"code\", type = \"text\", required = true, min_length = 20 }".to_owned(),
            "{ name = \"count\", type = \"integer\", required = true, min = 5 }".to_owned(),
            "{ name = \"ids\", type = \"array\", required = true, items = \"integer\", min_length = 2 }"
                .to_owned(),
        ])
        .collect();
    for mode in [
        "mode = \"hmac\"",
        "mode = \"provider\"\npreset = \"mailgun\"",
    ] {
        let backend = Backend::accepting();
        let text = format!(
            "[[endpoints]]\nid = \"{ID}\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
             key_field = [\"subject\", \"id\"]\nkey_missing = \"reject\"\n\
             [endpoints.auth]\n{mode}\n[endpoints.contract]\ninputs = [{}]\n",
            inputs.join(", ")
        );
        let gate = at_its_url(Gate::before(&backend).apply(&text).start());
        gate.run_with_input(&["secret", "set", ID], b"what-mailgun-shows-as-the-key")
            .succeeded();
        let output = tested(&gate, &[ID], 0);
        assert_eq!(output["status"], 202, "{output}");
        let received = backend.only();
        assert_eq!(received.header("X-Portal-Concurrency-Key"), "sample");
    }
}
