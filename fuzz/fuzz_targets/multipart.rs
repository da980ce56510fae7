//! Parts of a body: what is found does not depend on the pieces in which it comes, and lies within it.
//!
//! The first byte is the size of the pieces; then comes the type up to a line end, and the body.
#![no_main]

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use portcullis::payload::{MultipartLimits, Parts, Scanner, boundary_of};

const LIMITS: MultipartLimits = MultipartLimits {
    parts: 8,
    headers: 4,
    header_bytes: 512,
};

fuzz_target!(|input: &[u8]| {
    let Some((piece, rest)) = input.split_first() else {
        return;
    };
    let line = rest
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(rest.len());
    let (content_type, body) = rest.split_at(line);
    let body = body.get(1..).unwrap_or_default();
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(content_type) {
        headers.insert("content-type", value);
    }
    let boundary = boundary_of(&headers).unwrap_or(Some(b"xyz".to_vec()));
    let whole = scan(boundary.as_deref(), body, body.len().max(1));
    let pieces = scan(boundary.as_deref(), body, usize::from(*piece) + 1);
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
});

fn scan(boundary: Option<&[u8]>, body: &[u8], piece: usize) -> Parts {
    let raw: Arc<[Box<str>]> = ["email".into()].into();
    let mut scanner = Scanner::new(boundary, LIMITS, Arc::new(None), raw);
    let mut come = 0;
    while come < body.len() {
        come = (come + piece).min(body.len());
        let so_far = &body[..come];
        scanner.advance(so_far);
        assert!(scanner.bytes_outside(so_far) <= come as u64);
        assert!(scanner.largest_raw(so_far) <= come as u64);
    }
    scanner.finish()
}
