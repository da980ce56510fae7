//! What is refused, doubted or only remarked on when somebody sets a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::auth::{
    Algorithm, KeyForm, Preset, SecretError, SecretProblem, SecretRefusal, SecretUse,
    SecretWarning, check_secret,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// The check of a secret for an endpoint of a preset; of the mode `hmac` if there is none.
fn checked(preset: &str, value: &str, insists: bool) -> Result<Vec<SecretWarning>, SecretRefusal> {
    let plain = KeyForm::plain(Algorithm::HmacSha256);
    let preset = Preset::named(preset);
    let endpoint = SecretUse {
        endpoint: "workflows/a",
        form: preset.map_or(&plain, |preset| preset.scheme.key()),
        shape: preset.map(|preset| &preset.secret_shape),
    };
    check_secret(value.as_bytes(), &[endpoint], insists)
}

const HMAC: &str = "";
const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn what_looks_like_a_mistake_is_refused_at_every_endpoint_and_says_what_to_do() {
    let base64 = "bm8gc2VjcmV0IG9mIGFueWJvZHk=";
    for (value, says) in [
        (format!("\u{feff}{HEX}"), "byte order mark"),
        (format!("{HEX}\u{200b}"), "U+200B"),
        (format!("abc\u{200d}{HEX}"), "byte 3"),
        (format!("{HEX}\u{a0}"), "U+00A0"),
        (format!("\u{2060}{HEX}"), "U+2060"),
        (format!("\u{1b}[200~{HEX}"), "U+001B"),
        (format!("{HEX}\0"), "U+0000"),
        (format!("“{HEX}”"), "quotes"),
        (format!("„{HEX}“"), "quotes"),
        (format!("‘{HEX}’"), "quotes"),
        (format!("«{HEX}»"), "quotes"),
        (format!("\"{HEX}\""), "quotes"),
        (format!(" {HEX}"), "white space"),
        (format!("GITHUB_SECRET={HEX}"), "NAME=value"),
        (format!("GITHUB_SECRET={base64}"), "NAME=value"),
        (format!("export KEY_2={HEX}"), "NAME=value"),
        ("${GITHUB_SECRET}".to_owned(), "an unexpanded variable"),
        (
            "${secrets.github:-none}".to_owned(),
            "an unexpanded variable",
        ),
        ("$GITHUB_SECRET".to_owned(), "an unexpanded variable"),
        ("%GITHUB_SECRET%".to_owned(), "an unexpanded variable"),
        ("{{ secret }}".to_owned(), "an unexpanded variable"),
        ("{{secret}}".to_owned(), "an unexpanded variable"),
        ("$(cat secret)".to_owned(), "an unexpanded variable"),
        ("#{secret}".to_owned(), "an unexpanded variable"),
        (
            "op://vault/github/secret".to_owned(),
            "an unexpanded variable",
        ),
        ("whsec_".to_owned(), "only the prefix"),
        ("changeme".to_owned(), "placeholder"),
    ] {
        for preset in [HMAC, "github", "stripe", "telegram"] {
            let refused = checked(preset, &value, false).expect_err(&value);
            let told = refused.to_string();
            assert!(told.contains(says), "{preset} {value:?}: {told}");
            assert!(refused.next_step().contains("--force"), "{told}");
            assert!(!told.contains(HEX), "{told}");
            // Whoever means it may have it, wherever it makes a key.
            assert!(checked(preset, &value, true).is_ok(), "{preset} {value:?}");
        }
    }
}

#[test]
fn what_an_operator_may_have_chosen_is_accepted() {
    for value in [
        "bm8gc2VjcmV0IG9mIGFueWJvZHk=",
        "bm8gc2VjcmV0IG9mIGFueWJvZH==",
        "ABCDEFGHIJKLMNOP==",
        "lower_case=value of a passphrase",
        "=leading equals sign of a secret",
        "two words with spaces",
        "two\nlines of a passphrase",
        "tab\tin the middle of it",
        "schlüssel-mit-umlauten",
        "密钥密钥密钥密钥",
        "$2b$12$KIXQJ0vYc4mHn6bJ1sQ3Nu",
        "$lower_case_dollar",
        "50% of 100% is what it says",
        "{braces in a passphrase}",
        "it's quoted 'inside' only",
        "5“6 typographic inside ”7",
        HEX,
    ] {
        assert_eq!(checked(HMAC, value, false), Ok(Vec::new()), "{value:?}");
    }
}

