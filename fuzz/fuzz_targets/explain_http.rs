//! Files of raw HTTP that people hand to `portcullis explain`, and everything that is tried with them.
//!
//! Whatever is in a capture, it is read or refused, and judged within bounds. What can be read is the same
//! when it is read again, and the body is a part of the capture.
//!
//! Input: the file.
#![no_main]

use std::sync::Arc;

use http::Method;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use portcullis::auth::Preset;
use portcullis::explain::{
    JudgedAt, PathTarget, Question, Secrets, Version, diagnose, parse_raw_http,
};
use portcullis::secrets::Secret;

fuzz_target!(|capture: &[u8]| {
    let Ok(delivery) = parse_raw_http(capture) else {
        return;
    };
    assert!(delivery.body.len() <= capture.len());
    assert!(delivery.path.starts_with('/'));
    let again = parse_raw_http(capture).expect("it was read before");
    assert_eq!(delivery.body, again.body);
    assert_eq!(delivery.headers, again.headers);

    // One after the other, chosen by the input, so that all of them are met.
    let presets = Preset::all();
    let preset = &presets[capture.len() % presets.len()];
    let value = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_vec();
    let diagnosis = diagnose(&Question {
        delivery,
        is_open: false,
        scheme: Some(Arc::new(preset.scheme.clone())),
        secrets: Some(Secrets {
            current: Version {
                number: 1,
                kind: Some(preset.scheme.algorithm().key_kind()),
                value: Arc::new(Secret::new(value)),
            },
            previous: None,
            ended: Vec::new(),
        }),
        methods: vec![Method::POST],
        limit_bytes: None,
        leads: PathTarget::NotAsked,
        at: Timestamp::UNIX_EPOCH,
        judged_at: JudgedAt::Given,
    });
    assert_eq!(diagnosis.admitted, diagnosis.causes.is_empty());
});
