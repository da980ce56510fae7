//! Public keys in every spelling in which people pass them on: none of them becomes a shared secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use portcullis::auth::{Algorithm, KeyForm, Preset, SecretError, encode_same_key};
use proptest::collection::vec;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

/// A public key, as its parts.
#[derive(Clone, Debug)]
struct Public {
    /// The `SubjectPublicKeyInfo`.
    info: Vec<u8>,
    /// The key by itself: PKCS#1, a point, or 32 bytes.
    bare: Vec<u8>,
    kind: &'static str,
}

/// One element of DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    let header = match len {
        [0, short @ ..0x80] => vec![tag, short],
        [0, one] => vec![tag, 0x81, one],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [&header, content].concat()
}

fn info(algorithm: &str, key: &[u8]) -> Vec<u8> {
    let algorithm = der(0x30, &hex::decode(algorithm).unwrap());
    let key = der(0x03, &[&[0], key].concat());
    der(0x30, &[algorithm, key].concat())
}

fn ed25519(seed: &[u8; 32]) -> Public {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
    let bare = pair.public_key().as_ref().to_vec();
    Public {
        info: info("06032b6570", &bare),
        bare,
        kind: "ed25519",
    }
}

fn p256() -> Public {
    let (kind, random) = (&ECDSA_P256_SHA256_ASN1_SIGNING, SystemRandom::new());
    let pair = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(kind, pair.as_ref(), &random).unwrap();
    let bare = pair.public_key().as_ref().to_vec();
    Public {
        info: info("06072a8648ce3d020106082a8648ce3d030107", &bare),
        bare,
        kind: "p256",
    }
}

/// A key of that modulus: whether somebody has the primes does not show in it.
fn rsa(modulus: &[u8]) -> Public {
    let modulus = der(0x02, &[&[0, modulus[0] | 0x80], &modulus[1..]].concat());
    let bare = der(0x30, &[modulus, der(0x02, &[1, 0, 1])].concat());
    Public {
        info: info("06092a864886f70d0101010500", &bare),
        bare,
        kind: "rsa",
    }
}

fn publics() -> impl Strategy<Value = Public> {
    let rsa_lens = prop_oneof![Just(128usize), Just(256), Just(384), Just(512)];
    prop_oneof![
        any::<[u8; 32]>().prop_map(|seed| ed25519(&seed)),
        Just(()).prop_map(|()| p256()),
        rsa_lens
            .prop_flat_map(|len| vec(any::<u8>(), len))
            .prop_map(|modulus| rsa(&modulus)),
    ]
}

fn wrapped(text: &str, end: &str) -> String {
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    lines.join(end)
}

fn pem(label: &str, der: &[u8], end: &str) -> String {
    let body = wrapped(&STANDARD.encode(der), end);
    format!("-----BEGIN {label}-----{end}{body}{end}-----END {label}-----{end}")
}

/// The blob of OpenSSH (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4), with the name before it.
fn ssh(key: &Public) -> String {
    let string = |bytes: &[u8]| {
        let len = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        [&len[..], bytes].concat()
    };
    let (name, parts) = match key.kind {
        "ed25519" => ("ssh-ed25519", vec![string(&key.bare)]),
        "p256" => (
            "ecdsa-sha2-nistp256",
            vec![string(b"nistp256"), string(&key.bare)],
        ),
        _ => ("ssh-rsa", vec![string(&[1, 0, 1]), string(&key.bare)]),
    };
    let blob = [string(name.as_bytes()), parts.concat()].concat();
    format!("{name} {}", STANDARD.encode(blob))
}

