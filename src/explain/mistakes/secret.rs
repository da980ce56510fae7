//! Secrets that differ between sender and endpoint, or that are converted to a key in another way.

use std::ops::ControlFlow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::Try;
use super::form::percent_decoded;
use crate::auth::KeyEncoding;
use crate::explain::attempt::Attempt;

pub(super) fn key_encoding(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    if !base.scheme.covers_body() {
        return ControlFlow::Continue(());
    }
    let form = base.scheme.key();
    // The most usual encodings first, because one text can be the same key in several of them.
    for encoding in [
        KeyEncoding::Utf8,
        KeyEncoding::Base64,
        KeyEncoding::Hex,
        KeyEncoding::Sha1,
        KeyEncoding::Nfkd,
    ] {
        if encoding != form.encoding {
            let detail = match encoding {
                KeyEncoding::Utf8 => "its text was used as the key without decoding",
                KeyEncoding::Base64 | KeyEncoding::Base64OrUtf8 => "it was decoded from base64",
                KeyEncoding::Hex => "it was decoded from hex",
                KeyEncoding::Nfkd => "its text was normalised (NFKD)",
                KeyEncoding::Sha1 => "the SHA-1 of its text was used as the key",
            };
            try_it(detail, base.with_scheme(base.scheme.with_key(encoding)))?;
        }
    }
    if form.strip.is_some() {
        let whole = base.scheme.with_plain_key();
        let detail = "its whole text, with the prefix, was used as the key";
        try_it(detail, base.with_scheme(whole))?;
    }
    let text = form.stripped(base.secret.expose());
    let unpadded = text.strip_suffix(b"=").unwrap_or(text);
    let unpadded = unpadded.strip_suffix(b"=").unwrap_or(unpadded);
    if let Ok(key) = URL_SAFE_NO_PAD.decode(unpadded) {
        let scheme = base.scheme.with_plain_key();
        let detail = "it was decoded from base64url";
        try_it(detail, base.with_scheme(scheme).with_secret(key))?;
    }
    for (encoded, detail) in [
        (hex::encode(text), "its hex text was used as the key"),
        (STANDARD.encode(text), "its base64 text was used as the key"),
    ] {
        let plain = base.with_scheme(base.scheme.with_plain_key());
        try_it(detail, plain.with_secret(encoded.into_bytes()))?;
    }
    ControlFlow::Continue(())
}

pub(super) fn ended(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    base.context.ended.iter().try_for_each(|(version, secret)| {
        let attempt = Attempt {
            secret: Arc::clone(secret),
            ..base.clone()
        };
        try_it(&format!("it is version {version}"), attempt)
    })
}

pub(super) fn newline(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let secret = base.secret.expose();
    let trimmed = secret.strip_suffix(b"\n").unwrap_or(secret);
    let trimmed = trimmed.strip_suffix(b"\r").unwrap_or(trimmed);
    if trimmed.len() != secret.len() {
        let detail = "the endpoint's secret ends with one, the sender's does not";
        try_it(detail, base.with_secret(trimmed.to_vec()))?;
    }
    for (end, detail) in [
        (
            &b"\n"[..],
            "the sender's secret ends with one, the endpoint's does not",
        ),
        (
            b"\r\n",
            "the sender's secret ends with CRLF, the endpoint's does not",
        ),
    ] {
        try_it(detail, base.with_secret([secret, end].concat()))?;
    }
    ControlFlow::Continue(())
}

pub(super) fn quotes(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let secret = base.secret.expose();
    for quote in [b'"', b'\'', b'`'] {
        let inside = secret.strip_prefix(&[quote]);
        let inside = inside.and_then(|rest| rest.strip_suffix(&[quote]));
        if let Some(inside) = inside {
            let detail = "the endpoint's secret has them, the sender's does not";
            try_it(detail, base.with_secret(inside.to_vec()))?;
        }
        let quoted = [&[quote], secret, &[quote]].concat();
        let detail = "the sender's secret has them, the endpoint's does not";
        try_it(detail, base.with_secret(quoted))?;
    }
    ControlFlow::Continue(())
}

pub(super) fn whitespace(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let secret = base.secret.expose();
    let trimmed = secret.trim_ascii();
    if trimmed.len() != secret.len() {
        let detail = "the endpoint's secret has it, the sender's does not";
        try_it(detail, base.with_secret(trimmed.to_vec()))?;
    }
    for (before, after) in [(" ", ""), ("", " "), ("", "\t")] {
        let spaced = [before.as_bytes(), secret, after.as_bytes()].concat();
        let detail = "the sender's secret has it, the endpoint's does not";
        try_it(detail, base.with_secret(spaced))?;
    }
    ControlFlow::Continue(())
}

pub(super) fn prefix(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let secret = base.secret.expose();
    for separator in [b'_', b'-', b' ', b'='] {
        let at = secret
            .iter()
            .take(MAX_PREFIX)
            .position(|byte| *byte == separator);
        if let Some(rest) = at.and_then(|at| secret.get(at + 1..)) {
            let detail = "the endpoint's secret has it, the sender's does not";
            try_it(detail, base.with_secret(rest.to_vec()))?;
        }
    }
    for prefix in PREFIXES {
        if !secret.starts_with(prefix.as_bytes()) {
            let detail =
                format!("the sender's secret begins with `{prefix}`, the endpoint's does not");
            try_it(
                &detail,
                base.with_secret([prefix.as_bytes(), secret].concat()),
            )?;
        }
    }
    ControlFlow::Continue(())
}

pub(super) fn percent_encoded(base: &Attempt, try_it: Try<'_>) -> ControlFlow<()> {
    let secret = base.secret.expose();
    let decoded = percent_decoded(secret);
    if decoded != secret {
        let detail = "the endpoint's secret is encoded, the sender's is not";
        try_it(detail, base.with_secret(decoded))?;
    }
    let encoded: String = form_urlencoded::byte_serialize(secret).collect();
    if encoded.as_bytes() != secret {
        let detail = "the sender's secret is encoded, the endpoint's is not";
        try_it(detail, base.with_secret(encoded.into_bytes()))?;
    }
    ControlFlow::Continue(())
}

/// Prefixes of secrets that providers or people add.
const PREFIXES: &[&str] = &["whsec_", "Bearer ", "sha256=", "pdl_ntfset_"];
const MAX_PREFIX: usize = 16;
