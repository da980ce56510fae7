//! What every provider sends: for each preset a delivery that is genuine, and what is left of it when
//! somebody changes it.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use portcullis::auth::{
    Algorithm, Covers, Encoding, Preset, ProofError, Scheme, SecretError, SigningError,
};
use proptest::prelude::*;
use proptest::sample::Index;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ring::{digest, hmac};

use crate::delivery::{Delivery, NOW, ring};
use crate::inputs::flipped;

/// A secret that every encoding of a key can read.
const SECRET: &str = "00112233445566778899aabbccddeeff";
const OTHER: &str = "ff112233445566778899aabbccddeeff";

/// What a provider sent, and the text of the secret that it is judged by.
pub(crate) struct Genuine {
    pub(crate) preset: &'static Preset,
    pub(crate) scheme: Scheme,
    pub(crate) secret: String,
    pub(crate) delivery: Delivery,
}

impl Genuine {
    /// A delivery with `noise` in the part of the body that is signed.
    pub(crate) fn of(preset: &'static Preset, noise: &[u8]) -> Self {
        let mut scheme = preset.scheme.clone();
        let settings = [
            ("webhook_id", "WH-1"),
            ("base_url", crate::jws::BASE_URL),
            ("topic_arn", crate::sns::TOPIC),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        scheme.set(&settings.into()).unwrap();
        let body = body_of(preset.name, noise);
        let (secret, delivery) = match scheme.algorithm() {
            _ if crate::jws::claims(preset.name, b"").is_some() => {
                by_token(preset.name, &scheme, body)
            }
            _ if scheme.has_certificate() => {
                let (key, body) = crate::sns::genuine(preset.name, &hex::encode(noise));
                let pem = format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n");
                (pem, Delivery::of(body))
            }
            _ if preset.name.starts_with("rfc9421") => by_message(&scheme, body),
            it if it.is_public_key() => by_private_key(preset.name, &scheme, body),
            Algorithm::Basic => {
                let pair = format!("user:{SECRET}");
                let delivery = by_shared_key(&scheme, &pair, body);
                (pair, delivery)
            }
            _ => (SECRET.to_owned(), by_shared_key(&scheme, SECRET, body)),
        };
        Self {
            preset,
            scheme,
            secret,
            delivery,
        }
    }

    pub(crate) fn verdict(&self, delivery: &Delivery) -> Result<(), ProofError> {
        let keys = ring(&self.scheme, self.secret.as_bytes());
        delivery.judged_at(&self.scheme, keys, &[3], NOW).map(drop)
    }
}

/// A body of the type that the provider sends.
fn body_of(name: &str, noise: &[u8]) -> Vec<u8> {
    let text = hex::encode(noise);
    let mac = |algorithm, key: &[u8], message: String| {
        hmac::sign(&hmac::Key::new(algorithm, key), message.as_bytes())
    };
    match name {
        "linear" => format!(r#"{{"webhookTimestamp":{}000,"data":"{text}"}}"#, NOW.as_second()),
        "plivo-v3" | "twilio" | "twilio-sha256" => format!("Body={text}&From=%2B14158675310&To=a&To=b"),
        "ms-graph" => format!(
            r#"{{"value":[{{"resource":"{text}","clientState":"{SECRET}"}},{{"clientState":"{SECRET}"}}]}}"#
        ),
        // Beside the URL or a header a body is JSON, and a plain digest is made of text.
        "hubspot-v1" | "hubspot-v2" | "hubspot-v3" | "klaviyo" | "square" => {
            format!(r#"{{"data":"{text}"}}"#)
        }
        "gitea-form" => format!("payload=%7B%22data%22%3A%22{text}%22%7D"),
        "mailgun" => {
            let at = NOW.as_second();
            let code = mac(hmac::HMAC_SHA256, SECRET.as_bytes(), format!("{at}{text}"));
            format!(
                r#"{{"signature":{{"timestamp":"{at}","token":"{text}","signature":"{}"}},"event-data":{{"event":"opened"}}}}"#,
                hex::encode(code)
            )
        }
        "mailgun-form" => {
            let at = NOW.as_second();
            let code = mac(hmac::HMAC_SHA256, SECRET.as_bytes(), format!("{at}{text}"));
            format!("token={text}&timestamp={at}&signature={}", hex::encode(code))
        }
        "adyen-payments" => {
            let key = hex::decode(SECRET).unwrap();
            let message = format!("{text}::::1130:EUR:AUTHORISATION:true");
            let code = STANDARD.encode(mac(hmac::HMAC_SHA256, &key, message));
            format!(
                r#"{{"notificationItems":[{{"NotificationRequestItem":{{"pspReference":"{text}","amount":{{"value":1130,"currency":"EUR"}},"eventCode":"AUTHORISATION","success":"true","additionalData":{{"hmacSignature":"{code}"}}}}}}]}}"#
            )
        }
        "braintree" => {
            let key = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
            let code = mac(
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                key.as_ref(),
                format!("{text}\n"),
            );
            format!("bt_signature=public%7C{}&bt_payload={text}%0A", hex::encode(code))
        }
        _ => return noise.to_vec(),
    }
    .into_bytes()
}

fn by_shared_key(scheme: &Scheme, secret: &str, body: Vec<u8>) -> Delivery {
    let message = crate::delivery::message(&body);
    match scheme.prove(secret.as_bytes(), message) {
        Ok(added) if scheme.reads_form() => Delivery::of(body).with(added).sent_as_form(),
        Ok(added) => Delivery::of(body).with(added),
        Err(SigningError::InBody) if scheme.reads_form() => Delivery::of(body).sent_as_form(),
        Err(SigningError::InBody) => Delivery::of(body),
        Err(other) => panic!("{other}"),
    }
}

/// A signature of the request (RFC 9421) over more than its body.
fn by_message(scheme: &Scheme, body: Vec<u8>) -> (String, Delivery) {
    let algorithm = scheme.algorithm();
    let mut secret = SECRET.to_owned();
    let delivery = crate::message_signatures::signed(&body, algorithm, |message| match algorithm {
        Algorithm::HmacSha256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
            hmac::sign(&key, message).as_ref().to_vec()
        }
        _ => {
            let (public, signature) = signed_with(algorithm, message);
            secret = STANDARD.encode(public);
            signature
        }
    });
    (secret, delivery)
}

/// What a provider sends that puts its proof into a token.
fn by_token(name: &str, scheme: &Scheme, body: Vec<u8>) -> (String, Delivery) {
    let claims = crate::jws::claims(name, &body).unwrap();
    let (alg, algorithm) = match name {
        "plaid" => ("ES256", Algorithm::EcdsaP256Fixed),
        "wix" => ("RS256", Algorithm::RsaSha256),
        _ => ("HS256", Algorithm::HmacSha256),
    };
    let header = serde_json::json!({ "alg": alg, "typ": "JWT", "kid": "k-1" });
    let mut secret = SECRET.to_owned();
    let token = crate::jws::token(&header, &claims, |message| match algorithm {
        Algorithm::HmacSha256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
            hmac::sign(&key, message).as_ref().to_vec()
        }
        _ => {
            let (public, signature) = signed_with(algorithm, message);
            secret = STANDARD.encode(public);
            signature
        }
    });
    if name == "wix" {
        secret = format!("-----BEGIN PUBLIC KEY-----\n{secret}\n-----END PUBLIC KEY-----\n");
        return (secret, Delivery::of(token));
    }
    let place = scheme.signatures()[0].from.preferred().unwrap().to_string();
    let prefix = match name {
        "vonage" => "Bearer ",
        "jira-connect" => "JWT ",
        _ => "",
    };
    let value = format!("{prefix}{token}");
    (
        secret,
        Delivery::of(body).header(place.strip_prefix("header:").unwrap(), value),
    )
}

/// Signs as the provider would; gives the text of the public key too.
fn by_private_key(name: &str, scheme: &Scheme, body: Vec<u8>) -> (String, Delivery) {
    let at = NOW.as_second().to_string();
    let added: Vec<(&str, String)> = match name {
        "paypal-pinned" => vec![
            ("PAYPAL-TRANSMISSION-ID", "t-1".to_owned()),
            ("PAYPAL-TRANSMISSION-TIME", NOW.to_string()),
            ("PAYPAL-AUTH-ALGO", "SHA256withRSA".to_owned()),
        ],
        "standard-webhooks-v1a" => vec![
            ("webhook-id", "msg_1".to_owned()),
            ("webhook-timestamp", at.clone()),
        ],
        "discord" => vec![("X-Signature-Timestamp", at.clone())],
        "telnyx" => vec![("telnyx-timestamp", at.clone())],
        "sendgrid" => vec![("X-Twilio-Email-Event-Webhook-Timestamp", at.clone())],
        other => panic!("nobody knows what {other} signs"),
    };
    let before = match name {
        "paypal-pinned" => {
            format!("t-1|{NOW}|WH-1|{}", crc32fast::hash(&body))
        }
        "standard-webhooks-v1a" => format!("msg_1.{at}."),
        "telnyx" => format!("{at}|"),
        _ => at,
    };
    let signed = match name {
        "paypal-pinned" => before.into_bytes(),
        _ => [before.as_bytes(), &body].concat(),
    };
    let (public, signature) = signed_with(scheme.algorithm(), &signed);
    let rule = &scheme.signatures()[0];
    let (prefix, key) = match name {
        "standard-webhooks-v1a" => ("v1a,", format!("whpk_{}", STANDARD.encode(public))),
        "discord" => ("", hex::encode(public)),
        _ => ("", STANDARD.encode(public)),
    };
    let place = rule.from.preferred().unwrap().to_string();
    let value = format!("{prefix}{}", rule.encoding.encode(&signature));
    let delivery = Delivery::of(body).header(place.strip_prefix("header:").unwrap(), value);
    let delivery = added.into_iter().fold(delivery, |delivery, (name, value)| {
        delivery.header(name, value)
    });
    (key, delivery)
}

/// The public key as providers hand it out, and the signature.
pub(crate) fn signed_with(algorithm: Algorithm, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let random = SystemRandom::new();
    match algorithm {
        Algorithm::Ed25519 => {
            let key = Ed25519KeyPair::from_pkcs8(&ED25519).unwrap();
            (
                key.public_key().as_ref().to_vec(),
                key.sign(message).as_ref().to_vec(),
            )
        }
        Algorithm::EcdsaP256 | Algorithm::EcdsaP256Fixed => {
            let kind = match algorithm {
                Algorithm::EcdsaP256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
                _ => &ECDSA_P256_SHA256_FIXED_SIGNING,
            };
            let key = EcdsaKeyPair::from_pkcs8(kind, &P256, &random).unwrap();
            // SubjectPublicKeyInfo of P-256 (RFC 5480 §2), up to the point.
            let info = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
            let public = [&info, key.public_key().as_ref()].concat();
            (
                public,
                key.sign(&random, message).unwrap().as_ref().to_vec(),
            )
        }
        Algorithm::RsaSha256 => {
            let key = RsaKeyPair::from_pkcs8(include_bytes!("keys/rsa-2048.pk8.der")).unwrap();
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                .unwrap();
            // The same of RSA (RFC 3279 §2.3.1), for 2048 bits.
            let info = hex::decode("30820122300d06092a864886f70d01010105000382010f00").unwrap();
            ([&info, key.public_key().as_ref()].concat(), signature)
        }
        other => panic!("{other:?} has no private key"),
    }
}

static ED25519: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let random = SystemRandom::new();
    Ed25519KeyPair::generate_pkcs8(&random)
        .unwrap()
        .as_ref()
        .to_vec()
});
static P256: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let kind = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let random = SystemRandom::new();
    EcdsaKeyPair::generate_pkcs8(kind, &random)
        .unwrap()
        .as_ref()
        .to_vec()
});

