//! HTTP Message Signatures (RFC 9421) with digests of the body (RFC 9530).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use portcullis::auth::{Algorithm, Covers, ProofError, Scheme};
use ring::{digest, hmac};

use crate::declarations::{declared, mistakes};
use crate::delivery::{Delivery, NOW, URL, preset, ring};

/// A scheme for a published request that does not cover its body.
pub(crate) fn bare(id: &str) -> Option<Scheme> {
    let algorithm = match id {
        "rfc9421-b25-hmac" => "hmac-sha256",
        "rfc9421-b26-ed25519" => "ed25519",
        _ => return None,
    };
    Some(declared(&format!(
        "algorithm = \"{algorithm}\"\nkey = {{ encoding = \"base64\" }}\ncovers = \"head\"\n\
         timestamp = {{ from = \"signature:created\", tolerance = \"0s\" }}\n\
         message_signature = {{ components = [\"date\", \"@authority\"] }}"
    )))
}

/// A signed request with this body.
pub(crate) fn signed(
    body: &[u8],
    algorithm: Algorithm,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> Delivery {
    let name = match algorithm {
        Algorithm::HmacSha256 => "hmac-sha256",
        Algorithm::Ed25519 => "ed25519",
        Algorithm::EcdsaP256Fixed => "ecdsa-p256-sha256",
        _ => "rsa-v1_5-sha256",
    };
    let digest = format!("sha-256=:{}:", sha256(body));
    let at = NOW.as_second();
    let parameters = format!(
        "(\"@method\" \"@target-uri\" \"content-digest\");created={at};keyid=\"k\";alg=\"{name}\""
    );
    let base = format!(
        "\"@method\": POST\n\"@target-uri\": {URL}\n\"content-digest\": {digest}\n\"@signature-params\": {parameters}"
    );
    let signature = STANDARD.encode(sign(base.as_bytes()));
    Delivery::of(body)
        .header("Content-Digest", digest)
        .header("Signature-Input", format!("sig1={parameters}"))
        .header("Signature", format!("sig1=:{signature}:"))
}

/// A request whose signature covers these components of its URL, and its body.
fn signed_for(url: &str, components: &[(&str, &str)]) -> (Vec<u8>, Delivery) {
    let digest = format!("sha-256=:{}:", sha256(BODY));
    let mut base = String::new();
    let mut names = String::new();
    let covered = components
        .iter()
        .copied()
        .chain([("content-digest", digest.as_str())]);
    for (name, value) in covered {
        base.push_str(&format!("\"{name}\": {value}\n"));
        names.push_str(&format!("\"{name}\" "));
    }
    let parameters = format!("({});created={}", names.trim_end(), NOW.as_second());
    base.push_str(&format!("\"@signature-params\": {parameters}"));
    let (public, signature) = crate::providers::signed_with(Algorithm::Ed25519, base.as_bytes());
    let delivery = Delivery::of(BODY)
        .to(url)
        .header("Content-Digest", &digest)
        .header("Signature-Input", format!("a={parameters}"))
        .header("Signature", format!("a=:{}:", STANDARD.encode(signature)));
    (public, delivery)
}

#[test]
fn one_key_for_all_customers_admits_a_delivery_at_its_own_endpoint_only() {
    let here = "https://portal.example.com/hooks/tenant-a?x=1";
    let there = "https://portal.example.com/hooks/tenant-b?x=1";
    let scheme = preset("rfc9421-ed25519");
    let judged = |url: &str, components: &[(&str, &str)]| {
        let (public, delivery) = signed_for(here, components);
        let keys = ring(&scheme, STANDARD.encode(public).as_bytes());
        delivery.to(url).judged(&scheme, keys, &[]).map(drop)
    };
    let authority = ("@authority", "portal.example.com");
    for whole in [
        &[("@target-uri", here)][..],
        &[authority, ("@path", "/hooks/tenant-a")],
        &[authority, ("@request-target", "/hooks/tenant-a?x=1")],
    ] {
        assert_eq!(judged(here, whole), Ok(()), "{whole:?}");
        let elsewhere = judged(there, whole);
        assert_eq!(elsewhere, Err(ProofError::SignatureMismatch), "{whole:?}");
    }
    // All endpoints of a portal share its host, and other portals may have the same path.
    for part in [
        &[][..],
        &[authority],
        &[("@path", "/hooks/tenant-a")],
        &[("@method", "POST"), ("@query", "?x=1")],
    ] {
        let refused = judged(here, part);
        assert_eq!(refused, Err(ProofError::SignatureMalformed), "{part:?}");
    }
    // A shared key is one endpoint's own.
    assert!(!preset("rfc9421").binds_url());
}

/// The verdict on a request with these parts, whose signature is over `base`.
struct Case<'c> {
    scheme: &'c Scheme,
    url: &'c str,
    headers: &'c [(&'c str, &'c str)],
    now: Timestamp,
}

