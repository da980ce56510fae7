//! What a configuration points to: certificates, keys, ports, the store.

use std::net::TcpListener;

use crate::support::*;

/// The files of two identities and of garbage, beside a configuration that uses some of them.
fn with_files(sections: &str) -> Gate {
    let gate = Gate::configured(sections);
    let authority = Authority::new();
    for name in ["a", "b"] {
        let identity = authority.sign("portal.example.com");
        gate.file(&format!("{name}.pem"), identity.certificate);
        gate.file(&format!("{name}.key"), identity.key);
    }
    gate.file("empty.pem", "");
    gate.file("garbage.pem", noise(300));
    gate.file(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    gate.file(
        "broken.key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    gate
}

fn listener(certificate: &str, key: &str) -> Gate {
    with_files(&format!(
        "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n\
         [public]\nhttps = \"127.0.0.1:0\"\n\
         certificate = \"{certificate}\"\nprivate_key = \"{key}\"\n"
    ))
}

fn client(certificate: &str, key: &str) -> Gate {
    with_files(&format!(
        "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\ntls = true\n\
         client_certificate = \"{certificate}\"\nclient_key = \"{key}\"\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n\
         [public]\nhttp = \"127.0.0.1:0\"\n"
    ))
}

/// Certificate, key, and which of the two is wrong.
const PAIRS: [(&str, &str, Wrong); 10] = [
    ("missing.pem", "a.key", Wrong::Certificate),
    ("empty.pem", "a.key", Wrong::Certificate),
    ("garbage.pem", "a.key", Wrong::Certificate),
    ("broken.pem", "a.key", Wrong::Certificate),
    ("a.key", "a.key", Wrong::Certificate),
    ("a.pem", "missing.key", Wrong::Key),
    ("a.pem", "empty.pem", Wrong::Key),
    ("a.pem", "broken.key", Wrong::Key),
    ("a.pem", "a.pem", Wrong::Key),
    ("a.pem", "b.key", Wrong::Key),
];

#[derive(Clone, Copy)]
enum Wrong {
    Certificate,
    Key,
}

impl Wrong {
    fn of<'p>(self, certificate: &'p str, key: &'p str) -> &'p str {
        match self {
            Self::Certificate => certificate,
            Self::Key => key,
        }
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_one_complaint_with_the_file() {
    for gate in [listener, client] {
        gate("a.pem", "a.key").run(&["check"]).succeeded();
        for (certificate, key, wrong) in PAIRS {
            let gate = gate(certificate, key);
            let files = gate.files();
            let output = gate.run(&["check"]).failed_with(3);
            assert_eq!(output.lines().count(), 1, "{certificate} {key}: {output}");
            let path = gate.folder().join(wrong.of(certificate, key));
            assert!(
                output.contains(path.to_str().unwrap()),
                "{certificate} {key}: {output}"
            );
            assert_eq!(gate.files(), files);
        }
    }
}

#[test]
fn a_certificate_that_cannot_be_used_keeps_the_server_from_starting() {
    for gate in [listener, client] {
        for (certificate, key, wrong) in PAIRS {
            let gate = gate(certificate, key);
            let files = gate.files();
            let output = gate.serve_that_ends();
            assert!(
                output.stderr.contains(wrong.of(certificate, key)),
                "{certificate} {key}: {output:?}"
            );
            assert!(!output.stderr.contains("panic"), "{output:?}");
            assert_eq!(gate.files(), files, "{certificate} {key}");
            // It is the configuration that is wrong, whoever finds it.
            output.failed_with(3);
        }
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_with_its_line_and_key() {
    for (certificate, key, wrong) in PAIRS {
        let output = listener(certificate, key).run(&["check"]).failed_with(3);
        let (line, of) = match wrong {
            Wrong::Certificate => (":7:", " public.certificate: "),
            Wrong::Key => (":8:", " public.private_key: "),
        };
        // A pair that does not fit is wrong at either of its ends.
        let either = key == "b.key" && output.contains("does not belong to the certificate");
        let right = output.contains(line) && output.contains(of);
        assert!(right || either, "{certificate} {key}: {output}");
    }
}

#[test]
fn an_address_that_is_none_is_all_that_is_wrong_if_the_certificate_is_right() {
    let gate = with_files(
        "[public]\nhttps = \"nonsense\"\ncertificate = \"a.pem\"\nprivate_key = \"a.key\"\n\
         [upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n",
    );
    let output = gate.run(&["check", "--running"]).failed_with(3);
    assert_eq!(output.lines().count(), 1, "{output}");
    assert!(
        output.contains(":2:") && output.contains(" public.https: "),
        "{output}"
    );
}

#[test]
fn wrong_files_and_wrong_keys_come_at_once() {
    let gate = with_files(
        "[public]\nhttps = \"127.0.0.1:0\"\ncertificate = \"empty.pem\"\nprivate_key = \"a.key\"\n\
         [upstreams.one]\naddresses = [\"127.0.0.1:1\"]\ntls = true\nca = \"garbage.pem\"\n\
         client_certificate = \"a.pem\"\nclient_key = \"b.key\"\n\
         [upstreams.two]\naddresses = [\"127.0.0.1:1\"]\ntls = true\nca = \"missing.pem\"\n\
         [wrong]\n",
    );
    let output = gate.run(&["check", "--running"]).failed_with(3);
    for what in [
        "public.certificate",
        "upstreams.one.ca",
        "upstreams.one.client_",
        "upstreams.two.ca",
        "wrong: unknown key",
    ] {
        assert!(output.contains(what), "{what} is not in\n{output}");
    }
    assert_eq!(output.lines().count(), 5, "{output}");
}

#[test]
fn what_belongs_together_comes_together() {
    for (section, key) in [
        ("[public]\nhttps = \"127.0.0.1:0\"\n", "public.https"),
        (
            "[public]\ncertificate = \"a.pem\"\nprivate_key = \"a.key\"\n",
            "public.https",
        ),
        (
            "[public]\nhttps = \"127.0.0.1:0\"\ncertificate = \"a.pem\"\n",
            "public.https",
        ),
        (
            "[upstreams.b]\naddresses = [\"h:1\"]\ntls = true\nclient_certificate = \"a.pem\"\n",
            "upstreams.b.client_certificate",
        ),
        (
            "[upstreams.b]\naddresses = [\"h:1\"]\nca = \"a.pem\"\n",
            "upstreams.b.tls",
        ),
        (
            "[upstreams.b]\naddresses = [\"h:1\"]\nserver_name = \"h\"\n",
            "upstreams.b.tls",
        ),
        (
            "[upstreams.b]\naddresses = [\"h:1\"]\ntls = true\nserver_name = \"a b\"\n",
            "upstreams.b.server_name",
        ),
    ] {
        let gate = with_files(&format!(
            "[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n{section}"
        ));
        let output = gate.run(&["check", "--running"]).failed_with(3);
        assert!(output.contains(&format!(" {key}: ")), "{section}: {output}");
        assert_eq!(output.lines().count(), 1, "{section}: {output}");
    }
}

#[test]
fn ports_in_use_are_all_named_and_nothing_is_created() {
    let taken: Vec<TcpListener> = (0..3)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let address = |number: usize| taken[number].local_addr().unwrap();
    let gate = with_files(&format!(
        "[public]\nhttp = \"{}\"\nhttps = \"{}\"\ncertificate = \"a.pem\"\nprivate_key = \"a.key\"\n\
         [admin]\nlisten = \"{}\"\n\
         [upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n",
        address(0),
        address(1),
        address(2)
    ));
    let files = gate.files();
    // The file is right, the moment is wrong: to serve fails, without calling it a mistake.
    for output in [
        gate.run(&["check"]).failed_with(3),
        gate.serve_that_ends().failed_with(1),
    ] {
        assert_eq!(output.lines().count(), 3, "{output}");
        for number in 0..3 {
            assert!(
                output.contains(&format!("{}: Address already in use", address(number))),
                "{output}"
            );
        }
    }
    assert_eq!(gate.files(), files);
    gate.run(&["check", "--running"]).succeeded();
}

#[test]
fn names_that_lead_nowhere_and_addresses_of_other_machines_are_found_by_check() {
    let gate = Gate::configured(
        "[public]\nhttp = \"127.0.0.1:0\"\n[admin]\nlisten = \"203.0.113.9:9090\"\n\
         [upstreams.default]\naddresses = [\"127.0.0.1:3000\", \"engine.invalid:3000\"]\n",
    );
    let output = gate.run(&["check"]).failed_with(3);
    assert_eq!(output.lines().count(), 2, "{output}");
    assert!(
        output.contains("cannot listen on 203.0.113.9:9090"),
        "{output}"
    );
    assert!(
        output.contains("upstreams.default: `engine.invalid:3000`"),
        "{output}"
    );
}

#[test]
fn a_folder_that_is_not_there_is_found_by_check() {
    for (section, key) in [("store", "path"), ("secrets", "key_file")] {
        let gate = Gate::configured(format!(
            "[public]\nhttp = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n\
             [{section}]\n{key} = \"nowhere/file\"\n"
        ));
        let output = gate.run(&["check"]).failed_with(3);
        assert!(output.contains("nowhere/file"), "{output}");
        let output = gate.serve_that_ends().failed_with(5);
        assert!(output.contains("nowhere/file"), "{output}");
        assert_eq!(gate.files(), ["portcullis.toml"], "{section}");
    }
}

#[test]
fn a_store_or_a_key_that_is_something_else_is_refused_and_left_alone() {
    for name in ["portcullis.db", "portcullis.key"] {
        let gate = Gate::before(&Backend::refusing());
        let path = gate.file(name, noise(8192));
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        let output = gate.run(&["check"]).failed_with(3);
        assert!(output.contains(path.to_str().unwrap()), "{output}");
        let output = gate.serve_that_ends().failed_with(5);
        assert!(output.contains(path.to_str().unwrap()), "{output}");
        assert_eq!(std::fs::read(&path).unwrap(), noise(8192));
        assert_eq!(
            gate.files(),
            [name, "portcullis.toml"],
            "nothing else was made"
        );
    }
}
