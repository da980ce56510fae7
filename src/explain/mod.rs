//! `portcullis explain`: why the gate refuses a captured delivery.
//!
//! ```text
//! capture (raw HTTP, a curl command, a HAR file, flags) → Delivery
//!   → the steps of the gate, with the gate's own code → the step that refuses
//!   → the usual mistakes, one by one and then in pairs → the one whose correction makes the proof valid
//!   → Diagnosis: verdict, cause, what to change
//! ```
//!
//! This module is pure: captures are bytes, and the time is an argument. `judge.rs` verifies with the code of `auth`.
//! The result contains no secret, no part of one, and no signature.
//!
//! Each usual mistake is a row of the table in `mistakes/table.rs`. Add new ones there.

mod attempt;
mod curl;
mod curl_options;
mod delivery;
mod diagnose;
mod diagnosis;
mod har;
mod json_text;
mod judge;
mod mistakes;
mod question;
mod raw_http;
mod reasons;
mod search;
mod shell;
mod suspicions;
mod wording;

pub use self::curl::parse as parse_curl;
pub use self::delivery::{CaptureError, Delivery, MAX_CAPTURE_BYTES};
pub use self::diagnose::diagnose;
pub use self::diagnosis::{Cause, Diagnosis, Outcome, Step, StepReport};
pub use self::har::parse as parse_har;
pub use self::judge::{Secrets, Version};
pub use self::mistakes::names as mistake_names;
pub use self::question::{JudgedAt, PathTarget, Question};
pub use self::raw_http::parse as parse_raw_http;
pub use self::reasons::Advice;

/// The format of a capture, detected from its first characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CaptureFormat {
    /// A curl command.
    Curl,
    /// A HAR file.
    Har,
    /// Raw HTTP: a request line, headers and a body.
    Http,
}

impl CaptureFormat {
    /// Detects the format of `capture`.
    pub fn of(capture: &[u8]) -> Self {
        let start = capture.strip_prefix(BYTE_ORDER_MARK).unwrap_or(capture);
        let start = start.trim_ascii_start();
        let start = start
            .strip_prefix(b"$")
            .map_or(start, <[u8]>::trim_ascii_start);
        let letters = start.iter().take_while(|byte| byte.is_ascii_alphanumeric());
        let word = start.get(..letters.count()).unwrap_or_default();
        if start.starts_with(b"{") {
            Self::Har
        // `echo` and `printf` may be piped into curl.
        } else if matches!(word, b"curl" | b"echo" | b"printf") {
            Self::Curl
        } else {
            Self::Http
        }
    }
}

/// U+FEFF in UTF-8, which Windows editors put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
