//! Deliveries that providers and their libraries have published, right and wrong ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use portcullis::auth::{Evidence, Preset, ProofError};
use serde_json::Value;

use crate::delivery::{Delivery, NOW, ring};

#[test]
fn every_published_delivery_of_a_preset_comes_out_as_published() {
    let file: Value = serde_json::from_str(include_str!("official-vectors.json")).unwrap();
    let mut judged = Vec::new();
    for vector in file["vectors"].as_array().unwrap() {
        let provider = vector["provider"].as_str().unwrap();
        let Some(preset) = Preset::named(provider) else {
            continue;
        };
        let body = STANDARD.decode(vector["body_base64"].as_str().unwrap());
        let mut delivery = Delivery::of(body.unwrap()).by(vector["method"].as_str().unwrap());
        if let Some(url) = vector["url"].as_str() {
            delivery = delivery.to(url);
        }
        for (name, value) in vector["headers"].as_object().unwrap() {
            delivery = delivery.header(name, value.as_str().unwrap());
        }
        let secret = vector["secret"].as_str().unwrap().as_bytes();
        let now = vector["time"]
            .as_i64()
            .map_or(NOW, |time| Timestamp::from_second(time).unwrap());
        let (scheme, keys) = (&preset.scheme, ring(&preset.scheme, secret));
        let verdict = delivery.judged_at(scheme, keys, &[7, 0, 1], now).map(drop);
        let expected = match vector["reason"].as_str() {
            None => Ok(()),
            Some("missing") => Err(ProofError::SignatureMissing),
            Some("malformed") => Err(ProofError::SignatureMalformed),
            Some("mismatch") => Err(ProofError::SignatureMismatch),
            Some("timestamp") if vector["id"].as_str().unwrap().ends_with("future") => {
                Err(ProofError::TimestampFuture)
            }
            Some("constraint") => Err(ProofError::HeaderUnexpected),
            Some("body-digest") => Err(ProofError::BodyDigestMismatch),
            Some("timestamp") => Err(ProofError::TimestampStale),
            Some(other) => panic!("no verdict for {other}"),
        };
        assert_eq!(verdict, expected, "{}", vector["id"]);
        judged.push(provider);
    }
    // The other two are HTTP Message Signatures (RFC 9421).
    assert_eq!(judged.len(), 125);
    for preset in Preset::all()
        .iter()
        .filter(|preset| preset.evidence == Evidence::Vector)
    {
        assert!(judged.contains(&preset.name), "{} has none", preset.name);
    }
}
