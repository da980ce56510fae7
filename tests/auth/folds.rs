//! Names that some reader takes for a signed one: where a signature covers values and not the body, they
//! refuse the delivery.

use portcullis::auth::{Covers, Place, Preset, ProofError};
use proptest::prelude::*;

use crate::delivery::{Delivery, NOW};
use crate::providers::Genuine;

fn genuine(name: &str) -> Genuine {
    Genuine::of(Preset::named(name).unwrap(), b"noise")
}

fn text(genuine: &Genuine) -> String {
    String::from_utf8(genuine.delivery.body().to_vec()).unwrap()
}

/// Other spellings of a name, as JSON writes them.
fn spellings(name: &str) -> Vec<String> {
    let mut upper = name.to_owned();
    let first: String = upper.drain(..1).collect();
    let mut all = vec![
        format!("{}{upper}", first.to_uppercase()),
        name.to_uppercase(),
        name.replacen('s', "\u{17f}", 1),
        name.replacen('k', "\u{212a}", 1),
        name.replacen('e', "e\u{301}", 1),
        format!("{name} "),
        format!("_{name}"),
        format!(r"{name}\u0000x"),
        format!(
            r"\u{:04X}{upper}",
            u32::from(first.to_uppercase().chars().next().unwrap())
        ),
        name.to_owned(),
    ];
    all.retain(|it| it != name || it.len() == name.len());
    all.sort();
    all.dedup();
    all
}

#[test]
fn a_member_whose_name_folds_onto_a_signed_one_is_refused_at_every_level_of_its_path() {
    for (preset, names) in [
        (
            "adyen-payments",
            &[
                "notificationItems",
                "NotificationRequestItem",
                "pspReference",
                "amount",
                "value",
                "currency",
                "eventCode",
                "success",
                "additionalData",
                "hmacSignature",
            ][..],
        ),
        ("mailgun", &["signature", "timestamp", "token"]),
        (
            "aws-sns",
            &[
                "Message",
                "MessageId",
                "TopicArn",
                "Type",
                "Timestamp",
                "Signature",
                "SigningCertURL",
            ],
        ),
        ("aws-sns-sha1", &["Message", "Subject"]),
    ] {
        let genuine = genuine(preset);
        let body = text(&genuine);
        assert_eq!(genuine.verdict(&genuine.delivery), Ok(()), "{preset}");
        for name in names {
            let member = format!("\"{name}\":");
            let mut found = 0;
            for (at, _) in body.match_indices(&member) {
                found += 1;
                for other in spellings(name) {
                    let mut forged = body.clone();
                    forged.insert_str(at, &format!("\"{other}\":\"x\","));
                    let delivery = genuine.delivery.clone().with_body(forged.clone());
                    assert!(genuine.verdict(&delivery).is_err(), "{preset}: {forged}");
                }
                // What only looks like it is nobody's business.
                let mut more = body.clone();
                more.insert_str(at, &format!("\"{name}2\":\"x\","));
                let delivery = genuine.delivery.clone().with_body(more);
                assert_eq!(genuine.verdict(&delivery), Ok(()), "{preset}: {name}");
            }
            assert!(found > 0 || *name == "Subject", "{preset} has no {name}");
        }
    }
}

#[test]
fn a_field_whose_name_folds_onto_a_signed_one_is_refused() {
    for (preset, names) in [
        ("braintree", &["bt_payload", "bt_signature"][..]),
        ("gitea-form", &["payload"]),
        ("mailgun-form", &["timestamp", "token", "signature"]),
    ] {
        let genuine = genuine(preset);
        let body = text(&genuine);
        assert_eq!(genuine.verdict(&genuine.delivery), Ok(()), "{preset}");
        for name in names {
            let mut others: Vec<String> = [
                "{}[]", "{}%5B%5D", "{}[x]", "{}[x][y]", "+{}", "%20{}", "{}%00", "[{}]", "{}.x",
                "{}", "{}+",
            ]
            .iter()
            .map(|shape| shape.replace("{}", name))
            .collect();
            others.extend(
                ["_", "t"]
                    .iter()
                    .flat_map(|_| [".", "+", "%20", "%5B", "["].map(|it| name.replace('_', it))),
            );
            others.push(name.to_uppercase());
            others.push(name.replace('t', "T"));
            for other in others {
                let is_it = other == **name;
                for forged in [format!("{other}=x&{body}"), format!("{body}&{other}=x")] {
                    let delivery = genuine.delivery.clone().with_body(forged.clone());
                    assert!(
                        genuine.verdict(&delivery).is_err(),
                        "{preset} {is_it}: {forged}"
                    );
                }
            }
            for more in ["attachments[]=x", "other=x", "payloads=x", "x[payload]=1"] {
                let delivery = genuine.delivery.clone().with_body(format!("{body}&{more}"));
                assert_eq!(genuine.verdict(&delivery), Ok(()), "{preset}: {more}");
            }
        }
        // Nor does the same value stand twice: some readers make a list of it, or join them.
        let twice = format!("{body}&{body}");
        let delivery = genuine.delivery.clone().with_body(twice);
        assert!(genuine.verdict(&delivery).is_err(), "{preset}");
    }
}