#[test]
fn every_preset_admits_what_its_provider_sends_and_nothing_signed_with_another_key() {
    for preset in Preset::all() {
        let genuine = Genuine::of(preset, b"body");
        assert_eq!(
            genuine.verdict(&genuine.delivery),
            Ok(()),
            "{}",
            preset.name
        );
        if !genuine.scheme.algorithm().is_public_key() {
            let other = match genuine.scheme.algorithm() {
                Algorithm::Basic => format!("user:{OTHER}"),
                _ => OTHER.to_owned(),
            };
            let keys = ring(&genuine.scheme, other.as_bytes());
            let verdict = genuine.delivery.judged_at(&genuine.scheme, keys, &[], NOW);
            assert!(verdict.is_err(), "{}", preset.name);
        }
    }
}

#[test]
fn what_a_preset_covers_is_what_it_says() {
    let weak: Vec<(&str, &str)> = Preset::all()
        .iter()
        .filter(|preset| preset.scheme.covers_body() && preset.scheme.covers() != Covers::Body)
        .map(|preset| (preset.name, preset.scheme.covers().word()))
        .collect();
    let expected = [
        ("adyen-payments", "fields"),
        ("aws-sns", "fields"),
        ("aws-sns-sha1", "fields"),
        ("braintree", "fields"),
        ("gitea-form", "fields"),
        ("jira-connect", "head"),
        ("mailgun", "fields"),
        ("mailgun-form", "fields"),
        ("monday", "head"),
        ("paypal-pinned", "fields"),
        ("plivo-v2", "head"),
        ("plivo-v3", "fields"),
        ("twilio", "fields"),
        ("twilio-sha256", "fields"),
    ];
    assert_eq!(weak, expected);
}

