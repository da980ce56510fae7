//! AWS KMS, emulated by moto in a process of its own.
//!
//! What moto 5.2 does as AWS: Encrypt, Decrypt and GenerateDataKey with their errors and limits; a ciphertext opens
//! only with the context and the key that it was made with; the answer names the ARN of the key. What it does not,
//! so that a test must not rely on it:
//! - signatures and credentials are not checked: every access key will do;
//! - the context is authenticated as its names and values strung together, without marking where one ends;
//! - a key that was disabled, or is to be deleted, goes on working;
//! - a wrong key or garbage gives AccessDeniedException, sometimes with an empty message;
//! - nothing is throttled, and it answers some 200 calls a second: nothing is measured against it.
//!
//! Denials, disabled keys, throttling, failures and silence come from the [`FaultProxy`](super::FaultProxy) before it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::{Connection, Request, eventually};

/// A KMS with nothing in it.
pub(crate) struct Moto {
    process: Child,
    address: SocketAddr,
}

impl Moto {
    /// Starts it on a port of its own, and waits until it answers.
    pub(crate) fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/moto");
        let made_of = std::fs::read_to_string(root.join("python-is")).unwrap_or_default();
        assert!(
            made_of == include_str!("../../moto/requirements.txt"),
            "moto is not in {}, or not the one that tests/moto names: run `scripts/prepare test` \
             (`make test` does)",
            root.display()
        );
        // It ends with its standard input: a test that is killed leaves none behind.
        let mut process = Command::new(root.join("python/bin/python"))
            .args(["-c", SERVE])
            .env("MOTO_ACCOUNT_ID", "123456789012")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut reader = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let port: u16 = line.trim().parse().expect("the port of moto");
        let this = Self {
            process,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        };
        eventually("moto takes connections", || {
            Connection::try_to(this.address).is_some()
        });
        this
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes a key, and gives its ARN.
    pub(crate) fn key(&self) -> String {
        let made = self.ask("CreateKey", &json!({}));
        made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
    }

    /// Gives a key an alias.
    pub(crate) fn alias(&self, alias: &str, key: &str) {
        self.ask(
            "CreateAlias",
            &json!({"AliasName": alias, "TargetKeyId": key}),
        );
    }

    /// Asks it what the program does not ask.
    pub(crate) fn ask(&self, operation: &str, question: &Value) -> Value {
        let request = Request::post("/")
            .host("kms.eu-central-1.amazonaws.com")
            .header("X-Amz-Target", &format!("TrentService.{operation}"))
            .header("Content-Type", "application/x-amz-json-1.1")
            .header(
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/kms/aws4_request, \
                 SignedHeaders=host, Signature=0",
            )
            .body(question.to_string());
        let answer = Connection::to(self.address)
            .write(&request.bytes())
            .answer();
        let text = answer.text().trim();
        assert_eq!(answer.status, 200, "{operation}: {text}");
        if text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(text).unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server of moto on a free port, which it prints. It ends when nobody holds its standard input any more.
const SERVE: &str = r#"
import os, sys, threading
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
os._exit(0)
"#;
