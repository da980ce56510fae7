//! The proof: whatever a head says and whatever the body is, it is admitted exactly if a second
//! implementation, on another library, says that it may be. Nobody who lacks the key gets in.
//!
//! Input: a line with the name of a preset, a line with the query, header lines, an empty line, the
//! body; lines end in LF.
#![no_main]

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use portcullis::auth::{
    Claim, Head, Key, KeyRing, Mode, NumberedKey, Preset, ProofError, Scheme, Verification,
    VerificationStart,
};
use portcullis::directory::AuthDefinition;
use ring::hmac;

const SECRET: &[u8] = b"It's a Secret to Everybody";

fuzz_target!(|data: &[u8]| {
    let Some((name, query, headers, body)) = take_apart(data) else {
        return;
    };
    let Some(scheme) = scheme(name) else { return };
    let head = Head {
        method: &Method::POST,
        headers: &headers,
        query,
        url: None,
    };
    let admitted = verify(scheme, &head, body).is_ok();
    assert_eq!(admitted, is_genuine(name, &head, body), "{name}: {head:?}");
});

/// The scheme of those names that the second implementation below knows.
fn scheme(name: &str) -> Option<Scheme> {
    match name {
        "github" | "github-sha1" => Preset::named(name).map(|preset| preset.scheme.clone()),
        "api-key" | "bearer" | "secret" => AuthDefinition::of(name.parse::<Mode>().ok()?)
            .compiled()
            .ok()?,
        _ => None,
    }
}

type Input<'i> = (&'i str, Option<&'i str>, HeaderMap, &'i [u8]);

fn take_apart(input: &[u8]) -> Option<Input<'_>> {
    let (name, rest) = cut(input)?;
    let name = std::str::from_utf8(name).ok()?;
    let (query, mut rest) = cut(rest)?;
    let query = std::str::from_utf8(query).ok()?;
    let mut headers = HeaderMap::new();
    loop {
        let (line, after) = cut(rest)?;
        rest = after;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        headers.append(
            HeaderName::from_bytes(&line[..colon]).ok()?,
            HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?,
        );
    }
    let query = (!query.is_empty()).then_some(query);
    Some((name, query, headers, rest))
}

fn cut(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
}

fn verify(scheme: Scheme, head: &Head<'_>, body: &[u8]) -> Result<(), ProofError> {
    let scheme = Arc::new(scheme);
    let key = Key::prepare(scheme.algorithm(), SECRET).expect("a secret");
    let keys = KeyRing {
        current: NumberedKey {
            key: Arc::new(key),
            version: 1,
        },
        previous: None,
    };
    let claim = Claim::read(&scheme, head)?;
    match Verification::begin(&scheme, claim, Arc::new(keys), Timestamp::UNIX_EPOCH)? {
        VerificationStart::Proven(verified) => assert_eq!(verified.version(), Some(1)),
        VerificationStart::Streaming(mut verification) => {
            let (first, second) = body.split_at(body.len() / 3);
            verification.update(first);
            verification.update(second);
            verification.finish(head, body)?;
        }
    }
    Ok(())
}

/// What the documentation of each preset asks for, said a second time.
fn is_genuine(preset: &str, head: &Head<'_>, body: &[u8]) -> bool {
    let signed = |name, tag: &[u8], algorithm| {
        only(&header(head, name))
            .and_then(|value| value.strip_prefix(tag))
            .and_then(from_hex)
            .is_some_and(|code| {
                let key = hmac::Key::new(algorithm, SECRET);
                hmac::verify(&key, body, &code).is_ok()
            })
    };
    match preset {
        "github" => signed("x-hub-signature-256", b"sha256=", hmac::HMAC_SHA256),
        "github-sha1" => signed(
            "x-hub-signature",
            b"sha1=",
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        ),
        "api-key" => only(&header(head, "x-api-key")) == Some(SECRET),
        "bearer" => only(&header(head, "authorization")).and_then(bearer) == Some(SECRET),
        "secret" => {
            let authorization = header(head, "authorization");
            let query = query(head, "token");
            let tokens = [
                (
                    authorization.is_empty(),
                    only(&authorization),
                    only(&authorization).and_then(bearer),
                ),
                (query.is_empty(), only(&query), only(&query)),
            ];
            // A place that is filled twice with different values settles it; a place that holds
            // something else is as good as empty; all tokens that there are must be right.
            let ambiguous = tokens
                .iter()
                .any(|(absent, only, _)| !absent && only.is_none());
            let mut offered = tokens
                .iter()
                .filter_map(|(.., token)| token.filter(|token| !token.is_empty()))
                .peekable();
            !ambiguous && offered.peek().is_some() && offered.all(|token| token == SECRET)
        }
        unknown => panic!("say what {unknown} asks for"),
    }
}

fn header(head: &Head<'_>, name: &str) -> Vec<Vec<u8>> {
    let values = head.headers.get_all(name).iter();
    values.map(|value| value.as_bytes().to_vec()).collect()
}

fn query(head: &Head<'_>, name: &str) -> Vec<Vec<u8>> {
    form_urlencoded::parse(head.query.unwrap_or_default().as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.as_bytes().to_vec())
        .collect()
}

/// The value, if all that there are say the same.
fn only(values: &[Vec<u8>]) -> Option<&[u8]> {
    let first = values.first()?;
    values.iter().all(|value| value == first).then_some(first)
}

/// The name of the scheme in any case, a space or more, the token (RFC 9110 §11.4).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(7)?;
    let mut start = 0;
    while rest.get(start).is_some_and(u8::is_ascii_whitespace) {
        start += 1;
    }
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then_some(&rest[start..])
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    text.len().is_multiple_of(2).then_some(())?;
    text.chunks_exact(2)
        .map(|pair| Some(digit(pair[0])? * 16 + digit(pair[1])?))
        .collect()
}
