//! What other users of the machine must not read, and what a terminal must not obey.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn set_mode(gate: &Gate, file: &str, mode: u32) {
    std::fs::set_permissions(gate.folder().join(file), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_store_or_a_log_of_it_that_others_can_read_is_refused_by_every_command() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    // While the gate runs the files beside the store are there.
    for file in ["portcullis.db", "portcullis.db-wal", "portcullis.db-shm"] {
        for mode in [0o640, 0o604, 0o660, 0o644] {
            set_mode(&gate, file, mode);
            for (code, words) in [
                (5, &["endpoint", "list"][..]),
                (5, &["secret", "reveal", ID]),
                (5, &["store", "copy", "--from", "portcullis.db"]),
                (3, &["check"]),
            ] {
                let mut command = portcullis();
                command.current_dir(gate.folder());
                command.arg("--config").arg(gate.config()).args(words);
                let output = CommandOutput::of(command, b"").failed_with(code);
                let mode = format!("{file}: others can read the store (mode {mode:04o})");
                assert!(output.contains(&mode), "{words:?}: {output}");
                assert!(output.contains("chmod 600"), "{output}");
            }
        }
        set_mode(&gate, file, 0o600);
        gate.run(&["endpoint", "list"]).succeeded();
    }
    drop(gate);
}

#[test]
fn a_gate_does_not_serve_from_a_store_that_others_can_read() {
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend).endpoint("hmac");
    set_mode(&gate, "portcullis.db", 0o644);
    let output = gate.serve_that_ends().failed_with(5);
    assert!(output.contains("others can read the store"), "{output}");
    set_mode(&gate, "portcullis.db", 0o600);
    if give_away(&gate, "portcullis.db").is_some() {
        let told = gate.serve_that_ends().failed_with(5);
        assert!(told.contains("belongs to another user (id 65534"), "{told}");
        take_back(&gate, "portcullis.db");
    }
    gate.restart();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
}

/// Gives a file to another user. `None` where only its own user may change it.
fn give_away(gate: &Gate, file: &str) -> Option<()> {
    let is_root = rustix::process::geteuid().is_root();
    is_root.then(|| std::os::unix::fs::chown(gate.folder().join(file), Some(65534), None).unwrap())
}

fn take_back(gate: &Gate, file: &str) {
    std::os::unix::fs::chown(gate.folder().join(file), Some(0), None).unwrap();
}

#[test]
fn refuses_stores_keys_and_passwords_that_belong_to_another_user() {
    let backend = Backend::accepting();
    let authority = Authority::new();
    let gate = Gate::before(&backend)
        .tls(&authority)
        .endpoint("hmac")
        .start();
    // While the gate runs, the log and its index exist.
    for (file, code) in [
        ("portcullis.db", 5),
        ("portcullis.db-wal", 5),
        ("portcullis.db-shm", 5),
        ("portcullis.key", 5),
    ] {
        if give_away(&gate, file).is_none() {
            return;
        }
        for (code, words) in [(code, &["secret", "reveal", ID][..]), (3, &["check"])] {
            let mut command = portcullis();
            command.current_dir(gate.folder());
            command.arg("--config").arg(gate.config()).args(words);
            let told = CommandOutput::of(command, b"").failed_with(code);
            assert!(told.contains(file), "{words:?}: {told}");
            assert!(
                told.contains("belongs to another user (id 65534"),
                "{words:?}: {told}"
            );
        }
        take_back(&gate, file);
        gate.run(&["secret", "reveal", ID]).succeeded();
    }
    drop(gate);
}

const BIDI: [char; 12] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

