//! The cost of a hostile head, for each preset: what a stranger can make the gate do before there is a key
//! and before a byte of the body is read.
//!
//! ```text
//! cargo bench --bench heads
//! cargo bench --bench heads -- rfc9421
//! ```
//!
//! A plain head is what the provider sends: the lines of a usual HTTP client, the proof and what belongs to it. Its
//! cost is that of finding its end, parsing it and reading its claim. A hostile head has a shape that
//! is dear for the preset, and other lines fill it up to the bytes and the lines that the listener takes. It is
//! measured in the same way. The benchmark fails if the dearest one of a preset costs more than twenty times its plain
//! head.
//!
//! Both are the least of several runs, in processor time of one thread: other programs on the machine count little. The
//! heads of a preset that are too dear are measured again before the benchmark fails.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use portcullis::auth::{
    Algorithm, Claim, Encoding, Message, Place, Preset, Scheme, Source, Template,
};
use portcullis::proxy::{HeadLimits, HeadScanner, RequestHead};
use processor::processor_time_of;

#[path = "support/processor.rs"]
mod processor;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let only: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    let mut worst = 0.0_f64;
    println!(
        "{:<26}{:>10}{:>12}{:>8}  dearest head",
        "preset", "plain", "hostile", "ratio"
    );
    for preset in Preset::all() {
        if !only.is_empty() && !only.iter().any(|it| preset.name.contains(&**it)) {
            continue;
        }
        let scheme = scheme_of(preset);
        let plain_head = head("", &proof(&scheme));
        let shapes = shapes(&scheme);
        let mut plain = cost(&scheme, &plain_head);
        let measured = |(name, bytes): (String, Bytes)| (cost(&scheme, &bytes), name, bytes);
        let mut hostile: Vec<(Duration, String, Bytes)> =
            shapes.into_iter().map(measured).collect();
        // Only a cost that repeats is the gate's own. Another program can slow down one measurement.
        for _ in 0..REPEATS {
            let dearest = hostile.iter().map(|it| it.0).max().expect("a shape");
            if times(dearest, plain) <= MOST_TIMES {
                break;
            }
            plain = plain.min(cost(&scheme, &plain_head));
            for (least, _, bytes) in &mut hostile {
                *least = (*least).min(cost(&scheme, bytes));
            }
        }
        let dearest = hostile.into_iter().max_by_key(|it| it.0);
        let (hostile, name, _) = dearest.expect("a shape");
        let ratio = times(hostile, plain);
        worst = worst.max(ratio);
        println!(
            "{:<26}{plain:>10.1?}{hostile:>12.1?}{ratio:>8.1}  {name}",
            preset.name
        );
    }
    println!("the dearest: {worst:.1} times a plain head; at most {MOST_TIMES} are allowed");
    if worst > MOST_TIMES {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn times(hostile: Duration, plain: Duration) -> f64 {
    hostile.as_secs_f64() / plain.as_secs_f64()
}

fn scheme_of(preset: &Preset) -> Scheme {
    let mut scheme = preset.scheme.clone();
    let settings = [
        ("webhook_id", "WH-1"),
        ("base_url", "https://portal.example.com/hooks"),
        ("topic_arn", "arn:aws:sns:us-east-1:123456789012:a"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    scheme
        .set(&settings.into())
        .expect("every setting is there");
    scheme
}

/// What a sender adds to the head: as we can make it, or as it looks.
fn proof(scheme: &Scheme) -> Vec<(String, String)> {
    let message = Message {
        method: &Method::POST,
        url: Some(URL),
        body: b"{}",
        at: Timestamp::UNIX_EPOCH,
        id: "msg_1",
    };
    let added = scheme.prove(SECRET.as_bytes(), message).unwrap_or_default();
    let in_head = |(place, value): (Place, String)| match place {
        Place::Header(name) => Some((name.to_string(), value)),
        _ => None,
    };
    let mut lines: Vec<(String, String)> = added.into_iter().filter_map(in_head).collect();
    if lines.is_empty() {
        lines = shaped(scheme);
    }
    lines
}

/// A proof that nobody can make here, in its form: a public key has to be made for it, or it stands in the body.
fn shaped(scheme: &Scheme) -> Vec<(String, String)> {
    let lengths = scheme.algorithm().signature_len();
    let zeros = vec![0; lengths.map_or(32, |lengths| *lengths.start())];
    let names = headers(scheme);
    if names.iter().any(|name| name == "signature") && scheme.has_envelope() {
        let proof = Encoding::Base64.encode(&zeros);
        let digest = Encoding::Base64.encode(&[0; 32]);
        let input = "sig1=(\"content-digest\" \"@method\" \"@target-uri\");created=1700000000";
        return [
            ("content-digest", format!("sha-256=:{digest}:")),
            ("signature-input", input.to_owned()),
            ("signature", format!("sig1=:{proof}:")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    }
    let value = |name: &String| {
        let mut rules = scheme.signatures().iter();
        let rule = rules.find(|rule| rule.from.to_string() == format!("header:{name}"));
        let Some(rule) = rule else {
            return "1700000000".to_owned();
        };
        let tag = rule.tagged.as_ref().map(ToString::to_string);
        let proof = if scheme.has_envelope() {
            token(scheme, &zeros)
        } else {
            rule.encoding.encode(&zeros)
        };
        format!("{}{proof}", tag.unwrap_or_default())
    };
    names
        .iter()
        .map(|name| (name.clone(), value(name)))
        .collect()
}

/// A token with the claims that the presets ask for.
fn token(scheme: &Scheme, signature: &[u8]) -> String {
    let name = match scheme.algorithm() {
        Algorithm::Ed25519 => "EdDSA",
        Algorithm::RsaSha256 => "RS256",
        _ => "ES256",
    };
    let zeros = "0".repeat(64);
    let header = format!(r#"{{"alg":"{name}","kid":"a","typ":"JWT"}}"#);
    let claims =
        format!(r#"{{"iat":1700000000,"exp":1700000300,"request_body_sha256":"{zeros}"}}"#);
    let parts = [header.as_bytes(), claims.as_bytes(), signature];
    parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

/// Every header that the scheme reads.
fn headers(scheme: &Scheme) -> Vec<String> {
    let signed = scheme.signed().iter().flat_map(sources);
    let proofs = scheme.signatures().iter().map(|rule| rule.from.to_string());
    let id = scheme.id().map(ToString::to_string);
    let texts = proofs.chain(signed).chain(id);
    let texts: Vec<String> = texts
        .flat_map(|text| text.split('|').map(ToOwned::to_owned).collect::<Vec<_>>())
        .collect();
    let names = texts.iter().filter_map(|text| {
        let numbered = text
            .strip_prefix("headers:")
            .map(|name| name.replace('*', "1"));
        numbered.or_else(|| text.strip_prefix("header:").map(ToOwned::to_owned))
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    names
}

fn sources(template: &Template) -> Vec<String> {
    template.sources().map(Source::to_string).collect()
}

/// Heads that are as dear as we know how to make them, each within the limits.
fn shapes(scheme: &Scheme) -> Shapes {
    let proof = proof(scheme);
    let mut shapes = queries(&proof);
    shapes.extend(other_headers(&proof));
    shapes.extend(own_headers(scheme, &proof));
    shapes.extend(messages());
    let within = |head: &Bytes| RequestHead::parse(head, LIMITS).is_ok();
    let filled = shapes.into_iter().map(|(name, head)| (name, filled(&head)));
    filled.filter(|(_, head)| within(head)).collect()
}

/// The head with as many bytes and lines as fit beside what it has.
fn filled(head: &Bytes) -> Bytes {
    let lines = memchr::memchr_iter(b'\n', head).count() - 2;
    let (left, bytes) = (
        LIMITS.headers.saturating_sub(lines),
        LIMITS.bytes.saturating_sub(head.len()),
    );
    let each = bytes.checked_div(left).unwrap_or_default();
    let len = each.saturating_sub("y-00: \r\n".len());
    let mut text = head.strip_suffix(b"\r\n").unwrap_or(head).to_vec();
    if each > len {
        for at in 0..left {
            text.extend_from_slice(format!("y-{at:02}: {}\r\n", "a".repeat(len)).as_bytes());
        }
    }
    text.extend_from_slice(b"\r\n");
    text.into()
}

type Shapes = Vec<(String, Bytes)>;
type Lines = [(String, String)];

fn queries(proof: &Lines) -> Shapes {
    let mut shapes = Vec::new();
    // The query.
    for (name, unit) in [
        ("parameters without a value", "a&"),
        ("encoded parameters", "%41=%41&"),
        ("parameters of two letters", "id=%2F&"),
        ("encoded characters", "%2F"),
        ("percent signs", "%"),
        ("plus signs", "+"),
        ("apostrophes", "'"),
        ("characters to encode", "|"),
        ("tokens", "token=a&"),
    ] {
        let whole = format!("?{}", repeated(unit, QUERY));
        let few = format!("?{}", unit.repeat(190));
        for (name, query) in [(name.to_owned(), whole), (format!("190 {name}"), few)] {
            shapes.push((name, head(&query, proof)));
        }
    }
    shapes
}

fn other_headers(proof: &Lines) -> Shapes {
    let mut shapes = Vec::new();
    // Other headers.
    let with = |more: Vec<(String, String)>| [proof.to_vec(), more].concat();
    let count = LIMITS.headers - 20;
    let line = ROOM / count - 40;
    let many = |name: &dyn Fn(usize) -> String, value: &str| -> Vec<(String, String)> {
        (0..count).map(|at| (name(at), value.to_owned())).collect()
    };
    shapes.push((
        "many headers".to_owned(),
        head("", &with(many(&|at| format!("x-{at}"), &"a".repeat(line)))),
    ));
    shapes.push((
        "names with underscores".to_owned(),
        head(
            "",
            &with(many(&|at| format!("x_{at}_{}", "a".repeat(NAME)), "1")),
        ),
    ));
    shapes.push((
        "one header, many times".to_owned(),
        head("", &with(many(&|_| "x-a".to_owned(), &"a".repeat(line)))),
    ));
    let numbered = (1..=count).map(|at| (format!("X-DocuSign-Signature-{at}"), "a".repeat(line)));
    let numbered = head("", &numbered.collect::<Vec<_>>());
    shapes.push(("numbered headers".to_owned(), numbered));
    // Contentful lists what it signs.
    let names: Vec<String> = (10..90).map(|at| format!("x-{at}")).collect();
    let list = format!(
        "{},x-contentful-signed-headers,x-contentful-timestamp",
        names.join(",")
    );
    let mut lines: Vec<(String, String)> = names
        .iter()
        .map(|name| (name.clone(), "a;".repeat(line / 2)))
        .collect();
    lines.extend(
        proof
            .iter()
            .filter(|(name, _)| name != "x-contentful-signed-headers")
            .cloned(),
    );
    lines.push(("x-contentful-signed-headers".to_owned(), list));
    shapes.push(("a long list of headers".to_owned(), head("", &lines)));
    shapes
}

/// What the scheme reads.
fn own_headers(scheme: &Scheme, proof: &Lines) -> Shapes {
    let mut shapes = Vec::new();
    for name in headers(scheme) {
        let others: Vec<(String, String)> = proof
            .iter()
            .filter(|(it, _)| *it != name)
            .cloned()
            .collect();
        let mut put = |shape: &str, values: Vec<String>| {
            let lines = values.into_iter().map(|value| (name.clone(), value));
            shapes.push((
                format!("{name}: {shape}"),
                head("", &others.iter().cloned().chain(lines).collect::<Vec<_>>()),
            ));
        };
        for unit in [
            "a",
            "0",
            "=",
            ",",
            "t=1,",
            "v1=00,",
            "v1,00 ",
            ".",
            "{}",
            "t=1,v1=00 ",
            ";",
            "://",
            "\"\"",
            "(",
            "a;",
        ] {
            for room in [PROOF, FIELD] {
                let shape = format!("{room} bytes of `{unit}`");
                put(&shape, vec![repeated(unit, room)]);
            }
        }
        let zeros = "0".repeat(64);
        for rule in scheme.signatures() {
            let tag = rule
                .tagged
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            let split = char::from(rule.split.unwrap_or(b','));
            let one = format!("{tag}{zeros}{split}");
            put("64 proofs", vec![one.repeat(64)]);
            put("more proofs than are read", vec![repeated(&one, PROOF)]);
            put(
                "as many proofs as fit beside a time",
                vec![format!(
                    "t=1700000000{split}ts=1700000000{split}{}",
                    one.repeat(62)
                )],
            );
        }
        let group = format!("t=1700000000,v1={zeros}");
        put("groups", vec![[group.as_str(); 4].join(" ")]);
        let long = format!("{group},{}", repeated("v1=00,", PROOF / 5));
        put("groups that are long", vec![vec![long; 4].join(" ")]);
        for prefix in ["", "JWT ", "Bearer "] {
            for token in tokens(PROOF) {
                put("a long token", vec![format!("{prefix}{token}")]);
            }
        }
        put("numbered headers", vec!["a".to_owned()]);
    }
    shapes
}

fn messages() -> Shapes {
    let mut shapes = Vec::new();
    // Message signatures say themselves what they cover.
    for (labels, each, parameters) in [
        (1, 32, 60),
        (8, 4, 60),
        (8, 4, 1000),
        (8, 32, 60),
        (8, 250, 4000),
        (1, 250, 60),
        (2, 16, 8000),
    ] {
        shapes.push((
            "message signatures".to_owned(),
            message_signatures(labels, each, parameters),
        ));
    }
    for unit in [
        "a,",
        "a=1,",
        "sig=(),",
        "sig1=(\"a\" ",
        ";a",
        "(",
        "\"@query-param\";name=\"a\" ",
    ] {
        let lines = vec![
            (
                "signature-input".to_owned(),
                format!("a=({}", repeated(unit, PROOF / 2)),
            ),
            ("signature".to_owned(), repeated(unit, PROOF / 3)),
        ];
        shapes.push(("dictionaries".to_owned(), head("", &lines)));
    }
    shapes
}

fn repeated(text: &str, len: usize) -> String {
    text.repeat(len / text.len())
}

/// Tokens with a long header, long claims, or many.
fn tokens(room: usize) -> Vec<String> {
    let url_safe = |text: &str| URL_SAFE_NO_PAD.encode(text);
    // Without the header of the token and its other claims, and before it is encoded.
    let len = room * 3 / 4 - 600;
    let header = |more: &str| url_safe(&format!(r#"{{"alg":"HS256","typ":"JWT"{more}}}"#));
    let signature = url_safe(&"0".repeat(32));
    let claims = |more: &str| {
        url_safe(&format!(
            r#"{{"iat":1,"exp":2,"qsh":"a","sha256":"{}"{more}}}"#,
            "0".repeat(64)
        ))
    };
    let list =
        |unit: &str, len: usize| format!("[{}]", vec![unit; len / (unit.len() + 1)].join(","));
    let members = |len: usize| {
        let members = (0..len / 8).map(|at| format!(r#","{at:04}":1"#));
        members.take(60).collect::<String>()
    };
    let mut tokens = vec![
        format!(
            "{}.{}.{signature}",
            header(""),
            claims(&format!(r#","aud":{}"#, list(r#""""#, len)))
        ),
        format!(
            "{}.{}.{signature}",
            header(""),
            claims(&format!(r#","x":{}"#, list("1", len)))
        ),
        format!(
            "{}.{}.{signature}",
            header(""),
            claims(&format!(r#","x":"{}""#, r"\u0041".repeat(len / 6)))
        ),
        format!("{}.{}.{signature}", header(""), claims(&members(len))),
        format!(
            "{}.{}.{signature}",
            header(&format!(r#","x":{}"#, list("1", len))),
            claims("")
        ),
    ];
    tokens.push(".".repeat(room));
    tokens
}

fn message_signatures(labels: usize, each: usize, parameters: usize) -> Bytes {
    let name = |at: usize| format!("p{at}");
    let items = (0..each).map(|at| format!("\"@query-param\";name=\"{}\"", name(at)));
    let asked = ["\"content-digest\"", "\"@target-uri\""].map(ToOwned::to_owned);
    let items = asked.into_iter().chain(items);
    let items: Vec<String> = items.take(each).collect();
    let inputs = (0..labels).map(|at| format!("s{at}=({});created=1700000000", items.join(" ")));
    let proof = "A".repeat(43);
    let values = (0..labels).map(|at| format!("s{at}=:{proof}=:"));
    let query: Vec<String> = (0..parameters)
        .map(|at| format!("{}=%2F", name(at)))
        .collect();
    let lines = [
        (
            "signature-input".to_owned(),
            inputs.collect::<Vec<_>>().join(", "),
        ),
        (
            "signature".to_owned(),
            values.collect::<Vec<_>>().join(", "),
        ),
        ("content-digest".to_owned(), format!("sha-256=:{proof}=:")),
    ];
    head(&format!("?{}", query.join("&")), &lines)
}

fn head(query: &str, lines: &[(String, String)]) -> Bytes {
    let mut text = format!(
        "POST /hooks/orders{query} HTTP/1.1\r\nHost: portal.example.com\r\nUser-Agent: Provider/1.0\r\n\
         Accept: */*\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n"
    );
    for (name, value) in lines {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into()
}

/// What finding the end of the head, parsing it and reading its claim cost, at the least.
fn cost(scheme: &Scheme, bytes: &Bytes) -> Duration {
    let mut least = Duration::MAX;
    let mut spent = Duration::ZERO;
    while spent < TIME {
        let batch = processor_time_of(|| {
            for _ in 0..BATCH {
                judge(scheme, black_box(bytes));
            }
        });
        spent += batch;
        least = least.min(batch / BATCH);
    }
    least
}

fn judge(scheme: &Scheme, bytes: &Bytes) {
    let Some(head) = received(bytes) else {
        return;
    };
    let request = head.request();
    let mut url = "https://portal.example.com/hooks/orders".to_owned();
    if let Some(query) = request.query {
        url.push('?');
        url.push_str(query);
    }
    let claim = Claim::read(scheme, &request.head(Some(&url)));
    black_box(claim.is_ok());
}

/// Finds the end of the head and parses it. The bytes are in memory: the socket is not measured.
fn received(bytes: &Bytes) -> Option<RequestHead> {
    let len = HeadScanner::default().scan(bytes, LIMITS).ok()??;
    RequestHead::parse(&bytes.slice(..len), LIMITS).ok()
}

/// As the listener takes them by default.
const LIMITS: HeadLimits = HeadLimits {
    bytes: 32 * 1024,
    headers: 100,
};
const URL: &str = "https://portal.example.com/hooks/orders";
const SECRET: &str = "00112233445566778899aabbccddeeff";
/// What is left of a head beside its first lines.
const ROOM: usize = LIMITS.bytes - 4096;
/// About the longest that so many names may be.
const NAME: usize = 26;
/// The longest query behind the path.
const QUERY: usize = 16 * 1024 - 64;
/// The longest proof that is parsed, and the longest value of a header, beside a name or a prefix.
const PROOF: usize = 8 * 1024 - 32;
const FIELD: usize = 16 * 1024 - 64;
const MOST_TIMES: f64 = 20.0;
/// How often the heads of a preset are measured again before they are called too dear.
const REPEATS: usize = 4;
const TIME: Duration = Duration::from_millis(2);
const BATCH: u32 = 3;
