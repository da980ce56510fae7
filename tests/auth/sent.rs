//! What senders really send: versions, forms of secrets, and methods beside `POST`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::auth::{ProofError, Scheme};
use ring::hmac;
use sha2::{Digest, Sha256};

use crate::delivery::{Delivery, NOW, key, preset, ring};

const SECRET: &[u8] = b"the-secret-of-the-provider";
const JSON: &str = r#"{"event":"user.created","amount":"1.5"}"#;

fn mac(secret: &[u8], message: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

/// The names in the order in which Hook0 signs them, with their values.
type Signed<'s> = &'s [(&'s str, &'s str)];

fn hook0_v1(signed: Signed<'_>, body: &str) -> String {
    let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
    let values: Vec<&str> = signed.iter().map(|(_, value)| *value).collect();
    let (names, values) = (names.join(" "), values.join("."));
    let at = NOW.as_second();
    let code = mac(SECRET, &format!("{at}.{names}.{values}.{body}"));
    format!("t={at},h={names},v1={}", hex::encode(code))
}

fn hook0(signature: &str, headers: Signed<'_>, body: &str) -> Result<(), ProofError> {
    let delivery = Delivery::of(body).header("X-Hook0-Signature", signature);
    let headers = headers.iter();
    let delivery = headers.fold(delivery, |it, (name, value)| it.header(name, value));
    let scheme = preset("coinbase-cdp");
    delivery.judged_by(&scheme, SECRET).map(drop)
}

const USUAL: Signed<'_> = &[
    ("content-type", "application/json"),
    ("x-event-id", "5b7e1c1c-0d3a-4f62-9a4b-8f8b5f2d2f10"),
    ("x-event-type", "onchain.activity.detected"),
];

#[test]
fn coinbases_newer_signature_is_judged_over_every_header_that_it_lists() {
    let good = hook0_v1(USUAL, JSON);
    assert_eq!(hook0(&good, USUAL, JSON), Ok(()));
    let mismatch = Err(ProofError::SignatureMismatch);
    let malformed = Err(ProofError::SignatureMalformed);
    let (content_type, id, event) = (USUAL[0], USUAL[1], USUAL[2]);
    // Another value, one that was taken away, one that stands twice, and another body.
    let other = ("x-event-type", "onchain.activity.removed");
    assert_eq!(hook0(&good, &[content_type, id, other], JSON), mismatch);
    assert_eq!(hook0(&good, &[content_type, id], JSON), malformed);
    assert_eq!(
        hook0(&good, &[content_type, id, event, event], JSON),
        malformed
    );
    assert_eq!(hook0(&good, USUAL, "{}"), mismatch);
    // Another list, in another order or in another case, and none.
    let swapped = good.replace("content-type x-event-id", "x-event-id content-type");
    assert_eq!(hook0(&swapped, USUAL, JSON), mismatch);
    let upper = good.replace("content-type", "Content-Type");
    assert_eq!(hook0(&upper, USUAL, JSON), malformed);
    let (before, after) = good.split_once(",h=").unwrap();
    let (_, code) = after.split_once(',').unwrap();
    assert_eq!(hook0(&format!("{before},{code}"), USUAL, JSON), malformed);
    let twice = good.replace(",h=", ",h=x-event-id,h=");
    assert_eq!(hook0(&twice, USUAL, JSON), malformed);
    // What the gate reads is signed, or it is not there.
    let few = hook0_v1(&[content_type], JSON);
    assert_eq!(hook0(&few, &[content_type], JSON), Ok(()));
    assert_eq!(hook0(&few, &[content_type, event], JSON), malformed);
    assert_eq!(hook0(&few, &[content_type, id], JSON), malformed);
}

