//! The forms in which deliveries are captured, and captures that cannot be read.

use super::*;

const SECRET: &str = "s3cret";

fn signature(body: &[u8]) -> String {
    github_signature(SECRET, body)
}

#[track_caller]
fn admitted(desk: &Desk, words: &[&str]) {
    let ran = desk.run(words, SECRET.as_bytes());
    assert_eq!(ran.code, Some(0), "{words:?}\n{ran:?}");
}

#[test]
fn raw_http_is_read_with_either_line_end_and_cut_where_its_length_says() {
    let desk = Desk::new();
    let body = b"{\"a\":1}";
    let head = format!("X-Hub-Signature-256: {}", signature(body));
    for (name, text) in [
        (
            "crlf",
            format!("POST /x HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n{{\"a\":1}}"),
        ),
        (
            "lf",
            format!("POST /x HTTP/1.1\nHost: a\n{head}\n\n{{\"a\":1}}"),
        ),
        ("headers-only", format!("{head}\n\n{{\"a\":1}}")),
        (
            "github-page",
            format!(
                "Request URL: https://a.example/x?y=1\nRequest method: POST\n{head}\n\n{{\"a\":1}}"
            ),
        ),
        (
            "newline-of-an-editor",
            format!("POST /x HTTP/1.1\r\n{head}\r\nContent-Length: 7\r\n\r\n{{\"a\":1}}\n"),
        ),
        (
            "chunked",
            format!(
                "POST /x HTTP/1.1\r\n{head}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{{\"a\r\n4\r\n\":1}}\r\n0\r\n\r\n"
            ),
        ),
        (
            "bom",
            format!("\u{feff}POST /x HTTP/1.1\r\n{head}\r\n\r\n{{\"a\":1}}"),
        ),
        (
            "no-version",
            format!("POST https://a.example/x\r\n{head}\r\n\r\n{{\"a\":1}}"),
        ),
    ] {
        desk.file(name, text);
        admitted(&desk, &[name, "--preset", "github"]);
    }
    let noise = noise(100_000);
    let mut text = format!(
        "POST /x HTTP/1.1\r\nX-Hub-Signature-256: {}\r\n\r\n",
        signature(&noise)
    )
    .into_bytes();
    text.extend(&noise);
    desk.file("noise", text);
    admitted(&desk, &["noise", "--preset", "github"]);
}

#[test]
fn curl_commands_are_read_as_people_paste_them() {
    let desk = Desk::new();
    let json = r#"{"it's":"ö","n":"a\nb"}"#;
    let sign = signature(json.as_bytes());
    desk.file("body.json", json);
    desk.file(
        "headers",
        format!("X-One: 1\r\nX-Hub-Signature-256: {sign}\n\n"),
    );
    let quoted = json.replace('\'', r"'\''");
    let chrome = json
        .replace('\\', r"\\")
        .replace('\'', r"\'")
        .replace('ö', r"\u00f6");
    let form = signature(b"a=b&c=d%20e");
    for command in [
        format!("curl -X POST https://a.example/x -H 'X-Hub-Signature-256: {sign}' -d '{quoted}'"),
        format!(
            "$ curl -sSi 'https://a.example/x' \\\n  -H \"X-Hub-Signature-256: {sign}\" \\\n  --data-raw '{quoted}' | jq ."
        ),
        format!(
            "curl 'https://a.example/x' \\\r\n  -H 'X-Hub-Signature-256: {sign}' \\\r\n  --data-raw $'{chrome}' --compressed"
        ),
        format!(
            "curl --url a.example/x -HX-Hub-Signature-256:{sign} --data-binary @body.json --max-time 5"
        ),
        format!("curl a.example/x --header 'X-Hub-Signature-256: {sign}' -d@body.json -o out"),
        format!("curl a.example/x --header 'X-Hub-Signature-256: {sign}' --json @body.json"),
        format!("curl a.example -H 'X-Hub-Signature-256: {form}' -d a=b --data-urlencode 'c=d e'"),
        "curl a.example/x -H @headers -d@body.json".to_owned(),
        "printf 'Authorization: Bearer %s\\n' \"$TOKEN\" | \\\n  curl a.example/x -H @- -H @headers -d@body.json | jq".to_owned(),
    ] {
        desk.file("command", &command);
        let ran = desk.run(&["command", "--preset", "github"], SECRET.as_bytes());
        assert_eq!(ran.code, Some(0), "{command}\n{ran:?}");
    }
}

