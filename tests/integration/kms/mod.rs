//! Secrets that AWS KMS encrypts: a gate in a process of its own, moto for KMS, and a proxy in between that does
//! to calls what AWS and networks do.

mod context;
mod credentials;
mod custody;
mod data_keys;
mod faults;
mod flood;
mod refusals;
mod rewrap;
mod rotation;

use std::time::{Duration, Instant};

use crate::support::*;

/// A KMS with a key, and what stands before it.
struct Kms {
    moto: Moto,
    proxy: FaultProxy,
    key: String,
}

impl Kms {
    fn start() -> Self {
        let moto = Moto::start();
        let proxy = FaultProxy::before(moto.address());
        let key = moto.key();
        Self { moto, proxy, key }
    }

    /// A gate whose secrets it encrypts.
    fn gate(&self, backend: &Backend, secrets: &str) -> Gate {
        self.known_to(Gate::before(backend))
            .with("secrets", &format!("key_service = \"aws\"\n{secrets}"))
    }

    /// The same gate, which soon gives up a call that gets no answer.
    ///
    /// On a busy machine it may do so with a healthy key service, too, so its test waits for what it expects.
    fn hasty(&self, gate: Gate) -> Gate {
        gate.with(
            "secrets.aws",
            "connect_timeout = \"1s\"\nattempt_timeout = \"1s\"\ncall_timeout = \"2s\"",
        )
    }

    /// `gate` knows it, and still encrypts with its local key.
    fn known_to(&self, gate: Gate) -> Gate {
        let lines = format!("{}\nattempts = 2", self.place());
        with_credentials(gate.with("secrets.aws", &lines))
    }

    /// What the configuration says about it.
    fn place(&self) -> String {
        let (key, endpoint) = (&self.key, self.proxy.url());
        format!("key = \"{key}\"\nregion = \"eu-central-1\"\nendpoint = \"{endpoint}\"")
    }
}

/// The credentials of a user, and none from anywhere else.
fn with_credentials(gate: Gate) -> Gate {
    without_credentials(gate)
        .environment("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .environment("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
}

fn without_credentials(gate: Gate) -> Gate {
    gate.environment("AWS_EC2_METADATA_DISABLED", "true")
        .environment("AWS_CONFIG_FILE", "/nonexistent")
        .environment("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
}

const ACCESS_KEY: &str = "AKIDEXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// A delivery to `id`, signed with `secret`.
fn delivery(id: &str, secret: &str) -> Request {
    Request::post(&format!("/webhooks/ai/{id}"))
        .header("X-Hub-Signature-256", &github_signature(secret, b"{}"))
        .body("{}")
}

/// The status and the reason of one.
#[track_caller]
fn signed(gate: &Gate, id: &str, secret: &str) -> (u16, String) {
    let answer = send(gate.http(), &delivery(id, secret));
    (answer.status, answer.reason().to_owned())
}

fn admitted() -> (u16, String) {
    (202, "admitted".to_owned())
}

fn unavailable() -> (u16, String) {
    (503, "secrets_unavailable".to_owned())
}

fn undecryptable() -> (u16, String) {
    (503, "secret_undecryptable".to_owned())
}

fn mismatch() -> (u16, String) {
    (401, "signature_mismatch".to_owned())
}

/// How many lines that `gate` has written say so.
fn count_lines(gate: &Gate, what: &str) -> usize {
    let written = gate.everything_written();
    written.lines().filter(|line| line.contains(what)).count()
}

const OTHER: &str = "workflows/other";
