//! The deliveries of the demonstration, with the expected and the actual result of each.

use jiff::Timestamp;
use std::net::SocketAddr;
use std::path::Path;

use axum::body::Bytes;
use http::Method;
use sha2::{Digest, Sha256};

use super::engine::{Engine, EngineRequest};
use super::sender;
use super::setup::Secrets;
use crate::auth::{Message, Preset, SigningError};
use crate::cli::output::shell_word;
use crate::secrets::Secret;

/// A real GitHub event, shortened.
pub(super) const PULL_REQUEST: &str = include_str!("pull_request.json");

/// One delivery with its expected result.
pub(super) struct Scenario {
    name: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    status: u16,
    reason: &'static str,
    /// Whether the body is the file that the printed `curl` commands send.
    from_file: bool,
}

/// All deliveries, in order.
pub(super) fn scenes(secrets: &Secrets, limit_bytes: u64) -> Result<Vec<Scenario>, SigningError> {
    let genuine = signature(&secrets.github, PULL_REQUEST)?;
    let once = signature(&secrets.acknowledging, PULL_REQUEST)?;
    let forged = signature(&Secret::new(b"a guess".to_vec()), PULL_REQUEST)?;
    let tampered = PULL_REQUEST.replacen("\"opened\"", "\"closed\"", 1);
    let over = usize::try_from(limit_bytes)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let bearer = String::from_utf8_lossy(secrets.bearer.expose());
    let token = |value: String| vec![("Authorization", value)];
    Ok(vec![
        scene(
            "an unknown workflow",
            "/webhooks/ai/workflows/nope",
            vec![],
            404,
            "not_configured",
        ),
        scene(
            "a signature with a wrong secret",
            HMAC_PATH,
            github(&forged),
            401,
            "signature_mismatch",
        ),
        scene(
            "a GitHub pull_request",
            HMAC_PATH,
            github(&genuine),
            202,
            "admitted",
        ),
        // GitHub never retries by itself. Its Redeliver button repeats the id on purpose.
        scene(
            "the same, redelivered on purpose",
            HMAC_PATH,
            github(&genuine),
            202,
            "admitted",
        ),
        scene(
            "where duplicates are acknowledged",
            ONCE_PATH,
            github(&once),
            202,
            "admitted",
        ),
        scene(
            "the same once more",
            ONCE_PATH,
            github(&once),
            200,
            "duplicate",
        ),
        Scenario {
            body: Bytes::from(tampered),
            from_file: false,
            ..scene(
                "the same, tampered with",
                HMAC_PATH,
                github(&genuine),
                401,
                "signature_mismatch",
            )
        },
        scene(
            "no signature at all",
            HMAC_PATH,
            vec![],
            401,
            "signature_missing",
        ),
        scene(
            "a bearer token",
            SECRET_PATH,
            token(format!("Bearer {bearer}")),
            202,
            "admitted",
        ),
        scene(
            "a wrong bearer token",
            SECRET_PATH,
            token("Bearer guess".to_owned()),
            401,
            "token_mismatch",
        ),
        Scenario {
            body: Bytes::from(vec![b'x'; over]),
            from_file: false,
            ..scene(
                "a body one byte over the cap",
                HMAC_PATH,
                github(&genuine),
                413,
                "body_too_large",
            )
        },
    ])
}

/// A scene with the body that the printed `curl` commands send.
fn scene(
    name: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    status: u16,
    reason: &'static str,
) -> Scenario {
    Scenario {
        name,
        path,
        headers,
        body: Bytes::from_static(PULL_REQUEST.as_bytes()),
        status,
        reason,
        from_file: true,
    }
}

/// The headers of a GitHub delivery with this signature.
fn github(signature: &str) -> Vec<(&'static str, String)> {
    vec![
        ("X-Hub-Signature-256", signature.to_owned()),
        ("X-GitHub-Event", "pull_request".to_owned()),
        (DELIVERY_ID, DELIVERY.to_owned()),
    ]
}