impl Case<'_> {
    fn judged(&self, input: &str, base: &str) -> Result<(), ProofError> {
        let base = format!("{base}\"@signature-params\": {input}");
        let signature = STANDARD.encode(hs256(base.as_bytes()));
        self.judged_with(&format!("sig1={input}"), &format!("sig1=:{signature}:"))
    }

    fn judged_with(&self, input: &str, signature: &str) -> Result<(), ProofError> {
        let delivery = Delivery::of(BODY)
            .to(self.url)
            .header("Signature-Input", input)
            .header("Signature", signature);
        let headers = self.headers.iter();
        let delivery = headers.fold(delivery, |it, (name, value)| it.header(name, value));
        let keys = ring(self.scheme, SECRET);
        delivery
            .judged_at(self.scheme, keys, &[2], self.now)
            .map(drop)
    }
}

fn head_scheme() -> Scheme {
    declared(
        "algorithm = \"hmac-sha256\"\ncovers = \"head\"\nmessage_signature = { components = [] }",
    )
}

fn case<'c>(scheme: &'c Scheme, headers: &'c [(&'c str, &'c str)]) -> Case<'c> {
    let url = "https://www.Example.com:443/path/a?param=value&foo=bar&baz=bat%2Dman&x=a+b&twice=1&twice=2";
    Case {
        scheme,
        url,
        headers,
        now: NOW,
    }
}

fn hs256(message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), message)
        .as_ref()
        .to_vec()
}

fn sha256(body: &[u8]) -> String {
    STANDARD.encode(digest::digest(&digest::SHA256, body))
}

#[test]
fn every_part_of_a_request_is_signed_as_the_standard_says() {
    let scheme = head_scheme();
    let headers = [
        ("X-Two", "  one "),
        ("X-Two", "two, three"),
        ("X-Empty", ""),
    ];
    let case = case(&scheme, &headers);
    for (component, value) in [
        ("\"@method\"", "POST"),
        ("\"@target-uri\"", case.url),
        ("\"@authority\"", "www.example.com"),
        ("\"@scheme\"", "https"),
        ("\"@path\"", "/path/a"),
        (
            "\"@query\"",
            "?param=value&foo=bar&baz=bat%2Dman&x=a+b&twice=1&twice=2",
        ),
        (
            "\"@request-target\"",
            "/path/a?param=value&foo=bar&baz=bat%2Dman&x=a+b&twice=1&twice=2",
        ),
        ("\"@query-param\";name=\"baz\"", "bat-man"),
        ("\"@query-param\";name=\"x\"", "a%20b"),
        ("\"x-two\"", "one, two, three"),
        ("\"x-empty\"", ""),
    ] {
        let base = format!("{component}: {value}\n");
        assert_eq!(
            case.judged(&format!("({component})"), &base),
            Ok(()),
            "{component}"
        );
        let other = format!("{component}: {value}x\n");
        assert_eq!(
            case.judged(&format!("({component})"), &other),
            Err(MISMATCH),
            "{component}"
        );
    }
    let short = Case {
        url: "http://example.com:80",
        ..case
    };
    for (component, value) in [
        ("\"@target-uri\"", "http://example.com:80/"),
        ("\"@authority\"", "example.com"),
        ("\"@path\"", "/"),
        ("\"@query\"", "?"),
        ("\"@request-target\"", "/"),
    ] {
        let base = format!("{component}: {value}\n");
        assert_eq!(
            short.judged(&format!("({component})"), &base),
            Ok(()),
            "{component}"
        );
    }
}