#[test]
fn every_window_of_a_preset_is_kept_on_both_sides() {
    for preset in Preset::all() {
        let Some((past, future)) = preset.scheme.timestamp().and_then(|rule| rule.window) else {
            continue;
        };
        let genuine = Genuine::of(preset, b"body");
        let at = |now| {
            let keys = ring(&genuine.scheme, genuine.secret.as_bytes());
            genuine
                .delivery
                .judged_at(&genuine.scheme, keys, &[], now)
                .map(drop)
        };
        let second = SignedDuration::from_secs(1);
        let name = preset.name;
        assert_eq!(at(NOW + past), Ok(()), "{name}");
        assert_eq!(
            at(NOW + past + second),
            Err(ProofError::TimestampStale),
            "{name}"
        );
        assert_eq!(at(NOW - future), Ok(()), "{name}");
        assert_eq!(
            at(NOW - future - second),
            Err(ProofError::TimestampFuture),
            "{name}"
        );
    }
}

#[test]
fn a_public_key_is_never_the_key_of_a_mac_or_a_token() {
    let genuine = Genuine::of(Preset::named("sendgrid").unwrap(), b"[{}]\r\n");
    let der = STANDARD.decode(&genuine.secret).unwrap();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        genuine.secret
    );
    for text in [pem, genuine.secret.clone(), hex::encode(der)] {
        for name in ["github", "fusionauth", "netlify", "telegram", "ms-teams"] {
            let form = Preset::named(name).unwrap().scheme.key();
            let refused = form.prepare(text.as_bytes()).err();
            assert_eq!(refused, Some(SecretError::PublicKey), "{name}: {text}");
        }
    }
}

