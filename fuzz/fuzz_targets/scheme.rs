//! A scheme in anybody's words, and a request that meets it: what is declared compiles or is refused with
//! a reason, and no body makes it panic, or admits without the signature.
#![no_main]

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use portcullis::auth::{
    Begun, Claim, Head, KeyRing, NumberedKey, ProofError, Scheme, Verification,
};
use toml_span::Deserialize;

const SECRET: &[u8] = b"00112233445566778899aabbccddeeff";

fuzz_target!(|input: (&str, &[u8], &[u8])| {
    let (declaration, value, body) = input;
    let Ok(mut document) = toml_span::parse(declaration) else {
        return;
    };
    let scheme = match Scheme::deserialize(&mut document) {
        Ok(scheme) => scheme,
        Err(error) => {
            assert!(!error.errors.is_empty(), "refused without a reason");
            return;
        }
    };
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(value) {
        for rule in scheme.signatures() {
            let place = rule.from.to_string();
            if let Some(name) = place.strip_prefix("header:") {
                headers.insert(name.parse::<HeaderName>().expect("a header"), value.clone());
            }
        }
    }
    let _ = verify(scheme, &headers, body);
});

fn verify(scheme: Scheme, headers: &HeaderMap, body: &[u8]) -> Result<(), ProofError> {
    let signed = scheme.covers_body();
    let scheme = Arc::new(scheme);
    let head = Head {
        method: &Method::POST,
        headers,
        query: Some("a=1&b=2"),
        url: Some("https://portal.example.com:8443/hook?a=1&b=2"),
    };
    let claim = Claim::read(&scheme, &head)?;
    let Ok(key) = scheme.key().prepare(SECRET) else {
        return Ok(());
    };
    let keys = KeyRing {
        current: NumberedKey {
            key: Arc::new(key),
            version: 1,
        },
        previous: None,
    };
    match Verification::begin(&scheme, claim, Arc::new(keys), Timestamp::UNIX_EPOCH)? {
        Begun::Proven(_) => assert!(!signed, "a signature was waived"),
        Begun::Streaming(mut verification) => {
            for piece in body.chunks(7) {
                verification.update(piece);
            }
            verification.finish(&head, body)?;
        }
    }
    Ok(())
}
