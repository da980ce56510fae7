//! Deliveries that providers and their libraries have published, right and wrong ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::auth::{Preset, ProofError};
use serde_json::Value;

use crate::delivery::Delivery;

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
        let mut delivery = Delivery::of(body.unwrap());
        for (name, value) in vector["headers"].as_object().unwrap() {
            delivery = delivery.header(name, value.as_str().unwrap());
        }
        let secret = vector["secret"].as_str().unwrap().as_bytes();
        let verdict = delivery.judged_by(&preset.scheme, secret).map(drop);
        let expected = match vector["reason"].as_str() {
            None => Ok(()),
            Some("missing") => Err(ProofError::SignatureMissing),
            Some("malformed") => Err(ProofError::SignatureMalformed),
            Some("mismatch") => Err(ProofError::SignatureMismatch),
            Some(other) => panic!("no verdict for {other}"),
        };
        assert_eq!(verdict, expected, "{}", vector["id"]);
        judged.push(provider);
    }
    assert_eq!(judged.len(), 41);
    for preset in Preset::all()
        .iter()
        .filter(|preset| preset.vector.is_some())
    {
        assert!(judged.contains(&preset.name), "{} has none", preset.name);
    }
}
