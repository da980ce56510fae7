//! Three gates that share a PostgreSQL, a Redis and a key service, as processes of their own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::*;

/// Slack signs a time: without Redis nobody could say whether the delivery is a replay.
pub(super) const CLOSED: &str = "workflows/closed";
/// GitHub sends an id: without Redis each gate judges by what it knows itself.
pub(super) const LOCAL: &str = "workflows/local";
/// Nobody delivers there before something fails.
pub(super) const COLD: &str = "workflows/cold";
const SECRET: &str = "the-secret-of-the-whole-fleet";

/// The whole of it.
pub(super) struct Fleet {
    pub(super) nodes: Vec<Gate>,
    pub(super) backend: Backend,
    pub(super) postgres: Postgres,
    pub(super) redis: RedisServer,
    pub(super) kms: FaultProxy,
    /// It ends with its standard input, so somebody has to keep it.
    _moto: Moto,
    numbers: AtomicU64,
}

impl Fleet {
    /// All of it, started, with the two endpoints in the memory of each gate. Its engines may fail: the gates
    /// give up an engine that does not answer soon. The commands of the test have the time that they need.
    pub(super) fn start() -> Self {
        let this = Self::of(Backend::accepting(), None, |gate| {
            gate.with("store", "timeout = \"2s\"\nconnect_timeout = \"1s\"")
                .with("ledger", "response_timeout = \"500ms\"")
                .with(
                    "secrets.aws",
                    "attempt_timeout = \"1s\"\ncall_timeout = \"2s\"\nattempts = 2",
                )
        });
        this.admits_at_every_gate();
        // As a balancer asks, again and again.
        eventually("all is well", || this.is_whole());
        this
    }

    /// Makes the two endpoints known at each gate.
    pub(super) fn admits_at_every_gate(&self) {
        for id in [CLOSED, LOCAL] {
            for node in 0..self.nodes.len() {
                eventually("a delivery is admitted", || {
                    self.deliver(node, id) == "202 admitted"
                });
            }
        }
    }

    /// All of it, started. The last gate gives a delivery so much time, and others have minutes. Its engines do
    /// not fail: the gates wait for them as long as a busy machine needs, and never judge alone.
    pub(super) fn with(backend: Backend, total_timeout: Option<Duration>) -> Self {
        Self::of(backend, total_timeout, |gate| gate)
    }

    fn of(
        backend: Backend,
        total_timeout: Option<Duration>,
        with_timeouts: impl Fn(Gate) -> Gate,
    ) -> Self {
        let (postgres, redis, moto) = (Postgres::start(), RedisServer::start(), Moto::start());
        let kms = FaultProxy::before(moto.address());
        let key = moto.key();
        let store = format!("url = \"{}\"", postgres.url_with_password());
        let ledger = format!("url = \"{}\"", redis.url());
        let aws = format!(
            "key = \"{key}\"\nregion = \"eu-central-1\"\nendpoint = \"{}\"",
            kms.url()
        );
        let node = || {
            Gate::before(&backend)
                .environment("AWS_ACCESS_KEY_ID", "fleet")
                .environment("AWS_SECRET_ACCESS_KEY", "fleet")
                .environment("AWS_EC2_METADATA_DISABLED", "true")
                .with("store", &store)
                .with("ledger", &ledger)
                .with("secrets", "key_service = \"aws\"")
                .with("secrets.aws", &aws)
        };
        let started = |gate: Gate| {
            let gate = with_timeouts(gate).start();
            gate.with_only("store", &store)
                .with_only("ledger", &ledger)
                .with_only("secrets.aws", &aws)
        };
        let mut nodes = vec![node()];
        for (id, preset) in [(CLOSED, "slack"), (LOCAL, "github"), (COLD, "github")] {
            let mut words = vec!["--mode", "provider", "--preset", preset];
            if preset == "github" {
                words.extend(["--duplicates", "acknowledge"]);
            }
            let first = nodes.pop().unwrap().endpoint_with(id, &words);
            first
                .run_with_input(&["secret", "set", id], SECRET.as_bytes())
                .succeeded();
            nodes.push(first);
        }
        let last = match total_timeout.map(|timeout| timeout.as_secs()) {
            None => node(),
            Some(seconds) => node()
                .with(
                    "upstreams.default",
                    &format!("total_timeout = \"{seconds}s\""),
                )
                .with("ledger", &format!("claim_timeout = \"{}s\"", seconds + 1)),
        };
        nodes.extend([node(), last]);
        let nodes = nodes.into_iter().map(started).collect();
        Self {
            nodes,
            backend,
            postgres,
            redis,
            kms,
            _moto: moto,
            numbers: AtomicU64::new(0),
        }
    }