#[test]
fn a_user_without_a_password_proves_nothing() {
    let form = Preset::named("postmark").unwrap().scheme.key();
    for empty in [":", "user:", "user", ""] {
        assert!(form.prepare(empty.as_bytes()).is_err(), "{empty}");
    }
    assert!(form.prepare(b"user:password").is_ok());
}

#[test]
fn a_second_item_that_adyen_has_not_signed_is_not_carried_in() {
    let genuine = Genuine::of(Preset::named("adyen-payments").unwrap(), b"a");
    let body = String::from_utf8(genuine.delivery.body().to_vec()).unwrap();
    let forged = r#",{"NotificationRequestItem":{"pspReference":"X","eventCode":"AUTHORISATION","success":"true"}}]}"#;
    let more = body.replace("]}", forged);
    assert_ne!(more, body);
    let tampered = genuine.delivery.clone().with_body(more);
    assert!(genuine.verdict(&tampered).is_err());
}

/// Deliveries with other values and the same signed bytes. Each is admitted, so the preset states it.
#[test]
fn values_that_a_signature_does_not_distinguish_are_stated() {
    let absent = "\"pspReference\":";
    let null = "\"originalReference\":null,\"pspReference\":";
    let empty = "\"originalReference\":\"\",\"pspReference\":";
    let form = "From=%2B14158675310&To=a&To=b";
    let reversed = "To=b&To=a&From=%2B14158675310";
    let repeated = "From=%2B14158675310&To=a&To=b&To=a";
    for (name, from, to, statement) in [
        (
            "adyen-payments",
            "1130,",
            "\"1130\",",
            "a number or a boolean",
        ),
        (
            "adyen-payments",
            "\"true\"",
            "true",
            "a number or a boolean",
        ),
        ("adyen-payments", absent, null, "an absent value from null"),
        ("adyen-payments", absent, empty, "an empty string"),
        ("braintree", "%0A", "", "a final line end"),
        ("twilio", form, reversed, "the order of the fields"),
        ("twilio", form, repeated, "how often a field"),
        ("twilio-sha256", form, reversed, "the order of the fields"),
        ("twilio-sha256", form, repeated, "how often a field"),
        ("plivo-v3", form, reversed, "the order of the fields"),
    ] {
        let genuine = Genuine::of(Preset::named(name).unwrap(), b"noise");
        let body = String::from_utf8(genuine.delivery.body().to_vec()).unwrap();
        let other = body.replace(from, to);
        assert_ne!(other, body, "{name}: {from}");
        let delivery = genuine.delivery.clone().with_body(other);
        assert_eq!(genuine.verdict(&delivery), Ok(()), "{name}: {to}");
        let notes = genuine.preset.notes.clone().unwrap_or_default();
        assert!(notes.contains(statement), "{name}: {notes}");
    }
}