impl Scenario {
    /// Sends the delivery and compares the result with the expected one.
    pub(super) async fn run(&self, gate: SocketAddr, engine: &Engine) -> SceneResult {
        let mut request = http::Request::post(self.path)
            .header("Host", gate.to_string())
            .header("Content-Type", "application/json");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let answer = match request.body(self.body.clone()) {
            Ok(request) => sender::send(gate, request).await.map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let received = engine.take_received();
        let as_expected = match (&answer, received.as_slice()) {
            (Ok(answer), []) => self.status != 202 && self.matches(answer),
            (Ok(answer), [request]) => {
                self.status == 202
                    && self.matches(answer)
                    && answer.body.contains("executionId")
                    && request.sha256 == <[u8; 32]>::from(Sha256::digest(&self.body))
            }
            _ => false,
        };
        SceneResult {
            name: self.name,
            as_expected,
            answer,
            received,
        }
    }

    /// The same delivery as a `curl` command; `None` if its body is not the file.
    pub(super) fn curl(&self, gate: SocketAddr, body_file: &Path) -> Option<String> {
        self.from_file.then(|| {
            let mut command = format!(
                "# {} → {} {}\ncurl -sS -i",
                self.name, self.status, self.reason
            );
            // The demonstration already used the id, so the command sends none and is not a duplicate.
            let rejects_repeats = self.status == 202 && self.path == ONCE_PATH;
            let is_left_out = |name: &str| rejects_repeats && name == DELIVERY_ID;
            for (name, value) in self.headers.iter().filter(|(name, _)| !is_left_out(name)) {
                command.push_str(&format!(
                    " \\\n  -H {}",
                    shell_word(&format!("{name}: {value}"))
                ));
            }
            let file = shell_word(&format!("@{}", body_file.display()));
            command.push_str(&format!(
                " \\\n  --data-binary {file} \\\n  http://{gate}{}",
                self.path
            ));
            command
        })
    }

    fn matches(&self, answer: &sender::Answer) -> bool {
        answer.status == self.status && answer.reason == self.reason
    }
}

/// The result of a delivery.
pub(super) struct SceneResult {
    name: &'static str,
    as_expected: bool,
    answer: Result<sender::Answer, String>,
    received: Vec<EngineRequest>,
}

impl SceneResult {
    pub(super) fn as_expected(&self) -> bool {
        self.as_expected
    }

    pub(super) fn row(&self) -> [String; 5] {
        let mark = if self.as_expected {
            "ok"
        } else {
            "NOT AS EXPECTED"
        };
        let (answer, reason) = match &self.answer {
            Ok(answer) => (
                format!("{} {}", answer.status, answer.body),
                answer.reason.clone(),
            ),
            Err(error) => (error.clone(), "-".to_owned()),
        };
        let received: Vec<String> = self
            .received
            .iter()
            .map(|it| {
                format!(
                    "{} bytes at {} for {} ({})",
                    it.len, it.path, it.endpoint, it.organisation
                )
            })
            .collect();
        let received = if received.is_empty() {
            "nothing".to_owned()
        } else {
            received.join("; ")
        };
        [
            mark.to_owned(),
            self.name.to_owned(),
            answer,
            reason,
            received,
        ]
    }
}

fn signature(secret: &Secret, body: &str) -> Result<String, SigningError> {
    let message = Message {
        method: &Method::POST,
        url: None,
        body: body.as_bytes(),
        at: Timestamp::UNIX_EPOCH, // GitHub signs no time.
        id: DELIVERY,
    };
    let proof = match Preset::named("github") {
        Some(preset) => preset.scheme.prove(secret.expose(), message)?,
        None => Vec::new(),
    };
    Ok(proof
        .into_iter()
        .next()
        .map(|(_, value)| value)
        .unwrap_or_default())
}

const DELIVERY_ID: &str = "X-GitHub-Delivery";
const DELIVERY: &str = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
const HMAC_PATH: &str = "/webhooks/ai/workflows/pr-bot";
const ONCE_PATH: &str = "/webhooks/ai/workflows/pr-once";
const SECRET_PATH: &str = "/webhooks/ai/workflows/nightly";
