//! Which type of body is read as what.

use portcullis::contract::Payload;
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
        "",
    ] {
        assert_eq!(wrong(&rules, right, body), [""; 0], "{right}");
    }
    let told = ": the type of the body must be application/json, */*+json, \
                application/x-www-form-urlencoded or multipart/form-data";
    for other in [
        "text/plain",
        "application/xml",
        "application/jsonp",
        "+json",
        "multipart/mixed; boundary=x",
        "json",
    ] {
        assert_eq!(wrong(&rules, other, body), [told], "{other}");
    }
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