#[test]
fn coinbases_older_signature_counts_only_where_there_is_no_newer_one() {
    let at = NOW.as_second();
    let older = hex::encode(mac(SECRET, &format!("{at}.{JSON}")));
    assert_eq!(hook0(&format!("t={at},v0={older}"), USUAL, JSON), Ok(()));
    let newer = hook0_v1(USUAL, JSON);
    let both = newer.replace(",h=", &format!(",v0={older},h="));
    assert_eq!(hook0(&both, USUAL, JSON), Ok(()));
    let wrong = newer.replace(",h=", ",v0=00,h=");
    assert_eq!(hook0(&wrong, USUAL, JSON), Ok(()));
    let (before, _) = both.split_once(",v1=").unwrap();
    let zeros = "00".repeat(32);
    for code in [&*zeros, "", "nothex"] {
        let verdict = hook0(&format!("{before},v1={code}"), USUAL, JSON);
        assert!(verdict.is_err(), "{code}");
    }
}

#[test]
fn the_dots_that_join_coinbases_headers_move_no_border() {
    let malformed = Err(ProofError::SignatureMalformed);
    // From one header to the next.
    let signed = [("x-a", "1"), ("x-b", "2.3"), USUAL[2]];
    let moved = [("x-a", "1.2"), ("x-b", "3"), USUAL[2]];
    assert_eq!(hook0(&hook0_v1(&signed, JSON), &moved, JSON), malformed);
    assert_eq!(hook0(&hook0_v1(&signed, JSON), &signed, JSON), malformed);
    // From the headers to the body, and back.
    let good = hook0_v1(USUAL, JSON);
    let short = [USUAL[0], USUAL[1], ("x-event-type", "onchain.activity")];
    assert_eq!(hook0(&good, &short, &format!("detected.{JSON}")), malformed);
    let (front, rest) = JSON.split_once('.').unwrap();
    let long = format!("onchain.activity.detected.{front}");
    let long = [USUAL[0], USUAL[1], ("x-event-type", &long)];
    assert_eq!(hook0(&good, &long, rest), malformed);
    // From the newer version to the older one: its headers become the start of a body.
    let names = "content-type x-event-id x-event-type";
    let values: Vec<&str> = USUAL.iter().map(|(_, value)| *value).collect();
    let as_body = format!("{names}.{}.{JSON}", values.join("."));
    let (at, code) = (NOW.as_second(), good.split_once("v1=").unwrap().1);
    assert_eq!(
        hook0(&format!("t={at},v0={code}"), &[], &as_body),
        malformed
    );
    // Where no event type is signed, the headers end where they end, whatever the body is.
    let plain = &USUAL[..2];
    for body in ["", "text", ".", "a.b", "x-event-type.{}", JSON] {
        let signature = hook0_v1(plain, body);
        assert_eq!(hook0(&signature, plain, body), Ok(()), "{body}");
    }
}

#[test]
fn hook0s_own_examples_come_out_as_published() {
    // https://github.com/hook0/hook0 clients/conformance/signature.json
    let secret = b"a-subscription-secret";
    let scheme = preset("coinbase-cdp");
    let body = r#"{"event":"user.created"}"#;
    let judged = |signature: &str| {
        Delivery::of(body)
            .header("x-event-id", "evt-1")
            .header("x-delivery-id", "dlv-1")
            .header("content-type", "application/json")
            .header("X-Hook0-Signature", signature)
            .judged_at(
                &scheme,
                ring(&scheme, secret),
                &[],
                jiff::Timestamp::from_second(1_800_000_000).unwrap(),
            )
            .map(drop)
    };
    let (v0, v1) = (
        "d17d66b66fca89390c5b967c45e8928fc732db07a0aabe8167b1e98213081ffe",
        "19a6fb8f6581715b241a93af02a58611c3b0ac7b747a8d2a5b120ee418d0c347",
    );
    let other = "bf5f4e5fe0c9143510ae192f983316a09ed392d0104d2ce0faa3d7bce3687acb";
    let (t, h) = ("t=1800000000", "h=x-event-id x-delivery-id");
    let swapped = "h=x-delivery-id x-event-id";
    let mismatch = Err(ProofError::SignatureMismatch);
    for (signature, expected) in [
        (format!("{t},v0={v0}"), Ok(())),
        (format!("{t},{h},v1={v1}"), Ok(())),
        (format!("{t},{h},v0={other},v1={v1}"), Ok(())),
        (format!("{t},{h},v0={v0},v1={other}"), mismatch),
        (format!("{t},{swapped},v1={v1}"), mismatch),
        (format!("{t},{swapped},v1={other}"), Ok(())),
        (
            format!("{t},h=x-event-id x-missing,v1={v1}"),
            Err(ProofError::SignatureMalformed),
        ),
    ] {
        assert_eq!(judged(&signature), expected, "{signature}");
    }
}

