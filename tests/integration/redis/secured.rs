//! Redis behind TLS, with users that may do no more than they need.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// What docs/operate/redis.md says a user needs.
pub(super) const MAY: [&str; 19] = [
    "+eval",
    "+evalsha",
    "+script|load",
    "+get",
    "+set",
    "+del",
    "+pttl",
    "+pexpire",
    "+time",
    "+zadd",
    "+zcard",
    "+zrange",
    "+zrank",
    "+zrem",
    "+zremrangebyscore",
    "+zscore",
    "+ping",
    "+config|get",
    "+select",
];

/// A Redis with TLS beside the plain port of the test's own, and the user `gate`.
pub(super) struct SecuredRedis {
    pub(super) server: RedisServer,
    pub(super) authority: Authority,
    pub(super) tls_port: u16,
    _files: tempfile::TempDir,
}

impl SecuredRedis {
    pub(super) fn start(may: &[&str]) -> Self {
        let files = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let identity = authority.sign("localhost");
        let file = |name: &str, content: &str| {
            let path = files.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let certificate = file("redis.pem", &identity.certificate);
        let key = file("redis-key.pem", &identity.key);
        let ca = file("ca.pem", authority.certificate());
        let tls_port = free_port();
        let port = tls_port.to_string();
        let password = format!(">{PASSWORD}");
        let mut options = vec![
            "--tls-port",
            &port,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
            "--tls-auth-clients",
            "yes",
            "--user",
            "gate",
            "on",
            &password,
            "~portcullis:*",
            "resetchannels",
            "-@all",
        ];
        options.extend(may);
        Self {
            server: RedisServer::with(&options),
            authority,
            tls_port,
            _files: files,
        }
    }

    /// A gate that is set up for it in every part.
    pub(super) fn node(&self, backend: &Backend) -> Gate {
        let gate = Gate::before(backend);
        let own = self.authority.sign("gate.internal");
        gate.file("redis-ca.pem", self.authority.certificate());
        gate.file("gate.pem", own.certificate);
        gate.file("gate-key.pem", own.key);
        let password = gate.file("redis-password", PASSWORD);
        std::fs::set_permissions(password, std::fs::Permissions::from_mode(0o600)).unwrap();
        let gate = gate.with(
            "ledger",
            &format!(
                "url = \"rediss://gate@localhost:{}/3\"\npassword_file = \"redis-password\"\n\
                 ca = \"redis-ca.pem\"\nclient_certificate = \"gate.pem\"\nclient_key = \"gate-key.pem\"",
                self.tls_port
            ),
        );
        with_preset(gate, ID, "slack", &[])
    }
}

#[test]
fn a_gate_proves_itself_to_redis_over_tls_with_a_user_that_may_just_do_its_work() {
    let (redis, backend) = (SecuredRedis::start(&MAY), Backend::accepting());
    let [one, two] = [(); 2].map(|()| redis.node(&backend));
    let output = one.run(&["check"]).succeeded();
    assert!(output.contains("portcullis.toml: ok; "), "{output}");
    assert!(!output.contains("note"), "{output}");
    let (one, two) = (one.start(), two.start());
    let delivery = slack(now(), "token=1");
    assert_eq!(send(one.http(), &delivery).status, 202);
    eventually("it is known", || {
        send(two.http(), &delivery).reason() == "replay"
    });
    // In the database that the URL names, under the prefix that the user is bound to.
    let keyspace = redis.server.ask(&["INFO", "keyspace"]);
    assert!(keyspace.contains("db3:keys=1"), "{keyspace}");
    for gate in [&one, &two] {
        let written = gate.everything_written();
        assert!(!written.contains(PASSWORD), "{written}");
        assert!(!written.contains("WARN"), "{written}");
    }
}

#[test]
fn a_user_that_may_not_see_the_policy_is_told_what_it_has_to_be() {
    let may: Vec<&str> = MAY.into_iter().filter(|it| *it != "+config|get").collect();
    let (redis, backend) = (SecuredRedis::start(&may), Backend::accepting());
    let gate = redis.node(&backend);
    let output = gate.run(&["check"]).succeeded();
    assert!(
        output.contains("note: cannot read the eviction policy of Redis"),
        "{output}"
    );
    assert!(output.contains("noeviction"), "{output}");
    let gate = gate.start();
    assert_eq!(send(gate.http(), &slack(now(), "token=1")).status, 202);
    assert!(gate.everything_written().contains("noeviction"));
}

#[test]
fn a_user_that_may_not_load_scripts_sends_them() {
    let may: Vec<&str> = MAY.into_iter().filter(|it| *it != "+script|load").collect();
    let (redis, backend) = (SecuredRedis::start(&may), Backend::accepting());
    let gate = redis.node(&backend).start();
    assert_eq!(send(gate.http(), &slack(now(), "token=1")).status, 202);
    assert_eq!(gate.metric(UP), 1);
}

pub(super) const PASSWORD: &str = "a-password-that-nobody-may-see";
