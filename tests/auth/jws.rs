//! Tokens that are signed with claims about a delivery (RFC 7515, RFC 7519).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use portcullis::auth::{Algorithm, ProofError, Scheme};
use ring::{digest, hmac};
use serde_json::{Value, json};

use crate::declarations::declared;
use crate::delivery::{Delivery, NOW, URL, preset, ring};
use crate::providers::signed_with;

pub(crate) const BASE_URL: &str = "https://portal.example.com/hooks";

/// The token of these parts.
pub(crate) fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    raw_token(&header.to_string(), &claims.to_string(), sign)
}

fn raw_token(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let signed = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(claims.as_bytes())
    );
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", encode(&signature))
}

/// What a provider claims about a delivery of `body`, if it sends tokens.
pub(crate) fn claims(provider: &str, body: &[u8]) -> Option<Value> {
    let at = NOW.as_second();
    let sha256 = digest::digest(&digest::SHA256, body);
    let in_hex = hex::encode(sha256);
    let in_base64 = STANDARD.encode(sha256);
    Some(match provider {
        "fusionauth" => json!({ "request_body_sha256": in_base64 }),
        "jira-connect" => {
            let canonical = digest::digest(&digest::SHA256, b"POST&/orders&from=a%20b");
            json!({ "iss": "key", "iat": at, "exp": at + 180, "qsh": hex::encode(canonical) })
        }
        "livekit" => json!({ "iss": "APIkey", "exp": at + 300, "nbf": at, "sha256": in_base64 }),
        "monday" => json!({ "accountId": 1, "userId": 2, "aud": URL, "iat": at, "exp": at + 300 }),
        "netlify" => json!({ "iss": "netlify", "sha256": in_hex }),
        "plaid" => json!({ "iat": at, "request_body_sha256": in_hex }),
        "vonage" => json!({ "iat": at, "jti": "j-1", "iss": "Vonage", "payload_hash": in_hex }),
        "wix" => json!({ "iat": at, "exp": at + 300, "data": in_hex }),
        _ => return None,
    })
}

fn hs256(message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    hmac::sign(&key, message).as_ref().to_vec()
}

fn judged(scheme: &Scheme, token: &str, now: Timestamp) -> Result<(), ProofError> {
    let delivery = Delivery::of(BODY).header("X-Token", token);
    delivery
        .judged_at(scheme, ring(scheme, SECRET), &[1], now)
        .map(drop)
}

fn scheme(more: &str) -> Scheme {
    declared(&format!(
        "algorithm = \"hmac-sha256\"\n{more}\n[jws]\nbody_claim = \"digest\"\nleeway = \"10s\"\n\
         claims = {{ iss = \"us\", aud = \"{{url}}\" }}\n[[signatures]]\nfrom = \"header:X-Token\""
    ))
}

fn genuine_claims() -> Value {
    let digest = hex::encode(digest::digest(&digest::SHA256, BODY));
    json!({ "iss": "us", "aud": ["https://elsewhere.example", URL], "digest": digest })
}

