//! What a contract costs beside the proof of the same delivery: a `pull_request` event of about 20 KB.
//!
//! ```text
//! cargo bench --bench contract
//! ```
//!
//! `hmac` is the HMAC-SHA256 of the body with a prepared key, as `auth` computes it; the others are each what
//! is done for a body whose proof has held. A contract may cost three times what its HMAC does. The last two
//! are what `serde_json` takes to pass over the body and to make a tree of it. Only the ratio of two
//! neighbours means anything: machines differ, and so do hours on one machine.

#[path = "support/pull_request.rs"]
mod pull_request;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use hmac::{KeyInit, Mac};
use http::{HeaderMap, HeaderValue};
use portcullis::payload::{
    Contract, ContractDefinition, Input, InputType, KeyPath, KeyRule, Payload, PayloadRules,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let body = pull_request::event();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));

    let mut group = criterion.benchmark_group(format!("pull_request, {} bytes", body.len()));
    group.throughput(Throughput::Bytes(body.len() as u64));
    let key =
        hmac::Hmac::<sha2::Sha256>::new_from_slice(b"a secret of the endpoint").expect("a key");
    group.bench_function("hmac", |bencher| {
        bencher.iter(|| {
            let mut mac = key.clone();
            mac.update(black_box(&body));
            mac.finalize()
        });
    });
    for (name, rules) in all_rules() {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let payload = Payload::of(&headers, black_box(&body), None);
                rules.examine(&payload).expect("it fits")
            });
        });
    }
    group.bench_function("serde_json, passed over", |bencher| {
        bencher.iter(|| serde_json::from_slice::<IgnoredAny>(black_box(&body)).expect("JSON"));
    });
    group.bench_function("serde_json, a tree", |bencher| {
        bencher.iter(|| serde_json::from_slice::<Value>(black_box(&body)).expect("JSON"));
    });
    group.finish();
    criterion.final_summary();
}

fn all_rules() -> [(&'static str, PayloadRules); 4] {
    let key = KeyRule {
        path: KeyPath::try_from(vec!["pull_request".to_owned(), "id".to_owned()]).expect("a path"),
        required: true,
    };
    let schema = json!({
        "type": "object",
        "properties": {
            "action": { "enum": ["opened", "edited", "closed"] },
            "number": { "type": "integer", "minimum": 1 },
            "pull_request": {
                "type": "object",
                "properties": {
                    "title": { "type": "string", "maxLength": 256 },
                    "head": {
                        "type": "object",
                        "properties": { "sha": { "type": "string", "pattern": "^[0-9a-f]{40}$" } },
                        "required": ["sha", "ref"],
                    },
                    "labels": { "type": "array", "items": { "type": "object", "required": ["name"] } },
                },
                "required": ["title", "head"],
            },
        },
        "required": ["action", "number", "pull_request"],
    });
    let mut closed = schema.clone();
    let others = json!({ "type": ["object", "string", "integer"] });
    let keywords = closed.as_object_mut().expect("a schema");
    keywords.insert("additionalProperties".to_owned(), others);
    [
        ("key", rules(None, Some(key.clone()))),
        ("5 inputs and a key", rules(Some(inputs()), Some(key))),
        ("a nested schema", rules(Some(own(schema)), None)),
        (
            "a schema that looks at everything",
            rules(Some(own(closed)), None),
        ),
    ]
}

fn inputs() -> ContractDefinition {
    let kinds = [
        ("action", InputType::Text),
        ("number", InputType::Integer),
        ("pull-request", InputType::Object),
        ("repository", InputType::Object),
        ("sender", InputType::Object),
    ];
    let input = |(name, kind)| Input {
        required: true,
        ..Input::new(name, kind)
    };
    ContractDefinition {
        inputs: kinds.map(input).into(),
        schema: None,
    }
}

fn own(schema: Value) -> ContractDefinition {
    ContractDefinition {
        inputs: Vec::new(),
        schema: Some(schema),
    }
}

fn rules(definition: Option<ContractDefinition>, key: Option<KeyRule>) -> PayloadRules {
    let contract = definition.map(|it| Contract::compile(&it).expect("a contract"));
    PayloadRules::new(contract, key).expect("rules")
}