#[test]
fn curl_that_leaves_out_line_ends_is_the_cause_that_is_named() {
    let desk = Desk::new();
    let body = "{\n  \"a\": \"b\"\n}\n";
    desk.file("body.json", body);
    let sign = signature(body.as_bytes());
    let command = format!("curl a.example/x -H 'X-Hub-Signature-256: {sign}' -d @body.json");
    let diagnosis = desk.explain("github", SECRET.as_bytes(), command.as_bytes(), &[]);
    assert_eq!(names(&diagnosis), ["body-captured-by-curl"]);
}

#[test]
fn what_sign_prints_is_explained_as_admitted() {
    let gate = Gate::before(&Backend::refusing()).endpoint("hmac");
    let printed = gate.run(&["sign", ID]).succeeded();
    let desk = Desk::new();
    desk.file("command", printed);
    let secret = gate.secret(ID);
    let ran = desk.run(&["command", "--preset", "hmac"], secret.as_bytes());
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn entries_of_a_har_file_are_read_by_their_number_and_judged_at_their_time() {
    let desk = Desk::new();
    let entry = |body: &str, extra: &str| {
        serde_json::json!({
            "startedDateTime": "2024-11-15T21:12:30.123Z",
            "request": {
                "method": "POST", "url": "https://a.example/x?y=1", "httpVersion": "h2",
                "headers": [
                    {"name": ":authority", "value": "a.example"},
                    {"name": "X-Slack-Request-Timestamp", "value": "1731705121"},
                    {"name": "X-Slack-Signature", "value": format!("v0={}", hex::encode(sha256_mac(SECRET.as_bytes(), format!("v0:1731705121:{body}").as_bytes())))},
                ],
                "postData": {"mimeType": "text/plain", "text": format!("{body}{extra}")},
                "bodySize": body.len(),
            }
        })
    };
    let har = serde_json::json!({"log": {"version": "1.2", "entries": [entry("one", "x"), entry("zwö", "")]}});
    desk.file("log.har", har.to_string());
    let words = ["log.har", "--preset", "slack"];
    let ran = desk.run(&words, SECRET.as_bytes());
    assert!(
        ran.failed_with(1)
            .contains("2 entries: choose one with --entry")
    );
    admitted(&desk, &["log.har", "--preset", "slack", "--entry", "2"]);
    let ran = desk.run(
        &["log.har", "--preset", "slack", "--entry", "1"],
        SECRET.as_bytes(),
    );
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains("does not have the exact bytes"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("when it was captured"), "{ran:?}");
    let ran = desk.run(
        &["log.har", "--preset", "slack", "--entry", "3"],
        SECRET.as_bytes(),
    );
    assert!(ran.failed_with(1).contains("but no entry 3"));
}

#[test]
fn flags_make_a_delivery_or_replace_parts_of_a_captured_one() {
    let desk = Desk::new();
    desk.file("body", "hello");
    let header = format!("X-Hub-Signature-256: {}", signature(b"hello"));
    let words = [
        "--preset", "github", "--header", &header, "--body", "body", "--url", "/x",
    ];
    admitted(&desk, &words);
    let mut get = words.to_vec();
    get.extend(["--method", "GET"]);
    assert_eq!(desk.run(&get, SECRET.as_bytes()).code, Some(1));

    desk.file(
        "capture",
        http(&[("X-Hub-Signature-256", "sha256=00")], b"other"),
    );
    admitted(
        &desk,
        &[
            "capture", "--preset", "github", "--header", &header, "--body", "body",
        ],
    );
}

#[test]
fn a_capture_that_cannot_be_read_is_refused_with_its_place_and_nothing_is_judged() {
    let desk = Desk::new();
    let too_large = std::fs::File::create(desk.folder.path().join("too-large")).unwrap();
    too_large.set_len((64 << 20) + 1).unwrap();
    for (name, content, message) in [
        ("empty", "", "the capture is empty"),
        (
            "no-header",
            "POST /x HTTP/1.1\r\nnonsense\r\n\r\n",
            "line 2 is not a header",
        ),
        (
            "bad-name",
            "POST /x HTTP/1.1\r\na b: c\r\n\r\n",
            "`a b` is not a valid header name",
        ),
        (
            "bad-target",
            "POST x HTTP/1.1\r\n\r\n",
            "`x` is neither a URL nor a path",
        ),
        (
            "bad-value",
            "POST /x HTTP/1.1\r\nAuthorization: a\u{1}b\r\n\r\n",
            "the value of the header Authorization",
        ),
        (
            "quote",
            "curl 'https://a.example/x",
            "a quote is not closed",
        ),
        (
            "option",
            "curl https://a.example/x --frobnicate",
            "`--frobnicate` is not supported",
        ),
        ("no-url", "curl -d x", "it has no URL"),
        (
            "piped-away",
            "printf 'curl x' | jq",
            "it does not begin with `curl`",
        ),
        ("printed", "printf '%s'", "it does not begin with `curl`"),
        (
            "no-headers",
            "curl https://a.example/x -H @nowhere",
            "nowhere",
        ),
        (
            "form",
            "curl https://a.example/x -F a=b",
            "--form is not supported",
        ),
        ("no-file", "curl https://a.example/x -d @nowhere", "nowhere"),
        ("no-json", "{\"log\":", "the file is incomplete"),
        ("no-har", "{\"log\":{}}", "expected `log.entries`"),
        ("bad-json", "{\"log\": nonsense}", "the file is not JSON"),
        (
            "no-entries",
            "{\"log\":{\"entries\":[]}}",
            "it has 0 entries",
        ),
    ] {
        desk.file(name, content);
        let ran = desk.run(&[name, "--preset", "github"], SECRET.as_bytes());
        assert_eq!(ran.code, Some(1), "{name}: {ran:?}");
        assert!(ran.stderr.contains(message), "{name}: {ran:?}");
        assert_eq!(ran.stdout, "", "{name}");
    }
    let ran = desk.run(&["too-large", "--preset", "github"], SECRET.as_bytes());
    assert!(ran.failed_with(1).contains("larger than 67108864 bytes"));
    let ran = desk.run(&["nowhere", "--preset", "github"], SECRET.as_bytes());
    assert!(ran.failed_with(1).contains("nowhere"));
}

#[test]
fn a_command_line_that_says_nothing_or_too_much_is_refused() {
    let desk = Desk::new();
    desk.file("capture", http(&[], b""));
    for (code, words) in [
        (2, &["--preset", "github"][..]),
        (2, &["capture", "--preset", "github", "--endpoint", ID]),
        (2, &["-", "--preset", "github"]),
        (2, &["capture", "--preset", "github", "--body", "-"]),
        (2, &["capture", "--preset", "github", "--at", "yesterday"]),
        (2, &["capture", "--preset", "github", "--entry", "1"]),
        (4, &["capture", "--preset", "nope"]),
        (4, &["capture", "--preset", "provider"]),
        (4, &["capture", "--preset", "none"]),
    ] {
        let ran = desk.run(words, SECRET.as_bytes());
        assert_eq!(ran.code, Some(code), "{words:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{words:?}");
    }
}