#[test]
fn a_public_key_is_read_from_a_pem_file_too() {
    let genuine = Genuine::of(Preset::named("sendgrid").unwrap(), b"[{}]\r\n");
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        genuine.secret
    );
    let keys = ring(&genuine.scheme, pem.as_bytes());
    assert!(genuine.delivery.judged(&genuine.scheme, keys, &[]).is_ok());
    for wrong in [
        "",
        "AAAA",
        "-----BEGIN PUBLIC KEY-----",
        "MFkwEwYHKoZIzj0CAQ==",
    ] {
        assert!(
            genuine.scheme.key().prepare(wrong.as_bytes()).is_err(),
            "{wrong}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_is_changed_by_one_bit_is_refused_by_every_preset(
        which: Index, noise in proptest::collection::vec(any::<u8>(), 1..300), at: Index, bit in 0..8u32,
    ) {
        let preset = &Preset::all()[which.index(Preset::all().len())];
        let genuine = Genuine::of(preset, &noise);
        prop_assert_eq!(genuine.verdict(&genuine.delivery), Ok(()));
        if genuine.scheme.covers() == Covers::Body {
            let body = genuine.delivery.body();
            let tampered = genuine.delivery.clone().with_body(flipped(body, at, bit));
            let of_form = preset.name == "plivo-v3" || preset.name.starts_with("twilio");
            let same = of_form && same_form(body, tampered.body());
            prop_assert!(genuine.verdict(&tampered).is_err() || same, "{}: body", preset.name);
        }
        // The type of a form is looked at, and not signed.
        let names = genuine.delivery.headers().keys();
        for name in names.filter(|name| *name != http::header::CONTENT_TYPE) {
            let old = genuine.delivery.headers()[name].as_bytes();
            let new = flipped(old, at, bit);
            if http::HeaderValue::from_bytes(&new).is_err() {
                continue;
            }
            let tampered = genuine.delivery.clone().replacing(name, &new);
            // Hex has two spellings, and so has the name of an authentication scheme. A token has one.
            let rule = &genuine.preset.scheme.signatures()[0];
            let named = |value: &[u8]| value.iter().position(|byte| *byte == b' ').map_or(0, |end| end + 1);
            let same_name = rule.from.is_authorization()
                && old.eq_ignore_ascii_case(&new)
                && old[named(old)..] == new[named(old)..];
            let is_token = crate::jws::claims(preset.name, b"").is_some();
            let same = same_name
                || rule.encoding == Encoding::Hex && !is_token && old.eq_ignore_ascii_case(&new);
            prop_assert!(genuine.verdict(&tampered).is_err() || same, "{}: {name}", preset.name);
        }
    }
}

/// `%2b` is `%2B`: one form has several spellings, and Twilio and Plivo sign what it means.
fn same_form(one: &[u8], other: &[u8]) -> bool {
    form_urlencoded::parse(one).eq(form_urlencoded::parse(other))
}
