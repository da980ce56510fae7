//! A public key never becomes a shared secret or a token, by any number of steps: everybody has it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::*;

/// A public key of a provider, as everybody has it: the text that was set, and its bytes.
fn key() -> (String, Vec<u8>) {
    let bytes: Vec<u8> = (1..=32).map(|byte| byte * 7).collect();
    (STANDARD.encode(&bytes), bytes)
}

const OTHER: &str = "workflows/other";
const OTHER_PATH: &str = "/webhooks/ai/workflows/other";
const SLOT: &str = "workflows/pr-bot#webhook";
const TELNYX: [&str; 4] = ["--mode", "provider", "--preset", "telnyx"];
const OWNER: [&str; 4] = ["--organisation", "acme", "--workspace", "main"];

/// What somebody sends who has nothing but the public key.
fn forgeries(path: &str) -> Vec<Request> {
    let (text, bytes) = key();
    let body = "{\"forged\":true}";
    let now = jiff::Timestamp::now().as_second();
    let mut forged = vec![
        Request::post(path).header("Authorization", &format!("Bearer {text}")),
        Request::post(&format!(
            "{path}?token={}",
            text.replace('+', "%2B")
                .replace('/', "%2F")
                .replace('=', "%3D")
        )),
    ];
    for secret in [text.as_bytes(), &bytes] {
        let sign = |message: &str| {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
            ring::hmac::sign(&key, message.as_bytes())
        };
        let signature = format!("sha256={}", hex::encode(sign(body)));
        forged.push(Request::post(path).header("X-Hub-Signature-256", &signature));
        let signature = STANDARD.encode(sign(&format!("msg_1.{now}.{body}")));
        forged.push(
            Request::post(path)
                .header("webhook-id", "msg_1")
                .header("webhook-timestamp", &now.to_string())
                .header("webhook-signature", &format!("v1,{signature}")),
        );
    }
    let forged = forged.into_iter();
    forged.map(|request| request.body(body)).collect()
}

#[track_caller]
fn nobody_gets_in(gate: &Gate, backend: &Backend, paths: &[&str], what: &str) {
    for path in paths {
        for request in forgeries(path) {
            let answer = send(gate.http(), &request);
            assert!(
                matches!(answer.status, 401 | 404),
                "{what}: {} {}",
                answer.status,
                answer.head
            );
        }
    }
    assert!(backend.received().is_empty(), "{what}");
}