#[test]
fn the_presets_that_cover_fields_are_the_ones_that_are_tried_here() {
    let fields = Preset::all()
        .iter()
        .filter(|it| it.scheme.covers() == Covers::Fields);
    let names: Vec<&str> = fields.map(|it| it.name).collect();
    // PayPal signs the CRC-32 of the whole body, Plivo and Twilio every field of the form.
    assert_eq!(
        names,
        [
            "adyen-payments",
            "aws-sns",
            "aws-sns-sha1",
            "braintree",
            "gitea-form",
            "mailgun",
            "mailgun-form",
            "paypal-pinned",
            "plivo-v3",
            "twilio",
            "twilio-sha256",
        ]
    );
}

#[test]
fn values_that_are_signed_are_read_in_the_encoding_that_the_type_names() {
    for name in [
        "adyen-payments",
        "mailgun",
        "mailgun-form",
        "gitea-form",
        "aws-sns",
    ] {
        let genuine = genuine(name);
        let of = |charset: &str| {
            let form = "application/x-www-form-urlencoded";
            let json = "text/plain";
            let kind = if name.ends_with("form") { form } else { json };
            let kind = format!("{kind}{charset}");
            let name = http::header::CONTENT_TYPE;
            genuine.verdict(&genuine.delivery.clone().replacing(&name, kind.as_bytes()))
        };
        for right in [
            "",
            "; charset=UTF-8",
            ";charset=\"utf-8\"",
            "; x=y",
            "; charset=us-ascii",
        ] {
            assert_eq!(of(right), Ok(()), "{name} {right}");
        }
        for wrong in [
            "; charset=utf-7",
            "; Charset=ibm037",
            "; charset=utf-8; charset=utf-16le",
            "; charset",
        ] {
            assert!(of(wrong).is_err(), "{name} {wrong}");
        }
    }
}

#[test]
fn a_form_that_readers_take_apart_differently_is_refused() {
    let genuine = genuine("twilio");
    let body = text(&genuine);
    for more in ["x=%ff", "x=%", "x=%4", "x=%zz", "%c3=1"] {
        let delivery = genuine.delivery.clone().with_body(format!("{body}&{more}"));
        assert_eq!(
            genuine.verdict(&delivery),
            Err(ProofError::SignatureMalformed),
            "{more}"
        );
    }
}

#[test]
fn a_body_that_readers_unpack_first_is_refused_where_its_fields_are_signed() {
    for preset in [
        "adyen-payments",
        "aws-sns",
        "braintree",
        "gitea-form",
        "mailgun",
        "mailgun-form",
        "plivo-v3",
        "twilio",
    ] {
        let genuine = genuine(preset);
        let packed = |encoding: &str| {
            let delivery = genuine.delivery.clone();
            genuine.verdict(&delivery.header("Content-Encoding", encoding))
        };
        assert_eq!(packed("Identity"), Ok(()), "{preset}");
        for encoding in ["deflate", "gzip", "br", "identity, gzip", ""] {
            assert!(packed(encoding).is_err(), "{preset} {encoding:?}");
        }
    }
}

