//! A request at an endpoint of any preset: its head and its body are parsed before anything is proven. Nothing panics,
//! and no body is admitted that was not signed.
//!
//! It reaches the readers that only some presets have: forms, JSON values by pointer, names that fold, lists of signed
//! headers, signed query parameters, accounts.
#![no_main]

use std::collections::BTreeMap;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use portcullis::auth::{Head, Preset, Scheme, Source, Template};
use verification::is_admitted;

#[path = "../verification.rs"]
mod verification;

fuzz_target!(|input: (u16, Vec<Vec<u8>>, String, Vec<u8>)| {
    let (choice, values, query, body) = input;
    let presets = Preset::all();
    let preset = &presets[usize::from(choice >> 2) % presets.len()];
    let mut scheme = preset.scheme.clone();
    let settings = [
        ("webhook_id", "WH-1"),
        ("base_url", "https://portal.example.com/hooks"),
        ("topic_arn", "arn:aws:sns:us-east-1:123456789012:a"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let account = [("account".to_owned(), "acct_1".to_owned())];
    let with_account: BTreeMap<String, String> = settings.iter().chain(&account).cloned().collect();
    if scheme.set(&with_account).is_err() && scheme.set(&settings.into()).is_err() {
        return;
    }
    let mut headers = HeaderMap::new();
    let types = [
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain; charset=utf-16",
    ];
    if let Some(kind) = types.get(usize::from(choice & 3)) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in names(&scheme).into_iter().zip(&values) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    let query = query
        .bytes()
        .all(|byte| byte.is_ascii_graphic())
        .then_some(query);
    let url = format!(
        "https://portal.example.com/hooks?{}",
        query.as_deref().unwrap_or_default()
    );
    let head = Head {
        method: &Method::POST,
        headers: &headers,
        query: query.as_deref(),
        url: Some(&url),
    };
    let is_signed = scheme.covers_body();
    let is_admitted = is_admitted(scheme, &head, &body);
    assert!(!is_signed || !is_admitted, "nobody signed this");
});

/// The headers that a scheme reads.
fn names(scheme: &Scheme) -> Vec<HeaderName> {
    let proofs = scheme.signatures().iter().map(|rule| rule.from.to_string());
    let signed = scheme
        .signed()
        .iter()
        .flat_map(Template::sources)
        .map(Source::to_string);
    let id = scheme.id().map(ToString::to_string);
    let texts: Vec<String> = proofs.chain(signed).chain(id).collect();
    let places = texts.iter().flat_map(|text| text.split('|'));
    let names = places.filter_map(|place| place.strip_prefix("header:")?.parse().ok());
    names.collect()
}
