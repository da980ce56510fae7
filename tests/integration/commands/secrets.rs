//! `secret` and `sign`: values come from standard input, are shown when asked for, and nowhere else.

use super::*;

/// A gate that senders reach at the URL that it prints.
fn reachable(gate: Gate) -> Gate {
    let gate = gate.start();
    let url = format!("url = \"http://{}\"", gate.http());
    gate.with("public", &url)
}

#[test]
fn a_set_secret_is_what_came_in_without_the_line_end_that_a_shell_adds() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let longest = "x".repeat(4096);
    for (input, value) in [
        ("whsec_xk3", "whsec_xk3"),
        ("whsec_xk3\n", "whsec_xk3"),
        ("whsec_xk3\r\n", "whsec_xk3"),
        ("two\nlines\n", "two\nlines"),
        ("schlüssel\n", "schlüssel"),
        (&longest, &longest),
    ] {
        gate.run_with_input(&["secret", "set", ID], input.as_bytes())
            .succeeded();
        let revealed = json(&gate, &["secret", "reveal", ID]);
        assert_eq!(revealed["value"], value, "{input:?}");
    }
}

#[test]
fn a_value_that_looks_wrong_is_refused_unless_somebody_insists() {
    let standard = ["--mode", "provider", "--preset", "standard-webhooks"];
    let preset = |name| ["--mode", "provider", "--preset", name];
    let by_header = ["--mode", "hmac-sha256", "--header", "Stripe-Signature"];
    let gate = Gate::before(&Backend::refusing())
        .endpoint("hmac")
        .endpoint_with("workflows/standard", &standard)
        .endpoint_with("workflows/stripe", &preset("stripe"))
        .endpoint_with("workflows/by-header", &by_header)
        .endpoint_with("workflows/twilio", &preset("twilio"))
        .endpoint_with("workflows/adyen", &preset("adyen-platform"));
    let secret = gate.secret(ID);
    for (id, value, why) in [
        (
            ID,
            "\u{feff}0123456789abcdef0123456789abcdef",
            "byte order mark",
        ),
        (ID, "0123456789abcdef\u{200b}0123456789abcdef", "U+200B"),
        (ID, "0123456789abcdef0123456789abcdef\u{a0}", "U+00A0"),
        (ID, "“0123456789abcdef0123456789abcdef”", "quotes"),
        (ID, "${GITHUB_SECRET}", "an unexpanded variable"),
        (ID, "$GITHUB_SECRET", "an unexpanded variable"),
        (ID, "{{ secret }}", "an unexpanded variable"),
        (ID, "GITHUB_SECRET=0123456789abcdef", "NAME=value"),
        ("workflows/stripe", "whsec_", "only the prefix"),
        (
            "workflows/stripe",
            "sk_live_0123456789abcdef",
            "set the signing secret",
        ),
        (
            "workflows/by-header",
            "rk_live_0123456789abcdef",
            "set the signing secret",
        ),
        (
            "workflows/twilio",
            "AC0123456789abcdef0123456789abcdef",
            "set the auth token",
        ),
        ("workflows/adyen", "ab", "but keys of this scheme have 32"),
        (ID, "  spaces stay  \n", "white space"),
        (ID, "trailing-space \n", "white space"),
        (ID, "\tindented-value", "white space"),
        (ID, "\"quoted-value\"\n", "quotes"),
        (ID, "'quoted-value'", "quotes"),
        (ID, "changeme", "placeholder"),
        (ID, "Your-Secret-Here", "placeholder"),
        (ID, "whsec_xxxxxxxx", "placeholder"),
        (ID, "whsec_...", "placeholder"),
        (ID, "<your secret>", "placeholder"),
        (ID, "It's a Secret to Everybody", "placeholder"),
        (
            "workflows/standard",
            "whsec_bmV3IHNlY3JldCBrZXk=",
            "its key has 14 bytes",
        ),
    ] {
        let words = ["secret", "set", id];
        let output = gate.run_with_input(&words, value.as_bytes()).failed_with(1);
        assert!(
            output.contains(why) && output.contains("--force"),
            "{value:?}: {output}"
        );
        let words = ["secret", "set", id, "--force"];
        gate.run_with_input(&words, value.as_bytes()).succeeded();
        let revealed = json(&gate, &["secret", "reveal", id]);
        assert_eq!(revealed["value"], value.trim_end_matches('\n'));
    }
    assert_ne!(gate.secret(ID), secret);
    let unusual = b"0123456789abcdef0123456789abcde";
    let unusual = gate.run_with_input(&["secret", "set", "workflows/twilio"], unusual);
    assert!(unusual.stderr.contains("usually have 32"), "{unusual:?}");
    unusual.succeeded();
    // Nobody can insist on what is no key at all.
    for value in ["whsec_not base64!", ""] {
        let words = ["secret", "set", "workflows/standard", "--force"];
        gate.run_with_input(&words, value.as_bytes()).failed_with(1);
    }
    let short = gate.run_with_input(&["secret", "set", ID], b"cut-off");
    assert!(short.stderr.contains("7 bytes"), "{short:?}");
    short.succeeded();
}

