//! What single providers sign that no template of the language can say: the signatures were made by the
//! providers' own libraries.

use jiff::Timestamp;
use portcullis::auth::{ProofError, Scheme};
use ring::hmac;

use crate::declarations::mistakes;
use crate::delivery::{Delivery, NOW, preset, ring};

fn judged_at(delivery: &Delivery, scheme: &Scheme, now: Timestamp) -> Result<(), ProofError> {
    delivery
        .judged_at(scheme, ring(scheme, SECRET), &[1], now)
        .map(drop)
}

#[test]
fn what_contentfuls_library_signs_is_admitted_and_nothing_else() {
    // @contentful/node-apps-toolkit 3, signRequest, with a secret of 64 times `a`.
    let secret = "a".repeat(64);
    let scheme = preset("contentful");
    let topic = ("X-Contentful-Topic", " ContentManagement.Entry.publish ");
    let three =
        "content-type,x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic";
    let request = |path: &str, list: &str, more: &[(&str, &str)], body: &str, signature: &str| {
        let delivery = Delivery::of(body)
            .to(&format!("https://portal.example.com{path}"))
            .header("x-contentful-signature", signature)
            .header("x-contentful-signed-headers", list)
            .header("x-contentful-timestamp", "1700000000000");
        let more = more.iter();
        let delivery = more.fold(delivery, |it, (name, value)| it.header(name, value));
        delivery.judged_by(&scheme, secret.as_bytes()).map(drop)
    };
    let plain = "20ca5202fc4926a6dacd39dd9312e05d07be5e980b2845026a638233dd8795d0";
    let with_query = "19334c98258dd49b46d885eb31d8ab2489cb5069a0987cfae30af946e351df38";
    let encoded = "f7dd6733e7557ab17b2c735775850269bce43fbde3701854928a0e7937df75ae";
    let least = "x-contentful-signed-headers,x-contentful-timestamp";
    let one = "x-contentful-signed-headers,x-contentful-timestamp,x-one";
    let json = ("Content-Type", "application/json");
    assert_eq!(
        request("/hooks/orders", least, &[], r#"{"a":1}"#, plain),
        Ok(())
    );
    assert_eq!(
        request(
            "/hooks/orders?from=a+b",
            three,
            &[json, topic],
            "body",
            with_query
        ),
        Ok(())
    );
    assert_eq!(
        request(
            "/hooks/a%20b?q=1&w=%C3%A9*(",
            one,
            &[("x-one", "1")],
            "",
            encoded
        ),
        Ok(())
    );
    let mismatch = Err(ProofError::SignatureMismatch);
    let malformed = Err(ProofError::SignatureMalformed);
    for (path, list, more, expected) in [
        ("/hooks/orders?from=a+c", three, [json, topic], mismatch),
        (
            "/hooks/orders?from=a+b",
            three,
            [json, ("X-Contentful-Topic", "other")],
            mismatch,
        ),
        ("/hooks/orders?from=a+b", least, [json, topic], mismatch),
        (
            "/hooks/orders?from=a+b?x=1",
            three,
            [json, topic],
            malformed,
        ),
        (
            "/hooks/orders?from=a+b",
            "content-type,x-contentful-topic",
            [json, topic],
            malformed,
        ),
        (
            "/hooks/orders?from=a+b",
            "x-contentful-timestamp",
            [json, topic],
            malformed,
        ),
        (
            "/hooks/orders?from=a+b",
            &format!("{three},x-none"),
            [json, topic],
            malformed,
        ),
        (
            "/hooks/orders?from=a+b",
            &format!("{three},content-type"),
            [json, topic],
            malformed,
        ),
        (
            "/hooks/orders?from=a+b",
            &three.replace("content-t", "Content-T"),
            [json, topic],
            malformed,
        ),
        ("/hooks/orders?from=a+b", three, [json, json], malformed),
        ("/hooks/orders?from=a+b", "", [json, topic], malformed),
    ] {
        assert_eq!(
            request(path, list, &more, "body", with_query),
            expected,
            "{path} {list}"
        );
    }
}

#[test]
fn what_plivos_library_signs_is_admitted_and_nothing_else() {
    // plivo for Python, plivo.utils.signature_v3, with the nonce 12345.
    let scheme = preset("plivo-v3");
    let request = |url: &str, body: &str, name: &str, signature: &str, nonce: &str| {
        Delivery::of(body)
            .sent_as_form()
            .to(&format!("https://portal.example.com/hooks/orders{url}"))
            .header(name, signature)
            .header("X-Plivo-Signature-V3-Nonce", nonce)
            .judged_by(&scheme, b"MAXXXXXXXXXXXXXXXXXX")
            .map(drop)
    };
    let form = "CallUUID=97ceeb52&Direction=outbound&To=%2B14156667777&A=b";
    let vectors = [
        ("", form, "uCXaqJVKTRHzSY/7yu3puq9KkU++ovg0zppldDVgooM="),
        (
            "?z=1&a=x+y&a=b",
            "To=1&From=2",
            "tIB9osGRLms0RoQ8Zwpq39NdPkqnrVXAsi6/S2hKjZY=",
        ),
        (
            "?z=1&a=x+y&a=b",
            "",
            "qCzz0Q88Eqbx4nhFVfksYz4o8eyGgz+dTWKjildxMX0=",
        ),
        ("", "", "3GM2B/zmydilEY8Xpmpl/uhl28DJrYUeTCGE8Bp0Q0I="),
        (
            "?e=",
            "To=a%20b&To=a&Blank=",
            "0wVyfERD8nFfS9VJhIQf+QdGb3WmkZ0kshd1Qhq+shY=",
        ),
    ];
    let mismatch = Err(ProofError::SignatureMismatch);
    for (query, body, signature) in vectors {
        for name in ["X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3"] {
            assert_eq!(
                request(query, body, name, signature, "12345"),
                Ok(()),
                "{query} {body}"
            );
        }
        let name = "X-Plivo-Signature-V3";
        let several = format!("{},{signature}", vectors[0].2.replace('u', "v"));
        assert_eq!(request(query, body, name, &several, "12345"), Ok(()));
        assert_eq!(request(query, body, name, signature, "12346"), mismatch);
        assert_eq!(
            request(&format!("{query}&x=1"), body, name, signature, "12345"),
            mismatch
        );
        assert_eq!(
            request(query, &format!("{body}&x=1"), name, signature, "12345"),
            mismatch
        );
        let without = request(query, body, name, signature, "");
        assert_eq!(without, Err(ProofError::SignatureMalformed));
    }
}

#[test]
fn the_time_may_stand_first_in_the_list_of_signatures() {
    let scheme = preset("recurly");
    let at = NOW.as_millisecond();
    let good = hex_of(format!("{at}.body"));
    let other = hex_of(format!("{at}.other"));
    let judged = |value: &str| {
        let delivery = Delivery::of("body").header("recurly-signature", value);
        judged_at(&delivery, &scheme, NOW)
    };
    assert_eq!(judged(&format!("{at},{good}")), Ok(()));
    assert_eq!(judged(&format!("{at}, {other}, {good}")), Ok(()));
    assert_eq!(
        judged(&format!("{at},{other}")),
        Err(ProofError::SignatureMismatch)
    );
    for wrong in [
        format!("{good},{at}"),
        good.clone(),
        format!("{at}"),
        format!(",{good}"),
        format!("+{at},{good}"),
    ] {
        assert_eq!(
            judged(&wrong),
            Err(ProofError::SignatureMalformed),
            "{wrong}"
        );
    }
    let late = Timestamp::from_second(NOW.as_second() + 301).unwrap();
    let delivery = Delivery::of("body").header("recurly-signature", format!("{at},{good}"));
    assert_eq!(
        judged_at(&delivery, &scheme, late),
        Err(ProofError::TimestampStale)
    );
}

#[test]
fn each_group_of_a_rotation_is_judged_by_its_own_time() {
    let scheme = preset("persona");
    let now = NOW.as_second();
    let group = |at: i64, secret: &[u8]| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let code = hmac::sign(&key, format!("{at}.body").as_bytes());
        format!("t={at},v1={}", hex::encode(code))
    };
    let judged = |value: &str| {
        let delivery = Delivery::of("body").header("Persona-Signature", value);
        judged_at(&delivery, &scheme, NOW)
    };
    let (good, other) = (group(now, SECRET), group(now - 2, b"the next one"));
    assert_eq!(judged(&good), Ok(()));
    assert_eq!(judged(&format!("{good} {other}")), Ok(()));
    assert_eq!(judged(&format!("{other}  {good}")), Ok(()));
    assert_eq!(judged(&format!("nonsense {good}")), Ok(()));
    assert_eq!(
        judged(&format!("{other} {other}")),
        Err(ProofError::SignatureMismatch)
    );
    // A genuine signature that is too old is not made younger by the time of another group.
    let (window, _) = scheme.timestamp().unwrap().window.unwrap();
    let old = group(now - window.as_secs() - 1, SECRET);
    assert_eq!(
        judged(&format!("{old} {other}")),
        Err(ProofError::TimestampStale)
    );
    assert_eq!(judged(&format!("{old} {good}")), Ok(()));
    let torn = format!("t={now} {}", old.split_once(',').unwrap().1);
    assert_eq!(judged(&torn), Err(ProofError::SignatureMalformed));
    let many = [good.as_str(); 5].join(" ");
    assert_eq!(judged(&many), Err(ProofError::SignatureMalformed));
    assert_eq!(judged("a b"), Err(ProofError::SignatureMalformed));
    let tampered = Delivery::of("b0dy").header("Persona-Signature", format!("{good} {other}"));
    assert_eq!(
        judged_at(&tampered, &scheme, NOW),
        Err(ProofError::SignatureMismatch)
    );
}

