//! The providers' own SDKs as senders: what they sign is admitted, byte for byte, and nothing that
//! became of it on the way.
//!
//! Each test starts a gate and lets a process of the SDK's language (tests/sdk) sign and send, first
//! the genuine delivery, then the ones that somebody has touched. `make sdks` prints what came out.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;

use crate::support::*;

use self::Runtime::{Node, Python};
use self::Signs::{Digest, Time, Timestamp, Url};

/// Standard Webhooks and Svix take base64 only, Adyen hexadecimal digits only.
const WHSEC: [&str; 2] = [
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
];
const HEX: [&str; 2] = [
    "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
    "009E9E92268087AAD241638D3325201AFE8AAE6F3DCD369B6D32E87129FFAB10",
];
const TEXT: [&str; 2] = ["a-secret-of-the-provider's", "another-secret-of-theirs"];

macro_rules! senders {
    ($($test:ident: $runtime:ident $name:literal as $preset:literal with $secrets:ident $signs:expr;)+) => {
        $(#[test]
        fn $test() {
            Sender {
                runtime: $runtime,
                name: $name,
                preset: $preset,
                secrets: $secrets,
                signs: &$signs,
            }
            .is_admitted_only_as_it_signed();
        })+
    };
}

senders! {
    adyen_payments: Python "adyen-payments" as "adyen-payments" with HEX [];
    adyen_platform: Python "adyen-platform" as "adyen-platform" with HEX [];
    box_v2: Python "box" as "box" with TEXT [Time];
    braintree: Python "braintree" as "braintree" with TEXT [];
    coinbase_commerce: Python "coinbase-commerce" as "coinbase-commerce" with TEXT [];
    hubspot_v1: Python "hubspot-v1" as "hubspot-v1" with TEXT [];
    hubspot_v2: Python "hubspot-v2" as "hubspot-v2" with TEXT [Url];
    hubspot_v3: Python "hubspot-v3" as "hubspot-v3" with TEXT [Url, Time];
    octokit_webhooks_methods: Node "github" as "github" with TEXT [];
    notion: Node "notion" as "notion" with TEXT [];
    paddle: Python "paddle" as "paddle" with TEXT [Time];
    sanity: Node "sanity" as "sanity" with TEXT [Timestamp];
    shopify: Node "shopify" as "shopify" with TEXT [];
    slack: Python "slack" as "slack" with TEXT [Time];
    slack_with_a_form: Python "slack-form" as "slack" with TEXT [Time];
    standardwebhooks_of_node: Node "standardwebhooks" as "standard-webhooks" with WHSEC [Time];
    standardwebhooks_of_python: Python "standardwebhooks" as "standard-webhooks" with WHSEC [Time];
    stripe_of_node: Node "stripe" as "stripe" with TEXT [Time];
    stripe_of_python: Python "stripe" as "stripe" with TEXT [Time];
    svix_of_node: Node "svix" as "svix" with WHSEC [Time];
    svix_of_python: Python "svix" as "svix" with WHSEC [Time];
    twilio_of_node_with_a_form: Node "twilio-form" as "twilio" with TEXT [Url];
    twilio_of_node_with_json: Node "twilio-json" as "twilio" with TEXT [Url, Digest];
    twilio_of_python_with_a_form: Python "twilio-form" as "twilio" with TEXT [Url];
    twilio_of_python_with_a_shared_key: Python "twilio-sha256" as "twilio-sha256" with TEXT [Url];
    twilio_of_python_with_json: Python "twilio-json" as "twilio" with TEXT [Url, Digest];
    workos: Node "workos" as "workos" with TEXT [Time];
}

