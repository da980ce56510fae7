//! `portcullis explain`, as a process: files and flags go in, a cause comes out.

mod captures;
mod causes;
mod endpoint;
mod urls;

use std::path::PathBuf;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::support::*;

#[test]
fn the_page_has_every_cause_and_every_field() {
    let page = include_str!("../../../docs/guide/troubleshooting.md");
    let (_, part) = page.split_once("\n## Causes\n").unwrap();
    let words: Vec<&str> = part.split('`').skip(1).step_by(2).collect();
    for name in portcullis::explain::mistake_names() {
        assert!(words.contains(&name), "{name}");
    }
    for source in [
        include_str!("../../../src/explain/suspicions/body.rs"),
        include_str!("../../../src/explain/suspicions/head.rs"),
        include_str!("../../../src/explain/suspicions/mod.rs"),
    ] {
        for name in source
            .split("cause(\n")
            .skip(1)
            .filter_map(|text| text.trim_start().strip_prefix('"')?.split('"').next())
        {
            assert!(words.contains(&name), "{name}");
        }
    }
    let defects = include_str!("../../../src/explain/suspicions/defect.rs");
    let quoted = defects.split('"').skip(1).step_by(2);
    let names: Vec<&str> = quoted
        .filter(|text| {
            text.contains('-') && text.bytes().all(|it| it == b'-' || it.is_ascii_lowercase())
        })
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(words.contains(&name), "{name}");
    }
    let diagnosis = Desk::new().explain("github", b"s3cret", &http(&[], b"{}"), &[]);
    for fields in [&diagnosis, &diagnosis["steps"][0], &diagnosis["causes"][0]] {
        for field in fields.as_object().unwrap().keys() {
            assert!(words.contains(&field.as_str()), "{field}");
        }
    }
}

/// A folder with captures, and the program.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs `portcullis explain` in the folder.
    fn run(&self, words: &[&str], secret: &[u8]) -> CommandOutput {
        let mut command = portcullis();
        command
            .arg("explain")
            .args(words)
            .env("NO_COLOR", "1")
            .current_dir(&self.folder);
        CommandOutput::of(command, secret)
    }

    /// Explains a capture by a preset, and gives what `--json` says.
    #[track_caller]
    fn explain(&self, preset: &str, secret: &[u8], capture: &[u8], more: &[&str]) -> Value {
        self.file("capture", capture);
        let mut words = vec!["capture", "--preset", preset, "--json"];
        words.extend(more);
        let ran = self.run(&words, secret);
        assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
        let diagnosis: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
        assert_eq!(diagnosis["admitted"], ran.code == Some(0), "{ran:?}");
        if ran.code == Some(1) {
            let reason = diagnosis["reason"].as_str().unwrap();
            assert!(
                ran.stderr.contains(&format!("refused: {reason}")),
                "{ran:?}"
            );
        }
        diagnosis
    }
}

/// The names of the most likely cause.
fn names(diagnosis: &Value) -> Vec<&str> {
    let names = diagnosis["causes"][0]["names"].as_array();
    let names = names.into_iter().flatten();
    names.map(|name| name.as_str().unwrap()).collect()
}

/// A captured delivery as raw HTTP.
fn http(headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut capture = b"POST /hook HTTP/1.1\r\nHost: portal.example.com\r\n".to_vec();
    for (name, value) in headers {
        capture.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    capture.extend(b"\r\n");
    capture.extend(body);
    capture
}

fn sha256_mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn sha1_mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn sha512_mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
