//! Prepared deliveries, each with one mistake (some with two), and the cause that has to be named.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::*;

const SECRET: &str = "It's a Secret to Everybody";
const KEY: &str = "q7Yc0VwZkT3uJmXo5rHs8LdEaGfB1iNp";
const AT: i64 = 1_731_705_121;
const BODY: &str = r#"{"id":"evt_1","note":"Größe 5/6","items":[1,2.50,{"a":null}],"ok":true}"#;

/// A delivery that is refused, and why.
struct Case {
    what: &'static str,
    preset: &'static str,
    secret: Vec<u8>,
    capture: Vec<u8>,
    at: i64,
    reason: &'static str,
    names: &'static [&'static str],
    says: &'static str,
}

fn github(secret: impl AsRef<[u8]>, signed: impl AsRef<[u8]>, sent: impl AsRef<[u8]>) -> Vec<u8> {
    let mac = sha256_mac(secret.as_ref(), signed.as_ref());
    let value = format!("sha256={}", hex::encode(mac));
    http(&[("X-Hub-Signature-256", &value)], sent.as_ref())
}

fn slack(secret: &str, time: &str, signed: &str) -> Vec<u8> {
    let value = format!(
        "v0={}",
        hex::encode(sha256_mac(secret.as_bytes(), signed.as_bytes()))
    );
    let headers = [
        ("X-Slack-Request-Timestamp", time),
        ("X-Slack-Signature", &value),
    ];
    http(&headers, BODY.as_bytes())
}

fn standard(prefix: &str, key: &[u8], at: i64) -> Vec<u8> {
    let message = format!("msg_1.{at}.{BODY}");
    let value = format!(
        "v1,{}",
        STANDARD.encode(sha256_mac(key, message.as_bytes()))
    );
    let time = at.to_string();
    let headers = [
        (format!("{prefix}-id"), "msg_1".to_owned()),
        (format!("{prefix}-timestamp"), time),
        (format!("{prefix}-signature"), value),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
    http(&headers, BODY.as_bytes())
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A case of the preset github with the secret and the body that most have.
fn body_case(
    what: &'static str,
    signed: &str,
    sent: &str,
    name: &'static [&'static str],
    says: &'static str,
) -> Case {
    Case {
        what,
        capture: github(SECRET, signed, sent),
        names: name,
        says,
        ..plain()
    }
}

fn secret_case(
    what: &'static str,
    theirs: &str,
    ours: &str,
    name: &'static [&'static str],
) -> Case {
    Case {
        what,
        secret: ours.as_bytes().to_vec(),
        capture: github(theirs, BODY, BODY),
        names: name,
        ..plain()
    }
}

fn plain() -> Case {
    Case {
        what: "",
        preset: "github",
        secret: SECRET.into(),
        capture: Vec::new(),
        at: AT,
        reason: "signature_mismatch",
        names: &[],
        says: "",
    }
}

fn secrets() -> Vec<Case> {
    let whsec = format!("whsec_{KEY}");
    vec![
        secret_case(
            "the sender's secret came from a file",
            "s3cret-value\n",
            "s3cret-value",
            &["secret-newline"],
        ),
        secret_case(
            "the endpoint's secret has a line end",
            "s3cret-value",
            "s3cret-value\n\n",
            &["secret-newline"],
        ),
        secret_case(
            "the sender's secret is in quotes",
            "\"s3cret-value\"",
            "s3cret-value",
            &["secret-quotes"],
        ),
        secret_case(
            "the endpoint's secret is in quotes",
            "s3cret-value",
            "'s3cret-value'",
            &["secret-quotes"],
        ),
        secret_case(
            "a space was copied too",
            "s3cret-value",
            " s3cret-value ",
            &["secret-whitespace"],
        ),
        secret_case(
            "the secret was copied with a prefix",
            "abcdef",
            "whsec_abcdef",
            &["secret-prefix"],
        ),
        secret_case(
            "the hex text of the secret was used",
            "7333637265742d76616c7565",
            "s3cret-value",
            &["key-encoding"],
        ),
        secret_case(
            "the base64 text of the secret was used",
            "czNjcmV0LXZhbHVl",
            "s3cret-value",
            &["key-encoding"],
        ),
        Case {
            what: "the text of a base64 key was used",
            preset: "standard-webhooks",
            secret: whsec.clone().into_bytes(),
            capture: standard("webhook", KEY.as_bytes(), AT),
            names: &["key-encoding"],
            says: "without decoding",
            ..plain()
        },
        Case {
            what: "the whole text with whsec_ was used",
            preset: "svix",
            secret: whsec.clone().into_bytes(),
            capture: standard("svix", whsec.as_bytes(), AT),
            names: &["key-encoding"],
            says: "with the prefix",
            ..plain()
        },
    ]
}

