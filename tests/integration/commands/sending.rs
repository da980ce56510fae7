//! `sign --preset` and `send`: deliveries for every preset, right and, on request, wrong.

use portcullis::auth::{Algorithm, Covers, KeyEncoding, Preset};

use super::*;

/// A secret in the form that a preset reads.
fn secret_for(preset: &Preset) -> String {
    let form = preset.scheme.key();
    if form.algorithm == Algorithm::Basic {
        return "user:password".to_owned();
    }
    let text = match form.encoding {
        KeyEncoding::Base64 => "q7Yc0VwZkT3uJmXo5rHs8LdEaGfB1iNp",
        _ => "0123456789abcdef0123456789abcdef",
    };
    format!("{}{text}", form.strip.as_deref().unwrap_or_default())
}

/// Runs a command that needs no configuration, with a secret on standard input.
fn run(folder: &tempfile::TempDir, words: &[&str], input: &str) -> CommandOutput {
    let mut command = portcullis();
    command.args(words).env("NO_COLOR", "1").current_dir(folder);
    CommandOutput::of(command, input.as_bytes())
}

#[test]
fn what_is_signed_for_any_preset_verifies_and_what_is_made_wrong_is_refused_for_that() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("body.json"), "{\"a\": \"ö\"}\r\n").unwrap();
    let at = "2026-01-02T03:04:05Z";
    let mut unsigned = Vec::new();
    for (number, preset) in Preset::all().iter().enumerate() {
        let name = preset.name;
        let scheme = &preset.scheme;
        let url = ["--url", "https://portal.example.com/hook?a=1"];
        let words = ["sign", "--preset", name, "--body", "body.json"];
        let words = [&words[..], &url].concat();
        if run(&folder, &words, &secret_for(preset)).code == Some(1) {
            unsigned.push(name);
            continue;
        }
        // Its time is a field of the body.
        if name == "linear" {
            continue;
        }
        let secret = secret_for(preset);
        let signed = scheme.covers_body();
        let timed = scheme.timestamp().is_some_and(|rule| rule.window.is_some());
        let word = |signature, token| if signed { signature } else { token };
        for (wrong, reason, possible) in [
            (None, "admitted", true),
            (
                Some("signature"),
                word("signature_mismatch", "token_mismatch"),
                true,
            ),
            (
                Some("missing"),
                word("signature_missing", "token_missing"),
                true,
            ),
            (
                Some("body"),
                match scheme.covers() {
                    Covers::Head => "admitted",
                    _ if scheme.has_envelope() => "body_digest_mismatch",
                    _ => "signature_mismatch",
                },
                signed,
            ),
            (Some("malformed"), "signature_malformed", signed),
            (Some("timestamp"), "timestamp_stale", timed),
        ]
        .into_iter()
        .enumerate()
        // Right for all of them, and wrong in one way for each: every way comes to many presets.
        .filter(|(way, _)| *way == 0 || *way == 1 + number % 5)
        .map(|(_, row)| row)
        {
            let mut words = vec!["sign", "--preset", name, "--body", "body.json", "--at", at];
            words.extend(url);
            words.extend(wrong.iter().flat_map(|wrong| ["--wrong", wrong]));
            let ran = run(&folder, &words, &secret);
            if !possible {
                assert_eq!(ran.code, Some(2), "{name} {wrong:?}: {ran:?}");
                continue;
            }
            std::fs::write(folder.path().join("command"), ran.succeeded()).unwrap();
            let words = ["explain", "command", "--preset", name, "--at", at, "--json"];
            let ran = run(&folder, &words, &secret);
            let report: Value =
                serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
            assert_eq!(report["reason"], reason, "{name} {wrong:?}: {report:#}");
        }
    }
    // Only the provider can sign, or the body has to have something in it, or the endpoint says more.
    let expected = [
        "adyen-payments",
        "aws-sns",
        "aws-sns-sha1",
        "braintree",
        "discord",
        "gitea-form",
        "jira-connect",
        "mailgun",
        "mailgun-form",
        "ms-graph",
        "paypal-pinned",
        "plaid",
        "rfc9421-ecdsa",
        "rfc9421-ed25519",
        "rfc9421-rsa",
        "sendgrid",
        "standard-webhooks-v1a",
        "telnyx",
        "wix",
    ];
    assert_eq!(unsigned, expected);
}