/// The commands after which the endpoint would be judged by a shared secret or a token, each a way there.
fn ways() -> Vec<(&'static str, Vec<Vec<&'static str>>)> {
    let update =
        |options: &[&'static str]| [&["endpoint", "update", "workflows/pr-bot"], options].concat();
    let create =
        |options: &[&'static str]| [&["endpoint", "create", OTHER], &OWNER[..], options].concat();
    let sns = [
        "--mode",
        "provider",
        "--preset",
        "aws-sns",
        "--setting",
        "topic_arn=arn:aws:sns:eu-central-1:123456789012:orders",
    ];
    let standard = ["--mode", "provider", "--preset", "standard-webhooks"];
    vec![
        ("one step", vec![update(&["--mode", "hmac"])]),
        ("one step to a token", vec![update(&["--mode", "bearer"])]),
        (
            "a preset without a secret between",
            vec![update(&sns), update(&["--mode", "hmac"])],
        ),
        (
            "the same, to a scheme that decodes the key",
            vec![update(&sns), update(&standard)],
        ),
        (
            "another slot and back",
            vec![
                update(&["--mode", "hmac", "--secret", "workflows/pr-bot#other"]),
                update(&["--mode", "hmac", "--secret", SLOT]),
            ],
        ),
        (
            "no proof between",
            vec![
                update(&["--mode", "none"]),
                update(&["--mode", "secret", "--secret", "workflows/pr-bot#other"]),
                update(&["--mode", "secret", "--secret", SLOT]),
            ],
        ),
        (
            "another endpoint takes the slot over",
            vec![
                update(&["--mode", "hmac", "--secret", "workflows/pr-bot#other"]),
                create(&["--mode", "hmac", "--secret", SLOT]),
            ],
        ),
        (
            "another endpoint beside it",
            vec![create(&[
                "--mode",
                "api-key",
                "--header",
                "Authorization",
                "--secret",
                SLOT,
            ])],
        ),
        (
            "the endpoint is deleted, and made anew",
            vec![
                vec!["endpoint", "delete", "--yes", "workflows/pr-bot"],
                [&["endpoint", "create", ID], &OWNER[..], &["--mode", "hmac"]].concat(),
            ],
        ),
        (
            "another public key between",
            vec![
                update(&["--mode", "provider", "--preset", "standard-webhooks-v1a"]),
                update(&sns),
                update(&["--mode", "secret"]),
            ],
        ),
        (
            "moved to another key of the same service",
            vec![
                vec!["secret", "rewrap"],
                update(&sns),
                update(&["--mode", "hmac"]),
            ],
        ),
    ]
}

#[test]
fn a_public_key_signs_nothing_whatever_the_endpoint_becomes() {
    let (text, _) = key();
    for (what, commands) in ways() {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend)
            .with("auth", "allow_unauthenticated = true")
            .endpoint_with(ID, &TELNYX);
        gate.run_with_input(&["secret", "set", ID], text.as_bytes())
            .succeeded();
        for command in &commands {
            // Refused or not: what counts is who gets in afterwards.
            gate.run(command);
        }
        let gate = gate.start();
        nobody_gets_in(&gate, &backend, &[PATH, OTHER_PATH], what);
    }
}

#[test]
fn a_public_key_signs_nothing_after_declarations_without_auth() {
    let (text, _) = key();
    let backend = Backend::accepting();
    let declared = |auth: &str| {
        format!(
            "[[endpoints]]\nid = \"{ID}\"\norganisation = \"acme\"\nworkspace = \"main\"\n{auth}\n"
        )
    };
    let gate = Gate::before(&backend)
        .apply(&declared(
            "auth = { mode = \"provider\", preset = \"telnyx\" }",
        ))
        .start();
    gate.run_with_input(&["secret", "set", ID], text.as_bytes())
        .succeeded();
    let gate = gate.apply(&declared(""));
    for auth in ["auth = { mode = \"hmac\" }", "auth = { mode = \"bearer\" }"] {
        let path = gate.file("next.toml", declared(auth));
        let output = gate
            .run(&["apply", "-f", path.to_str().unwrap()])
            .failed_with(1);
        assert!(output.contains("which everybody has"), "{output}");
    }
    nobody_gets_in(&gate, &backend, &[PATH], "declared");
    // A secret of its own lets its owner in, in another slot or as another version.
    gate.run(&["secret", "rotate", "--yes", SLOT]).succeeded();
    let gate = gate.apply(&declared("auth = { mode = \"hmac\" }"));
    let secret = gate.secret(ID);
    let body = "{\"genuine\":true}";
    in_force(|| {
        let signature = github_signature(&secret, body.as_bytes());
        let request = Request::post(PATH).header("X-Hub-Signature-256", &signature);
        send(gate.http(), &request.body(body)).status == 202
    });
}

/// A public key that is set once more while no endpoint uses its slot, in each way that frees the slot.
#[test]
fn a_public_key_that_is_set_while_nobody_uses_its_slot_signs_nothing_afterwards() {
    const SHARED: &str = "shared/x#key";
    let (text, _) = key();
    let declared = |auth: &str| {
        format!(
            "[[endpoints]]\nid = \"{ID}\"\norganisation = \"acme\"\nworkspace = \"main\"\n{auth}\n"
        )
    };
    let proof = |words: &str| format!("auth = {{ {words}, secret = \"{SHARED}\" }}");
    let telnyx = declared(&proof("mode = \"provider\", preset = \"telnyx\""));
    let away = declared(
        "auth = { mode = \"provider\", preset = \"telnyx\", secret = \"shared/x#other\" }",
    );
    let nexts = [
        proof("mode = \"hmac\""),
        proof("mode = \"bearer\""),
        proof("mode = \"provider\", preset = \"standard-webhooks\""),
    ];
    for free in ["no auth", "another slot", "deleted"] {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend).apply(&telnyx);
        let set = || {
            gate.run_with_input(&["secret", "set", SHARED], text.as_bytes())
                .succeeded()
        };
        set();
        let apply = |declarations: &str| {
            let path = gate.file("next.toml", declarations);
            gate.run(&["apply", "-f", path.to_str().unwrap()])
        };
        match free {
            "no auth" => apply(&declared("")).succeeded(),
            "another slot" => apply(&away).succeeded(),
            _ => gate.run(&["endpoint", "delete", "--yes", ID]).succeeded(),
        };
        set();
        for next in &nexts {
            let output = apply(&declared(next)).failed_with(1);
            assert!(output.contains("which everybody has"), "{free}: {output}");
        }
        // Behind the back of every command.
        let other = ["endpoint", "create", OTHER];
        let hmac = ["--mode", "hmac", "--secret", "shared/x#hmac"];
        gate.run(&[&other[..], &OWNER, &hmac].concat()).succeeded();
        sqlite(
            &gate,
            &format!(
                "UPDATE endpoints SET secret = '{SHARED}', \
                 definition = replace(definition, 'shared/x#hmac', '{SHARED}') WHERE id = '{OTHER}'"
            ),
        );
        let gate = gate.start();
        nobody_gets_in(&gate, &backend, &[PATH, OTHER_PATH], free);
        gate.run(&["endpoint", "delete", "--yes", OTHER])
            .succeeded();
        // A generated value is nobody's public key.
        gate.run(&["secret", "rotate", "--yes", SHARED]).succeeded();
        let gate = gate.apply(&declared(&nexts[0]));
        nobody_gets_in(&gate, &backend, &[PATH], free);
        let secret = gate.secret(SHARED);
        in_force(|| {
            let signature = github_signature(&secret, b"{}");
            let request = Request::post(PATH).header("X-Hub-Signature-256", &signature);
            send(gate.http(), &request.body("{}")).status == 202
        });
    }
}