/// A delivery of Standard Webhooks, signed with `key`.
fn standard(scheme: &Scheme, secret: &[u8], key: &[u8]) -> Result<(), ProofError> {
    let at = NOW.as_second();
    let code = STANDARD.encode(mac(key, &format!("msg_1.{at}.{JSON}")));
    Delivery::of(JSON)
        .header("webhook-id", "msg_1")
        .header("webhook-timestamp", at.to_string())
        .header("webhook-signature", format!("v1,{code}"))
        .judged_by(scheme, secret)
        .map(drop)
}

#[test]
fn a_secret_of_polars_counts_in_both_ways_of_reading_it() {
    let scheme = preset("polar");
    let mismatch = Err(ProofError::SignatureMismatch);
    let key = [7; 32];
    let new = format!("whsec_{}", STANDARD.encode(key));
    assert_eq!(standard(&scheme, new.as_bytes(), &key), Ok(()));
    assert_eq!(standard(&scheme, new.as_bytes(), new.as_bytes()), Ok(()));
    assert_eq!(standard(&scheme, new.as_bytes(), &[8; 32]), mismatch);
    // A token of letters and digits, as Polar made them before, one of the owner's own, and one before that.
    let token = "whsec_ovyN6cPrTv56AApvzCaJno08SSmGJmgbWilb33N2JuK";
    for text in [
        token,
        "a secret of mine",
        "polar_whs_ovyN6cPrTv56AApvzCaJno08SSm",
    ] {
        assert_eq!(standard(&scheme, text.as_bytes(), text.as_bytes()), Ok(()));
        assert_eq!(standard(&scheme, text.as_bytes(), b"guess"), mismatch);
    }
    let whole = token.as_bytes();
    assert_eq!(standard(&scheme, whole, &whole[6..]), mismatch);
    // What everybody could sign for is no key in either way, nor is what is too short to be one.
    let zeros = format!("whsec_{}", STANDARD.encode([0; 32]));
    assert_eq!(standard(&scheme, zeros.as_bytes(), &[0; 32]), mismatch);
    assert_eq!(standard(&scheme, zeros.as_bytes(), b""), mismatch);
    let short = format!("whsec_{}", STANDARD.encode([7; 3]));
    assert_eq!(standard(&scheme, short.as_bytes(), &[7; 3]), mismatch);
    assert_eq!(
        standard(&scheme, short.as_bytes(), short.as_bytes()),
        Ok(())
    );
}

#[test]
fn the_same_delivery_leaves_one_mark_whichever_way_its_secret_is_read() {
    let scheme = preset("polar");
    let secret = format!("whsec_{}", STANDARD.encode([7; 32]));
    let at = NOW.as_second();
    let fingerprint = |key: &[u8]| {
        let code = STANDARD.encode(mac(key, &format!("msg_1.{at}.{JSON}")));
        let verified = Delivery::of(JSON)
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", format!("v1,{code}"))
            .judged_by(&scheme, secret.as_bytes());
        *verified.unwrap().signature().unwrap().by_current()
    };
    assert_eq!(fingerprint(&[7; 32]), fingerprint(secret.as_bytes()));
}

#[test]
fn a_previous_secret_of_polars_counts_in_both_ways_too() {
    let scheme = preset("polar");
    let (old, new) = (
        format!("whsec_{}", STANDARD.encode([7; 32])),
        format!("whsec_{}", STANDARD.encode([8; 32])),
    );
    let at = NOW.as_second();
    for signer in [&[7; 32][..], old.as_bytes(), &[8; 32], new.as_bytes()] {
        let keys = portcullis::auth::KeyRing {
            current: key(&scheme, new.as_bytes(), 2),
            previous: Some((
                key(&scheme, old.as_bytes(), 1),
                NOW + jiff::SignedDuration::from_hours(1),
            )),
        };
        let code = STANDARD.encode(mac(signer, &format!("msg_1.{at}.{JSON}")));
        let verdict = Delivery::of(JSON)
            .header("webhook-id", "msg_1")
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", format!("v1,{code}"))
            .judged(&scheme, keys, &[3]);
        assert!(verdict.is_ok());
    }
}