#[test]
fn the_headers_for_a_preset_are_those_of_its_documentation() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("body"), "Hello, World!").unwrap();
    let words = [
        "sign",
        "--preset",
        "github",
        "--body",
        "body",
        "--headers-only",
    ];
    // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    assert_eq!(
        run(&folder, &words, "It's a Secret to Everybody").succeeded(),
        "x-hub-signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
    for (code, words) in [
        (2, &["sign"][..]),
        (2, &["sign", ID, "--preset", "github"]),
        (2, &["sign", "--preset", "github", "--body", "-"]),
        (2, &["sign", "--preset", "github", "--wrong", "everything"]),
        (2, &["sign", "--preset", "github", "--at", "noon"]),
        (4, &["sign", "--preset", "nope"]),
        (1, &["sign", "--preset", "github", "--body", "nowhere"]),
        (2, &["send", "--preset", "github"]),
        (
            2,
            &["send", "--preset", "github", "--url", "ftp://a.example/x"],
        ),
        (2, &["send", "--preset", "github", "--url", "/x"]),
        (
            2,
            &[
                "send",
                "--preset",
                "github",
                "--url",
                "http://a:b@127.0.0.1/x",
            ],
        ),
        (
            2,
            &[
                "send",
                "--preset",
                "github",
                "--url",
                "http://127.0.0.1/x",
                "--times",
                "1001",
            ],
        ),
        (
            1,
            &[
                "send",
                "--preset",
                "github",
                "--url",
                "http://127.0.0.1:1/x",
            ],
        ),
    ] {
        let ran = run(&folder, words, "secret");
        assert_eq!(ran.code, Some(code), "{words:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{words:?}");
    }
}

#[test]
fn send_posts_to_the_endpoint_and_shows_what_it_was_answered() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint("hmac")
        .endpoint_with(
            "workflows/slack",
            &["--mode", "provider", "--preset", "slack"],
        )
        .endpoint_with("workflows/token", &[])
        .start();
    let secret = b"c2b1e0d94a7f4f6f8e3d5b7a90c1d2e3";
    gate.run_with_input(&["secret", "set", "workflows/slack"], secret)
        .succeeded();
    gate.catch_up();
    let url = format!("url = \"http://{}\"", gate.http());
    let gate = gate.with("public", &url);

    let output = gate.run(&[
        "send",
        ID,
        "--header",
        "X-GitHub-Event: ping",
        "--times",
        "3",
    ]);
    let output = output.succeeded();
    assert_eq!(output.lines().count(), 3, "{output}");
    assert!(
        output
            .lines()
            .all(|line| line.starts_with("202  admitted  ")),
        "{output}"
    );
    assert!(output.contains(" ms  {\"executionId\""), "{output}");
    assert_eq!(backend.received().len(), 3);
    assert_eq!(backend.received()[0].header("X-GitHub-Event"), "ping");

    let output = gate.run(&["send", "workflows/token", "--json"]).succeeded();
    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(
        (&report["status"], &report["reason"]),
        (&202.into(), &"admitted".into())
    );
    assert_eq!(
        keys(&report),
        ["body", "duration_us", "reason", "request_id", "status"]
    );

    let admitted = backend.received().len();
    for (wrong, reason) in [
        ("signature", "signature_mismatch"),
        ("timestamp", "timestamp_stale"),
        ("body", "signature_mismatch"),
        ("missing", "signature_missing"),
        ("malformed", "signature_malformed"),
    ] {
        let output = gate
            .run(&["send", "workflows/slack", "--wrong", wrong])
            .succeeded();
        let expected = format!("401  {reason}  ");
        assert!(output.starts_with(&expected), "{wrong}: {output}");
    }
    assert_eq!(
        backend.received().len(),
        admitted,
        "nothing wrong got through"
    );
}

#[test]
fn send_speaks_tls_and_trusts_only_whom_it_is_told_to() {
    let backend = Backend::accepting();
    let authority = Authority::new();
    let gate = Gate::before(&backend).tls(&authority).endpoint("hmac");
    let identity = authority.sign("localhost");
    gate.file("portal.pem", identity.certificate);
    gate.file("portal-key.pem", identity.key);
    let ca = gate.file("ca.pem", authority.certificate());
    let ca = ca.to_str().unwrap();
    let stranger = gate.file("stranger.pem", Authority::new().certificate());
    let stranger = stranger.to_str().unwrap();
    let gate = gate.start();
    let secret = gate.secret(ID);
    let folder = tempfile::tempdir().unwrap();
    let by_name = format!("https://localhost:{}{PATH}", gate.https().port());
    // The certificate is for the name and not for the address.
    let by_address = format!("https://{}{PATH}", gate.https());
    let words = |url, ca| ["send", "--preset", "github", "--url", url, "--ca", ca];
    for (url, ca) in [(&by_name, stranger), (&by_address, ca)] {
        let output = run(&folder, &words(url, ca), &secret).failed_with(1);
        assert!(output.contains("certificate"), "{output}");
    }
    backend.was_not_contacted();
    let output = run(&folder, &words(&by_name, ca), &secret).succeeded();
    assert!(output.starts_with("202  admitted  "), "{output}");
    assert_eq!(
        backend.only().header("Host"),
        format!("localhost:{}", gate.https().port())
    );
}