#[test]
fn an_endpoint_whose_new_scheme_does_not_fit_its_secret_says_so() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let to = |preset| {
        [
            "endpoint", "update", ID, "--mode", "provider", "--preset", preset,
        ]
    };
    for (value, preset, why) in [
        (
            "AC0123456789abcdef0123456789abcdef",
            "twilio",
            "set the auth token",
        ),
        ("not base64, or what", "standard-webhooks", "cannot use it"),
    ] {
        let update = ["endpoint", "update", ID, "--mode", "hmac"];
        gate.run(&update).succeeded();
        let words = ["secret", "set", ID];
        gate.run_with_input(&words, value.as_bytes()).succeeded();
        let output = json(&gate, &to(preset));
        let warning = &output["secret_warning"];
        assert_eq!(warning["secret"], format!("{ID}#webhook"), "{output}");
        let message = warning["message"].as_str().unwrap();
        assert!(
            message.contains(why) && !message.contains(value),
            "{output}"
        );
        // The scheme is the same as before: nothing is checked again.
        let label = ["endpoint", "update", ID, "--label", "a=b"];
        assert_eq!(json(&gate, &label)["secret_warning"], Value::Null);
        gate.run(&["endpoint", "update", ID, "--clear", "label"])
            .succeeded();
    }
    // A dry run of a declaration says the same before the change.
    let file = gate.folder().join("shared.toml");
    let declaration = format!(
        "[[endpoints]]\nid = \"workflows/shared\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
         auth = {{ mode = \"provider\", preset = \"standard-webhooks\", secret = \"{ID}#webhook\" }}\n"
    );
    std::fs::write(&file, declaration).unwrap();
    let dry_run = gate.run(&["apply", "-f", file.to_str().unwrap(), "--dry-run"]);
    assert!(dry_run.stdout.contains("cannot use it"), "{dry_run:?}");
    // Another endpoint that shares the secret; in words for people.
    let words = [
        &[
            "endpoint",
            "create",
            "workflows/other",
            "--organisation",
            "acme",
        ][..],
        &["--workspace", "main", "--mode", "provider", "--preset"],
        &["standard-webhooks", "--secret", &format!("{ID}#webhook")],
    ];
    let output = gate.run(&words.concat());
    assert!(output.stderr.contains("cannot use it"), "{output:?}");
    output.succeeded();
    // A value that fits.
    let fits = gate.run_with_input(
        &["secret", "set", ID],
        b"whsec_q7Yc0VwZkT3uJmXo5rHs8LdEaGfB1iNp",
    );
    fits.succeeded();
    let update = ["endpoint", "update", ID, "--mode", "hmac"];
    gate.run(&update).succeeded();
    let output = json(&gate, &to("standard-webhooks"));
    assert_eq!(output["secret_warning"], Value::Null, "{output}");
}

#[test]
fn what_only_the_provider_issues_is_not_made_up_and_is_unbound_until_it_was_set() {
    let slack = ["--mode", "provider", "--preset", "slack"];
    let gate = Gate::before(&Backend::refusing()).endpoint_with(ID, &slack);
    let shown = json(&gate, &["endpoint", "show", ID]);
    assert_eq!(shown["secret_bound"], false);
    let output = gate.run(&["endpoint", "show", ID]).succeeded();
    assert!(
        output.contains("not bound: every delivery is refused"),
        "{output}"
    );
    let output = gate.run(&["check"]).succeeded();
    assert!(
        output.contains("is not bound, so every delivery is refused"),
        "{output}"
    );
    let output = gate.run(&["endpoint", "test", ID]).failed_with(4);
    assert!(output.contains("only the provider"), "{output}");
    let output = gate.run(&["secret", "rotate", "--yes", ID]).failed_with(1);
    assert!(output.contains("secret set"), "{output}");
    gate.run_with_input(&["secret", "set", ID], b"0123456789abcdef0123456789abcdef")
        .succeeded();
    let output = gate
        .run(&["secret", "rotate", "--yes", ID, "--overlap", "1h"])
        .failed_with(1);
    assert!(
        output.contains("only the provider issues the secret"),
        "{output}"
    );
    let shown = json(&gate, &["endpoint", "show", ID]);
    assert_eq!(shown["secret_bound"], true);
    assert!(!gate.run(&["check"]).succeeded().contains("not bound"));
    // What its owner chooses is generated, as ever.
    let github = ["--mode", "provider", "--preset", "github"];
    let gate = gate.endpoint_with("workflows/github", &github);
    let shown = json(&gate, &["endpoint", "show", "workflows/github"]);
    assert_eq!(shown["secret_bound"], true);
    gate.run(&["secret", "rotate", "--yes", "workflows/github"])
        .succeeded();
}

/// A terminal, as Python has one, and a person who types `value`.
const AT_A_TERMINAL: &str = r#"
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
while b"not shown" not in seen:
    seen += os.read(terminal, 1024)
os.write(terminal, b"typed-by-a-person-1\n")
while True:
    try:
        more = os.read(terminal, 1024)
    except OSError:
        break
    if not more:
        break
    seen += more
sys.stdout.write(seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

#[test]
fn what_is_typed_at_a_terminal_is_not_shown() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let mut command = std::process::Command::new("python3");
    command.args([
        "-c",
        AT_A_TERMINAL,
        env!("CARGO_BIN_EXE_portcullis"),
        "--config",
    ]);
    command.arg(gate.config()).args(["secret", "set", ID]);
    let output = CommandOutput::of(command, b"").succeeded();
    assert!(
        output.contains("not shown") && output.contains("version 2"),
        "{output}"
    );
    assert!(!output.contains("typed-by"), "{output}");
    assert_eq!(gate.secret(ID), "typed-by-a-person-1");
}

#[test]
fn the_longest_secret_may_have_a_line_end_too() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let longest = "x".repeat(4096);
    let input = format!("{longest}\n");
    gate.run_with_input(&["secret", "set", ID], input.as_bytes())
        .succeeded();
    assert_eq!(gate.secret(ID), longest);
}