#[test]
fn another_credential_of_the_provider_is_refused_with_the_name_of_the_right_one() {
    let sid = "0123456789abcdef0123456789abcdef";
    for (preset, value, says) in [
        (
            "stripe",
            "sk_live_0123456789abcdef".to_owned(),
            "signing secret",
        ),
        ("stripe", "sk_test_0123456789abcdef".to_owned(), "whsec_"),
        ("stripe", "rk_live_0123456789abcdef".to_owned(), "API key"),
        ("stripe", "pk_live_0123456789abcdef".to_owned(), "API key"),
        (
            "stripe",
            "we_0123456789abcdef".to_owned(),
            "id of a webhook",
        ),
        ("twilio", format!("AC{sid}"), "auth token"),
        ("twilio", format!("SK{}", sid.to_uppercase()), "API key"),
        ("twilio-sha256", format!("AC{sid}"), "shared key"),
        (
            "slack",
            "xoxb-0123456789-abcdef".to_owned(),
            "signing secret",
        ),
        ("slack", "xapp-1-A0123456789".to_owned(), "app-level token"),
        ("shopify", format!("shpat_{sid}"), "client secret"),
        ("paddle", format!("pdl_live_apikey_{sid}"), "API key"),
        ("razorpay", "rzp_live_0123456789abcd".to_owned(), "webhook"),
    ] {
        let refused = checked(preset, &value, false).expect_err(&value);
        let told = refused.to_string();
        assert!(told.contains(says), "{preset} {value}: {told}");
        assert!(!told.contains(&value), "{told}");
        assert!(checked(preset, &value, true).is_ok(), "{preset} {value}");
        // Elsewhere it may be a secret: Paystack signs with its API key.
        assert!(checked("paystack", &value, false).is_ok(), "{value}");
    }
    // A token that only begins like a SID is a token.
    for token in ["AC23456789abcdef0123456789abcdef", "SKxy"] {
        assert!(checked("twilio", token, false).is_ok(), "{token}");
    }
}

#[test]
fn a_length_or_a_character_that_the_provider_excludes_is_refused() {
    let doubt = |preset, value: &str| match checked(preset, value, false) {
        Err(SecretRefusal::Doubtful(_, doubt)) => Some(doubt),
        _ => None,
    };
    for preset in ["adyen-payments", "adyen-platform"] {
        assert_eq!(doubt(preset, "ab"), Some(SecretProblem::Length(1, 32..=32)));
        assert_eq!(
            doubt(preset, &HEX[..62]),
            Some(SecretProblem::Length(31, 32..=32))
        );
        assert_eq!(checked(preset, HEX, false), Ok(Vec::new()));
        assert_eq!(checked(preset, &HEX.to_uppercase(), false), Ok(Vec::new()));
    }
    assert_eq!(
        doubt("twitch", "nine-char"),
        Some(SecretProblem::Length(9, 10..=100))
    );
    assert_eq!(
        doubt("twitch", &format!("{}z", "xy".repeat(50))).map(|doubt| doubt.to_string()),
        Some("its key has 101 bytes, but keys of this scheme have 10 to 100".to_owned())
    );
    assert!(matches!(
        doubt("twitch", "zehn-zeichen-ü"),
        Some(SecretProblem::Alphabet(13, _))
    ));
    // The token of the bot in place of the token of the webhook.
    let bot = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11";
    assert!(matches!(
        doubt("telegram", bot),
        Some(SecretProblem::Alphabet(6, _))
    ));
    assert_eq!(checked("telegram", &"x".repeat(256), false), Ok(Vec::new()));
    assert!(doubt("telegram", &"x".repeat(257)).is_some());
    // Nobody can insist on what makes no key.
    for (preset, value, error) in [
        ("standard-webhooks", "whsec_", SecretError::Empty),
        (
            "standard-webhooks",
            "whsec_no base64!",
            SecretError::Undecodable,
        ),
        (
            "adyen-platform",
            "no hexadecimal digits",
            SecretError::Undecodable,
        ),
        (HMAC, "-----BEGIN PUBLIC KEY-----", SecretError::PublicKey),
        (
            HMAC,
            " -----BEGIN PUBLIC KEY-----\n\n",
            SecretError::PublicKey,
        ),
    ] {
        for insists in [false, true] {
            let refused = checked(preset, value, insists);
            let expected = SecretRefusal::Unusable("workflows/a".to_owned(), error);
            assert_eq!(refused, Err(expected), "{preset} {value}");
        }
    }
}

#[test]
fn an_unusual_length_is_remarked_on_and_accepted() {
    let cautions = |preset, value: &str| -> Vec<String> {
        let accepted = checked(preset, value, false).expect(value);
        accepted.iter().map(ToString::to_string).collect()
    };
    let short = "the value has 5 bytes, which is short for a secret: is it truncated?";
    assert_eq!(cautions(HMAC, "x1y2z"), [short]);
    let told = cautions("twilio", "0123456789abcdef0123456789abcde");
    assert_eq!(
        told,
        [
            "`workflows/a`: the key has 31 bytes, but keys of this provider usually have 32: is it truncated?"
        ]
    );
    let openai = format!("whsec_{}", STANDARD.encode([7; 20]));
    assert!(cautions("openai", &openai)[0].contains("usually have 24 to 64"));
    let openai = format!("whsec_{}", STANDARD.encode([7; 24]));
    assert!(cautions("openai", &openai).is_empty());
    // A user and a short password are what a person has chosen.
    assert!(cautions("postmark", "user:pw").is_empty());
}

