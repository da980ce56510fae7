//! One value of a JSON body, against a parser that builds the whole tree.
#![no_main]

use http::{HeaderMap, Method};
use libfuzzer_sys::fuzz_target;
use portcullis::auth::{Head, PartialRequest, Place, PlaceValue, Source};
use portcullis::json_pointer::JsonPointer;
use serde_json::Value;

fuzz_target!(|input: (&str, &[u8])| {
    let (pointer, body) = input;
    check_form(pointer, body);
    let Ok(pointer) = pointer.parse::<JsonPointer>() else {
        return;
    };
    let headers = HeaderMap::new();
    let place = Place::Json(pointer.clone());
    let found = place.read(&request(&headers, body));
    // `serde_json` builds no tree of a document that is nested too deep.
    let Ok(tree) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    let expected = tree.pointer(&pointer.to_string());
    match (&found, expected) {
        (PlaceValue::Value(text), Some(Value::String(expected))) => {
            assert_eq!(&**text, expected.as_bytes());
        }
        (PlaceValue::Value(text), Some(number @ (Value::Number(_) | Value::Bool(_)))) => {
            let again: Value = serde_json::from_slice(text).expect("a scalar");
            assert_eq!(again, *number);
        }
        (PlaceValue::Absent, None | Some(Value::Null)) => {}
        // A name that stands twice, an object, an array.
        (PlaceValue::Unreadable, _) => {}
        (found, expected) => panic!("{found:?} is not {expected:?}"),
    }
});

/// A field of a form is what another reader finds, if it finds it once.
fn check_form(name: &str, body: &[u8]) {
    let Ok(source) = format!("form:{name}").parse::<Source>() else {
        return;
    };
    if name.contains('|') {
        return;
    }
    let headers = HeaderMap::new();
    let received = request(&headers, body);
    let values: Vec<_> = form_urlencoded::parse(body)
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value)
        .collect();
    match (source.read(&received), values.as_slice()) {
        (PlaceValue::Value(found), [first, rest @ ..]) => {
            assert_eq!(&*found, first.as_bytes());
            assert!(rest.iter().all(|other| other == first));
        }
        (PlaceValue::Absent, []) | (PlaceValue::Ambiguous | PlaceValue::Unreadable, _) => {}
        (found, values) => panic!("{found:?} is not {values:?}"),
    }
}

fn request<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> PartialRequest<'a> {
    PartialRequest {
        head: Head {
            method: &Method::POST,
            headers,
            query: None,
            url: None,
        },
        body: Some(body),
    }
}