/// An SDK, and what it sends to.
struct Sender {
    runtime: Runtime,
    /// What the scripts in tests/sdk call it.
    name: &'static str,
    preset: &'static str,
    /// The endpoint's, and one that is not.
    secrets: [&'static str; 2],
    signs: &'static [Signs],
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Runtime {
    Python,
    Node,
}

/// What a signature covers beside the body.
#[derive(Clone, Copy, PartialEq)]
enum Signs {
    /// The time, and the preset has a window for it.
    Time,
    /// The time, and the provider knows no window.
    Timestamp,
    /// The URL with its query.
    Url,
    /// The body only through a digest in the query.
    Digest,
}

/// What a sender says at its end.
#[derive(Deserialize)]
struct Told {
    sdk: String,
    version: String,
    answers: Vec<Answered>,
}

#[derive(Deserialize)]
struct Answered {
    case: String,
    status: u16,
    reason: String,
    /// What was sent, in base64.
    body: String,
}

impl Sender {
    fn is_admitted_only_as_it_signed(&self) {
        let backend = Backend::accepting();
        let gate = Gate::before(&backend)
            .with("public", &format!("url = \"{PUBLIC_URL}\""))
            .endpoint_with(ID, &["--mode", "provider", "--preset", self.preset]);
        gate.run_with_input(&["secret", "set", ID], self.secrets[0].as_bytes())
            .succeeded();
        let gate = gate.start();

        let expected = self.expected();
        let told = self.send(&gate, &expected);
        self.show(&told);
        let answers: Vec<_> = told
            .answers
            .iter()
            .map(|it| (it.case.as_str(), it.status, it.reason.as_str()))
            .collect();
        assert_eq!(answers, expected);

        let genuine = BASE64_STANDARD.decode(&told.answers[0].body).unwrap();
        let received = backend.only();
        assert_eq!(received.body_len, genuine.len());
        assert_eq!(received.body_sha256, sha256(&genuine));
        assert_eq!(backend.connections(), 1);
    }

    /// Each case, and what has to come of it.
    fn expected(&self) -> Vec<(&'static str, u16, &'static str)> {
        let mut expected = vec![
            ("genuine", 202, "admitted"),
            ("body changed", 401, "signature_mismatch"),
            ("wrong secret", 401, "signature_mismatch"),
            ("signature cut", 401, "signature_malformed"),
            ("signature left out", 401, "signature_missing"),
        ];
        for signs in self.signs {
            match signs {
                Time => expected.extend([
                    ("time rewritten", 401, "signature_mismatch"),
                    ("an hour old", 401, "timestamp_stale"),
                    ("an hour ahead", 401, "timestamp_future"),
                ]),
                Timestamp => expected.push(("time rewritten", 401, "signature_mismatch")),
                Url => expected.push(("query changed", 401, "signature_mismatch")),
                Digest => expected[1].2 = "body_digest_mismatch",
            }
        }
        expected
    }

    /// Lets the SDK sign and send every case.
    fn send(&self, gate: &Gate, cases: &[(&str, u16, &str)]) -> Told {
        let cases: Vec<&str> = cases.iter().map(|(case, ..)| *case).collect();
        let job = json!({
            "gate": format!("http://{}", gate.http()),
            "public_url": PUBLIC_URL,
            "path": PATH,
            "secret": self.secrets[0],
            "other_secret": self.secrets[1],
            "cases": cases,
        });
        let mut command = self.runtime.command();
        command.arg(self.name);
        let told = Ran::of(command, job.to_string().as_bytes()).succeeded();
        serde_json::from_str(&told).unwrap()
    }

    /// A row of the table for people.
    fn show(&self, told: &Told) {
        for it in &told.answers {
            println!(
                "| {:<25} {:<8} {:<7} {:<17} {:<18} {} {}",
                told.sdk,
                told.version,
                format!("{:?}", self.runtime),
                self.name,
                it.case,
                it.status,
                it.reason
            );
        }
    }
}

impl Runtime {
    /// What runs a sender, made by scripts/prepare of the versions in tests/sdk.
    pub(crate) fn command(self) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (made_of, now, program) = match self {
            Python => (
                "python-is",
                include_str!("../sdk/requirements.txt"),
                "python/bin/python",
            ),
            Node => (
                "node-is",
                concat!(
                    include_str!("../sdk/package-lock.json"),
                    include_str!("../sdk/node-requirements.txt")
                ),
                "node/node",
            ),
        };
        let sdks = root.join("target/sdk");
        let made_of = std::fs::read_to_string(sdks.join(made_of)).unwrap_or_default();
        assert!(
            made_of == now,
            "the SDKs for {self:?} are not in {}, or not the ones that tests/sdk names: \
             run `scripts/prepare test` (`make test` does)",
            sdks.display()
        );
        let mut command = Command::new(sdks.join(program));
        match self {
            Python => command.arg(root.join("tests/sdk/sender.py")),
            // A module finds packages beside itself only, and this one must not lie where they are: as
            // an argument it is taken for one in the folder that it runs in.
            Node => command
                .current_dir(sdks.join("node"))
                .args(["--input-type=module", "--eval"])
                .arg(include_str!("../sdk/sender.mjs")),
        };
        command
    }
}

/// As the outside sees the gate. Some providers sign it.
const PUBLIC_URL: &str = "https://portal.example.com";
