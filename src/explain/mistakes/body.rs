//! Changes of the body between signing and sending.

use std::io::Read;
use std::ops::ControlFlow;

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use memchr::memmem;
use sha2::{Digest, Sha256};

use super::Try;
use crate::explain::BYTE_ORDER_MARK;
use crate::explain::attempt::Attempt;

pub(super) fn decompressed(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let decompressed_body = match base.body.get(..2) {
        Some([0x1f, 0x8b]) => decompress_bounded(MultiGzDecoder::new(&*base.body)),
        Some([0x78, _]) => decompress_bounded(ZlibDecoder::new(&*base.body)),
        _ => None,
    };
    match decompressed_body {
        Some(decompressed_body) => try_it(
            "the uncompressed body was signed",
            base.with_body(decompressed_body),
        ),
        None => ControlFlow::Continue(()),
    }
}

fn decompress_bounded(decoder: impl Read) -> Option<Vec<u8>> {
    let mut decompressed_body = Vec::new();
    let read = decoder
        .take(MAX_PLAIN_BYTES + 1)
        .read_to_end(&mut decompressed_body);
    (read.is_ok() && decompressed_body.len() as u64 <= MAX_PLAIN_BYTES).then_some(decompressed_body)
}

pub(super) fn other_captures(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let other_bodies = &base.context.delivery.other_bodies;
    other_bodies.iter().try_for_each(|(name, body)| {
        try_it(&format!("{name} was signed"), base.with_body(body.clone()))
    })
}

pub(super) fn line_ends(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let body = &base.body;
    let has_lf = memchr::memchr(b'\n', body).is_some();
    if !has_lf {
        return ControlFlow::Continue(());
    }
    let unix = replaced(body, b"\r\n", b"\n");
    let windows = replaced(&unix, b"\n", b"\r\n");
    if unix.len() != body.len() {
        try_it("it was signed with LF", base.with_body(unix))?;
    }
    if windows.len() != body.len() {
        try_it("it was signed with CRLF", base.with_body(windows))?;
    }
    ControlFlow::Continue(())
}

pub(super) fn final_newline(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let body = &base.body;
    let trimmed = body.trim_ascii();
    if trimmed.len() != body.len() {
        if let Some(without) = body.strip_suffix(b"\n") {
            let without = without.strip_suffix(b"\r").unwrap_or(without);
            let detail = "it was signed without the line end that was sent";
            try_it(detail, base.with_body(body.slice_ref(without)))?;
        }
        let detail = "it was signed without the white space around it";
        try_it(detail, base.with_body(body.slice_ref(trimmed)))?;
    }
    for (end, detail) in [
        (&b"\n"[..], "it was signed with a line end after it"),
        (b"\r\n", "it was signed with CRLF after it"),
    ] {
        try_it(detail, base.with_body([body, end].concat()))?;
    }
    ControlFlow::Continue(())
}

pub(super) fn charset(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let body = &base.body;
    if body.is_ascii() {
        return ControlFlow::Continue(());
    }
    if let Ok(text) = std::str::from_utf8(body) {
        let latin_1: Result<Vec<u8>, _> = text.chars().map(|c| u8::try_from(c as u32)).collect();
        if let Ok(latin_1) = latin_1 {
            let detail = "it was signed as Latin-1 and sent as UTF-8";
            try_it(detail, base.with_body(latin_1))?;
        }
    }
    let utf_8: String = body.iter().map(|byte| char::from(*byte)).collect();
    let detail = "it was signed as UTF-8 and sent as Latin-1";
    try_it(detail, base.with_body(utf_8.into_bytes()))?;
    let with_replacements = String::from_utf8_lossy(body);
    if matches!(with_replacements, std::borrow::Cow::Owned(_)) {
        let detail = "it was signed as text, with invalid UTF-8 replaced by U+FFFD";
        try_it(
            detail,
            base.with_body(with_replacements.into_owned().into_bytes()),
        )?;
    }
    ControlFlow::Continue(())
}

pub(super) fn byte_order_mark(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    if let Some(without) = base.body.strip_prefix(BYTE_ORDER_MARK) {
        let body = base.body.slice_ref(without);
        return try_it("it was sent and not signed", base.with_body(body));
    }
    let body = [BYTE_ORDER_MARK, &base.body].concat();
    try_it("it was signed and not sent", base.with_body(body))
}

pub(super) fn something_else(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    for (text, detail) in [
        ("", "an empty body was signed"),
        ("{}", "`{}`, an empty object, was signed"),
        ("null", "`null` was signed"),
        ("undefined", "`undefined` was signed"),
        (
            "[object Object]",
            "`[object Object]`, an object converted to text, was signed",
        ),
    ] {
        if base.body != text {
            try_it(detail, base.with_body(text))?;
        }
    }
    let digest = hex::encode(Sha256::digest(&base.body));
    try_it(
        "the SHA-256 of the body in hex was signed",
        base.with_body(digest),
    )
}

pub(super) fn replaced(body: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut changed = Vec::with_capacity(body.len());
    let mut copied = 0;
    for at in memmem::find_iter(body, old) {
        changed.extend_from_slice(body.get(copied..at).unwrap_or_default());
        changed.extend_from_slice(new);
        copied = at + old.len();
    }
    changed.extend_from_slice(body.get(copied..).unwrap_or_default());
    changed
}

/// The largest body that the gate accepts. It bounds decompression.
const MAX_PLAIN_BYTES: u64 = 50 << 20;