/// The same slot, for a shared secret or a token: the value is set once more while an endpoint uses it.
#[test]
fn a_public_key_that_is_set_again_in_another_spelling_is_refused_whatever_the_slot_is_for_now() {
    let (text, bytes) = key();
    let info = [
        &hex::decode("302a300506032b6570032100").unwrap(),
        &bytes[..],
    ]
    .concat();
    let spellings = [
        text.clone(),
        hex::encode(&bytes),
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes),
        STANDARD.encode(&info),
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(&info)
        ),
    ];
    let standard = ["--mode", "provider", "--preset", "standard-webhooks"];
    for next in [&["--mode", "hmac"][..], &["--mode", "bearer"], &standard] {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend).endpoint_with(ID, &TELNYX).start();
        gate.run_with_input(&["secret", "set", ID], text.as_bytes())
            .succeeded();
        gate.run(&["secret", "retire", "--yes", SLOT, "--current"])
            .succeeded();
        gate.run(&[&["endpoint", "update", ID], next].concat())
            .succeeded();
        for spelling in &spellings {
            for force in [&[][..], &["--force"]] {
                let words = [&["secret", "set", ID], force].concat();
                let ran = gate.run_with_input(&words, spelling.as_bytes());
                let output = ran.failed_with(1);
                let says = ["which everybody has", "cannot use it"];
                assert!(
                    says.iter().any(|it| output.contains(it)),
                    "{next:?}: {output}"
                );
            }
        }
        gate.catch_up();
        nobody_gets_in(&gate, &backend, &[PATH], &next.join(" "));
        // Any other value may follow.
        let other = STANDARD.encode([9; 32]);
        gate.run_with_input(&["secret", "set", ID], other.as_bytes())
            .succeeded();
        gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    }
}