fn bodies() -> Vec<Case> {
    let spaced =
        r#"{"id": "evt_1", "note": "Größe 5/6", "items": [1, 2.50, {"a": null}], "ok": true}"#;
    let python = spaced.replace('ö', "\\u00f6").replace('ß', "\\u00df");
    let php = BODY
        .replace('ö', "\\u00f6")
        .replace('ß', "\\u00df")
        .replace('/', "\\/");
    let pretty = serde_json::to_string_pretty(
        &serde_json::from_str::<Value>(r#"{"a":1,"b":[true]}"#).unwrap(),
    )
    .unwrap();
    let sorted = r#"{"id":"evt_1","items":[1,2.50,{"a":null}],"note":"Größe 5/6","ok":true}"#;
    let lines = BODY.replace(',', ",\n");
    let windows = lines.replace('\n', "\r\n");
    let json = &["json-reserialized"];
    let form = "payload=%7B%22a%22%3A+1%7D";
    vec![
        body_case(
            "signed by json.dumps, sent minified",
            &python,
            BODY,
            json,
            "Python",
        ),
        body_case(
            "signed minified, sent pretty",
            r#"{"a":1,"b":[true]}"#,
            &pretty,
            json,
            "minified",
        ),
        body_case(
            "signed pretty, sent minified",
            &pretty,
            r#"{"a":1,"b":[true]}"#,
            json,
            "2 spaces",
        ),
        body_case("signed by PHP, sent by JavaScript", &php, BODY, json, "PHP"),
        body_case("keys were sorted", sorted, BODY, json, "keys sorted"),
        body_case(
            "a line end was sent",
            BODY,
            &format!("{BODY}\n"),
            &["body-final-newline"],
            "without the line end",
        ),
        body_case(
            "a line end was signed",
            &format!("{BODY}\n"),
            BODY,
            &["body-final-newline"],
            "a line end after",
        ),
        body_case(
            "LF became CRLF",
            &lines,
            &windows,
            &["body-line-ends"],
            "LF",
        ),
        body_case(
            "CRLF became LF",
            &windows,
            &lines,
            &["body-line-ends"],
            "CRLF",
        ),
        body_case(
            "the field's content was signed",
            r#"{"a": 1}"#,
            form,
            &["form-decoded"],
            "`payload`",
        ),
        body_case(
            "spaces were %20",
            "a=b%20c&d=e",
            "a=b+c&d=e",
            &["form-decoded"],
            "%20",
        ),
        body_case(
            "an empty body was signed",
            "",
            BODY,
            &["body-not-signed"],
            "empty",
        ),
        body_case(
            "an object was signed as text",
            "[object Object]",
            BODY,
            &["body-not-signed"],
            "object",
        ),
        body_case(
            "the tail is missing",
            BODY,
            &BODY[..BODY.len() - 1],
            &["body-truncated"],
            "closing",
        ),
        body_case(
            "a byte order mark was sent",
            BODY,
            &format!("\u{feff}{BODY}"),
            &["body-byte-order-mark"],
            "not signed",
        ),
        Case {
            what: "sent as Latin-1",
            capture: github(
                SECRET,
                BODY,
                BODY.chars().map(|c| c as u8).collect::<Vec<u8>>(),
            ),
            names: &["body-charset"],
            says: "sent as Latin-1",
            ..plain()
        },
        Case {
            what: "compressed after signing",
            capture: github(SECRET, BODY, gzip(BODY.as_bytes())),
            names: &["body-compressed"],
            ..plain()
        },
        Case {
            what: "compressed pretty JSON, signed minified: two mistakes",
            capture: github(SECRET, r#"{"a":1,"b":[true]}"#, gzip(pretty.as_bytes())),
            names: &["body-compressed", "json-reserialized"],
            ..plain()
        },
        Case {
            what: "json.dumps and a line end in the secret: two mistakes",
            capture: github(format!("{SECRET}\n"), &python, BODY),
            names: &["json-reserialized", "secret-newline"],
            ..plain()
        },
    ]
}

fn heads() -> Vec<Case> {
    let mac = sha256_mac(SECRET.as_bytes(), BODY.as_bytes());
    let hex = hex::encode(&mac);
    let with = |name: &str, value: &str| http(&[(name, value)], BODY.as_bytes());
    let hub = "X-Hub-Signature-256";
    let malformed = |what, capture, names| Case {
        what,
        capture,
        reason: "signature_malformed",
        names,
        ..plain()
    };
    let paddle = format!(
        "ts={AT};h1={}",
        hex::encode(sha256_mac(
            SECRET.as_bytes(),
            format!("{AT}.{BODY}").as_bytes()
        ))
    );
    let cut = STANDARD_NO_PAD.encode(&mac);
    vec![
        malformed(
            "the prefix is missing",
            with(hub, &hex),
            &["signature-prefix"],
        ),
        malformed(
            "another prefix",
            with(hub, &format!("v1={hex}")),
            &["signature-prefix"],
        ),
        malformed(
            "the prefix in capitals",
            with(hub, &format!("SHA256={hex}")),
            &["signature-prefix-case"],
        ),
        malformed(
            "quotes",
            with(hub, &format!("\"sha256={hex}\"")),
            &["header-quotes"],
        ),
        malformed(
            "base64 for hex",
            with(hub, &format!("sha256={}", STANDARD.encode(&mac))),
            &["signature-encoding"],
        ),
        malformed(
            "base64 of the hex text",
            with(hub, &format!("sha256={}", STANDARD.encode(&hex))),
            &["signature-encoded-twice"],
        ),
        malformed(
            "SHA-512 for SHA-256",
            with(
                hub,
                &format!(
                    "sha256={}",
                    hex::encode(sha512_mac(SECRET.as_bytes(), BODY.as_bytes()))
                ),
            ),
            &["signature-algorithm"],
        ),
        malformed(
            "folded over two lines",
            format!(
                "POST /hook HTTP/1.1\r\n{hub}: sha256={}\r\n {}\r\n\r\n{BODY}",
                &hex[..32],
                &hex[32..]
            )
            .into_bytes(),
            &["header-whitespace"],
        ),
        Case {
            preset: "line",
            ..malformed(
                "the padding is missing",
                with("X-Line-Signature", &cut),
                &["signature-padding"],
            )
        },
        Case {
            what: "GitHub's old header with SHA-1",
            capture: with(
                "X-Hub-Signature",
                &format!(
                    "sha1={}",
                    hex::encode(sha1_mac(SECRET.as_bytes(), BODY.as_bytes()))
                ),
            ),
            reason: "signature_missing",
            names: &["other-preset"],
            says: "github-sha1",
            ..plain()
        },
        Case {
            what: "a header of one's own",
            capture: with("X-My-Signature", &format!("sha256={hex}")),
            reason: "signature_missing",
            names: &["other-header"],
            says: "x-my-signature",
            ..plain()
        },
        Case {
            what: "no signature at all",
            capture: http(&[], BODY.as_bytes()),
            reason: "signature_missing",
            names: &["header-missing"],
            ..plain()
        },
        Case {
            what: "another provider's header, another secret",
            capture: with(
                "X-Line-Signature",
                &STANDARD.encode(sha256_mac(b"other", BODY.as_bytes())),
            ),
            reason: "signature_missing",
            names: &["other-provider"],
            says: "line",
            ..plain()
        },
        Case {
            what: "a dot for a colon",
            preset: "paddle",
            capture: with("Paddle-Signature", &paddle),
            names: &["signed-message"],
            says: "{ts}.{body}",
            ..plain()
        },
        Case {
            what: "svix headers at a standard-webhooks endpoint",
            preset: "standard-webhooks",
            secret: format!("whsec_{KEY}").into_bytes(),
            capture: standard("svix", &STANDARD.decode(KEY).unwrap(), AT),
            reason: "signature_missing",
            names: &["other-preset"],
            says: "svix",
            ..plain()
        },
        Case {
            what: "a bearer token without its word",
            preset: "bearer",
            capture: with("Authorization", SECRET),
            reason: "token_missing",
            names: &["signature-prefix"],
            ..plain()
        },
        Case {
            what: "a GET",
            capture: String::from_utf8(with(hub, &format!("sha256={hex}")))
                .unwrap()
                .replace("POST", "GET")
                .into_bytes(),
            reason: "method_not_signed",
            names: &["method"],
            ..plain()
        },
        Case {
            what: "shorter than announced",
            capture: http(
                &[
                    (hub, &format!("sha256={hex}")),
                    ("Content-Length", &BODY.len().to_string()),
                ],
                &BODY.as_bytes()[..40],
            ),
            names: &["body-truncated"],
            says: "Content-Length is",
            ..plain()
        },
        Case {
            what: "decompressed on the way",
            capture: http(
                &[
                    (
                        hub,
                        &format!(
                            "sha256={}",
                            hex::encode(sha256_mac(SECRET.as_bytes(), &gzip(BODY.as_bytes())))
                        ),
                    ),
                    ("Content-Encoding", "gzip"),
                ],
                BODY.as_bytes(),
            ),
            names: &["body-decompressed"],
            ..plain()
        },
        Case {
            what: "another secret",
            secret: b"something else entirely".to_vec(),
            capture: with(hub, &format!("sha256={hex}")),
            names: &["other-secret"],
            ..plain()
        },
    ]
}

fn times() -> Vec<Case> {
    let signed = |time: &str| slack(SECRET, time, &format!("v0:{time}:{BODY}"));
    let time = AT.to_string();
    let slacks = |what, capture, at, reason, names, says| Case {
        what,
        preset: "slack",
        capture,
        at,
        reason,
        names,
        says,
        ..plain()
    };
    vec![
        slacks(
            "a slow clock",
            signed(&time),
            AT + 1000,
            "timestamp_stale",
            &["clock-skew"],
            "1000 s behind",
        ),
        slacks(
            "a fast clock",
            signed(&time),
            AT - 500,
            "timestamp_future",
            &["clock-skew"],
            "500 s ahead",
        ),
        slacks(
            "a local time",
            signed(&time),
            AT + 7203,
            "timestamp_stale",
            &["clock-skew"],
            "local time",
        ),
        slacks(
            "milliseconds",
            signed(&format!("{time}000")),
            AT,
            "signature_malformed",
            &["timestamp-unit"],
            "milliseconds",
        ),
        slacks(
            "RFC 3339",
            signed("2024-11-15T21:12:01Z"),
            AT,
            "signature_malformed",
            &["timestamp-unit"],
            "RFC 3339",
        ),
        slacks(
            "only the body was signed",
            slack(SECRET, &time, BODY),
            AT,
            "signature_mismatch",
            &["signed-message"],
            "`{body}`",
        ),
        slacks(
            "a time with a fraction",
            signed("1731705121.5"),
            AT,
            "signature_malformed",
            &["timestamp-form"],
            "1731705121.5",
        ),
    ]
}

#[test]
fn every_prepared_delivery_is_refused_for_its_reason_and_its_cause_is_named() {
    let desk = Desk::new();
    let cases: Vec<Case> = [secrets(), bodies(), heads(), times()]
        .into_iter()
        .flatten()
        .collect();
    assert!(cases.len() >= 50, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let at = case.at.to_string();
        let diagnosis = desk.explain(case.preset, &case.secret, &case.capture, &["--at", &at]);
        let what = case.what;
        let says = diagnosis["causes"][0]["says"].as_str().unwrap_or_default();
        if diagnosis["reason"] != case.reason
            || names(&diagnosis) != case.names
            || !says.contains(case.says)
        {
            wrong.push(format!(
                "{what}: {} {:?} {says}",
                diagnosis["reason"],
                names(&diagnosis)
            ));
        }

        // Neither a secret nor a signature that would be the right one.
        let text = diagnosis.to_string();
        let secret = String::from_utf8_lossy(&case.secret)
            .trim_matches(['\n', ' ', '\''])
            .to_owned();
        assert!(!text.contains(&secret), "{what}");
        let right = sha256_mac(&case.secret, BODY.as_bytes());
        for written in [hex::encode(&right), STANDARD.encode(&right)] {
            assert!(!text.contains(&written), "{what}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_genuine_delivery_is_admitted_and_nothing_is_blamed() {
    let desk = Desk::new();
    let key = STANDARD.decode(KEY).unwrap();
    for (preset, secret, capture) in [
        ("github", SECRET.to_owned(), github(SECRET, BODY, BODY)),
        ("hmac", SECRET.to_owned(), github(SECRET, BODY, BODY)),
        (
            "slack",
            SECRET.to_owned(),
            slack(SECRET, &AT.to_string(), &format!("v0:{AT}:{BODY}")),
        ),
        ("svix", format!("whsec_{KEY}"), standard("svix", &key, AT)),
        (
            "standard-webhooks",
            format!("whsec_{KEY}\n"),
            standard("webhook", &key, AT),
        ),
        (
            "bearer",
            "t0ken".to_owned(),
            http(&[("Authorization", "Bearer t0ken")], b""),
        ),
    ] {
        let diagnosis = desk.explain(
            preset,
            secret.as_bytes(),
            &capture,
            &["--at", &AT.to_string()],
        );
        assert_eq!(diagnosis["admitted"], true, "{preset}: {diagnosis:#}");
        assert_eq!(
            diagnosis["causes"].as_array().unwrap().len(),
            0,
            "{preset}: {diagnosis:#}"
        );
        assert_eq!(diagnosis["reason"], "admitted");
    }
}

#[test]
fn an_old_capture_that_is_judged_now_is_told_from_a_slow_clock() {
    let desk = Desk::new();
    let capture = slack(SECRET, &AT.to_string(), &format!("v0:{AT}:{BODY}"));
    let diagnosis = desk.explain("slack", SECRET.as_bytes(), &capture, &[]);
    assert_eq!(diagnosis["reason"], "timestamp_stale");
    assert_eq!(names(&diagnosis), ["judged-late"]);
    assert!(
        diagnosis["causes"][0]["operator"]
            .as_str()
            .unwrap()
            .contains("--at")
    );
    assert!(diagnosis["age_seconds"].as_i64().unwrap() > 0);
}

#[test]
fn what_is_said_to_people_has_the_verdict_the_step_the_cause_and_what_to_change() {
    let desk = Desk::new();
    desk.file("capture", github(format!("{SECRET}\n"), BODY, BODY));
    let ran = desk.run(&["capture", "--preset", "github"], SECRET.as_bytes());
    assert_eq!(ran.code, Some(1));
    for expected in [
        "verdict      refused (signature_mismatch)",
        "judged by    preset github",
        "signature    REFUSED  it does not match this body and this secret",
        "cause        the secret has a line end on one side only: the sender's secret ends with one",
        "[secret-newline]",
        "proven: ",
        "sender       remove the line end from the secret",
        "operator     or set the secret again",
    ] {
        assert!(ran.stdout.contains(expected), "{expected}\n{}", ran.stdout);
    }
    assert_eq!(ran.stderr, "error: refused: signature_mismatch\n");
}

#[test]
fn a_large_body_is_explained_within_bounds() {
    let desk = Desk::new();
    let body = vec![b'x'; 20 << 20];
    let diagnosis = desk.explain("github", b"one", &github("other", &body, &body), &[]);
    assert_eq!(names(&diagnosis), ["other-secret"]);
    assert_eq!(diagnosis["tried_all"], false);
    let diagnosis = desk.explain("github", b"one", &github("one\n", &body, &body), &[]);
    assert_eq!(names(&diagnosis), ["secret-newline"]);
}