#[test]
fn a_component_that_is_not_known_or_not_there_is_refused() {
    let scheme = head_scheme();
    let case = case(&scheme, &[("X-One", "1")]);
    for component in [
        "\"x-none\"",
        "\"X-One\"",
        "\"x-one\";sf",
        "\"x-one\";bs",
        "\"x-one\";key=\"a\"",
        "\"x-one\";req",
        "\"x-one\";tr",
        "\"@method\";req",
        "\"@status\"",
        "\"@signature-params\"",
        "\"@query-param\"",
        "\"@query-param\";name=\"none\"",
        "\"@query-param\";name=\"twice\"",
        "\"@query-param\";name=\"x\";req",
        "\"x-one\" \"x-one\"",
        "x-one",
        "7",
    ] {
        let base = format!("{component}: 1\n");
        assert_eq!(
            case.judged(&format!("({component})"), &base),
            Err(MALFORMED),
            "{component}"
        );
    }
    let many = "\"x-one\" ".repeat(33);
    assert_eq!(
        case.judged(&format!("({})", many.trim_end()), ""),
        Err(MALFORMED)
    );
}

#[test]
fn the_times_and_the_algorithm_of_a_signature_are_kept() {
    let scheme = declared(
        "algorithm = \"hmac-sha256\"\ncovers = \"head\"\nmessage_signature = { components = [], tag = \"t\" }\n\
         timestamp = { from = \"signature:created\", tolerance = \"60s\" }",
    );
    let at = NOW.as_second();
    let judged = |parameters: &str, after: i64| {
        let now = Timestamp::from_second(at + after).unwrap();
        let case = Case {
            now,
            ..case(&scheme, &[])
        };
        case.judged(&format!("(){parameters};tag=\"t\""), "")
    };
    let created = format!(";created={at}");
    let (stale, future) = (
        Err(ProofError::TimestampStale),
        Err(ProofError::TimestampFuture),
    );
    for (after, expected) in [(60, Ok(())), (61, stale), (-60, Ok(())), (-61, future)] {
        assert_eq!(judged(&created, after), expected, "{after} s later");
    }
    let expires = format!("{created};expires={}", at + 10);
    for (after, expected) in [(9, Ok(())), (10, stale)] {
        assert_eq!(judged(&expires, after), expected, "{after} s later");
    }
    assert_eq!(judged(&format!("{created};alg=\"hmac-sha256\""), 0), Ok(()));
    assert_eq!(
        judged(&format!("{created};alg=\"ed25519\""), 0),
        Err(ProofError::HeaderUnexpected)
    );
    assert_eq!(
        judged(&format!("{created};alg=1"), 0),
        Err(ProofError::HeaderUnexpected)
    );
    for wrong in [
        "",
        ";created=-1",
        ";created=\"1\"",
        ";created=1.5",
        ";created=1;expires=?1",
    ] {
        assert_eq!(judged(wrong, 0), Err(MALFORMED), "{wrong}");
    }
    let untagged = case(&scheme, &[]).judged(&format!("(){created}"), "");
    assert_eq!(untagged, Err(MALFORMED));
}

#[test]
fn a_digest_counts_only_if_it_is_signed_and_only_an_algorithm_that_is_strong() {
    let scheme = preset("rfc9421");
    let sha512 = STANDARD.encode(digest::digest(&digest::SHA512, BODY));
    let (sha256, other) = (sha256(BODY), sha256(b"other"));
    let judged = |digest: &str, components: &str| {
        let headers = [("Content-Digest", digest)];
        let input = format!("({components});created={}", NOW.as_second());
        let base = components.split(' ').filter(|it| !it.is_empty());
        let base: String = base.map(|it| format!("{it}: {digest}\n")).collect();
        case(&scheme, &headers).judged(&input, &base)
    };
    let covered = "\"content-digest\"";
    for digest in [
        format!("sha-256=:{sha256}:"),
        format!("sha-512=:{sha512}:"),
        format!("sha-256=:{sha256}:, sha-512=:{sha512}:, md5=:AAAA:"),
    ] {
        assert_eq!(judged(&digest, covered), Ok(()), "{digest}");
        assert_eq!(judged(&digest, ""), Err(MALFORMED), "{digest}");
    }
    for (digest, expected) in [
        (format!("sha-256=:{other}:"), ProofError::BodyDigestMismatch),
        (
            format!("sha-256=:{other}:, sha-512=:{sha512}:"),
            ProofError::BodyDigestMismatch,
        ),
        ("md5=:AAAA:".to_owned(), MALFORMED),
        ("sha-256=:AAAA:".to_owned(), MALFORMED),
        (format!("sha-256={sha256}"), MALFORMED),
        (format!("sha-256=:{sha256}:, sha-256=:{sha256}:"), MALFORMED),
        (String::new(), MALFORMED),
    ] {
        assert_eq!(judged(&digest, covered), Err(expected), "{digest}");
    }
}

