//! A scheme in anybody's words, and a request that meets it: what is declared compiles or is refused with
//! a reason, and no body makes it panic, or admits without the signature.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use portcullis::auth::{Head, Scheme};
use toml_span::Deserialize;
use verification::is_admitted;

#[path = "../verification.rs"]
mod verification;

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
    let head = Head {
        method: &Method::POST,
        headers: &headers,
        query: Some("a=1&b=2"),
        url: Some("https://portal.example.com:8443/hook?a=1&b=2"),
    };
    let _ = is_admitted(scheme, &head, body);
});
