//! Bodies of parts: what is found does not depend on the pieces in which they come.

use std::sync::Arc;

use portcullis::payload::{MultipartError, MultipartLimits, Parts, Payload, Scanner, boundary_of};
use proptest::prelude::*;
use serde_json::json;

use crate::support::*;

/// A body of fields, as a browser writes it.
fn form(fields: &[(&str, &str)]) -> String {
    let part = |(head, content): &(&str, &str)| {
        format!("--xyz\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
    };
    let parts: String = fields.iter().map(part).collect();
    format!("{parts}--xyz--\r\n")
}

fn fault_of(body: &str, limits: MultipartLimits) -> Option<MultipartError> {
    let mut faults = [1, 3, 64, usize::MAX / 2].map(|piece| {
        let scanner =
            |boundary: Option<&[u8]>| Scanner::new(boundary, limits, Arc::new(None), [].into());
        scan(&headers(MULTIPART), body.as_bytes(), piece, scanner)
            .unwrap()
            .fault
    });
    faults.sort_by_key(|fault| format!("{fault:?}"));
    assert_eq!(faults[0], faults[3], "{body:?}");
    faults[0]
}

#[test]
fn fields_are_found_in_pieces_of_any_size() {
    let rules = rules(&inputs(json!([
        { "name": "order-id", "type": "integer", "required": true },
        { "name": "note", "type": "text", "max_length": 20 },
        { "name": "invoice", "type": "file", "required": true },
    ])));
    let right = form(&[
        ("name=\"order_id\"", "7"),
        ("name=\"note\"", "--xyz in the text"),
        ("name=\"other\"; filename=\"a\"", "\r\n--xy\r\n--x"),
        (
            "name=\"invoice\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf",
            "%PDF\r\n--xy",
        ),
    ]);
    for piece in [1, 2, 3, 5, 7, 64, 100_000] {
        let found = examine_in_pieces(&rules, MULTIPART, right.as_bytes(), piece);
        assert!(found.is_ok(), "{piece}: {found:?}");
    }
    let other = form(&[
        ("name=\"order-id\"", "x"),
        ("name=\"invoice\"", "text"),
        ("name=note; filename=x", ""),
    ]);
    let mut told = wrong(&rules, MULTIPART, other);
    told.sort();
    assert_eq!(
        told,
        [
            "/invoice: must be a file",
            "/note: must be a field, not a file",
            "/order-id: must be an integer",
        ]
    );
    let twice = form(&[
        ("name=\"order-id\"", "1"),
        ("name=\"order-id\"", "1"),
        ("name=\"invoice\"; filename=\"a\"", ""),
    ]);
    assert_eq!(
        wrong(&rules, MULTIPART, twice),
        ["/order-id: is repeated in the form"]
    );
}

#[test]
fn what_is_malformed_is_told() {
    let head = "Content-Disposition: form-data; name=\"a\"";
    for (body, fault) in [
        (form(&[("name=\"a\"", "x")]), None),
        (
            format!(
                "preamble\r\n{}epilogue\r\n--xyz\r\n",
                form(&[("name=\"a\"", "x")])
            ),
            None,
        ),
        ("--xyz--".to_owned(), None),
        (format!("--xyz \t\r\n{head}\r\n\r\n\r\n--xyz--"), None),
        (
            format!("--xyz\r\n{head}\r\nContent-Type: text/plain\r\n\r\nx\r\n--xyz--"),
            None,
        ),
        (String::new(), Some(MultipartError::Unended)),
        ("--xyz".to_owned(), Some(MultipartError::Unended)),
        ("--xyz-".to_owned(), Some(MultipartError::Unended)),
        (
            format!("--xyz\r\n{head}\r\n\r\nx"),
            Some(MultipartError::Unended),
        ),
        (
            format!("--xyz\r\n{head}\r\n\r\nx\r\n--xyz"),
            Some(MultipartError::Unended),
        ),
        (
            format!("--xyz\r\n{head}\r\n\r\nx\n--xyz--"),
            Some(MultipartError::Unended),
        ),
        (
            format!("--xyz\r\n{head}\r\n\r\nx\r\n--xyzz--"),
            Some(MultipartError::Unended),
        ),
        (
            format!("--xyz\n{head}\n\nx\n--xyz--"),
            Some(MultipartError::Unended),
        ),
        (
            "--xyz\r\n\r\nx\r\n--xyz--".to_owned(),
            Some(MultipartError::Malformed),
        ),
        (
            "--xyz\r\nContent-Type: text/plain\r\n\r\nx\r\n--xyz--".to_owned(),
            Some(MultipartError::Malformed),
        ),
        (
            "--xyz\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--xyz--".to_owned(),
            Some(MultipartError::Malformed),
        ),
        (
            "--xyz\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xyz--".to_owned(),
            Some(MultipartError::Malformed),
        ),
        (
            "--xyz\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\nx\r\n--xyz--"
                .to_owned(),
            Some(MultipartError::Malformed),
        ),
        (
            format!("--xyz\r\n{head}\r\n{head}\r\n\r\nx\r\n--xyz--"),
            Some(MultipartError::Malformed),
        ),
        (
            format!("--xyz\r\n{head};\r\n filename=\"a\"\r\n\r\nx\r\n--xyz--"),
            None,
        ),
        (
            format!("--xyz\r\n{head}; filename=my own file;v2.pdf\r\n\r\nx\r\n--xyz--"),
            None,
        ),
        (
            format!("--xyz\r\n{head}; filename=\"a\" b\r\n\r\nx\r\n--xyz--"),
            None,
        ),
        (
            format!("--xyz\r\n{head}; filename=x; name=b\r\n\r\nx\r\n--xyz--"),
            Some(MultipartError::Malformed),
        ),
        (
            "--xyz\r\nContent-Disposition: form-data; name=a b\r\n\r\nx\r\n--xyz--".to_owned(),
            Some(MultipartError::Malformed),
        ),
        (
            "--xyz\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--xyz--".to_owned(),
            Some(MultipartError::Malformed),
        ),
        (
            format!("--xyz\r\n{head}\r\nNo colon\r\n\r\nx\r\n--xyz--"),
            Some(MultipartError::Malformed),
        ),
        (
            format!("--xyz\r\n{head}\r\nA\tb: c\r\n\r\nx\r\n--xyz--"),
            Some(MultipartError::Malformed),
        ),
        (
            format!("--xyz\r\n{head}\r\nA: \0\r\n\r\nx\r\n--xyz--"),
            Some(MultipartError::Malformed),
        ),
        (
            format!("--xyz{}\r\n{head}\r\n\r\nx\r\n--xyz--", " ".repeat(200)),
            None,
        ),
    ] {
        assert_eq!(fault_of(&body, LIMITS), fault, "{body:?}");
    }
}

#[test]
fn parts_and_headers_are_bounded() {
    let limits = MultipartLimits {
        parts: 3,
        headers: 3,
        header_bytes: 256,
    };
    let many = |parts: usize| form(&vec![("name=\"a\"", "x"); parts]);
    assert_eq!(fault_of(&many(3), limits), None);
    assert_eq!(
        fault_of(&many(4), limits),
        Some(MultipartError::TooManyParts)
    );
    let with = |headers: &str| form(&[(&format!("name=\"a\"{headers}"), "x")]);
    assert_eq!(fault_of(&with("\r\nA: b\r\nC: d"), limits), None);
    assert_eq!(
        fault_of(&with("\r\nA: b\r\nC: d\r\nE: f"), limits),
        Some(MultipartError::HeadersTooLarge)
    );
    assert_eq!(
        fault_of(&with(&format!("\r\nA: {}", "b".repeat(300))), limits),
        Some(MultipartError::HeadersTooLarge)
    );
    assert_eq!(
        fault_of(&format!("--xyz\r\nA: {}", "b".repeat(300)), limits),
        Some(MultipartError::HeadersTooLarge)
    );
    let told = wrong(
        &rules(&inputs(json!([{ "name": "a", "type": "array" }]))),
        MULTIPART,
        many(10_000),
    );
    assert_eq!(told, [": the body has too many parts"]);
}

#[test]
fn a_boundary_is_read_strictly() {
    let boundary = |content_type: &str| boundary_of(&headers(content_type));
    for (content_type, expected) in [
        ("multipart/form-data; boundary=xyz", Some("xyz")),
        (
            "Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"",
            Some("a b"),
        ),
        (
            "multipart/form-data; boundary=----=_Part_1/2:3",
            Some("----=_Part_1/2:3"),
        ),
        ("multipart/form-data", None),
        ("multipart/form-data;", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=\"\"", None),
        ("multipart/form-data; boundary=\"a\r", None),
        ("multipart/form-data; boundary=a; boundary=b", None),
        ("multipart/form-data; boundary=\"a \"", None),
        ("multipart/form-data; boundary=a{#*$b", Some("a{#*$b")),
        ("multipart/form-data; boundary=a; x", None),
        ("multipart/form-data; boundary=a b", None),
    ] {
        if content_type.contains('\r') {
            continue; // No header has one.
        }
        let expected = Some(expected.map(|text| text.as_bytes().to_vec()));
        assert_eq!(boundary(content_type), expected, "{content_type}");
    }
    assert_eq!(
        boundary(&format!("multipart/form-data; boundary={}", "a".repeat(71))),
        Some(None)
    );
    for other in ["multipart/mixed; boundary=a", "application/json", ""] {
        assert_eq!(boundary(other), None, "{other}");
    }
}

#[test]
fn bytes_of_raw_fields_are_told_from_the_others() {
    let raw: Arc<[Box<str>]> = ["email".into()].into();
    let message = "From: a\r\n\r\n".repeat(1000);
    let body = form(&[
        ("name=\"a\"", "x"),
        ("name=\"email\"", &message),
        ("name=\"b\"", "y"),
    ]);
    for piece in [1, 1000, 100_000] {
        let mut scanner = Scanner::new(Some(b"xyz"), LIMITS, Arc::new(None), raw.clone());
        let mut most_outside = 0;
        let mut come = 0;
        while come < body.len() {
            come = (come + piece).min(body.len());
            scanner.advance(&body.as_bytes()[..come]);
            most_outside = most_outside.max(scanner.bytes_outside(&body.as_bytes()[..come]));
        }
        let outside = (body.len() - message.len()) as u64;
        assert_eq!(scanner.bytes_outside(body.as_bytes()), outside);
        assert_eq!(most_outside, outside, "it never was more than at the end");
        assert_eq!(scanner.largest_raw(body.as_bytes()), message.len() as u64);
    }
    // After the first thing that is wrong, everything counts.
    let broken = format!("--xyz\r\nwrong\r\n\r\n\r\n{body}");
    let mut scanner = Scanner::new(Some(b"xyz"), LIMITS, Arc::new(None), raw);
    scanner.advance(broken.as_bytes());
    assert_eq!(
        scanner.bytes_outside(broken.as_bytes()),
        broken.len() as u64
    );
}

#[test]
fn a_line_that_begins_like_a_delimiter_and_goes_on_is_content() {
    let rules = rules(&inputs(
        json!([{ "name": "a", "type": "text", "options": ["x\r\n--xyzFOO\r\n--xyz-\r\n--xyz  y"] }]),
    ));
    let body = form(&[
        ("name=\"a\"", "x\r\n--xyzFOO\r\n--xyz-\r\n--xyz  y"),
        ("name=\"b\"", "\r\n--xyzFOO"),
    ]);
    for piece in [1, 2, 3, 5, 64, 100_000] {
        let found = examine_in_pieces(&rules, MULTIPART, body.as_bytes(), piece);
        assert!(found.is_ok(), "{piece}: {found:?}");
        let preamble = format!("--xyzFOO\r\n--xyzBAR\r\n{body}");
        let found = examine_in_pieces(&rules, MULTIPART, preamble.as_bytes(), piece);
        assert!(found.is_ok(), "{piece}: {found:?}");
    }
}

#[test]
fn a_raw_field_is_there_whatever_is_in_it() {
    let definition = inputs(json!([
        { "name": "email", "type": "text", "required": true, "min_length": 1, "pattern": "^From" },
        { "name": "other", "type": "text" },
    ]));
    let rules = rules(&definition);
    let told = |email: &[u8], other: &[u8]| {
        let part = |name: &str, content: &[u8]| {
            let head = format!("--xyz\r\nContent-Disposition: form-data; name={name}\r\n\r\n");
            [head.as_bytes(), content, b"\r\n"].concat()
        };
        let body = [&part("email", email)[..], &part("other", other), b"--xyz--"].concat();
        let headers = headers(MULTIPART);
        let parts = scan(&headers, &body, 1000, |boundary| {
            Scanner::new(
                boundary,
                LIMITS,
                rules.fields().clone(),
                ["email".into()].into(),
            )
        });
        let examined = rules.examine(&Payload::of(&headers, &body, parts.as_ref()));
        examined.map_or_else(|violations| lines(&violations), |_| Vec::new())
    };
    let long = vec![b'y'; 2_000_000];
    assert_eq!(told(b"From", b""), [""; 0]);
    assert_eq!(told(b"To", b""), ["/email: must match the pattern ^From"]);
    assert_eq!(told(b"\xff", b""), [""; 0]);
    assert_eq!(told(&long, b""), [""; 0]);
    assert_eq!(told(&long, &long), ["/other: is longer than 1048576 bytes"]);
}

fn found(parts: &Parts) -> String {
    format!("{parts:?}")
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        tokens in prop::collection::vec(prop_oneof![
            Just("--xyz"), Just("\r\n"), Just("\r"), Just("\n"), Just("--"), Just("-"), Just("x"),
            Just("Content-Disposition: form-data; name=\"a\""), Just("\r\n\r\n"), Just("A: b"), Just("; filename=\"f\""),
            Just("\r\n--xyz\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\n"), Just("\r\n--xyz--"), Just("\r\n--xyzx"),
        ], 0..20),
        piece in 1_usize..9,
    ) {
        let body = tokens.concat();
        let scan_in = |piece: usize| {
            let scanner = |boundary: Option<&[u8]>| Scanner::new(boundary, LIMITS, Arc::new(None), ["email".into()].into());
            found(&scan(&headers(MULTIPART), body.as_bytes(), piece, scanner).unwrap())
        };
        prop_assert_eq!(scan_in(piece), scan_in(body.len().max(1)));
    }
}
