//! What a hostile body costs, for each preset that takes the body apart before the proof, beside GitHub's HMAC
//! of a body of the same size.
//!
//! ```text
//! cargo bench --bench bodies
//! ```
//!
//! Every body is of 1 MiB, the most that such presets take, and in the shapes below; its signature is wrong, so
//! nobody needs a secret to send it. The least of several runs counts, in processor time. The benchmark fails if the dearest body of a
//! preset costs more than the allowed multiple of GitHub's.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use portcullis::auth::{
    Algorithm, CertificateClaim, CertificateKeys, Claim, Head, Key, KeyRing, NumberedKey, Place,
    Preset, Scheme, Verification, VerificationStart,
};
use processor::processor_time_of;
use ring::signature::{KeyPair, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;

#[path = "support/processor.rs"]
mod processor;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let github = Preset::named("github").expect("a preset");
    let floor = cost(&github.scheme, &vec![b'a'; SIZE]);
    println!(
        "{:<20}{:>12}{:>8}  dearest body",
        "preset", "a MiB", "ratio"
    );
    println!("{:<20}{floor:>12.1?}{:>8.1}", github.name, 1.0);
    let mut worst = 0.0_f64;
    for preset in Preset::all().iter().filter(|it| it.scheme.waits_for_body()) {
        let scheme = scheme_of(preset);
        let costs = bodies(preset.name).into_iter();
        let costs = costs.map(|(shape, body)| (cost(&scheme, &body), shape));
        let (dearest, shape) = costs.max().expect("a shape");
        let ratio = dearest.as_secs_f64() / floor.as_secs_f64();
        worst = worst.max(ratio);
        println!("{:<20}{dearest:>12.1?}{ratio:>8.1}  {shape}", preset.name);
    }
    println!("the dearest: {worst:.1} times GitHub's; at most {MOST_TIMES} are allowed");
    if worst > MOST_TIMES {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn scheme_of(preset: &Preset) -> Scheme {
    let mut scheme = preset.scheme.clone();
    let settings = [("webhook_id", "WH-1"), ("topic_arn", TOPIC)];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
    scheme
        .set(&settings.into())
        .expect("every setting is there");
    scheme
}

type Bodies = Vec<(&'static str, Vec<u8>)>;

/// Bodies of the type that the preset reads, with all that it looks for.
fn bodies(preset: &str) -> Bodies {
    let zeros = "0".repeat(64);
    let (begin, end) = match preset {
        "adyen-payments" => (
            format!(
                r#"{{"notificationItems":[{{"NotificationRequestItem":{{"pspReference":"a","success":"true","additionalData":{{"hmacSignature":"{}"}},"#,
                "A".repeat(43) + "="
            ),
            "}}]}",
        ),
        "mailgun" => (
            format!(
                r#"{{"signature":{{"timestamp":"1700000000","token":"a","signature":"{zeros}"}},"#
            ),
            "}",
        ),
        "ms-graph" => (r#"{"value":[{"clientState":"a","#.to_owned(), "}]}"),
        "aws-sns" | "aws-sns-sha1" => (
            format!(
                r#"{{"Type":"Notification","MessageId":"a","TopicArn":"{TOPIC}","Message":"a","Timestamp":"a","SignatureVersion":"{}","SigningCertURL":"https://sns.us-east-1.amazonaws.com/a.pem","Signature":"{}","#,
                if preset == "aws-sns" { 2 } else { 1 },
                "A".repeat(342) + "=="
            ),
            "}",
        ),
        "braintree" => (
            format!("bt_signature=public%7C{}&bt_payload=a&", &zeros[..40]),
            "",
        ),
        "mailgun-form" => (
            format!("timestamp=1700000000&token=a&signature={zeros}&"),
            "",
        ),
        _ => ("payload=a&".to_owned(), ""),
    };
    let is_json = begin.starts_with('{');
    let mut bodies = if is_json {
        json_bodies(&begin, end)
    } else {
        form_bodies(&begin)
    };
    match preset {
        "adyen-payments" => {
            bodies.extend(array_bodies("notificationItems", "NotificationRequestItem"));
        }
        "ms-graph" => bodies.extend(array_bodies("value", "clientState")),
        _ => {}
    }
    bodies
}

/// JSON with much at the path of a pointer through an array: `member` of the body, and `inner` of each element.
fn array_bodies(member: &str, inner: &str) -> Bodies {
    let body = |open: &str, unit: &str, last: &str, close: &str| {
        let room = SIZE - member.len() - open.len() - last.len() - close.len() - 64;
        let units = unit.repeat(room / unit.len());
        format!("{{\"{member}\":{open}{units}{last}{close}}}").into_bytes()
    };
    let element = format!("{{\"{inner}\":{{}}}},");
    let scalar = format!("\"{inner}\":0,");
    vec![
        ("a long array of objects", body("[", "{},", "{}", "]")),
        ("a long array of numbers", body("[", "0,", "0", "]")),
        ("a long array of texts", body("[", "\"\",", "\"\"", "]")),
        ("a long array of arrays", body("[", "[],", "[]", "]")),
        ("a long array of elements", body("[", &element, "{}", "]")),
        (
            "an element with a repeated member",
            body("[{", &scalar, "\"a\":0", "}]"),
        ),
        (
            "an object in place of the array",
            body("{", "\"*\":{},", "\"a\":0", "}"),
        ),
    ]
}

/// JSON around what the preset looks for.
fn json_bodies(begin: &str, end: &str) -> Bodies {
    let room = SIZE - begin.len() - end.len() - 64;
    let body = |filler: String| format!("{begin}{filler}{end}").into_bytes();
    let repeated = |unit: &str| unit.repeat(room / unit.len());
    let list = |unit: &str| format!("\"x\":[{}0]", repeated(&format!("{unit},")));
    vec![
        (
            "one long text",
            body(format!("\"x\":\"{}\"", repeated("a"))),
        ),
        (
            "one long text of escapes",
            body(format!("\"x\":\"{}\"", repeated("\\u0041"))),
        ),
        ("many numbers", body(list("0"))),
        ("many texts", body(list("\"\""))),
        ("many lists", body(list("[]"))),
        (
            "many members",
            body(format!("{}\"x\":0", repeated("\"a\":0,"))),
        ),
        (
            "many members with escapes",
            body(format!("{}\"x\":0", repeated("\"\\u0061\":0,"))),
        ),
        (
            "many members that nearly fold",
            body(format!("{}\"x\":0", repeated("\"Signaturf\":0,"))),
        ),
        (
            "one long name that expands",
            body(format!("\"{}\":0", repeated("\u{fdfa}"))),
        ),
        (
            "many names that expand",
            body(format!(
                "{}\"x\":0",
                repeated(&format!("\"{}\":0,", "\u{fdfa}".repeat(80)))
            )),
        ),
        (
            "many names of squared words",
            body(format!(
                "{}\"x\":0",
                repeated(&format!("\"{}\":0,", "\u{3316}".repeat(80)))
            )),
        ),
        (
            "one long name of punctuation",
            body(format!("\"{}\":0", repeated("-"))),
        ),
        (
            "many members that are not ASCII",
            body(format!("{}\"x\":0", repeated("\"\u{fc}\":0,"))),
        ),
        ("white space", body(format!("{}\"x\":0", repeated(" ")))),
    ]
}

/// A form with the fields that the preset looks for.
fn form_bodies(begin: &str) -> Bodies {
    let room = SIZE - begin.len() - 64;
    let body = |filler: String| format!("{begin}{filler}").into_bytes();
    let repeated = |unit: &str| unit.repeat(room / unit.len());
    let fields = |value: &str| {
        let len = room / 990 - 6;
        let fields = (0..990).map(|at| format!("f{at:03}={}", value.repeat(len / value.len())));
        body(fields.collect::<Vec<_>>().join("&"))
    };
    let names = |name: &str| {
        let len = room / 990 - 6;
        let fields = (0..990).map(|at| format!("{}{at:03}=a", name.repeat(len / name.len())));
        body(fields.collect::<Vec<_>>().join("&"))
    };
    vec![
        ("long names that expand", names("%EF%B7%BA")),
        ("long names of squared words", names("\u{3316}")),
        ("long names of punctuation", names("-")),
        (
            "one long name that expands",
            body(format!("{}=a", repeated("%EF%B7%BA"))),
        ),
        (
            "one long name of punctuation",
            body(format!("{}=a", repeated("-"))),
        ),
        ("one long field", body(format!("x={}", repeated("a")))),
        (
            "one long field of escapes",
            body(format!("x={}", repeated("%41"))),
        ),
        (
            "one long field of spaces",
            body(format!("x={}", repeated("+"))),
        ),
        ("many fields", fields("a")),
        ("many fields of escapes", fields("%41")),
        ("fields of no length", body("&".repeat(990))),
    ]
}

/// What the whole verification costs, at the least.
fn cost(scheme: &Scheme, body: &[u8]) -> Duration {
    let scheme = Arc::new(scheme.clone());
    let keys = Arc::new(keys(&scheme));
    let headers = headers(&scheme);
    let certified = scheme.has_certificate().then(|| certified(&scheme));
    let mut least = Duration::MAX;
    for _ in 0..RUNS {
        let spent = processor_time_of(|| {
            let head = Head {
                method: &Method::POST,
                headers: &headers,
                query: None,
                url: Some("https://portal.example.com/hooks/orders"),
            };
            let claim = Claim::read(&scheme, &head).expect("a claim");
            let now = Timestamp::UNIX_EPOCH;
            let begun = if let Some(certified) = &certified {
                let mut claim = CertificateClaim::new(&scheme, claim, now);
                black_box(claim.certificate_url(body).is_ok());
                claim.certified(certified)
            } else {
                Verification::begin(&scheme, claim, Arc::clone(&keys), now)
            };
            if let Ok(VerificationStart::Streaming(mut verification)) = begun {
                verification.update(black_box(body));
                black_box(verification.finish(&head, body).is_ok());
            }
        });
        least = least.min(spent);
    }
    least
}

fn headers(scheme: &Scheme) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let kind = if scheme.reads_form()
        || scheme
            .signatures()
            .iter()
            .any(|rule| rule.from.to_string().starts_with("form:"))
    {
        "application/x-www-form-urlencoded"
    } else {
        "application/json"
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let lengths = scheme.algorithm().signature_len();
    for rule in scheme.signatures() {
        if let (Some(Place::Header(name)), Some(lengths)) = (rule.from.preferred(), &lengths) {
            let tag = rule
                .tagged
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            let value = format!("{tag}{}", rule.encoding.encode(&vec![0; *lengths.start()]));
            headers.insert(name, value.parse().expect("a value"));
        }
    }
    for (name, value) in [
        ("x-plivo-signature-v3-nonce", "12345"),
        ("paypal-auth-algo", "SHA256withRSA"),
        ("paypal-transmission-id", "a"),
        ("paypal-transmission-time", "2023-11-14T22:13:20Z"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    headers
}

fn keys(scheme: &Scheme) -> KeyRing {
    let secret = match scheme.algorithm() {
        Algorithm::RsaSha1 | Algorithm::RsaSha256 => rsa(),
        _ => b"00112233445566778899aabbccddeeff".to_vec(),
    };
    let key = Key::prepare(scheme.algorithm(), &secret).expect("a key");
    KeyRing {
        current: NumberedKey {
            key: Arc::new(key),
            version: 1,
        },
        previous: None,
    }
}

/// A certificate with the key of the tests that is valid at the start of 1970.
fn certified(scheme: &Scheme) -> CertificateKeys {
    let key = PrivatePkcs8KeyDer::from(RSA_KEY);
    let key = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&key, &rcgen::PKCS_RSA_SHA256);
    let names = vec!["sns.amazonaws.com".to_owned()];
    let mut params = rcgen::CertificateParams::new(names).expect("a name");
    params.not_before = rcgen::date_time_ymd(1969, 1, 1);
    let certificate = params
        .self_signed(&key.expect("a key"))
        .expect("a certificate");
    CertificateKeys::read(scheme.algorithm(), certificate.pem().as_bytes()).expect("an RSA key")
}

/// The public key of the tests (RFC 3279 §2.3.1), for 2048 bits.
fn rsa() -> Vec<u8> {
    let key = RsaKeyPair::from_pkcs8(RSA_KEY).expect("a key");
    let info = hex::decode("30820122300d06092a864886f70d01010105000382010f00").expect("digits");
    [&info, key.public_key().as_ref()].concat()
}

const RSA_KEY: &[u8] = include_bytes!("../tests/auth/keys/rsa-2048.pk8.der");
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:a";
/// As much as is taken apart before a proof.
const SIZE: usize = 1024 * 1024;
const RUNS: usize = 7;
const MOST_TIMES: f64 = 10.0;
