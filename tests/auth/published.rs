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
        // Those of RFC 9421 do not cover the body, which its presets ask for.
        let id = vector["id"].as_str().unwrap();
        let bare = crate::message_signatures::bare(id);
        let provider = match id {
            "rfc9421-b26-ed25519" => "rfc9421-ed25519",
            _ => vector["provider"].as_str().unwrap(),
        };
        let preset = Preset::named(provider).unwrap();
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
        let scheme = bare.as_ref().unwrap_or(&preset.scheme);
        let keys = ring(scheme, secret);
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
    assert_eq!(judged.len(), 127);
    for preset in Preset::all()
        .iter()
        .filter(|preset| preset.evidence == Evidence::Vector)
    {
        assert!(judged.contains(&preset.name), "{} has none", preset.name);
    }
}
