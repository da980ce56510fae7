//! Which type of body is read as what.

use portcullis::payload::{Payload, PayloadRules};
use serde_json::json;

use crate::support::*;

#[test]
fn the_type_says_how_a_body_is_read() {
    let rules = rules(&inputs(
        json!([{ "name": "a", "type": "text", "required": true }]),
    ));
    let body = r#"{"a":"x"}"#;
    for right in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/vnd.api+json",
        "application/problem+json;x=y",
        "text/plain; charset=UTF-8",
        "text/json",
        "",
    ] {
        assert_eq!(wrong(&rules, right, body), [""; 0], "{right}");
        // RFC 8259 §8.1 lets a reader pass over a byte order mark.
        let marked = format!("\u{feff}{body}");
        assert_eq!(wrong(&rules, right, marked), [""; 0], "{right}");
    }
    let told = ": Content-Type must be application/json, */*+json, text/plain with JSON, \
                application/x-www-form-urlencoded or multipart/form-data";
    for other in [
        "text/csv",
        "application/xml",
        "application/jsonp",
        "+json",
        "multipart/mixed; boundary=x",
        "json",
    ] {
        assert_eq!(wrong(&rules, other, body), [told], "{other}");
    }
    assert_eq!(wrong(&rules, "text/plain", "a=x"), [told]);
    assert_eq!(wrong(&rules, "", "a=x"), [told]);
    assert_eq!(wrong(&rules, "", ""), [told]);
    assert_eq!(wrong(&rules, JSON, ""), [": the body is empty"]);
    assert_eq!(wrong(&rules, FORM, "a=x"), [""; 0]);
}

#[test]
fn of_two_types_none_counts() {
    let mut headers = headers(JSON);
    headers.append("content-type", "text/plain".parse().unwrap());
    assert!(matches!(Payload::of(&headers, b"{}", None), Payload::Other));
}

#[test]
fn a_body_that_is_compressed_is_not_looked_at_and_that_is_said() {
    let contract = rules(&inputs(json!([{ "name": "a", "type": "text" }])));
    let key = PayloadRules::new(None, Some(key_rule(&["a"], false))).unwrap();
    for (codings, is_encoded) in [
        (&["gzip"][..], true),
        (&["identity, br"], true),
        (&["identity", "zstd"], true),
        (&["Identity"], false),
        (&[""], false),
    ] {
        let mut headers = headers(JSON);
        for coding in codings {
            headers.append("content-encoding", coding.parse().unwrap());
        }
        let payload = Payload::of(&headers, br#"{"a":"x"}"#, None);
        let told = contract
            .examine(&payload)
            .map_or_else(|it| lines(&it), |_| Vec::new());
        let said = ": the body has a Content-Encoding: only uncompressed payloads are checked";
        let expected: &[&str] = if is_encoded { &[said] } else { &[] };
        assert_eq!(told, expected, "{codings:?}");
        assert_eq!(key.examine(&payload).unwrap().is_some(), !is_encoded);
    }
}
