//! Bodies that are to break something, proven and at an endpoint with a contract: 422, and the gate goes on.

use super::*;

const TYPE: &str = "multipart/form-data; boundary=xyz";

#[test]
fn hostile_bodies_are_422_and_cost_little() {
    let backend = Backend::accepting();
    let gate = gate(
        &backend,
        "key_field = \"n\"\n[endpoints.contract]\ninputs = [{ name = \"a\", type = \"array\", items = \"object\", required = true }, { name = \"n\", type = \"number\", max = 10 }]",
    )
    .start();
    let disposition = "Content-Disposition: form-data; name=\"a\"\r\n";
    let json = "application/json";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (json, b"".to_vec(), "the body is empty"),
        (
            json,
            b"{\"a\":[}".to_vec(),
            "the JSON is malformed at line 1, column 7",
        ),
        (
            json,
            b"{\"a\":[{}],\"a\":[{}]}".to_vec(),
            "is repeated in its object",
        ),
        (
            json,
            b"[".repeat(2_000_000),
            "the JSON is nested deeper than 64",
        ),
        (
            json,
            b"{\"x\":".repeat(500_000),
            "the JSON is nested deeper than 64",
        ),
        (
            json,
            [
                &b"{\"a\":[{"[..],
                &b"\"b\":{".repeat(70),
                &b"}".repeat(72),
                b"]}",
            ]
            .concat(),
            "nested deeper",
        ),
        (
            json,
            [&b"{\"a\":["[..], &b"{},".repeat(200_000), b"{}]}"].concat(),
            "too many values",
        ),
        (
            json,
            b"{\"a\":[{}],\"n\":1e999999}".to_vec(),
            "must be at most 10",
        ),
        (
            json,
            [&b"{\"a\":[{}],\"n\":"[..], &b"9".repeat(1_000_000), b"}"].concat(),
            "a number that is too long",
        ),
        (
            json,
            [&b"{\"a\":["[..], &b"0,".repeat(90_000), b"0],\"n\":1}"].concat(),
            "must be an object",
        ),
        (
            "text/plain; charset=UTF-8",
            b"{\"a\":[1],\"n\":1}".to_vec(),
            "must be an object",
        ),
        (json, b"{\"a\":\"\xff\"}".to_vec(), "the body is not UTF-8"),
        (json, b"{\"a\":\"\\ud800\"}".to_vec(), "must be an array"),
        (json, b"{\"a\":[{}]}\0".to_vec(), "the JSON is malformed"),
        (
            "application/x-www-form-urlencoded",
            b"&a=1".repeat(5000),
            "more than 1000 fields",
        ),
        (
            "application/x-www-form-urlencoded",
            b"a=%ff".to_vec(),
            "is not UTF-8",
        ),
        (
            TYPE,
            format!("--xyz\r\n{disposition}\r\n[]").into_bytes(),
            "ends before its closing boundary",
        ),
        (
            TYPE,
            format!("--xyz\r\n{disposition}\r\n[]\r\n")
                .repeat(10_000)
                .into_bytes(),
            "too many parts",
        ),
        (
            TYPE,
            format!("--xyz\r\n{disposition}X: {}\r\n\r\n", "y".repeat(100_000)).into_bytes(),
            "too many headers",
        ),
        (
            TYPE,
            format!("--xyz\r\n{disposition}{}\r\n", "X: y\r\n".repeat(100)).into_bytes(),
            "too many headers",
        ),
        (TYPE, b"--xyz\r\n\r\n\r\n--xyz--".to_vec(), "malformed"),
        (
            TYPE,
            format!(
                "--xyz\r\n{disposition}\r\n{}\r\n--xyz--",
                "y".repeat(1_100_000)
            )
            .into_bytes(),
            "longer than 1048576 bytes",
        ),
        (
            "multipart/form-data",
            b"--xyz--".to_vec(),
            "has no valid boundary",
        ),
        ("text/csv", b"a,b".to_vec(), "Content-Type must be"),
    ];
    // Once for the memory that any large body leaves in the allocator.
    for (content_type, body, _) in &cases {
        send(gate.http(), &delivery(&gate, content_type, body));
    }
    let before = gate.resident_bytes();
    for (content_type, body, expected) in &cases {
        let answer = send(gate.http(), &delivery(&gate, content_type, body));
        assert_eq!(answer.status, 422, "{expected}: {}", answer.text());
        assert!(
            answer.text().contains(expected),
            "{expected}: {}",
            answer.text()
        );
        assert!(answer.body.len() < 20_000);
    }
    // The allocator gives pages back after a while.
    eventually("at most 32 MiB more are held", || {
        gate.resident_bytes() < before + 32 * 1024 * 1024
    });
    backend.was_not_contacted();
    assert_eq!(
        send(gate.http(), &delivery(&gate, json, r#"{"a":[{}],"n":1}"#)).status,
        202
    );
    assert_eq!(backend.only().header("X-Portal-Concurrency-Key"), "1");
}
