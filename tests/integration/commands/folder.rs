//! The first minutes: `init`, `check`, and what they say to do next.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use super::*;

fn init(folder: &Path, options: &[&str]) -> CommandOutput {
    let mut command = portcullis();
    command.arg("init").arg(folder).args(options);
    CommandOutput::of(command, b"")
}

/// The names of the files. What SQLite keeps beside its own file is gone when a command has ended.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The commands under `next:`.
fn next(output: &str) -> Vec<String> {
    output
        .lines()
        .skip_while(|line| !line.starts_with("next:"))
        .map(|line| line.trim_start_matches("next:").trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

/// Lets the gate of `folder` listen wherever there is room.
fn on_free_ports(folder: &Path) {
    let path = folder.join("portcullis.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let ports = "[public]\nhttp = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(&path, format!("{text}\n{ports}")).unwrap();
}

#[test]
fn init_makes_a_folder_in_which_everything_is_in_order() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a").join("gate");
    let output = init(&folder, &["--backend", "10.0.0.7:3000"]).succeeded();
    assert_eq!(
        files(&folder),
        ["portcullis.db", "portcullis.key", "portcullis.toml"]
    );
    for name in files(&folder) {
        assert!(
            output.contains(folder.join(name).to_str().unwrap()),
            "{output}"
        );
    }
    for name in ["portcullis.key", "portcullis.db"] {
        let mode = folder.join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }

    let config = folder.join("portcullis.toml");
    assert!(
        std::fs::read_to_string(&config)
            .unwrap()
            .contains("\"10.0.0.7:3000\"")
    );
    let mut check = portcullis();
    check.arg("-c").arg(&config).args(["check", "--running"]);
    CommandOutput::of(check, b"").succeeded();
}

#[test]
fn what_init_says_to_do_next_works() {
    for name in ["gate", "my gate"] {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join(name);
        let next = next(&init(&folder, &[]).succeeded());
        on_free_ports(&folder);
        let [create, serve] = next.as_slice() else {
            panic!("{next:?}")
        };
        let shown = shell(create, b"").succeeded();
        assert!(shown.contains("workflows/hello"), "{shown}");
        let mut served = in_shell(&format!("exec {serve}"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(served.stderr.take().unwrap()).lines();
        let is_serving = lines.any(|line| {
            let line = line.unwrap();
            line.contains("deliveries at http://127.0.0.1:")
        });
        served.kill().unwrap();
        served.wait().unwrap();
        assert!(is_serving, "{serve}");
    }
}

#[test]
fn init_in_the_folder_where_one_stands_needs_no_option_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = portcullis();
    command.arg("init").current_dir(&folder);
    let next = next(&CommandOutput::of(command, b"").succeeded());
    assert!(!next[0].contains("-c "), "{next:?}");
    let command = format!("cd '{}' && {}", folder.path().display(), next[0]);
    shell(&command, b"").succeeded();
}

#[test]
fn init_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), &[]).succeeded();
    let contents = || {
        ["portcullis.toml", "portcullis.key"]
            .map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap())
    };
    let before = contents();
    let output = init(folder.path(), &["--backend", "h:1"]).failed_with(1);
    assert!(
        output.contains("portcullis.toml: exists already"),
        "{output}"
    );
    assert_eq!(contents(), before);
}

#[test]
fn init_claims_to_have_created_only_what_it_created() {
    for name in ["portcullis.db", "portcullis.key"] {
        let folder = tempfile::tempdir().unwrap();
        init(folder.path(), &[]).succeeded();
        for other in std::fs::read_dir(folder.path()).unwrap() {
            let path = other.unwrap().path();
            if !path.to_str().unwrap().contains(name) {
                std::fs::remove_file(path).unwrap();
            }
        }
        let key = std::fs::read(folder.path().join("portcullis.key")).ok();
        // To refuse is right too, as long as it is said before anything is made.
        let ran = init(folder.path(), &[]);
        let mut claims = ran.stdout.lines().filter(|line| line.contains(name));
        assert!(
            claims.all(|line| line.starts_with("kept ")),
            "{name} was there: {ran:?}"
        );
        assert!(
            ran.code == Some(0) || files(folder.path()) == [name],
            "{ran:?}"
        );
        if key.is_some() {
            let now = std::fs::read(folder.path().join("portcullis.key")).ok();
            assert_eq!(now, key);
        }
    }
}

