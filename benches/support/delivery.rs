//! Genuine deliveries, made once and sent as often as a benchmark likes.

use http::{HeaderMap, HeaderValue};
use portcullis::auth::{Message, Place, Scheme};

/// The sizes that are measured, with the names that people know them by.
pub(crate) const SIZES: [(&str, usize); 6] = [
    ("64 B", 64),
    ("1 KB", 1024),
    ("8 KB", 8 * 1024),
    ("64 KB", 64 * 1024),
    ("1 MB", 1024 * 1024),
    ("50 MB", 50 * 1024 * 1024),
];

pub(crate) const SECRET: &[u8] = b"a secret of forty-three characters, or so..";

/// How much a socket gives at once.
pub(crate) const PIECE: usize = 64 * 1024;

/// A delivery with the head of a usual one.
pub(crate) struct Delivery {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Delivery {
    /// What a sender that knows the secret sends.
    pub(crate) fn proven(scheme: &Scheme, size: usize) -> Self {
        let body: Vec<u8> = (b'a'..=b'z').cycle().take(size).collect();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "portal.example.com"),
            ("user-agent", "GitHub-Hookshot/0f1e2d3"),
            ("accept", "*/*"),
            ("content-type", "application/json"),
            ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            ("x-github-event", "pull_request"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let message = Message {
            method: &http::Method::POST,
            url: None,
            body: &body,
            at: jiff::Timestamp::UNIX_EPOCH,
            id: "msg_1",
        };
        for (place, value) in scheme.prove(SECRET, message).expect("a secret") {
            let Place::Header(name) = place else {
                panic!("a proof in a header");
            };
            headers.insert(name, value.parse().expect("a value"));
        }
        Self { headers, body }
    }
}