#[test]
fn no_command_prints_a_character_that_turns_text_around() {
    let backend = Backend::accepting();
    let text: String = BIDI.iter().map(|c| format!("<{c}>")).collect();
    let declared = serde_json::to_string(&text).unwrap();
    let gate = Gate::before(&backend).apply(&format!(
        "[[endpoints]]\nid = \"{ID}\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
         auth = {{ mode = \"hmac\" }}\nlabels = {{ team = {declared} }}\n"
    ));
    let wrong = format!("workflows/{}", BIDI[7]);
    for words in [
        &["endpoint", "list"][..],
        &["endpoint", "show", ID],
        &["endpoint", "show", ID, "--json"],
        &["endpoint", "list", "--json"],
        &["endpoint", "show", &wrong],
        &["audit", "list"],
        &["audit", "list", "--json"],
        &["audit", "export"],
        &["explain", &wrong],
        &["capture", "show", &wrong],
        &["endpoint", "create", &wrong, "--mode", &text],
        &["endpoint", "list", &format!("--{text}")],
        &["secret", "rotate", ID, "--overlap", &text],
        &["endpoint", &text],
        &[&text],
        &["help", &text],
        &["endpoint", "show", "x\u{1b}[8my"],
        &["\u{9b}2J", "--\u{1b}]0;title\u{7}"],
    ] {
        let ran = gate.run(words);
        let all = ran.stdout.clone() + &ran.stderr;
        assert!(!all.contains(BIDI), "{words:?}: {all:?}");
        assert!(
            !all.contains(['\u{1b}', '\u{9b}', '\u{7}']),
            "{words:?}: {all:?}"
        );
    }
    let shown = gate.run(&["endpoint", "show", ID, "--json"]).succeeded();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["labels"]["team"], text.as_str());
}

#[test]
fn sign_puts_no_credential_into_an_argument_list_and_its_command_still_works() {
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend);
    for (name, options) in [
        ("bearer", &["--mode", "bearer"][..]),
        ("key", &["--mode", "api-key", "--header", "X-Shop-Key"]),
        ("secret", &["--mode", "secret"]),
    ] {
        gate = gate.endpoint_with(&format!("workflows/{name}"), options);
    }
    let gate = gate.start();
    for name in ["bearer", "key", "secret"] {
        let id = format!("workflows/{name}");
        let secret = gate.secret(&id);
        let url = format!("http://{}/webhooks/ai/{id}", gate.http());
        for body in [&[][..], &["--body", "-"]] {
            let words = [&["sign", &id, "--url", &url][..], body].concat();
            let command = gate.run_with_input(&words, b"{}").succeeded();
            // A curl of our own writes its arguments down, and runs the real one.
            let bin = gate.folder().join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            let seen = gate.folder().join("arguments");
            let curl = bin.join("curl");
            let path = std::env::var("PATH").unwrap();
            let script = format!(
                "#!/bin/sh\nprintf '%s\\n' \"$@\" > '{}'\nPATH='{path}' exec curl \"$@\"\n",
                seen.display()
            );
            std::fs::write(&curl, script).unwrap();
            std::fs::set_permissions(&curl, Permissions::from_mode(0o755)).unwrap();
            let mut shell = std::process::Command::new("sh");
            shell.arg("-c").arg(&command);
            shell.env("PATH", format!("{}:{path}", bin.display()));
            let output = CommandOutput::of(shell, b"{}").succeeded();
            assert!(
                output.starts_with("HTTP/1.1 202"),
                "{name}: {command}\n{output}"
            );
            let arguments = std::fs::read_to_string(&seen).unwrap();
            assert!(arguments.contains("-sS"), "{arguments}");
            assert!(!arguments.contains(&secret), "{name}: {arguments}");
        }
    }
}

#[test]
fn sign_puts_no_reusable_proof_into_an_argument_list() {
    let backend = Backend::accepting();
    let url = "https://portal.example.com";
    let public = format!("url = \"{url}\"");
    let mut gate = Gate::before(&backend).with("public", &public);
    // Tokens in `Authorization`, and signatures that do not cover the body.
    for (name, settings) in [
        ("monday", &[][..]),
        (
            "jira-connect",
            &["--setting", "base_url=https://portal.example.com"],
        ),
        ("plivo-v2", &[]),
        ("twilio", &[]),
        ("livekit", &[]),
        ("vonage", &[]),
    ] {
        let id = format!("workflows/{name}");
        let preset = ["--mode", "provider", "--preset", name];
        gate = gate.endpoint_with(&id, &[&preset[..], settings].concat());
        gate.run_with_input(
            &["secret", "set", &id, "--force"],
            b"a secret that the provider shows",
        )
        .succeeded();
        let proof = gate.run(&["sign", &id, "--headers-only"]).succeeded();
        let names: Vec<&str> = proof
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|it| it.0)
            .collect();
        assert!(!names.is_empty(), "{name}: {proof}");
        let command = gate.run(&["sign", &id]).succeeded();
        let (before, curl) = command.split_once("curl ").unwrap();
        for header in names {
            let given = format!("{}:", header.to_lowercase());
            assert!(before.to_lowercase().contains(&given), "{name}: {command}");
            assert!(!curl.to_lowercase().contains(&given), "{name}: {command}");
        }
        let url = format!("http://portal.example.com{}", PATH.replace(ID, &id));
        assert!(
            curl.contains(&url) || curl.contains(&url.replace("http:", "https:")),
            "{command}"
        );
    }
}

#[test]
fn an_empty_file_that_others_can_read_becomes_a_store_that_they_cannot() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend);
    let store = gate.file("portcullis.db", "");
    set_mode(&gate, "portcullis.db", 0o644);
    let gate = gate.endpoint("hmac");
    let mode = store.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(gate);
}