#[test]
fn the_algorithm_is_the_schemes_and_never_the_tokens() {
    let scheme = scheme("");
    let of = |header: &str| {
        let token = raw_token(header, &genuine_claims().to_string(), hs256);
        judged(&scheme, &token, NOW)
    };
    assert_eq!(of(r#"{"alg":"HS256"}"#), Ok(()));
    let (unexpected, malformed) = (ProofError::HeaderUnexpected, ProofError::SignatureMalformed);
    for (header, expected) in [
        (r#"{"alg":"none"}"#, unexpected),
        (r#"{"alg":"hs256"}"#, unexpected),
        (r#"{"alg":"HS512"}"#, unexpected),
        (r#"{"alg":"RS256"}"#, unexpected),
        (r#"{"alg":"HS256","alg":"HS256"}"#, malformed),
        (r#"{"alg":"none","alg":"HS256"}"#, malformed),
        (r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, malformed),
        (r#"{"alg":"HS256","crit":[]}"#, malformed),
        (r#"{"alg":["HS256"]}"#, malformed),
        (r#"{"typ":"JWT"}"#, malformed),
        (r#"["HS256"]"#, malformed),
        (r#"{"alg":"HS256"} "x""#, malformed),
        ("", malformed),
    ] {
        assert_eq!(of(header), Err(expected), "{header}");
    }
    let long = format!(r#"{{"alg":"HS256","x5c":"{}"}}"#, "A".repeat(16 * 1024));
    assert_eq!(of(&long), Err(malformed));
    let many: Vec<String> = (0..64).map(|n| format!(r#""x{n}":0"#)).collect();
    let many = format!(r#"{{"alg":"HS256",{}}}"#, many.join(","));
    assert_eq!(of(&many), Err(malformed));
}

#[test]
fn a_key_that_a_token_brings_or_points_to_is_not_looked_at() {
    let attacker = hmac::Key::new(hmac::HMAC_SHA256, b"attacker");
    let jwk = json!({ "kty": "oct", "k": URL_SAFE_NO_PAD.encode(b"attacker") });
    let header = json!({ "alg": "HS256", "jwk": jwk, "jku": "https://evil.example/k", "x5u": "https://evil.example/c" });
    let forged = token(&header, &genuine_claims(), |message| {
        hmac::sign(&attacker, message).as_ref().to_vec()
    });
    assert_eq!(
        judged(&scheme(""), &forged, NOW),
        Err(ProofError::SignatureMismatch)
    );
    let genuine = token(&header, &genuine_claims(), hs256);
    assert_eq!(judged(&scheme(""), &genuine, NOW), Ok(()));
}

#[test]
fn a_token_has_one_spelling() {
    let header = json!({ "alg": "HS256" });
    let genuine = token(&header, &genuine_claims(), hs256);
    let last = genuine.as_bytes()[genuine.len() - 1];
    // The last character of 32 bytes stands for two bits that have to be zero.
    let other = char::from(last + 1);
    let spelt_otherwise = format!("{}{other}", &genuine[..genuine.len() - 1]);
    let cases = [
        spelt_otherwise,
        format!("{genuine}="),
        format!("{genuine}."),
        format!(".{genuine}"),
        genuine.replacen('.', "..", 1),
        genuine.rsplit_once('.').unwrap().0.to_owned(),
        format!("{}.", genuine.rsplit_once('.').unwrap().0),
        "a.b.c".to_owned(),
        "..".to_owned(),
        "x".to_owned(),
    ];
    for wrong in cases {
        assert_eq!(
            judged(&scheme(""), &wrong, NOW),
            Err(ProofError::SignatureMalformed),
            "{wrong}"
        );
    }
    let missing = Delivery::of(BODY).judged_by(&scheme(""), SECRET);
    assert_eq!(missing, Err(ProofError::SignatureMissing));
}

#[test]
fn what_a_token_claims_has_to_be_about_this_endpoint_and_this_body() {
    let with = |name: &str, value: Value| {
        let mut claims = genuine_claims();
        claims[name] = value;
        judged(
            &scheme(""),
            &token(&json!({ "alg": "HS256" }), &claims, hs256),
            NOW,
        )
    };
    assert_eq!(with("sub", json!("anything")), Ok(()));
    assert_eq!(with("aud", json!(URL)), Ok(()));
    let other = hex::encode([0; 32]);
    for (name, value, expected) in [
        ("iss", json!("them"), ProofError::SignatureMismatch),
        ("iss", json!(["us"]), ProofError::SignatureMismatch),
        ("iss", json!(null), ProofError::SignatureMismatch),
        ("aud", json!([]), ProofError::SignatureMismatch),
        (
            "aud",
            json!("https://portal.example.com/hooks"),
            ProofError::SignatureMismatch,
        ),
        ("digest", json!(other), ProofError::BodyDigestMismatch),
        ("digest", json!("00"), ProofError::SignatureMalformed),
        ("digest", json!(7), ProofError::SignatureMalformed),
        ("digest", json!(null), ProofError::SignatureMalformed),
    ] {
        assert_eq!(with(name, value.clone()), Err(expected), "{name}: {value}");
    }
    let twice = genuine_claims()
        .to_string()
        .replacen('{', r#"{"iss":"us","#, 1);
    let twice = raw_token(r#"{"alg":"HS256"}"#, &twice, hs256);
    assert_eq!(
        judged(&scheme(""), &twice, NOW),
        Err(ProofError::SignatureMalformed)
    );
}

#[test]
fn the_times_of_a_token_are_kept_to_the_second_and_only_signers_are_told_of_them() {
    let scheme =
        scheme("timestamp = { from = \"signature:iat\", tolerance = \"60s\", future = \"5s\" }");
    let of = |times: Value, after: i64, sign: fn(&[u8]) -> Vec<u8>| {
        let mut claims = genuine_claims();
        for (name, value) in times.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let token = token(&json!({ "alg": "HS256" }), &claims, sign);
        let now = Timestamp::from_second(NOW.as_second() + after).unwrap();
        judged(&scheme, &token, now)
    };
    let at = NOW.as_second();
    let (stale, future) = (
        Err(ProofError::TimestampStale),
        Err(ProofError::TimestampFuture),
    );
    let iat = json!({ "iat": at });
    for (after, expected) in [(60, Ok(())), (61, stale), (-5, Ok(())), (-6, future)] {
        assert_eq!(
            of(iat.clone(), after, hs256),
            expected,
            "iat, {after} s later"
        );
    }
    let exp = json!({ "iat": at, "exp": at + 20 });
    for (after, expected) in [(29, Ok(())), (30, stale)] {
        assert_eq!(
            of(exp.clone(), after, hs256),
            expected,
            "exp, {after} s later"
        );
    }
    let nbf = json!({ "iat": at, "nbf": at + 20 });
    for (after, expected) in [(10, Ok(())), (9, future)] {
        assert_eq!(
            of(nbf.clone(), after, hs256),
            expected,
            "nbf, {after} s later"
        );
    }
    assert_eq!(of(json!({ "iat": at as f64 + 0.5 }), 0, hs256), Ok(()));
    let forged = |_: &[u8]| vec![0; 32];
    assert_eq!(of(iat, 61, forged), Err(ProofError::SignatureMismatch));
    for wrong in [
        json!("1700000000"),
        json!(-1),
        json!(1e300),
        json!(null),
        json!(true),
    ] {
        let verdict = of(json!({ "iat": wrong }), 0, hs256);
        assert_eq!(verdict, Err(ProofError::SignatureMalformed), "{wrong}");
    }
    assert_eq!(of(json!({}), 0, hs256), Err(ProofError::SignatureMalformed));
}

#[test]
fn a_token_that_covers_no_body_says_so_and_needs_its_times() {
    for name in ["monday", "jira-connect"] {
        let mut scheme = preset(name);
        let setting = ("base_url".to_owned(), BASE_URL.to_owned());
        scheme.set(&[setting].into()).unwrap();
        let prefix = if name == "monday" { "" } else { "JWT " };
        let with = |change: &dyn Fn(&mut Value)| {
            let mut claims = claims(name, b"").unwrap();
            change(&mut claims);
            let token = token(&json!({ "alg": "HS256" }), &claims, hs256);
            let delivery = Delivery::of(BODY).header("Authorization", format!("{prefix}{token}"));
            delivery.judged_by(&scheme, SECRET).map(drop)
        };
        assert_eq!(with(&|_| {}), Ok(()), "{name}");
        let endless = with(&|claims| drop(claims.as_object_mut().unwrap().remove("exp")));
        assert_eq!(endless, Err(ProofError::SignatureMalformed), "{name}");
        let elsewhere = with(&|claims| {
            claims["aud"] = json!("https://portal.example.com/other");
            claims["qsh"] = json!("context-qsh");
        });
        assert_eq!(elsewhere, Err(ProofError::SignatureMismatch), "{name}");
    }
}

#[test]
fn the_hash_of_a_query_is_atlassians() {
    let mut scheme = preset("jira-connect");
    let setting = (
        "base_url".to_owned(),
        "https://app.example/base/".to_owned(),
    );
    scheme.set(&[setting].into()).unwrap();
    let judged = |url: &str, canonical: &str| {
        let hash = hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
        let at = NOW.as_second();
        let claims = json!({ "iat": at, "exp": at + 180, "qsh": hash });
        let token = token(&json!({ "alg": "HS256" }), &claims, hs256);
        let query = url.contains("jwt=").then(|| format!("&jwt={token}"));
        let delivery = match query {
            Some(query) => Delivery::of(BODY).to(&url.replace("&jwt=", &query)),
            None => Delivery::of(BODY)
                .to(url)
                .header("Authorization", format!("JWT {token}")),
        };
        delivery.judged_by(&scheme, SECRET).map(drop)
    };
    for (url, canonical) in [
        ("https://app.example/base", "POST&/&"),
        ("https://app.example/base/", "POST&/&"),
        ("https://app.example/base/hook/", "POST&/hook&"),
        ("https://app.example/base/a&b?", "POST&/a%26b&"),
        (
            "https://app.example/base/h?z=1&a=x+y&a=%2A~&a=B",
            "POST&/h&a=%2A~,B,x%20y&z=1",
        ),
        ("https://app.example/base/h?b=2&jwt=", "POST&/h&b=2"),
    ] {
        assert_eq!(judged(url, canonical), Ok(()), "{url}");
    }
    for (url, canonical) in [
        ("https://app.example/base/h?a=1", "POST&/h&"),
        ("https://app.example/base/h", "GET&/h&"),
        ("https://app.example/baseball", "POST&ball&"),
        ("https://other.example/base/h", "POST&/h&"),
    ] {
        assert_eq!(
            judged(url, canonical),
            Err(ProofError::SignatureMismatch),
            "{url}"
        );
    }
}

#[test]
fn the_body_of_wix_is_the_token_and_one_line_end_may_close_it() {
    let scheme = preset("wix");
    assert!(scheme.waits_for_body() && !scheme.copies_body());
    let mut pem = String::new();
    let claims = claims("wix", b"").unwrap();
    let token = token(&json!({ "alg": "RS256" }), &claims, |message| {
        let (public, signature) = signed_with(Algorithm::RsaSha256, message);
        let text = STANDARD.encode(public);
        pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        signature
    });
    let verdict = |body: &str| {
        Delivery::of(body)
            .judged_by(&scheme, pem.as_bytes())
            .map(drop)
    };
    for end in ["", "\n", "\r\n"] {
        assert_eq!(verdict(&format!("{token}{end}")), Ok(()), "{end:?}");
    }
    let malformed = [
        "",
        "\n",
        "{}",
        "a.b.c",
        &format!("{token}\n\n"),
        &format!(" {token}"),
        &format!("\"{token}\""),
    ];
    for body in malformed {
        assert_eq!(
            verdict(body),
            Err(ProofError::SignatureMalformed),
            "{body:?}"
        );
    }
}

#[test]
fn a_jws_is_declared_whole_or_every_mistake_is_named() {
    let least = "algorithm = \"hmac-sha256\"\nsignatures = [{ from = \"header:X\" }]";
    for (text, word) in [
        (format!("{least}\njws = {{}}"), "must cover the body"),
        (
            format!("{least}\njws = {{ body_claim = \"d\", body_encoding = \"hexa\" }}"),
            "hexa",
        ),
        (
            format!("{least}\njws = {{ body_claim = \"d\", leeway = \"long\" }}"),
            "duration",
        ),
        (
            format!("{least}\njws = {{ body_claim = \"d\", claims = {{ a = \"{{body}}\" }} }}"),
            "values of the head",
        ),
        (
            format!("{least}\njws = {{ body_claim = \"d\", claims = {{ a = \"{{nope}}\" }} }}"),
            "{nope}",
        ),
        (
            format!("{least}\njws = {{ body_claim = \"d\", claims = \"iss\" }}"),
            "a table of names",
        ),
        (
            format!("{least}\njws = {{ body_claim = \"d\", query_hash = {{ claim = \"q\" }} }}"),
            "field 'base'",
        ),
        (
            format!("{least}\nsigned = \"{{body}}\"\njws = {{ body_claim = \"d\" }}"),
            "state what they cover",
        ),
        (
            format!(
                "{least}\ntimestamp = {{ from = \"header:T\", tolerance = \"1m\" }}\njws = {{ body_claim = \"d\" }}"
            ),
            "one of its claims",
        ),
        (
            format!("{least}\njws = {{ body_claim = \"d\" }}")
                .replace("hmac-sha256", "ecdsa-p256-sha256"),
            "a JWS is signed with",
        ),
    ] {
        let mistakes = crate::declarations::mistakes(&text);
        assert!(mistakes.contains(word), "{text}\n{mistakes}");
    }
}

const SECRET: &[u8] = b"It's a Secret to Everybody";
const BODY: &[u8] = b"the body";