#[test]
fn an_init_that_fails_leaves_nothing_behind() {
    for backend in ["nonsense", "h", "h:0", ":80", "a\"b:80", ""] {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("gate");
        let output = init(&folder, &["--backend", backend]);
        assert!(matches!(output.code, Some(2 | 3)), "{output:?}");
        assert!(!folder.exists(), "{backend}");
    }
    // A store that is something else: the second try must not stumble over what the first left.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("portcullis.db"), noise(8192)).unwrap();
    assert_ne!(init(folder.path(), &[]).code, Some(0));
    assert_eq!(files(folder.path()), ["portcullis.db"]);
}

#[test]
fn check_looks_at_ports_at_the_key_and_at_what_is_stored() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac").start();
    let output = gate.run(&["check"]).succeeded();
    assert!(output.contains("1 upstream, 1 endpoint"), "{output}");

    let addresses = [gate.http(), gate.admin()];
    let gate = gate
        .with_only("public", &format!("http = \"{}\"", addresses[0]))
        .with_only("admin", &format!("listen = \"{}\"", addresses[1]))
        .with("upstreams.other", "addresses = [\"127.0.0.1:1\"]");
    gate.run(&["check", "--running"]).succeeded();
    gate.run(&["endpoint", "update", ID, "--upstream", "other"])
        .succeeded();
    let key = gate.folder().join("portcullis.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o640)).unwrap();
    // What endpoints need is not there any more.
    let gate = gate.without("upstreams.other");

    let output = gate.run(&["check"]).failed_with(3);
    for what in [
        &format!("cannot listen on {}", addresses[0]),
        &format!("cannot listen on {}", addresses[1]),
        "others can read the key (mode 0640)",
        &format!("endpoint `{ID}`: upstream: no upstream `other` is configured"),
    ] {
        assert!(output.contains(what), "{what} is not in\n{output}");
    }
    assert_eq!(output.lines().count(), 4, "{output}");
}

#[test]
fn check_finds_an_endpoint_that_lets_everybody_in_where_that_is_not_allowed() {
    let gate = Gate::before(&Backend::refusing())
        .with("auth", "allow_unauthenticated = true")
        .endpoint("none");
    gate.run(&["check"]).succeeded();
    let gate = gate.with_only("auth", "");
    let output = gate.run(&["check"]).failed_with(3);
    assert!(
        output.contains(ID) && output.contains("allow_unauthenticated"),
        "{output}"
    );
}

#[test]
fn the_demonstration_ends_well_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = portcullis();
    command
        .args(["demo", "--exit"])
        .env("TMPDIR", temporary.path());
    let output = CommandOutput::of(command, b"").succeeded();
    for (delivery, answer, reason) in [
        (
            "an unknown workflow",
            r#"404 {"error":"Workflow webhook not configured"}"#,
            "not_configured",
        ),
        (
            "a signature with a wrong secret",
            r#"401 {"error":"Unauthorized"}"#,
            "signature_mismatch",
        ),
        (
            "a GitHub pull_request",
            r#"202 {"executionId":"exec_"#,
            "admitted",
        ),
        (
            "the same, tampered with",
            r#"401 {"error":"Unauthorized"}"#,
            "signature_mismatch",
        ),
        (
            "the same, redelivered on purpose",
            r#"202 {"executionId":"exec_"#,
            "admitted",
        ),
        (
            "the same once more",
            r#"200 {"status":"duplicate"}"#,
            "duplicate",
        ),
        ("a bearer token", r#"202 {"executionId":"exec_"#, "admitted"),
        (
            "a body one byte over the cap",
            r#"413 {"error":"Payload too large""#,
            "body_too_large",
        ),
    ] {
        let line = output.lines().find(|line| line.contains(delivery)).unwrap();
        assert!(line.starts_with("ok "), "{line}");
        assert!(line.contains(answer) && line.contains(reason), "{line}");
        assert_eq!(line.ends_with("nothing"), reason != "admitted", "{line}");
    }
    assert!(!output.contains("NOT AS EXPECTED"), "{output}");
    assert_eq!(files(temporary.path()), [""; 0]);
}