    /// A delivery that there was not yet: its id, and what is sent.
    pub(super) fn delivery(&self, id: &str, secret: &str) -> (String, Request) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let name = format!("d-{number}");
        let body = format!("{{\"event_id\":\"{name}\"}}");
        let request = Request::post(&format!("/webhooks/ai/{id}"));
        let request = if id == CLOSED {
            let now = jiff::Timestamp::now().as_second().to_string();
            let code = github_signature(secret, format!("v0:{now}:{body}").as_bytes());
            request
                .header("X-Slack-Request-Timestamp", &now)
                .header("X-Slack-Signature", &code.replace("sha256=", "v0="))
        } else {
            request.header("X-GitHub-Delivery", &name).header(
                "X-Hub-Signature-256",
                &github_signature(secret, body.as_bytes()),
            )
        };
        (name, request.body(&body))
    }

    /// What a new delivery gets at a gate: the status and the reason.
    pub(super) fn deliver(&self, node: usize, id: &str) -> String {
        let (_, request) = self.delivery(id, SECRET);
        outcome_of(&send(self.nodes[node].http(), &request))
    }

    /// Whether `/readyz` lets a balancer send deliveries to a gate, and the parts that are not well.
    pub(super) fn readiness(&self, node: usize) -> (u16, Vec<String>) {
        let answer = send(self.nodes[node].admin(), &admin_get("/readyz"));
        let report: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
        let parts = report["parts"].as_object().unwrap();
        let ill = parts.iter().filter(|(_, state)| *state != "ok");
        (answer.status, ill.map(|(part, _)| part.clone()).collect())
    }

    /// Delivers at all gates, genuine ones and forged ones, while `meanwhile` goes on. Gives what it gave,
    /// and what senders were told.
    pub(super) fn under_load<T>(&mut self, meanwhile: impl FnOnce(&mut Self) -> T) -> (T, Load) {
        let load = Mutex::new(Load::default());
        let stop = AtomicBool::new(false);
        // The threads know addresses and no more, so that `meanwhile` can take the gates apart.
        let addresses: Vec<_> = self.nodes.iter().map(Gate::http).collect();
        let numbers = AtomicU64::new(1_000_000);
        let given = thread::scope(|scope| {
            for address in &addresses {
                let (load, stop, numbers) = (&load, &stop, &numbers);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let number = numbers.fetch_add(1, Ordering::Relaxed);
                        let secret = if number % 4 == 3 {
                            "a stranger's"
                        } else {
                            SECRET
                        };
                        let (name, request) = github(LOCAL, secret, &format!("d-{number}"));
                        let answer = Connection::try_to(*address).and_then(|mut connection| {
                            connection.write(&request.bytes()).try_answer()
                        });
                        let mut load = load.lock().unwrap();
                        match answer {
                            Some(answer) if answer.status == 202 && secret == SECRET => {
                                load.admitted.push(name)
                            }
                            Some(answer) if answer.status == 202 => {
                                load.forged_and_admitted.push(name)
                            }
                            Some(answer) => load.refused.push((name, outcome_of(&answer))),
                            None => load.unanswered.push(name),
                        }
                        drop(load);
                        let_pass(Duration::from_millis(10));
                    }
                });
            }
            let given = meanwhile(self);
            // It goes on for a while afterwards.
            let so_far = load.lock().unwrap().admitted.len();
            eventually("more deliveries are admitted", || {
                load.lock().unwrap().admitted.len() > so_far + 20
            });
            stop.store(true, Ordering::Relaxed);
            given
        });
        (given, load.into_inner().unwrap())
    }

    /// The deliveries that reached the backend, by their names.
    pub(super) fn arrived(&self) -> Vec<String> {
        let received = self.backend.received();
        received
            .iter()
            .map(|it| it.headers("x-github-delivery").concat())
            .collect()
    }

    pub(super) fn is_whole(&self) -> bool {
        (0..self.nodes.len()).all(|node| self.readiness(node).1.is_empty())
    }
}

/// What senders were told.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) admitted: Vec<String>,
    pub(super) forged_and_admitted: Vec<String>,
    pub(super) refused: Vec<(String, String)>,
    pub(super) unanswered: Vec<String>,
}

/// A delivery as GitHub signs it.
pub(super) fn github(id: &str, secret: &str, name: &str) -> (String, Request) {
    let body = format!("{{\"name\":\"{name}\"}}");
    let request = Request::post(&format!("/webhooks/ai/{id}"))
        .header("X-GitHub-Delivery", name)
        .header(
            "X-Hub-Signature-256",
            &github_signature(secret, body.as_bytes()),
        );
    (name.to_owned(), request.body(&body))
}

pub(super) fn outcome_of(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.reason())
}
