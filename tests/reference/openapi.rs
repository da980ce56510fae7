//! openapi.json: the document of the admin API, made from the code.

use serde_json::Value;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/openapi.json");

#[test]
fn the_document_of_the_admin_api_is_that_of_the_program() {
    let document = portcullis::console::openapi_document();
    let document = serde_json::to_value(document).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    if std::env::var_os("UPDATE_REFERENCE").is_some_and(|value| value == "1") {
        let text = serde_json::to_string_pretty(&document).unwrap();
        std::fs::write(FILE, format!("{text}\n")).unwrap();
        return;
    }
    let text = std::fs::read_to_string(FILE).unwrap();
    let written: Value = serde_json::from_str(&text).unwrap();
    let paths = |document: &Value| {
        let paths = document["paths"].as_object().unwrap();
        paths.keys().cloned().collect::<Vec<String>>()
    };
    assert_eq!(paths(&written), paths(&document));
    assert!(
        written == document,
        "{FILE} is not what the program says; run `make reference`"
    );
}

/// A reference to a schema that is not there would break every generator of clients.
#[test]
fn every_reference_of_the_document_leads_to_a_schema() {
    let document = serde_json::to_value(portcullis::console::openapi_document()).unwrap();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 50, "{}", references.len());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str() {
                    Some(text) if name == "$ref" => references.push(text.to_owned()),
                    _ => collect(field, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}