#[test]
fn white_space_around_a_public_key_is_the_end_of_its_file() {
    let der = hex::decode("302a300506032b6570032100").unwrap();
    let der = [der, vec![7; 32]].concat();
    let body = STANDARD.encode(der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n\n");
    for text in [
        pem.clone(),
        pem.replace('\n', "\r\n"),
        format!("{body}\n\n"),
    ] {
        assert_eq!(checked("telnyx", &text, false), Ok(Vec::new()), "{text:?}");
    }
    // No endpoint uses it yet.
    assert_eq!(check_secret(pem.as_bytes(), &[], false), Ok(Vec::new()));
}

/// What providers have published as secrets. Only placeholders of their pages are doubted.
#[test]
fn no_secret_that_a_provider_has_published_is_refused() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("official-vectors.json")).unwrap();
    let mut seen = 0;
    for vector in vectors["vectors"].as_array().unwrap() {
        let name = vector["provider"].as_str().unwrap();
        let (Some(_), Some(secret)) = (Preset::named(name), vector["secret"].as_str()) else {
            continue;
        };
        let kind = vector["secret_kind"].as_str().unwrap();
        if vector["expected"] != "valid" || !["hex", "utf8", "whsec"].contains(&kind) {
            continue;
        }
        seen += 1;
        match checked(name, secret, false) {
            Ok(_) | Err(SecretRefusal::Doubtful(None, SecretProblem::Placeholder)) => {}
            Err(refusal) => panic!("{name}: {refusal}"),
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn every_preset_that_says_what_its_secrets_look_like_says_where_that_is_written() {
    for preset in Preset::all() {
        let (name, shape) = (preset.name, &preset.secret_shape);
        let is_known = shape.usual_bytes.is_some()
            || shape.alphabet.is_some()
            || !shape.confusable.is_empty()
            || shape.bytes.is_some();
        if !shape.confusable.is_empty() {
            assert!(shape.expected.is_some(), "{name} does not say what to set");
        }
        // The page of the preset, or one of its own.
        let has_source = shape.source.is_some() || ["gitlab", "standard-webhooks"].contains(&name);
        assert_eq!(is_known, has_source && is_known, "{name}");
        assert!(is_known || shape.source.is_none(), "{name}");
    }
}

proptest! {
    #[test]
    fn a_random_secret_is_accepted_without_a_word(bytes in vec(any::<u8>(), 32..=64)) {
        prop_assume!(bytes.iter().any(|byte| *byte != 0));
        for text in [hex::encode(&bytes), STANDARD.encode(&bytes)] {
            for preset in [HMAC, "github", "stripe", "notion", "paystack"] {
                prop_assert_eq!(checked(preset, &text, false), Ok(Vec::new()), "{} {}", preset, text);
            }
        }
        let standard = format!("whsec_{}", STANDARD.encode(&bytes));
        for preset in ["standard-webhooks", "svix", "clerk", "openai", "stripe"] {
            prop_assert_eq!(checked(preset, &standard, false), Ok(Vec::new()), "{}", preset);
        }
    }
}

/// The secrets of providers' own pages and tests, and values that stand in for a secret.
#[test]
fn a_value_that_everybody_knows_is_refused_unless_it_is_forced() {
    for (preset, value) in [
        ("svix", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("standard-webhooks", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("slack", "8f742231b10e8888abcd99yyyzzz85a5"),
        (
            "adyen-payments",
            "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
        ),
        (
            "adyen-platform",
            "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056",
        ),
        ("stripe", "whsec_test_secret"),
        ("stripe", "STRIPE_WEBHOOK_SECRET"),
        ("github", "GITHUB_WEBHOOK_SECRET"),
        (HMAC, "WEBHOOK_SIGNING_KEY"),
        (HMAC, "••••••••"),
        (HMAC, "●●●●●●●●●●"),
        (HMAC, "aaaaaaaaaaaaaaaaaaaaaaaa"),
        (HMAC, "--------"),
        (HMAC, "12345678"),
        (HMAC, "1234567890"),
        (HMAC, "0123456789abcdef"),
        (HMAC, "abc123"),
        (HMAC, "abcdefgh"),
        (HMAC, "true"),
        (HMAC, "False"),
        (HMAC, "NaN"),
        (HMAC, "[object Object]"),
        (HMAC, "qwerty"),
        (HMAC, "YOUR-SIGNING-SECRET"),
        (HMAC, "my_webhook_secret"),
    ] {
        let refused = checked(preset, value, false);
        let expected = SecretRefusal::Doubtful(None, SecretProblem::Placeholder);
        assert_eq!(refused, Err(expected), "{preset} {value}");
        assert!(checked(preset, value, true).is_ok(), "{preset} {value}");
    }
    let bracketed = checked("stripe", "whsec_<your secret>", false);
    let expected = SecretRefusal::Doubtful(None, SecretProblem::Placeholder);
    assert_eq!(bracketed, Err(expected));
}

/// The list of known secrets has every shared secret of the published deliveries.
#[test]
fn every_secret_of_a_published_delivery_is_known() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("official-vectors.json")).unwrap();
    let mut seen = 0;
    for vector in vectors["vectors"].as_array().unwrap() {
        let kind = vector["secret_kind"].as_str().unwrap_or_default();
        let name = vector["provider"].as_str().unwrap();
        let (Some(secret), Some(_)) = (vector["secret"].as_str(), Preset::named(name)) else {
            continue;
        };
        if vector["expected"] != "valid" || !["hex", "utf8", "whsec", "base64"].contains(&kind) {
            continue;
        }
        seen += 1;
        let expected = SecretRefusal::Doubtful(None, SecretProblem::Placeholder);
        assert_eq!(
            checked(name, secret, false),
            Err(expected),
            "{name} {secret}"
        );
    }
    assert!(seen > 50, "{seen}");
}

/// The secrets that stand in the file of a preset, such as in its notes.
#[test]
fn no_preset_shows_a_secret_that_would_be_accepted() {
    for preset in Preset::all() {
        let words = preset
            .declaration
            .split(|it: char| it.is_whitespace() || "\"'`,;()[]".contains(it));
        for word in words.filter(|word| word.len() >= 16) {
            let is_random = word.bytes().any(|byte| byte.is_ascii_digit())
                && word.bytes().any(|byte| byte.is_ascii_alphabetic())
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
            assert!(
                !is_random || checked(preset.name, word, false).is_err(),
                "{}: {word}",
                preset.name
            );
        }
    }
}

#[test]
fn another_credential_is_named_at_every_endpoint() {
    let pat = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    for (preset, value, says) in [
        (HMAC, pat, "personal access token of GitHub"),
        ("github", pat, "personal access token of GitHub"),
        (
            "github",
            "github_pat_11ABCDEFG0123456789_abcdefghij",
            "personal access token of GitHub",
        ),
        ("github", "gho_0123456789abcdefghij", "token of GitHub"),
        (HMAC, "Bearer 0123456789abcdefghij", "`Authorization`"),
        ("github", "Basic dXNlcjpwYXNzd29yZA==", "`Authorization`"),
        ("stripe", "sk_org_live_0123456789abcdef", "API key"),
        ("stripe", "sk_org_test_0123456789abcdef", "API key"),
    ] {
        let refused = checked(preset, value, false).expect_err(value).to_string();
        assert!(refused.contains(says), "{preset} {value}: {refused}");
        assert!(!refused.contains(value), "{refused}");
        assert!(checked(preset, value, true).is_ok(), "{preset} {value}");
    }
    // Presets that compare the whole header `Authorization` take its value as the secret.
    let whole = checked("auth0", "Bearer 0123456789abcdefghij", false);
    assert_eq!(whole, Ok(Vec::new()));
}

#[test]
fn a_private_key_is_called_one() {
    for label in [
        "PRIVATE KEY",
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ] {
        let text = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        for force in [false, true] {
            let refused = checked(HMAC, &text, force);
            let expected =
                SecretRefusal::Unusable("workflows/a".to_owned(), SecretError::PrivateKey);
            assert_eq!(refused, Err(expected), "{label}");
        }
        let refused = checked("telnyx", &text, false)
            .expect_err(label)
            .to_string();
        assert!(refused.contains("private key"), "{refused}");
    }
}

#[test]
fn a_key_of_svix_has_the_length_that_its_server_accepts() {
    for (len, is_accepted) in [(2, false), (23, false), (24, true), (75, true), (76, false)] {
        let bytes: Vec<u8> = (1..=len).collect();
        let value = format!("whsec_{}", STANDARD.encode(bytes));
        let length = SecretProblem::Length(usize::from(len), 24..=75);
        let expected = SecretRefusal::Doubtful(Some("workflows/a".to_owned()), length);
        let checked = checked("svix", &value, false);
        assert_eq!(checked.is_ok(), is_accepted, "{len}: {checked:?}");
        if !is_accepted {
            assert_eq!(checked, Err(expected), "{len}");
        }
    }
}