fn jwk(key: &Public) -> String {
    let value = URL_SAFE_NO_PAD.encode(&key.bare);
    match key.kind {
        "ed25519" => format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{value}"}}"#),
        "p256" => {
            let x = URL_SAFE_NO_PAD.encode(&key.bare[1..33]);
            let y = URL_SAFE_NO_PAD.encode(&key.bare[33..]);
            format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","use":"sig"}}"#)
        }
        _ => format!(r#"{{"e":"AQAB","kty":"RSA","n":"{value}"}}"#),
    }
}

fn spellings(key: &Public) -> Vec<String> {
    let info = &key.info;
    let text = pem("PUBLIC KEY", info, "\n");
    let ssh = ssh(key);
    let blob = ssh.split_once(' ').unwrap().1.to_owned();
    let jwk = jwk(key);
    let hex = hex::encode(info);
    let pairs: Vec<String> = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap().to_uppercase())
        .collect();
    let mut spellings = vec![
        pem("PUBLIC KEY", info, "\r\n"),
        format!("{text}\n\n"),
        format!("\n{text}"),
        format!("# the key of the provider\n{text}"),
        format!("Public key: {text}"),
        text.replace('\n', "\\n"),
        text.trim_end().to_owned(),
        STANDARD.encode(info),
        STANDARD_NO_PAD.encode(info),
        URL_SAFE.encode(info),
        URL_SAFE_NO_PAD.encode(info),
        wrapped(&STANDARD.encode(info), "\n"),
        format!("{}\n", wrapped(&STANDARD.encode(info), "\r\n")),
        hex.to_uppercase(),
        pairs.join(":"),
        hex,
        format!("{ssh} somebody@example.com"),
        format!("# comment\n{ssh}\n"),
        format!("no-pty,command=\"true\" {ssh}"),
        ssh,
        blob,
        format!(r#"{{"keys":[{jwk}]}}"#),
        format!("\n  {jwk}\n"),
        STANDARD.encode(&jwk),
        jwk,
    ];
    match key.kind {
        "ed25519" => {
            spellings.push(format!("whpk_{}", STANDARD.encode(&key.bare)));
            spellings.push(format!("v1a,whpk_{}", STANDARD.encode(&key.bare)));
        }
        "rsa" => {
            spellings.push(pem("RSA PUBLIC KEY", &key.bare, "\n"));
            spellings.push(STANDARD.encode(&key.bare));
            spellings.push(URL_SAFE_NO_PAD.encode(&key.bare));
            spellings.push(hex::encode(&key.bare));
        }
        _ => {}
    }
    spellings
}

/// One preset for each way of reading a secret that is not a public key.
fn shared_forms() -> impl Iterator<Item = (&'static str, &'static KeyForm)> {
    let names = [
        "adyen-platform",
        "airtable",
        "braintree",
        "easypost",
        "github",
        "github-sha1",
        "hubspot-v1",
        "paystack",
        "polar",
        "postmark",
        "standard-webhooks",
        "supabase",
        "telegram",
    ];
    names
        .into_iter()
        .map(|name| (name, Preset::named(name).unwrap().scheme.key()))
}

/// The ways to wrap a text that tools and people use.
type Wrapping = (&'static str, fn(&str) -> String);

const WRAPPINGS: [Wrapping; 22] = [
    ("base64", |text| STANDARD.encode(text)),
    ("base64 without padding", |text| {
        STANDARD_NO_PAD.encode(text)
    }),
    ("base64url", |text| URL_SAFE.encode(text)),
    ("base64url without padding", |text| {
        URL_SAFE_NO_PAD.encode(text)
    }),
    ("base64 in lines", |text| {
        wrapped(&STANDARD.encode(text), "\n")
    }),
    ("hex", |text| hex::encode(text)),
    ("HEX", |text| hex::encode_upper(text)),
    ("0x", |text| format!("0x{}", hex::encode(text))),
    ("bytes", |text| {
        let bytes: Vec<String> = text.bytes().map(|byte| format!("0x{byte:02X}")).collect();
        bytes.join(", ")
    }),
    ("percent", |text| {
        let encoded = text.bytes().map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        });
        encoded.collect()
    }),
    ("percent in lower case", |text| {
        text.replace('%', "%25")
            .replace('+', "%2b")
            .replace('/', "%2f")
            .replace('=', "%3d")
            .replace('\n', "%0a")
    }),
    ("a JSON string", |text| serde_json::to_string(text).unwrap()),
    ("a JSON array", |text| format!("[{}]", json_value(text))),
    ("a JSON object", |text| {
        format!(r#"{{"id":"k1","key":{}}}"#, json_value(text))
    }),
    ("a JSON object in an array", |text| {
        format!(r#"[{{"public_key":{}}}]"#, json_value(text))
    }),
    ("escaped line ends", |text| text.replace('\n', "\\n")),
    ("quotes", |text| format!("'{text}'")),
    ("NAME=", |text| format!("PUBLIC_KEY={text}")),
    ("name:", |text| format!("public key: {text}")),
    ("whsec_", |text| format!("whsec_{text}")),
    ("a data URL", |text| {
        format!(
            "data:application/octet-stream;base64,{}",
            STANDARD.encode(text)
        )
    }),
    ("white space", |text| format!("\t\n {text} \r\n")),
];

/// The text as a value of a JSON document: as it is, if it is an object, and as a string otherwise.
fn json_value(text: &str) -> String {
    let is_object = text.trim_start().starts_with(['{', '[']);
    if is_object && serde_json::from_str::<serde_json::Value>(text).is_ok() {
        text.to_owned()
    } else {
        serde_json::to_string(text).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_public_key_is_recognised_below_two_wrappings(
        key in publics(), spelling: proptest::sample::Index, first in 0..WRAPPINGS.len(),
    ) {
        let form = KeyForm::plain(Algorithm::HmacSha256);
        let spellings = spellings(&key);
        let text = &spellings[spelling.index(spellings.len())];
        let (outer, wrap) = WRAPPINGS[first];
        let once = wrap(text);
        let refused = form.prepare(once.as_bytes()).err();
        prop_assert_eq!(refused, Some(SecretError::PublicKey), "{}: {}", outer, once);
        for (inner, wrap) in WRAPPINGS {
            let twice = wrap(&once);
            let refused = form.prepare(twice.as_bytes()).err();
            prop_assert_eq!(refused, Some(SecretError::PublicKey), "{} in {}: {}", outer, inner, twice);
        }
    }

    #[test]
    fn one_key_is_the_same_below_two_wrappings(
        seed in any::<[u8; 32]>(), other in any::<[u8; 32]>(), first in 0..WRAPPINGS.len(),
    ) {
        prop_assume!(seed != other);
        let (key, other) = (ed25519(&seed), ed25519(&other));
        let stored = STANDARD.encode(&key.bare);
        let others = STANDARD.encode(&other.bare);
        let texts = [
            pem("PUBLIC KEY", &key.info, "\n"),
            hex::encode(&key.bare),
            stored.clone(),
            format!("whpk_{stored}"),
        ];
        let (outer, wrap) = WRAPPINGS[first];
        for text in texts {
            for (inner, again) in WRAPPINGS {
                let wrapped = again(&wrap(&text));
                let same = encode_same_key(stored.as_bytes(), wrapped.as_bytes());
                prop_assert!(same, "{} in {}: {}", outer, inner, wrapped);
                prop_assert!(!encode_same_key(others.as_bytes(), wrapped.as_bytes()), "{}", wrapped);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_public_key_is_a_shared_secret_in_none_of_its_spellings(key in publics()) {
        for text in spellings(&key) {
            for (name, form) in shared_forms() {
                let refused = form.prepare(text.as_bytes()).err();
                prop_assert_eq!(refused, Some(SecretError::PublicKey), "{}: {}", name, text);
            }
        }
    }

    #[test]
    fn a_random_secret_is_never_taken_for_a_public_key(bytes in vec(any::<u8>(), 32..=64)) {
        prop_assume!(bytes.iter().any(|byte| *byte != 0));
        let form = KeyForm::plain(Algorithm::HmacSha256);
        for text in [
            hex::encode(&bytes),
            hex::encode_upper(&bytes),
            STANDARD.encode(&bytes),
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE.encode(&bytes),
            format!("whsec_{}", STANDARD.encode(&bytes)),
            STANDARD.encode(STANDARD.encode(&bytes)),
            hex::encode(STANDARD.encode(&bytes)),
            format!(r#"{{"secret":"{}"}}"#, STANDARD.encode(&bytes)),
            format!("0x{}", hex::encode(&bytes)),
        ] {
            prop_assert!(form.prepare(text.as_bytes()).is_ok(), "{}", text);
        }
        let standard = Preset::named("standard-webhooks").unwrap().scheme.key();
        let text = format!("whsec_{}", STANDARD.encode(&bytes));
        prop_assert!(standard.prepare(text.as_bytes()).is_ok(), "{}", text);
    }

    #[test]
    fn a_public_key_file_is_read_whatever_stands_around_it(seed in any::<[u8; 32]>()) {
        let key = ed25519(&seed);
        let text = pem("PUBLIC KEY", &key.info, "\n");
        let form = Preset::named("telnyx").unwrap().scheme.key();
        for text in [
            format!("{text}\n\n"),
            format!("{text}\r\n \n"),
            pem("PUBLIC KEY", &key.info, "\r\n"),
            format!("# the key of the provider\n{text}"),
            format!("\n\n{text}"),
            format!("{}\n\n", STANDARD.encode(&key.bare)),
        ] {
            prop_assert!(form.prepare(text.as_bytes()).is_ok(), "{}", text);
        }
    }

    #[test]
    fn one_key_is_the_same_in_all_spellings_and_another_is_not(
        seed in any::<[u8; 32]>(),
        other in any::<[u8; 32]>(),
    ) {
        prop_assume!(seed != other);
        let (key, other) = (ed25519(&seed), ed25519(&other));
        let texts = |key: &Public| [
            pem("PUBLIC KEY", &key.info, "\n"),
            STANDARD.encode(&key.info),
            STANDARD.encode(&key.bare),
            URL_SAFE_NO_PAD.encode(&key.bare),
            hex::encode(&key.bare),
            format!("whpk_{}\n", STANDARD.encode(&key.bare)),
        ];
        for one in texts(&key) {
            for same in texts(&key) {
                prop_assert!(encode_same_key(one.as_bytes(), same.as_bytes()), "{} {}", one, same);
            }
            for different in texts(&other) {
                prop_assert!(!encode_same_key(one.as_bytes(), different.as_bytes()));
            }
        }
    }
}

#[test]
fn a_certificate_is_no_shared_secret_without_its_armour_either() {
    let names = vec!["hooks.example.com".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let form = KeyForm::plain(Algorithm::HmacSha256);
    let der = made.cert.der();
    for text in [made.cert.pem(), STANDARD.encode(der), hex::encode(der)] {
        let refused = form.prepare(text.as_bytes()).err();
        assert_eq!(refused, Some(SecretError::PublicKey), "{text}");
    }
}

#[test]
fn what_only_resembles_a_public_key_is_a_secret() {
    let form = KeyForm::plain(Algorithm::HmacSha256);
    for text in [
        // A shared key as JWK is no public one.
        r#"{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}"#,
        r#"{"secret":"value"}"#,
        "{not json}",
        "ssh-rsa",
        "my ssh-rsa passphrase",
        "whpk",
        "-----begin-----",
        "begin every public key with care",
        r#"[{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}]"#,
        r#"{"name":"a","value":"b","e":"mail","x":"y"}"#,
        "data:text/plain;base64,c29tZSBzZWNyZXQgdGV4dA==",
        "c2VjcmV0%2Bof%2Fanybody%3D",
        "key=c29tZSBzZWNyZXQgdGV4dCBvZiBhbnlib2R5Cg==",
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A",
        "30:82:01:22",
    ] {
        assert!(form.prepare(text.as_bytes()).is_ok(), "{text}");
    }
}

#[test]
fn a_public_key_without_its_armour_or_with_a_damaged_one_is_no_shared_secret() {
    let form = KeyForm::plain(Algorithm::HmacSha256);
    for key in [ed25519(&[7; 32]), p256(), rsa(&[9; 256])] {
        let text = pem("PUBLIC KEY", &key.info, "\n");
        let jwk = jwk(&key);
        let inner = jwk.strip_prefix('{').unwrap();
        for text in [
            text.trim_matches(['-', '\n']).to_owned(),
            text.replace("-----", ""),
            text.replace("-----", "--"),
            text.replace(' ', ""),
            text.to_lowercase(),
            text.replace("-----BEGIN PUBLIC KEY-----\n", ""),
            text.replace("-----BEGIN PUBLIC KEY-----\n", "")
                .replace("-----END PUBLIC KEY-----\n", ""),
            format!(r#"{{"kty":"oct",{inner}"#),
            format!(r#"{},"kty":"oct"}}"#, jwk.strip_suffix('}').unwrap()),
            jwk.replace("kty", "KTY"),
            format!(r#"{{"data":{{"attributes":[1,{{"key":{jwk}}}]}}}}"#),
            format!(r#"{{"kid":"a","x5c":["{}"]}}"#, STANDARD.encode(&key.info)),
        ] {
            let refused = form.prepare(text.as_bytes()).err();
            assert_eq!(refused, Some(SecretError::PublicKey), "{text}");
        }
    }
}

#[test]
fn the_search_for_a_public_key_ends() {
    let form = KeyForm::plain(Algorithm::HmacSha256);
    let mut text = "a secret of anybody".to_owned();
    for _ in 0..8 {
        text = STANDARD.encode(&text);
    }
    assert!(form.prepare(text.as_bytes()).is_ok());
    let strings = vec![format!("\"{}\"", STANDARD.encode([7; 48])); 5000];
    let array = format!("[{}]", strings.join(","));
    assert!(form.prepare(array.as_bytes()).is_ok());
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    assert!(form.prepare(deep.as_bytes()).is_ok());
}