#[test]
fn a_parameter_of_the_query_is_not_read_in_place_of_a_signed_value_of_the_body() {
    for (preset, name) in [
        ("gitea-form", "payload"),
        ("braintree", "bt_payload"),
        ("braintree", "bt_signature"),
        ("mailgun-form", "token"),
        ("mailgun", "signature"),
        ("adyen-payments", "notificationItems"),
    ] {
        let genuine = genuine(preset);
        let with = |query: &str| genuine.verdict(&genuine.delivery.clone().query(query));
        assert_eq!(with("org=acme&x=1;y=2"), Ok(()), "{preset}");
        for shape in ["{}=x", "{}[]=x", "a=b&{}", "{}[0]=x", "a=1;{}=x", "%20{}=x"] {
            let query = shape.replace("{}", name);
            assert!(with(&query).is_err(), "{preset}: {query}");
        }
        assert!(
            with(&format!("{}=x", name.to_uppercase())).is_err(),
            "{preset}"
        );
    }
}

#[test]
fn a_semicolon_separates_no_fields_where_they_are_signed() {
    for preset in ["gitea-form", "braintree", "mailgun-form", "twilio"] {
        let genuine = genuine(preset);
        let body = text(&genuine);
        for more in ["x=1;payload=x", ";", "x=1;"] {
            let delivery = genuine.delivery.clone().with_body(format!("{body}&{more}"));
            assert!(genuine.verdict(&delivery).is_err(), "{preset}: {more}");
        }
    }
}

#[test]
fn a_header_or_another_place_does_not_say_something_else_than_the_signed_one() {
    let genuine = genuine("svix");
    let at = NOW.as_second().to_string();
    let with =
        |name: &str, value: &str| genuine.verdict(&genuine.delivery.clone().header(name, value));
    // What else a sender may send beside it, as long as it says the same.
    assert_eq!(with("webhook-id", "msg_1"), Ok(()));
    assert_eq!(with("webhook-timestamp", &at), Ok(()));
    for (name, value) in [
        ("svix_id", "msg_1"),
        ("Svix_Id", "msg_2"),
        ("webhook-id", "msg_2"),
        ("webhook_timestamp", &at),
        ("svix_timestamp", "1"),
        ("webhook-timestamp", "1"),
    ] {
        assert_eq!(
            with(name, value),
            Err(ProofError::SignatureMalformed),
            "{name}"
        );
    }
    let scheme = crate::declarations::declared(
        "algorithm = \"hmac-sha256\"\nsigned = \"{query:id}.{body}\"\nsignatures = [{ from = \"header:S\" }]",
    );
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"secret");
    let code = hex::encode(ring::hmac::sign(&key, b"a.body"));
    let judged = |query: &str| {
        let delivery = Delivery::of("body").query(query).header("S", &code);
        delivery.judged_by(&scheme, b"secret").map(drop)
    };
    assert_eq!(judged("id=a&x=y"), Ok(()));
    for query in ["id=a&ID=b", "id=a&id[]=b", "id=a&%69d%00=b", "id=a&id=b"] {
        assert_eq!(
            judged(query),
            Err(ProofError::SignatureMalformed),
            "{query}"
        );
    }
}

/// The body of a genuine delivery with an object in place of the array at `member`: its first element is the member `star`.
fn with_object(
    body: &str,
    member: &str,
    star: &str,
    more: &[(String, String)],
    at: usize,
) -> String {
    let document: serde_json::Value = serde_json::from_str(body).unwrap();
    let first = document[member][0].to_string();
    let mut members: Vec<String> = more
        .iter()
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    members.insert(at.min(members.len()), format!("{star}:{first}"));
    let array = document[member].to_string();
    let forged = document
        .to_string()
        .replace(&array, &format!("{{{}}}", members.join(",")));
    assert!(forged.contains(star), "{forged}");
    forged
}