#[test]
fn an_id_is_proven_where_what_is_signed_has_it() {
    for name in ["fusionauth", "livekit", "persona", "plivo-v3"] {
        assert!(preset(name).id_is_signed(), "{name}");
    }
    for name in ["monday", "netlify", "recurly"] {
        assert!(!preset(name).id_is_signed(), "{name}");
    }
}

#[test]
fn these_words_are_checked_like_any_other() {
    let of = |more: &str| format!("algorithm = \"hmac-sha256\"\n{more}");
    for (text, word) in [
        (
            of("signatures = [{ from = \"header:S\", groups = \"ab\" }]"),
            "one ASCII character",
        ),
        (
            of("signatures = [{ from = \"header:S\" }]\ntimestamp = { from = \"signature[1]\" }"),
            "a source is `header:NAME`",
        ),
        (
            of("signatures = [{ from = \"header:S\", groups = \" \" }]\nsigned = \"{form}\""),
            "with `groups`",
        ),
        (
            of("signatures = [{ from = \"header:S\" }]\nsigned = \"{contentful:none}{body}\""),
            "{contentful:path}",
        ),
        (
            of("signatures = [{ from = \"header:S\" }]\nsigned = \"{contentful:headers}{body}\""),
            "requires a timestamp",
        ),
    ] {
        let mistakes = mistakes(&text);
        assert!(mistakes.contains(word), "{text}\n{mistakes}");
    }
}

fn hex_of(message: String) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    hex::encode(hmac::sign(&key, message.as_bytes()))
}

const SECRET: &[u8] = b"It's a Secret to Everybody";