#[test]
fn the_demonstration_can_be_repeated_by_hand_until_it_is_ended() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = portcullis()
        .arg("demo")
        .env("TMPDIR", temporary.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut transcript = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while !transcript.contains("Press Ctrl-C to stop it") {
        transcript.push_str(&lines.next().expect("it stays up").unwrap());
        transcript.push('\n');
    }
    let (_, by_hand) = transcript
        .split_once("Send the same deliveries by hand:")
        .unwrap();
    let mut repeated = 0;
    for paragraph in by_hand.split("# ").skip(1) {
        let (title, rest) = paragraph.split_once('\n').unwrap();
        let command = rest.split("\n\n").next().unwrap();
        let answer = shell(command, b"").succeeded();
        let promised = title.split_once("→ ").unwrap().1;
        let (status, reason) = promised.split_once(' ').unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{title}: {answer}"
        );
        assert!(
            answer
                .to_lowercase()
                .contains(&format!("portcullis-reason: {reason}")),
            "{title}: {answer}"
        );
        repeated += 1;
    }
    assert!(repeated >= 5, "{by_hand}");

    shell(&format!("kill -TERM {}", child.id()), b"").succeeded();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(files(temporary.path()), [""; 0]);
}

#[test]
fn check_changes_nothing_not_even_an_empty_store() {
    let gate = Gate::before(&Backend::refusing());
    let store = gate.file("portcullis.db", "");
    gate.run(&["check", "--running"]).succeeded();
    assert_eq!(store.metadata().unwrap().len(), 0);
    assert_eq!(gate.files(), ["portcullis.db", "portcullis.toml"]);
}

#[test]
fn check_leaves_no_files_beside_a_store_and_knows_one_that_is_none() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let files = gate.files();
    let output = gate.run(&["check", "--running"]).succeeded();
    assert!(output.contains("1 endpoint"), "{output}");
    assert_eq!(gate.files(), files);

    let gate = Gate::before(&Backend::refusing());
    gate.file("portcullis.db", "");
    sqlite(&gate, "CREATE TABLE cats (name TEXT)");
    let output = gate.run(&["check", "--running"]).failed_with(3);
    assert!(
        output.contains("a database of another application"),
        "{output}"
    );
}

