//! What `check` says about Redis, and what is said about it in the configuration.

use std::collections::BTreeSet;

use super::secured::{MAY, PASSWORD, SecuredRedis};
use super::*;

#[track_caller]
fn check_output(gate: &Gate) -> String {
    let ran = gate.run(&["check", "--running"]);
    assert!(!ran.stderr.contains(PASSWORD), "{}", ran.stderr);
    ran.failed_with(3)
}

#[test]
fn what_redis_answers_is_shown_and_never_a_password() {
    let backend = Backend::accepting();
    let redis = SecuredRedis::start(&MAY);
    let port = redis.tls_port;
    let plain = redis.server.address();
    let nobody = free_port();
    let foreign = Authority::new();
    for (url, ca, says) in [
        (
            format!("rediss://gate:{PASSWORD}2@localhost:{port}"),
            &redis.authority,
            "AUTH: WRONGPASS",
        ),
        (
            format!("rediss://nobody:{PASSWORD}@localhost:{port}"),
            &redis.authority,
            "AUTH: WRONGPASS",
        ),
        (
            format!("rediss://gate:{PASSWORD}@localhost:{port}"),
            &foreign,
            "TLS to localhost failed: invalid peer certificate",
        ),
        (
            format!("rediss://gate:{PASSWORD}@127.0.0.1:{port}"),
            &redis.authority,
            "TLS to 127.0.0.1 failed: invalid peer certificate: certificate not valid for name",
        ),
        (
            format!("rediss://gate:{PASSWORD}@localhost:{nobody}"),
            &redis.authority,
            ": Connection refused (os error 111)",
        ),
        (
            format!("rediss://gate:{PASSWORD}@redis.invalid:{port}"),
            &redis.authority,
            "`redis.invalid` does not resolve",
        ),
        (
            format!("rediss://gate:{PASSWORD}@localhost:{port}/77"),
            &redis.authority,
            "SELECT: ERR DB index is out of range",
        ),
        (
            format!("rediss://gate:{PASSWORD}@{plain}"),
            &redis.authority,
            "during the TLS handshake",
        ),
    ] {
        let gate = redis.node(&backend);
        gate.file("other-ca.pem", ca.certificate());
        let gate = gate.with_only(
            "ledger",
            &format!(
                "url = \"{url}\"\nca = \"other-ca.pem\"\nclient_certificate = \"gate.pem\"\n\
                 client_key = \"gate-key.pem\""
            ),
        );
        let output = check_output(&gate);
        assert!(output.contains("ledger.url: rediss://"), "{output}");
        assert!(output.contains(says), "{says}\n{output}");
    }
}

#[test]
fn what_a_user_may_not_do_is_named() {
    let backend = Backend::accepting();
    for (missing, says) in [
        ("+eval", "the script `claim`: NOPERM"),
        ("+set", "the script `claim`: ERR "),
        ("+evalsha", "the script `claim`: NOPERM"),
        ("+del", "the script `commit`: "),
        ("+zadd", "the script `permit`: "),
        ("+time", "the script `permit`: "),
        ("+zrem", "the script `permit`: "),
        ("+ping", "PING: NOPERM"),
        ("+select", "SELECT: NOPERM"),
    ] {
        let may: Vec<&str> = MAY.into_iter().filter(|it| *it != missing).collect();
        let redis = SecuredRedis::start(&may);
        let output = check_output(&redis.node(&backend));
        assert!(output.contains(says), "{missing}\n{output}");
    }
    // Another prefix than the user is bound to.
    let redis = SecuredRedis::start(&MAY);
    let gate = redis
        .node(&backend)
        .with("ledger", "key_prefix = \"other:\"");
    let output = check_output(&gate);
    assert!(output.contains("the script `claim`: NOPERM"), "{output}");
}

#[test]
fn a_redis_that_forgets_keys_is_no_ledger() {
    let backend = Backend::accepting();
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let redis = RedisServer::with(&["--maxmemory", "100mb", "--maxmemory-policy", policy]);
        let gate = node("slack", &backend, &redis);
        let output = check_output(&gate);
        assert!(
            output.contains(policy) && output.contains("noeviction"),
            "{output}"
        );
        // A server that runs says so, too.
        let gate = gate.start();
        assert!(gate.everything_written().contains("noeviction"));
        assert_eq!(redis.ask(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
        gate.run(&["check", "--running"]).succeeded();
    }
}

#[test]
fn nothing_is_left_in_redis_by_a_check() {
    let (redis, backend) = (RedisServer::start(), Backend::accepting());
    let gate = node("slack", &backend, &redis);
    gate.run(&["check", "--running"]).succeeded();
    assert!(redis.keys().is_empty(), "{:?}", redis.keys());
}

#[test]
fn every_mistake_about_redis_has_its_key_and_line() {
    for (lines, says) in [
        (
            "url = \"http://localhost\"",
            "ledger.url: expected a URL that starts with `redis://`, `rediss://`",
        ),
        (
            "url = \"redis://localhost/one\"",
            "ledger.url: the path must be the number of a database",
        ),
        (
            "url = \"redis://localhost/70000\"",
            "ledger.url: the path must be the number",
        ),
        (
            "url = \"redis://localhost/0?db=1\"",
            "ledger.url: must not have a query (`?`)",
        ),
        (
            "url = \"redis://gate@localhost\"",
            "ledger.url: a user needs a password",
        ),
        (
            "url = \"redis://localhost\"\nca = \"ca.pem\"",
            "ledger.ca: needs TLS",
        ),
        (
            "url = \"rediss://localhost\"\nca = \"ca.pem\"",
            "ledger.ca: ",
        ),
        (
            "url = \"rediss://localhost\"\nclient_key = \"key.pem\"",
            "ledger.client_certificate: `client_certificate` and `client_key` must be given together",
        ),
        (
            "url = \"redis://localhost\"\nkey_prefix = \"a{b\"",
            "ledger.key_prefix: expected 1 to 64",
        ),
        (
            "url = \"redis://localhost\"\nresponse_timeout = \"1ms\"",
            "ledger.response_timeout: must be from",
        ),
        (
            "url = \"redis://localhost\"\nconnect_timeout = \"60s\"",
            "ledger.connect_timeout: must be from",
        ),
        (
            "key_prefix = \"a:\"",
            "ledger.key_prefix: needs the `url` of a Redis server",
        ),
        (
            "connect_timeout = \"1s\"",
            "ledger.connect_timeout: needs the `url` of a Redis server",
        ),
        (
            "ca = \"ca.pem\"",
            "ledger.ca: needs the `url` of a Redis server",
        ),
        (
            "password_file = \"password\"",
            "ledger.password_file: needs the `url` of a server",
        ),
    ] {
        let text =
            format!("[upstreams.default]\naddresses = [\"127.0.0.1:1\"]\n[ledger]\n{lines}\n");
        let gate = Gate::configured(text);
        let output = gate.run(&["check", "--running"]).failed_with(3);
        assert!(output.contains(says), "{lines}\n{output}");
        assert!(output.contains("portcullis.toml:"), "{output}");
    }
}

#[test]
fn the_page_gives_a_user_exactly_the_rights_that_a_gate_needs() {
    let page = include_str!("../../../docs/operate/redis.md");
    let (_, line) = page.split_once("\n```text acl\n").unwrap();
    let line = line.split("```").next().unwrap();
    let listed: BTreeSet<&str> = line
        .split_whitespace()
        .filter(|word| word.starts_with('+'))
        .collect();
    assert_eq!(listed, BTreeSet::from(MAY));
}