#[test]
fn a_secret_that_is_no_text_is_refused_and_the_old_one_stays() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let secret = gate.secret(ID);
    let output = gate
        .run_with_input(&["secret", "set", ID], b"\xff\xfe\x00")
        .failed_with(1);
    assert!(output.contains("hex or base64"), "{output}");
    assert_eq!(gate.secret(ID), secret);
}

#[test]
fn a_secret_that_is_empty_or_too_long_is_refused_and_the_old_one_stays() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let secret = gate.secret(ID);
    let before = audited(&gate);
    let endless = "endless-secret".repeat(400);
    for input in ["", "\n", "\r\n", &endless] {
        let output = gate
            .run_with_input(&["secret", "set", ID], input.as_bytes())
            .failed_with(1);
        assert!(!output.contains("endless-secret"), "{output}");
        assert!(
            output.contains(if input.len() > 2 {
                "longer than 4096 bytes"
            } else {
                "empty"
            }),
            "{output}"
        );
    }
    assert_eq!(audited(&gate), before);
    assert_eq!(gate.secret(ID), secret);
}

#[test]
fn a_secret_is_found_by_its_own_name_too_and_may_exist_before_its_endpoint() {
    let gate = Gate::before(&Backend::refusing());
    gate.run_with_input(
        &["secret", "set", "flows/orders/live#signing"],
        b"issued elsewhere",
    )
    .succeeded();
    let gate = gate.endpoint_with(
        ID,
        &["--mode", "bearer", "--secret", "flows/orders/live#signing"],
    );
    assert_eq!(gate.secret(ID), "issued elsewhere");
    assert_eq!(gate.secret("flows/orders/live#signing"), "issued elsewhere");
    let created = (
        "secret_created".to_owned(),
        "flows/orders/live#signing".to_owned(),
    );
    assert!(!audited(&gate).contains(&created), "it was there");
}

#[test]
fn rotate_makes_a_new_value_and_shows_neither() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let old = gate.secret(ID);
    for (options, says) in [
        (&[][..], "the old value ends now"),
        (&["--overlap", "24h"], "the old value stays valid for 24h"),
    ] {
        let words = [&["secret", "rotate", "--yes", ID][..], options].concat();
        let output = gate.run(&words).succeeded();
        assert!(output.contains(says), "{output}");
        let new = gate.secret(ID);
        assert_ne!(new, old);
        assert!(!output.contains(&new) && !output.contains(&old));
        // What it says to do next shows it.
        let next = output
            .lines()
            .find_map(|line| line.strip_prefix("show it with: "))
            .unwrap();
        let command = format!("PORTCULLIS_CONFIG='{}' {next}", gate.config().display());
        assert_eq!(shell(&command, b"").succeeded(), new);
    }
}

