//! Proofs that say themselves what they cover, and the forms of single providers: whatever a stranger
//! writes, nothing of it breaks the gate, and nothing is admitted.
//!
//! Input: a line with the name of a preset, a line with the query, header lines, an empty line, the
//! body; lines end in LF.
#![no_main]

use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use portcullis::auth::{
    Claim, Head, KeyRing, NumberedKey, Preset, ProofError, Scheme, verify_whole,
};

/// Nobody guesses it: it is in no seed.
const SECRET: &[u8] = b"7d1f0c62a4be4ad0b1f3c6f0c2a1d9e5";
const PRESETS: [&str; 10] = [
    "contentful",
    "fusionauth",
    "jira-connect",
    "livekit",
    "monday",
    "ms-graph",
    "persona",
    "plivo-v3",
    "recurly",
    "rfc9421",
];

static SCHEMES: LazyLock<Vec<(&str, Arc<Scheme>)>> = LazyLock::new(|| {
    let setting = (
        "base_url".to_owned(),
        "https://portal.example.com".to_owned(),
    );
    let settings = [setting].into();
    let scheme = |name| {
        let mut scheme = Preset::named(name).expect("a preset").scheme.clone();
        scheme.set(&settings).expect("every setting");
        (name, Arc::new(scheme))
    };
    PRESETS.into_iter().map(scheme).collect()
});

fuzz_target!(|data: &[u8]| {
    let Some((name, query, headers, body)) = take_apart(data) else {
        return;
    };
    let Some((_, scheme)) = SCHEMES.iter().find(|(known, _)| *known == name) else {
        return;
    };
    let url = format!("https://portal.example.com/hooks/orders?{query}");
    let head = Head {
        method: &Method::POST,
        headers: &headers,
        query: Some(query),
        url: Some(&url),
    };
    assert!(verify(scheme, &head, body).is_err(), "{name}: {head:?}");
});

fn verify(scheme: &Arc<Scheme>, head: &Head<'_>, body: &[u8]) -> Result<(), ProofError> {
    let key = scheme.key().prepare(SECRET).expect("a key");
    let keys = KeyRing {
        current: NumberedKey {
            key: Arc::new(key),
            version: 1,
        },
        previous: None,
    };
    let claim = Claim::read(scheme, head)?;
    verify_whole(
        scheme,
        claim,
        Arc::new(keys),
        head,
        body,
        Timestamp::UNIX_EPOCH,
    )
    .map(drop)
}

type Input<'i> = (&'i str, &'i str, HeaderMap, &'i [u8]);

fn take_apart(input: &[u8]) -> Option<Input<'_>> {
    let (name, rest) = cut(input)?;
    let (query, mut rest) = cut(rest)?;
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
    let text = |bytes| std::str::from_utf8(bytes).ok();
    Some((text(name)?, text(query)?, headers, rest))
}

fn cut(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
}