/// A folder with a configuration and a declaration, and nothing else.
fn folder_without_a_store(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n{more}");
    std::fs::write(folder.path().join("portcullis.toml"), config).unwrap();
    let endpoint = "[[endpoints]]\nid = \"workflows/pr-bot\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
                    auth = { mode = \"hmac\" }\n";
    std::fs::write(folder.path().join("endpoints.toml"), endpoint).unwrap();
    folder
}

fn run_in(folder: &Path, words: &[&str]) -> CommandOutput {
    let mut command = portcullis();
    command.args(words).current_dir(folder);
    CommandOutput::of(command, b"")
}

#[test]
fn commands_that_only_read_create_neither_a_store_nor_a_key() {
    let folder = folder_without_a_store("");
    let before = files(folder.path());
    for words in [
        &["apply", "-f", "endpoints.toml", "--dry-run"][..],
        &["audit", "export"],
        &["audit", "list"],
        &["audit", "verify"],
        &["capture", "list", ID],
        &["capture", "show", "1"],
        &["endpoint", "list"],
        &["endpoint", "show", ID],
        &["flow", "history", "orders"],
        &["flow", "list"],
        &["flow", "release", "orders", "--dry-run"],
        &["flow", "show", "orders"],
        &["operator", "token", "list"],
        &["secret", "reveal", ID],
        &["secret", "rewrap", "--dry-run"],
        &["secret", "status", ID],
        &["sign", ID],
        &["token", "list"],
    ] {
        let ran = run_in(folder.path(), words);
        assert!(matches!(ran.code, Some(0 | 4)), "{words:?}: {ran:?}");
        let output = &ran.stderr;
        assert!(
            output.contains("the store does not exist yet"),
            "{words:?}: {output}"
        );
        assert_eq!(files(folder.path()), before, "{words:?}");
    }
    let output = run_in(
        folder.path(),
        &["apply", "-f", "endpoints.toml", "--dry-run"],
    )
    .succeeded();
    assert!(output.contains("+ workflows/pr-bot: create"), "{output}");
    let listed = run_in(folder.path(), &["endpoint", "list", "--json"]).succeeded();
    assert_eq!(listed, "[]");
    let output = run_in(folder.path(), &["check", "--running"]).succeeded();
    assert!(output.contains("the store does not exist yet"), "{output}");
    assert_eq!(files(folder.path()), before);
}

#[test]
fn a_store_without_its_key_is_read_and_no_key_is_created() {
    let folder = folder_without_a_store("");
    let none =
        "[[endpoints]]\nid = \"workflows/pr-bot\"\norganisation = \"acme\"\nworkspace = \"main\"\n";
    std::fs::write(folder.path().join("endpoints.toml"), none).unwrap();
    run_in(folder.path(), &["apply", "-f", "endpoints.toml"]).succeeded();
    std::fs::remove_file(folder.path().join("portcullis.key")).unwrap();
    let before = files(folder.path());
    let output = run_in(folder.path(), &["endpoint", "list"]).succeeded();
    assert!(output.contains(ID), "{output}");
    let output = run_in(
        folder.path(),
        &["apply", "-f", "endpoints.toml", "--dry-run"],
    )
    .succeeded();
    assert!(output.contains("unchanged"), "{output}");
    assert_eq!(files(folder.path()), before);
}

/// A missing key is an error only for commands that decrypt.
#[test]
fn reads_a_store_with_secrets_without_its_key() {
    let folder = folder_without_a_store("");
    run_in(folder.path(), &["apply", "-f", "endpoints.toml"]).succeeded();
    let versions = run_in(folder.path(), &["secret", "status", ID, "--json"]).succeeded();
    assert!(versions.contains("current"), "{versions}");
    std::fs::remove_file(folder.path().join("portcullis.key")).unwrap();
    let before = files(folder.path());
    for words in [
        &["apply", "-f", "endpoints.toml", "--dry-run"][..],
        &["audit", "export"],
        &["audit", "list"],
        &["audit", "verify"],
        &["capture", "list", ID],
        &["endpoint", "export"],
        &["endpoint", "list"],
        &["endpoint", "show", ID],
        &["flow", "list"],
        &["operator", "token", "list"],
        &["secret", "status", ID],
        &["token", "list"],
    ] {
        let ran = run_in(folder.path(), words);
        assert_eq!(ran.code, Some(0), "{words:?}: {ran:?}");
        assert_eq!(files(folder.path()), before, "{words:?}");
    }
    let dry_run = run_in(
        folder.path(),
        &["apply", "-f", "endpoints.toml", "--dry-run"],
    );
    let note = "bound secrets are not checked: portcullis.key";
    assert!(dry_run.stderr.contains(note), "{dry_run:?}");
    for words in [&["secret", "reveal", ID][..], &["sign", ID]] {
        let output = run_in(folder.path(), words).failed_with(5);
        assert!(output.contains("portcullis.key"), "{words:?}: {output}");
        assert!(!folder.path().join("portcullis.key").exists(), "{words:?}");
    }
}

#[test]
fn apply_does_not_open_the_private_key_of_the_listener() {
    let tls = "[public]\nhttps = \"127.0.0.1:0\"\ncertificate = \"nowhere.pem\"\nprivate_key = \"nowhere.key\"\n";
    let folder = folder_without_a_store(tls);
    run_in(folder.path(), &["apply", "-f", "endpoints.toml"]).succeeded();
    let output = run_in(folder.path(), &["check", "--running"]).failed_with(3);
    assert!(output.contains("nowhere.pem"), "{output}");
}