/// A public key is recognised at an endpoint whose slot has never held one.
#[test]
fn a_public_key_in_any_usual_spelling_is_no_shared_secret() {
    let (text, bytes) = key();
    let info = [
        &hex::decode("302a300506032b6570032100").unwrap(),
        &bytes[..],
    ]
    .concat();
    let info = STANDARD.encode(info);
    let x = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes);
    let blob = [b"\0\0\0\x0bssh-ed25519\0\0\0\x20", &bytes[..]].concat();
    let ssh = format!("ssh-ed25519 {} somebody@example.com", STANDARD.encode(blob));
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{info}\n-----END PUBLIC KEY-----\n");
    let gate = Gate::before(&Backend::refusing())
        .endpoint("hmac")
        .endpoint_with("workflows/telnyx", &TELNYX);
    let secret = gate.secret(ID);
    for text in [
        format!("{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{x}\"}}"),
        ssh,
        format!("whpk_{text}"),
        info.replace('+', "-").replace('/', "_"),
        format!("# the key of the provider\n{pem}"),
        format!("{pem}\n\n"),
    ] {
        for force in [&[][..], &["--force"]] {
            let words = [&["secret", "set", ID], force].concat();
            let output = gate.run_with_input(&words, text.as_bytes()).failed_with(1);
            assert!(output.contains("this is a public key"), "{text}: {output}");
        }
    }
    assert_eq!(gate.secret(ID), secret);
    // Where a public key belongs, its file may end in blank lines, and have the line ends of Windows.
    for text in [
        format!("{pem}\n\n"),
        pem.replace('\n', "\r\n"),
        format!("# a comment\n{pem}\r\n"),
    ] {
        let words = ["secret", "set", "workflows/telnyx"];
        gate.run_with_input(&words, text.as_bytes()).succeeded();
    }
}

/// A flow with one webhook, which proves itself by `auth`.
fn document(auth: &str) -> String {
    format!(
        "{{:requires [{{:slot :key :type :secret}}]
          :interfaces {{:webhook [{{:id :hook :draft-auth :interface {auth}}}]}}}}"
    )
}

/// The flow's earlier version declares its slot for a shared secret, and says so while no endpoint uses it.
#[test]
fn an_earlier_version_of_a_flow_does_not_make_its_public_key_a_shared_secret() {
    let (text, _) = key();
    let hmac =
        document(":auth {:type :hmac-sha256 :header \"X-Hub-Signature-256\" :secret-ref :key}");
    let telnyx = document(":auth {:type :provider :preset :telnyx :secret-ref :key}");
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).start();
    let apply = |text: &str| {
        let path = gate.file("keys.edn", text);
        let words = ["apply", "-f", path.to_str().unwrap()];
        gate.run(&[&words[..], &OWNER[..]].concat())
    };
    let bind = || {
        let words = ["secret", "bind", "flows/keys/draft", "key"];
        gate.run_with_input(&words, text.as_bytes()).succeeded()
    };
    apply(&hmac).succeeded();
    gate.run(&["flow", "release", "keys", "--unbound"])
        .succeeded();
    apply(&telnyx).succeeded();
    bind();
    apply(&document("")).succeeded();
    bind();
    let output = apply(&hmac).failed_with(1);
    assert!(output.contains("which everybody has"), "{output}");
    let draft = "/api/flows/keys/interfaces/draft/hook";
    let live = "/api/flows/keys/interfaces/live/hook";
    nobody_gets_in(&gate, &backend, &[draft, live], "an earlier version");
}

#[test]
fn the_gate_itself_refuses_a_key_of_another_kind_and_the_log_says_why() {
    let (text, _) = key();
    for auth in ["{\"mode\":\"hmac\"}", "{\"mode\":\"secret\"}"] {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend).endpoint_with(ID, &TELNYX);
        gate.run_with_input(&["secret", "set", ID], text.as_bytes())
            .succeeded();
        // Behind the back of every command.
        let declared = "{\"mode\":\"provider\",\"preset\":\"telnyx\"}";
        let statement = format!(
            "UPDATE endpoints SET definition = replace(definition, '{declared}', '{auth}')"
        );
        sqlite(&gate, &statement);
        let gate = gate.start();
        nobody_gets_in(&gate, &backend, &[PATH], auth);
        let cause = gate
            .log(1)
            .iter()
            .find_map(|line| Some(line["cause"].as_str()?.to_owned()));
        let cause = cause.expect("a cause");
        assert!(cause.contains("bound as a public key"), "{cause}");
        let shown = gate.run(&["endpoint", "show", ID]).succeeded();
        assert!(shown.contains("bound as a public key"), "{shown}");
    }
}

