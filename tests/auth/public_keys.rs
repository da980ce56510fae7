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
        "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A",
        "30:82:01:22",
    ] {
        assert!(form.prepare(text.as_bytes()).is_ok(), "{text}");
    }
}