#[test]
fn one_good_signature_of_several_is_enough_and_its_label_does_not_matter() {
    let scheme = head_scheme();
    let case = case(&scheme, &[]);
    let good = STANDARD.encode(hs256(b"\"@signature-params\": ()"));
    let bad = STANDARD.encode([0; 32]);
    let judged = |input: &str, signature: &str| case.judged_with(input, signature);
    let two = format!("a=:{bad}:, b=:{good}:");
    assert_eq!(judged("a=(), b=()", &two), Ok(()));
    assert_eq!(judged("a=(\"x-none\"), b=()", &two), Ok(()));
    assert_eq!(judged("z=()", &format!("z=:{good}:")), Ok(()));
    assert_eq!(judged("a=()", &two), Err(MISMATCH));
    for (input, signature) in [
        ("c=()", two.as_str()),
        ("b=(), b=()", &two),
        ("b=()", &format!("{two}, b=:{bad}:")),
        ("b=1", &two),
        ("b=(", &two),
        ("", &two),
        ("b=()", ""),
        ("b=()", "b=1"),
        ("b=()", "b=:AAAA:"),
        ("b=()", &format!("b=:{}:", good.trim_end_matches('='))),
        ("b=()", &format!("b=:{}F=:", &good[..good.len() - 2])),
    ] {
        assert_eq!(
            judged(input, signature),
            Err(MALFORMED),
            "{input} {signature}"
        );
    }
    let many: Vec<String> = (0..9).map(|n| format!("s{n}=()")).collect();
    assert_eq!(judged(&many.join(","), &two), Err(MALFORMED));
    let labelled = declared(
        "algorithm = \"hmac-sha256\"\ncovers = \"head\"\nmessage_signature = { components = [], label = \"b\" }",
    );
    let labelled = Case {
        scheme: &labelled,
        ..case
    };
    assert_eq!(labelled.judged_with("a=(), b=()", &two), Ok(()));
    assert_eq!(
        labelled.judged_with("a=()", &format!("a=:{good}:")),
        Err(MALFORMED)
    );
    let unsigned = Delivery::of(BODY).judged_by(&scheme, SECRET);
    assert_eq!(unsigned, Err(ProofError::SignatureMissing));
}

#[test]
fn what_is_sent_for_a_preset_is_taken_by_it() {
    let scheme = preset("rfc9421");
    assert_eq!(scheme.covers(), Covers::Body);
    assert!(!scheme.waits_for_body());
    let delivery = Delivery::proven(&scheme, SECRET, BODY);
    assert!(delivery.judged_by(&scheme, SECRET).is_ok());
    let tampered = delivery.with_body("other").judged_by(&scheme, SECRET);
    assert_eq!(tampered, Err(ProofError::BodyDigestMismatch));
}

#[test]
fn a_message_signature_is_declared_whole_or_every_mistake_is_named() {
    let of = |algorithm: &str, more: &str| format!("algorithm = \"{algorithm}\"\n{more}");
    let whole = "message_signature = { components = [\"content-digest\"] }";
    for (text, word) in [
        (of("hmac-sha256", "message_signature = {}"), "components"),
        (
            of("hmac-sha256", "message_signature = { components = [] }"),
            "cover the body",
        ),
        (of("hmac-sha512", whole), "is made with"),
        (of("ecdsa-p256-sha256", whole), "is made with"),
        (
            of("hmac-sha256", &format!("{whole}\nsigned = \"{{body}}\"")),
            "state what they cover",
        ),
        (
            of(
                "hmac-sha256",
                &format!("{whole}\ntimestamp = {{ from = \"signature:t\", tolerance = \"1m\" }}"),
            ),
            "signature:created",
        ),
        (
            of(
                "hmac-sha256",
                &format!("{whole}\njws = {{ body_claim = \"d\" }}"),
            ),
            "exclude each other",
        ),
    ] {
        let mistakes = mistakes(&text);
        assert!(mistakes.contains(word), "{text}\n{mistakes}");
    }
}

const SECRET: &[u8] = b"It's a Secret to Everybody";
const BODY: &[u8] = b"the body";
const MALFORMED: ProofError = ProofError::SignatureMalformed;
const MISMATCH: ProofError = ProofError::SignatureMismatch;