#[test]
fn a_previous_version_that_is_a_public_key_signs_nothing_beside_a_shared_secret() {
    let (text, _) = key();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint_with(ID, &TELNYX);
    gate.run_with_input(&["secret", "set", ID], text.as_bytes())
        .succeeded();
    let gate = gate.endpoint_with(OTHER, &["--mode", "hmac"]);
    let away = [
        "endpoint",
        "update",
        ID,
        "--secret",
        "workflows/pr-bot#away",
    ];
    gate.run(&[&away[..], &TELNYX].concat()).succeeded();
    gate.run(&["secret", "rotate", "--yes", SLOT, "--overlap", "1h"])
        .succeeded();
    let here = [
        "endpoint", "update", OTHER, "--mode", "hmac", "--secret", SLOT,
    ];
    gate.run(&here).succeeded();
    let gate = gate.start();
    let secret = gate.secret(OTHER);
    let signature = github_signature(&secret, b"{}");
    let genuine = Request::post(OTHER_PATH).header("X-Hub-Signature-256", &signature);
    nobody_gets_in(&gate, &backend, &[PATH, OTHER_PATH], "previous");
    assert_eq!(send(gate.http(), &genuine.body("{}")).status, 202);
}

#[test]
fn a_public_key_that_was_bound_for_a_flow_signs_nothing_whatever_its_draft_becomes() {
    let (text, _) = key();
    let telnyx = document(":auth {:type :provider :preset :telnyx :secret-ref :key}");
    let none = document("");
    let hmac =
        document(":auth {:type :hmac-sha256 :header \"X-Hub-Signature-256\" :secret-ref :key}");
    let bearer = document(":auth {:type :bearer :secret-ref :key}");
    let draft = "/api/flows/keys/interfaces/draft/hook";
    let live = "/api/flows/keys/interfaces/live/hook";
    for (what, next) in [("a signature", &hmac), ("a token", &bearer)] {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend).start();
        let apply = |text: &str| {
            let path = gate.file("keys.edn", text);
            let words = ["apply", "-f", path.to_str().unwrap()];
            gate.run(&[&words[..], &OWNER[..]].concat())
        };
        apply(&telnyx).succeeded();
        for scope in ["flows/keys/draft", "flows/keys/live"] {
            // For the draft that is there, and for a release that is to come.
            gate.run_with_input(&["secret", "bind", scope, "key"], text.as_bytes())
                .succeeded();
        }
        apply(&none).succeeded();
        let output = apply(next).failed_with(1);
        assert!(output.contains("which everybody has"), "{output}");
        gate.run(&["flow", "release", "keys", "--unbound"]);
        nobody_gets_in(&gate, &backend, &[draft, live], what);
    }
}

#[test]
fn a_token_that_was_sent_in_the_open_does_not_become_the_secret_of_a_signature() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("bearer").start();
    let token = gate.secret(ID);
    let output = gate
        .run(&["endpoint", "update", ID, "--mode", "hmac"])
        .succeeded();
    assert!(output.contains("secret rotate"), "{output}");
    let signed = |secret: &str| {
        let signature = github_signature(secret, b"{}");
        let request = Request::post(PATH).header("X-Hub-Signature-256", &signature);
        let answer = send(gate.http(), &request.body("{}"));
        (answer.status, answer.reason().to_owned())
    };
    in_force(|| signed(&token) == (401, "secret_unbound".to_owned()));
    let output = gate.run(&["sign", ID]).failed_with(1);
    assert!(output.contains("secret rotate"), "{output}");
    backend.was_not_contacted();
    gate.run(&["secret", "rotate", "--yes", ID]).succeeded();
    let secret = gate.secret(ID);
    in_force(|| signed(&secret).0 == 202);
}