#[test]
fn a_secret_counts_as_supabase_writes_it() {
    let key = [7; 32];
    let bare = STANDARD.encode(key);
    for name in ["supabase", "standard-webhooks"] {
        let scheme = preset(name);
        for prefix in ["v1,whsec_", "whsec_", ""] {
            let secret = format!("{prefix}{bare}");
            assert_eq!(standard(&scheme, secret.as_bytes(), &key), Ok(()), "{name}");
        }
    }
}

fn vonage(method: &str, url: &str, body: &str, digest: &[u8]) -> Result<(), ProofError> {
    let encode = |json: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json);
    let claims = format!(
        r#"{{"iat":{},"iss":"Vonage","payload_hash":"{}"}}"#,
        NOW.as_second(),
        hex::encode(digest)
    );
    let header = encode(r#"{"alg":"HS256","typ":"JWT"}"#.to_owned());
    let signed = format!("{header}.{}", encode(claims));
    let code = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(mac(SECRET, &signed));
    Delivery::of(body)
        .by(method)
        .to(url)
        .header("Authorization", format!("Bearer {signed}.{code}"))
        .judged_by(&preset("vonage"), SECRET)
        .map(drop)
}

#[test]
fn a_get_of_vonages_is_proven_over_its_query() {
    // https://api.support.vonage.com/hc/en-us/articles/19033783342876
    let url = "https://portal.example.com/answer?from=447700900000&to=%2B4477&text=a+%22b%22";
    let json = r#"{"from":"447700900000","to":"+4477","text":"a \"b\""}"#;
    let digest = Sha256::digest(json);
    let differs = Err(ProofError::BodyDigestMismatch);
    assert_eq!(vonage("GET", url, "", &digest), Ok(()));
    let other = url.replace("from=447700900000", "from=447700900001");
    assert_eq!(vonage("GET", &other, "", &digest), differs);
    assert_eq!(
        vonage("GET", &format!("{url}&more=1"), "", &digest),
        differs
    );
    assert_eq!(vonage("GET", &format!("{url}&to=1"), "", &digest), differs);
    assert_eq!(vonage("GET", url, "{}", &digest), differs);
    assert_eq!(vonage("GET", url, "", &Sha256::digest("")), differs);
    let bare = "https://portal.example.com/answer";
    assert_eq!(vonage("GET", bare, "", &Sha256::digest("{}")), Ok(()));
    assert_eq!(vonage("POST", url, JSON, &Sha256::digest(JSON)), Ok(()));
    assert_eq!(vonage("POST", url, "", &digest), differs);
}

#[test]
fn only_presets_that_say_so_sign_other_methods_than_post() {
    let beside_post: Vec<(&str, String)> = portcullis::auth::Preset::all()
        .iter()
        .filter(|preset| preset.scheme.methods() != [http::Method::POST])
        .map(|preset| {
            let methods = preset.scheme.methods().iter();
            let methods: Vec<&str> = methods.map(http::Method::as_str).collect();
            (preset.name, methods.join(" "))
        })
        .collect();
    let expected = [
        ("hubspot-v2", "POST GET"),
        ("hubspot-v3", "POST GET PUT PATCH DELETE"),
        ("plivo-v3", "POST GET"),
        ("twilio", "POST GET"),
        ("twilio-sha256", "POST GET"),
        ("vonage", "POST GET"),
        ("zendesk", "POST GET PUT PATCH DELETE"),
    ];
    let expected = expected.map(|(name, methods)| (name, methods.to_owned()));
    assert_eq!(beside_post, expected);
}

#[test]
fn another_signed_message_signs_post_only() {
    let mut words = portcullis::auth::SchemeWords::default();
    words.set("signed_message", "timestamp.body");
    let scheme = words.scheme(Some(preset("zendesk"))).unwrap();
    assert_eq!(scheme.methods(), [http::Method::POST]);
}