#[test]
fn a_member_named_star_does_not_stand_for_the_elements_of_a_signed_array() {
    let genuine = genuine("adyen-payments");
    let forged = r#"{"NotificationRequestItem":{"pspReference":"FORGED"}}"#;
    let more = [(r#""0""#.to_owned(), forged.to_owned())];
    let body = with_object(&text(&genuine), "notificationItems", r#""*""#, &more, 0);
    let delivery = genuine.delivery.clone().with_body(body);
    assert_eq!(
        genuine.verdict(&delivery),
        Err(ProofError::SignatureMalformed)
    );
}

#[test]
fn no_preset_reads_a_star_outside_of_the_property_below() {
    let starred = |place: &Place| place.to_string().contains("/*");
    let all = Preset::all().iter().filter(|preset| {
        let scheme = &preset.scheme;
        let signatures = scheme.signatures().iter().map(|rule| &rule.from);
        let signed = scheme.signed().iter().flat_map(|it| it.sources());
        let places = signatures
            .chain(signed)
            .filter_map(|source| source.preferred());
        places.into_iter().any(starred)
    });
    let names: Vec<&str> = all.map(|preset| preset.name).collect();
    assert_eq!(names, ["adyen-payments", "ms-graph"]);
}

proptest! {
    #[test]
    fn no_body_with_an_object_in_place_of_a_signed_array_verifies(
        which in prop_oneof![Just(("adyen-payments", "notificationItems")), Just(("ms-graph", "value"))],
        star in prop_oneof![Just(r#""*""#), Just(r#""\u002a""#), Just(r#""\u002A""#), Just(r#""0""#), Just(r#""""#)],
        more in proptest::collection::vec((
            prop_oneof![Just(r#""0""#), Just(r#""1""#), Just(r#""*""#), Just(r#""-""#), Just(r#""**""#), Just(r#""x""#)],
            prop_oneof![Just("null"), Just("{}"), Just("[]"), Just("7"), Just(r#"{"NotificationRequestItem":{}}"#)],
        ), 0..4),
        at in 0_usize..4,
    ) {
        let (name, member) = which;
        let genuine = genuine(name);
        let more: Vec<(String, String)> =
            more.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = with_object(&text(&genuine), member, star, &more, at);
        let delivery = genuine.delivery.clone().with_body(body.clone());
        prop_assert!(genuine.verdict(&delivery).is_err(), "{}", body);
    }
}

/// The types of bodies that no backend reads as JSON.
const OTHER_TYPES: [&str; 16] = [
    "application/x-www-form-urlencoded",
    "Application/X-WWW-Form-URLEncoded; charset=utf-8",
    "application/x-www-form-urlencoded application/json",
    "application/x-www-form-urlencoded, application/json",
    "application/json, application/x-www-form-urlencoded",
    "application/json, application/json",
    "application/json; x=application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/mixed; boundary=x",
    "text/xml",
    "application/xml",
    "application/soap+xml; charset=utf-8",
    "application/x-yaml",
    "application/yaml",
    "text/yaml",
    "text/html",
];

#[test]
fn a_body_with_signed_members_is_refused_if_its_type_is_another_format() {
    for name in ["adyen-payments", "mailgun", "aws-sns", "aws-sns-sha1"] {
        let genuine = genuine(name);
        let delivery = genuine.delivery.clone();
        assert_eq!(genuine.verdict(&delivery), Ok(()), "{name}");
        let with = |kind: &str| delivery.clone().header("Content-Type", kind);
        for right in [
            "application/json",
            "application/json; charset=utf-8",
            "text/plain; charset=UTF-8",
            "application/vnd.platform+json",
            "application/octet-stream",
            "",
        ] {
            assert_eq!(genuine.verdict(&with(right)), Ok(()), "{name} {right}");
            let twice = with(right).header("Content-Type", right);
            assert!(genuine.verdict(&twice).is_err(), "{name} {right} twice");
        }
        for wrong in OTHER_TYPES {
            let malformed = Err(ProofError::SignatureMalformed);
            assert_eq!(genuine.verdict(&with(wrong)), malformed, "{name} {wrong}");
        }
    }
}

#[test]
fn a_form_with_signed_fields_is_refused_if_its_type_is_another_format() {
    for name in [
        "braintree",
        "gitea-form",
        "mailgun-form",
        "plivo-v3",
        "twilio",
        "twilio-sha256",
    ] {
        let genuine = genuine(name);
        assert_eq!(genuine.verdict(&genuine.delivery), Ok(()), "{name}");
        let of_form = OTHER_TYPES[0];
        let more = [
            "application/json",
            "text/plain",
            "",
            "application/x-www-form-urlencoded; a=b, application/json",
            "application/x-www-form-urlencoded; application/json",
            "application/x-www-form-urlencoded; multipart/form-data; boundary=x",
        ];
        for wrong in more.iter().chain(&OTHER_TYPES[2..]) {
            let kind = http::header::CONTENT_TYPE;
            let delivery = genuine.delivery.clone().replacing(&kind, wrong.as_bytes());
            assert!(genuine.verdict(&delivery).is_err(), "{name} {wrong}");
            let twice = delivery.header("Content-Type", of_form);
            assert!(
                genuine.verdict(&twice).is_err(),
                "{name} {wrong} and a form"
            );
        }
    }
}