#[test]
fn the_printed_command_is_admitted_in_every_mode() {
    for (mode, options) in [
        ("secret", &[][..]),
        ("hmac", &[]),
        ("bearer", &["--method", "PUT"]),
        ("api-key", &["--header", "X-Shop-Key"]),
        ("none", &[]),
    ] {
        let backend = Backend::accepting();
        let options = [&["--mode", mode][..], options].concat();
        let gate = Gate::before(&backend)
            .with("auth", "allow_unauthenticated = true")
            .endpoint_with(ID, &options);
        let gate = reachable(gate);
        let command = gate.run(&["sign", ID]).succeeded();
        let answer = shell(&command, b"").succeeded();
        assert!(
            answer.starts_with("HTTP/1.1 202 "),
            "{mode}: {command}\n{answer}"
        );
        assert_eq!(backend.only().body_sha256, sha256(br#"{"hello":"world"}"#));
        assert_eq!(backend.only().header("Content-Type"), "application/json");
    }
}

#[test]
fn a_command_is_right_whatever_the_secret_the_body_and_the_names_hold() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint("bearer")
        .endpoint_with("workflows/h", &["--mode", "hmac"]);
    let gate = reachable(gate);
    let nasty = r#"it's-"$HOME"-`id`-\n-!!-*-;&|<>#-%41"#;
    for id in [ID, "workflows/h"] {
        gate.run_with_input(&["secret", "set", id], nasty.as_bytes())
            .succeeded();
    }
    let bodies = [b"".to_vec(), b"{\"a\": 1}\r\n\n".to_vec(), noise(70_000)];
    for (number, body) in bodies.iter().enumerate() {
        let file = gate.file("a body's $file.bin", body);
        let file = file.to_str().unwrap();
        for id in [ID, "workflows/h"] {
            let header = "X-Note: it's \"quoted\" $HOME";
            let words = ["sign", id, "--body", file, "--header", header];
            let command = gate.run(&words).succeeded();
            in_force(|| {
                shell(&command, b"")
                    .succeeded()
                    .starts_with("HTTP/1.1 202 ")
            });
            let received = backend.received().pop().unwrap();
            assert_eq!(received.body_sha256, sha256(body), "{id} {number}");
            assert_eq!(received.header("X-Note"), "it's \"quoted\" $HOME");
        }
    }
    // The body from standard input, twice: to be signed, and to be sent.
    let command = gate
        .run_with_input(&["sign", "workflows/h", "--body", "-"], b"piped")
        .succeeded();
    assert!(
        shell(&command, b"piped")
            .succeeded()
            .starts_with("HTTP/1.1 202 ")
    );
    assert!(
        shell(&command, b"pried")
            .succeeded()
            .starts_with("HTTP/1.1 401 ")
    );
}

#[test]
fn only_the_headers_can_be_had_for_other_tools() {
    let gate = Gate::before(&Backend::refusing())
        .with("auth", "allow_unauthenticated = true")
        .endpoint("hmac")
        .endpoint_with("workflows/token", &[])
        .endpoint_with(
            "workflows/key",
            &["--mode", "api-key", "--header", "X-Shop-Key"],
        )
        .endpoint_with("workflows/open", &["--mode", "none"]);
    let body = gate.file("body.json", "{}\n");
    let headers = |id: &str| {
        let words = [
            "sign",
            id,
            "--headers-only",
            "--body",
            body.to_str().unwrap(),
        ];
        let output = gate.run(&words).succeeded();
        assert!(output.lines().count() <= 1, "{output}");
        output
            .split_once(": ")
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
    };
    let header = |name: &str, value: String| Some((name.to_owned(), value));
    assert_eq!(
        headers(ID),
        header(
            "x-hub-signature-256",
            github_signature(&gate.secret(ID), b"{}\n")
        )
    );
    assert_eq!(
        headers("workflows/token"),
        header(
            "authorization",
            format!("Bearer {}", gate.secret("workflows/token"))
        )
    );
    assert_eq!(
        headers("workflows/key"),
        header("x-shop-key", gate.secret("workflows/key"))
    );
    assert_eq!(headers("workflows/open"), None);
}

#[test]
fn what_cannot_be_signed_is_said() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac").apply(
        "[[endpoints]]\nid = \"workflows/closed\"\norganisation = \"o\"\nworkspace = \"w\"\n",
    );
    let output = gate.run(&["sign", "workflows/closed"]).failed_with(1);
    assert!(output.contains("has no `auth`"), "{output}");
    let output = gate
        .run(&["sign", ID, "--body", "/nowhere/body"])
        .failed_with(1);
    assert!(output.contains("/nowhere/body"), "{output}");
    gate.run(&["secret", "reveal", "workflows/closed"])
        .failed_with(4);
    sqlite(&gate, "DELETE FROM secret_versions");
    let output = gate.run(&["sign", ID]).failed_with(4);
    assert!(
        output.contains("no secret is bound to workflows/pr-bot#webhook"),
        "{output}"
    );
}
