//! Deliveries that fail for exactly one reason each, and the cause that has to be named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::{SignedDuration, Timestamp};
use portcullis::auth::{Message, Mode, Place, Preset, ProofError, Scheme};
use portcullis::directory::AuthDefinition;
use portcullis::explain::{
    Delivery, Diagnosis, JudgedAt, PathTarget, Question, Secrets, Version, diagnose,
};
use portcullis::secrets::Secret;
use toml_span::Deserialize as _;

/// Both as it is and in base64, as some of the presets want it.
const SECRET: &str = "c2VjcmV0IG9mIHNvbWUgbGVuZ3Ro";
const URL: &str = "https://portal.example.com/hooks/a";
const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:orders";

fn now() -> Timestamp {
    Timestamp::from_second(1_731_705_121).unwrap()
}

/// A delivery, and the scheme that it is judged by.
#[derive(Clone)]
struct DefectCase {
    scheme: Scheme,
    url: Option<String>,
    query: Option<String>,
    headers: HeaderMap,
    body: Vec<u8>,
}

fn scheme(name: &str) -> Scheme {
    let mut scheme = match Preset::named(name) {
        Some(preset) => preset.scheme.clone(),
        None => {
            let mode: Mode = name.parse().unwrap();
            AuthDefinition::of(mode).compiled().unwrap().unwrap()
        }
    };
    let mut settings = vec![("topic_arn", TOPIC)];
    if name == "hubspot-v1" {
        settings.push(("account", "7"));
    }
    let known: BTreeSet<String> = scheme.settings().map(str::to_owned).collect();
    let settings = settings
        .into_iter()
        .filter(|(name, _)| *name == "account" || known.contains(*name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    scheme.set(&settings.collect::<BTreeMap<_, _>>()).unwrap();
    scheme
}

fn message(at: Timestamp, body: &[u8]) -> Message<'_> {
    Message {
        method: &Method::POST,
        url: Some(URL),
        body,
        at,
        id: "msg_1",
    }
}

/// A delivery without any proof.
fn plain(name: &str, body: impl Into<Vec<u8>>) -> DefectCase {
    DefectCase {
        scheme: scheme(name),
        url: Some(URL.to_owned()),
        query: None,
        headers: HeaderMap::new(),
        body: body.into(),
    }
}

/// A genuine delivery of `body`, signed `ago`.
fn signed_ago(name: &str, ago: i64, body: &str) -> DefectCase {
    let sent = plain(name, body);
    let at = now() - SignedDuration::from_secs(ago);
    let added = sent
        .scheme
        .prove(SECRET.as_bytes(), message(at, &sent.body));
    sent.with(added.unwrap())
}

fn signed(name: &str, body: &str) -> DefectCase {
    signed_ago(name, 0, body)
}

/// A genuine delivery whose signature is a part of its body.
fn signed_within(name: &str, content_type: &str) -> DefectCase {
    let sent = plain(name, "");
    let payload = serde_json::Map::new();
    let sample = sent
        .scheme
        .sample(SECRET.as_bytes(), None, payload, message(now(), b""));
    let sample = sample.unwrap();
    let sent = DefectCase {
        body: sample.body,
        ..sent
    };
    sent.with(sample.added).header("content-type", content_type)
}

const FORM: &str = "application/x-www-form-urlencoded";

fn mailgun() -> DefectCase {
    signed_within("mailgun", "application/json")
}

fn mailgun_form() -> DefectCase {
    signed_within("mailgun-form", FORM)
}

fn sns(change: impl Fn(&mut serde_json::Value)) -> DefectCase {
    let mut body = serde_json::json!({
        "Type": "Notification", "MessageId": "m-1", "TopicArn": TOPIC, "Message": "hello",
        "Timestamp": now().to_string(), "SignatureVersion": "2", "Signature": "AAAA",
        "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem",
    });
    change(&mut body);
    plain("aws-sns", body.to_string())
}

/// The scheme of `rfc9421` that takes signatures with this tag only.
fn with_tag(tag: &str) -> Scheme {
    let text = format!(
        "algorithm = \"hmac-sha256\"\ntimestamp = {{ from = \"signature:created\", tolerance = \"300s\" }}\n\
         message_signature = {{ components = [\"content-digest\"], tag = \"{tag}\" }}"
    );
    Scheme::deserialize(&mut toml_span::parse(&text).unwrap()).unwrap()
}

/// A token that nobody has signed.
fn token(header: &str, claims: &str) -> String {
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let (header, claims) = (encode(header.as_bytes()), encode(claims.as_bytes()));
    format!("{header}.{claims}.{}", encode(&[7; 32]))
}

impl DefectCase {
    fn with(self, added: Vec<(Place, String)>) -> Self {
        added.into_iter().fold(self, |sent, (place, value)| {
            let Place::Header(name) = place else {
                panic!("{place}");
            };
            sent.header(name.as_str(), &value)
        })
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.append(name, value.parse().unwrap());
        self
    }

    /// With another value in place of what the header had.
    fn replacing(mut self, name: &str, value: impl Fn(&str) -> String) -> Self {
        let old = self.headers[name].to_str().unwrap().to_owned();
        let new = value(&old);
        assert_ne!(old, new, "{name}");
        let name: HeaderName = name.parse().unwrap();
        self.headers
            .insert(name, HeaderValue::from_str(&new).unwrap());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.remove(name).unwrap();
        self
    }

    fn query(mut self, query: &str) -> Self {
        self.query = Some(query.to_owned());
        self
    }

    fn text(mut self, change: impl Fn(&str) -> String) -> Self {
        let text = String::from_utf8(self.body).unwrap();
        self.body = change(&text).into_bytes();
        assert_ne!(self.body, text.into_bytes());
        self
    }

    fn to(mut self, url: Option<&str>) -> Self {
        self.url = url.map(str::to_owned);
        self
    }

    fn explained(self) -> Diagnosis {
        let query = self.query.map(|query| format!("?{query}"));
        let target = format!("/hooks/a{}", query.unwrap_or_default());
        let headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let mut delivery = Delivery::new("POST", &target, &headers, self.body).unwrap();
        delivery.url = self.url;
        let kind = self.scheme.algorithm().key_kind();
        diagnose(&Question {
            delivery,
            is_open: false,
            scheme: Some(Arc::new(self.scheme)),
            secrets: Some(Secrets {
                current: Version {
                    number: 1,
                    kind: Some(kind),
                    value: Arc::new(Secret::new(SECRET.as_bytes().to_vec())),
                },
                previous: None,
                ended: Vec::new(),
            }),
            methods: vec![Method::POST],
            limit_bytes: None,
            leads: PathTarget::NotAsked,
            at: now(),
            judged_at: JudgedAt::Given,
        })
    }
}

type Row = (
    &'static str,
    DefectCase,
    ProofError,
    &'static str,
    &'static str,
);

/// What fails, how, for which reason, and what is said: the name of the cause and a part of its sentence.
fn rows() -> Vec<Row> {
    let mut rows = malformed_values();
    rows.extend(malformed_bodies());
    rows.extend(malformed_envelopes());
    rows.extend(malformed_canonical_forms());
    rows.extend(other_reasons());
    rows
}

fn malformed_values() -> Vec<Row> {
    use ProofError::{SignatureMalformed as Malformed, SignatureMissing as Missing};
    let standard = || signed("standard-webhooks", "{}");
    let in_token = |with: &'static str| {
        mailgun().text(|body| body.replace("\"token\":", &format!("{with}\"token\":")))
    };
    vec![
        (
            "a header that CGI takes for the signed one",
            standard().header("webhook_id", "msg_2"),
            Malformed,
            "name-folded",
            "`webhook_id` is sent in addition to the signed header:webhook-id",
        ),
        (
            "a field that PHP takes for the signed one",
            mailgun_form().text(|body| format!("{body}&token%5B%5D=x")),
            Malformed,
            "name-folded",
            "`token[]` is sent in addition to the signed form:token",
        ),
        (
            "a member that Go takes for the signed one",
            in_token("\"Token\":\"x\","),
            Malformed,
            "name-folded",
            "`Token` is sent in addition to the signed json:/signature/token",
        ),
        (
            "a member of SNS in another case",
            sns(|body| body["topicarn"] = "x".into()),
            Malformed,
            "name-folded",
            "`topicarn` is sent in addition to the signed json:/TopicArn",
        ),
        (
            "a parameter that some read first",
            mailgun_form().query("token=x"),
            Malformed,
            "name-in-query",
            "the parameter `token`",
        ),
        (
            "a parameter in place of a member",
            mailgun().query("signature=x"),
            Malformed,
            "name-in-query",
            "the parameter `signature`",
        ),
        (
            "a member twice",
            in_token("\"token\":\"x\","),
            Malformed,
            "value-repeated",
            "json:/signature/token is repeated",
        ),
        (
            "a field twice",
            mailgun_form().text(|body| format!("{body}&token=x")),
            Malformed,
            "value-repeated",
            "form:token is repeated",
        ),
        (
            "the signature twice",
            signed("github", "{}").header("x-hub-signature-256", "sha256=00"),
            Malformed,
            "header-twice",
            "header:x-hub-signature-256 is repeated",
        ),
        (
            "a signature with 9 KiB beside it",
            signed("stripe", "{}").header("stripe-signature", &"0".repeat(9 * 1024)),
            Malformed,
            "header-too-long",
            "header:stripe-signature is longer than 8 KiB",
        ),
        (
            "an object in place of a text",
            mailgun().text(|body| body.replace("\"token\":\"", "\"token\":{},\"x\":\"")),
            Malformed,
            "value-not-scalar",
            "json:/signature/token is neither a string",
        ),
        (
            "a text in place of an object",
            mailgun().text(|body| body.replace("\"signature\":{", "\"signature\":\"x\",\"y\":{")),
            Malformed,
            "value-type",
            "a value on the path json:/signature/",
        ),
        (
            "JSON that is sent as a form",
            mailgun().replacing("content-type", |_| FORM.to_owned()),
            Malformed,
            "body-not-json",
            "Content-Type names another format than JSON",
        ),
        (
            "JSON with two types",
            mailgun().header("content-type", "application/json"),
            Malformed,
            "body-not-json",
            "or two types",
        ),
        (
            "an id with the separator in it",
            standard().replacing("webhook-id", |_| "msg.1".to_owned()),
            Malformed,
            "value-border",
            "header:webhook-id contains `.`",
        ),
        (
            "an id that is missing",
            standard().without("webhook-id"),
            Missing,
            "signed-value-missing",
            "header:webhook-id",
        ),
        (
            "a time that is missing",
            standard().without("webhook-timestamp"),
            Missing,
            "timestamp-missing",
            "header:webhook-timestamp",
        ),
        (
            "a time with a fraction",
            standard().replacing("webhook-timestamp", |time| format!("{time}.5")),
            Malformed,
            "timestamp-form",
            "1731705121.5`, and the scheme expects seconds",
        ),
        (
            "a time in the body with a fraction",
            mailgun().text(|body| body.replace("1731705121", "1731705121.5")),
            Malformed,
            "timestamp-form",
            "1731705121.5`, and the scheme expects seconds",
        ),
        (
            "a tag of the time that is missing",
            signed("stripe", "{}").replacing("stripe-signature", |value| {
                value.split(',').nth(1).unwrap().to_owned()
            }),
            Malformed,
            "timestamp-tag",
            "does not contain `t` exactly once",
        ),
        (
            "a signature that is cut off",
            signed("github", "{}").replacing("x-hub-signature-256", |value| value[..40].to_owned()),
            Malformed,
            "header-malformed",
            "the signature has another form than expected: header:x-hub-signature-256",
        ),
        (
            "a URL that nobody named",
            signed("square", "{}").to(None),
            Malformed,
            "url-not-given",
            "the URL is signed, and no URL was given",
        ),
    ]
}

fn malformed_bodies() -> Vec<Row> {
    use ProofError::SignatureMalformed as Malformed;
    let packed = |sent: DefectCase| sent.header("content-encoding", "gzip");
    let utf16 = |sent: DefectCase| {
        let content_type = format!("{FORM}; charset=UTF-16");
        sent.replacing("content-type", |_| content_type.clone())
    };
    vec![
        (
            "a form with a Content-Encoding",
            packed(mailgun_form()),
            Malformed,
            "content-encoding",
            "Content-Encoding",
        ),
        (
            "JSON with a Content-Encoding",
            packed(mailgun()),
            Malformed,
            "content-encoding",
            "does not decompress it",
        ),
        (
            "a form in another charset",
            utf16(mailgun_form()),
            Malformed,
            "body-charset-header",
            "a charset other than UTF-8",
        ),
        (
            "JSON in another charset",
            utf16(mailgun()),
            Malformed,
            "body-charset-header",
            "a charset other than UTF-8",
        ),
        (
            "a form that is called JSON",
            mailgun_form().replacing("content-type", |_| "application/json".to_owned()),
            Malformed,
            "body-not-form",
            "does not declare a form",
        ),
        (
            "a form with a percent sign that encodes nothing",
            mailgun_form().text(|body| format!("{body}&x=%zz")),
            Malformed,
            "form-malformed",
            "not an unambiguous form",
        ),
        (
            "text in place of JSON",
            mailgun().text(|_| "hello".to_owned()),
            Malformed,
            "json-malformed",
            "the body is not JSON",
        ),
        (
            "a body larger than values are read from",
            mailgun().text(|body| format!("{body}{}", " ".repeat(1 << 20))),
            Malformed,
            "body-too-large-to-read",
            "1048576 bytes",
        ),
        (
            "more members than names are compared",
            mailgun().text(|body| body.replacen('{', &format!("{{{}", "\"x\":0,".repeat(1001)), 1)),
            Malformed,
            "body-too-large-to-read",
            "more names than the gate reads",
        ),
        (
            "more members than a message of SNS has",
            sns(|body| (0..256).for_each(|number| body[format!("x{number}")] = 0.into())),
            Malformed,
            "body-too-large-to-read",
            "more names than the gate reads",
        ),
        (
            "a body that could go on from the URL",
            signed("square", "{}").text(|_| "a=b".to_owned()),
            Malformed,
            "body-edge",
            "the end of the value is unclear",
        ),
        (
            "a body that is no text, under a plain digest",
            signed("hubspot-v1", r#"[{"portalId":7}]"#).text(|body| format!("{body}\0")),
            Malformed,
            "body-not-text",
            "the body is not text",
        ),
    ]
}

fn malformed_envelopes() -> Vec<Row> {
    use ProofError::SignatureMalformed as Malformed;
    let livekit = |header: &str, claims: &str| {
        plain("livekit", "{}").header("authorization", &token(header, claims))
    };
    vec![
        (
            "a token without a digest of the body",
            livekit(r#"{"alg":"HS256"}"#, r#"{"exp":1931705121}"#),
            Malformed,
            "claim-unexpected",
            "lacks the claim `sha256`",
        ),
        (
            "a token without its end",
            livekit(r#"{"alg":"HS256"}"#, r#"{"sha256":"x"}"#),
            Malformed,
            "claim-unexpected",
            "lacks the claim `exp`",
        ),
        (
            "a token whose end is no number",
            livekit(r#"{"alg":"HS256"}"#, r#"{"exp":"soon","sha256":"x"}"#),
            Malformed,
            "claim-unexpected",
            "the claim `exp` of the token is not a time",
        ),
        (
            "a token whose digest is none",
            livekit(r#"{"alg":"HS256"}"#, r#"{"exp":1931705121,"sha256":"x"}"#),
            Malformed,
            "claim-unexpected",
            "the claim `sha256` of the token has another value",
        ),
        (
            "a message signature with another tag",
            DefectCase {
                scheme: with_tag("app"),
                ..signed("rfc9421", "{}")
            },
            Malformed,
            "tag-unexpected",
            "does not have the tag `app`",
        ),
        (
            "a message signature whose time is no number",
            signed("rfc9421", "{}").replacing("signature-input", |value| {
                value.replace("created=", "created=\"x\";made=")
            }),
            Malformed,
            "timestamp-form",
            "is `\"x\"`, and the scheme expects seconds",
        ),
        (
            "a message signature that covers a header which is not there",
            signed("rfc9421", "{}").replacing("signature-input", |value| {
                value.replace("\"content-digest\"", "\"content-digest\" \"x-a\"")
            }),
            Malformed,
            "signed-value-missing",
            "a signed value is missing: \"x-a\"",
        ),
        (
            "a message signature that does not cover the body",
            signed("rfc9421", "{}").replacing("signature-input", |value| {
                value.replace("\"content-digest\"", "\"@method\"")
            }),
            Malformed,
            "component-not-signed",
            "does not cover `content-digest`",
        ),
        (
            "a message signature without a time",
            signed("rfc9421", "{}")
                .replacing("signature-input", |value| value.replace("created", "made")),
            Malformed,
            "component-not-signed",
            "does not cover `created`",
        ),
        (
            "a message signature without its input",
            signed("rfc9421", "{}").without("signature-input"),
            Malformed,
            "signed-value-missing",
            "header:signature-input",
        ),
        (
            "a message signature without its digest",
            signed("rfc9421", "{}").without("content-digest"),
            Malformed,
            "signed-value-missing",
            "header:content-digest",
        ),
        (
            "a message of SNS in the other version",
            sns(|body| body["SignatureVersion"] = "1".into()),
            Malformed,
            "algorithm-unexpected",
            "an algorithm other than",
        ),
        (
            "a certificate that lies elsewhere",
            sns(|body| body["SigningCertURL"] = "https://evil.example/a.pem".into()),
            Malformed,
            "certificate-url",
            "SigningCertURL",
        ),
    ]
}

/// What single providers sign in a form of their own.
fn malformed_canonical_forms() -> Vec<Row> {
    use ProofError::SignatureMalformed as Malformed;
    let contentful = |list: &'static str| {
        signed("contentful", "{}").replacing("x-contentful-signed-headers", |value| {
            format!("{value}{list}")
        })
    };
    let hook0 = |list: &'static str| {
        signed("coinbase-cdp", "{}").replacing("x-hook0-signature", |value| {
            value.replace("h=x-event-id", list)
        })
    };
    let plivo = || signed("plivo-v3", "a=b").header("content-type", FORM);
    let to = |sent: DefectCase, query: &str| sent.to(Some(&format!("{URL}?{query}"))).query(query);
    vec![
        (
            "a listed header that is missing",
            contentful(",x-a"),
            Malformed,
            "signed-value-missing",
            "header:x-a",
        ),
        (
            "a listed header twice",
            contentful(",x-a").header("x-a", "1").header("x-a", "2"),
            Malformed,
            "header-twice",
            "header:x-a",
        ),
        (
            "a header that is listed twice",
            contentful(",x-contentful-timestamp"),
            Malformed,
            "header-list-malformed",
            "header:x-contentful-signed-headers lists `x-contentful-timestamp`",
        ),
        (
            "a header that is listed in capitals",
            contentful(",X-A").header("x-a", "1"),
            Malformed,
            "header-list-malformed",
            "lists `X-A`",
        ),
        (
            "a list without the time",
            signed("contentful", "{}").replacing("x-contentful-signed-headers", |_| {
                "x-contentful-signed-headers".to_owned()
            }),
            Malformed,
            "component-not-signed",
            "`x-contentful-timestamp`",
        ),
        (
            "a listed header that could be two",
            contentful(",x-a").header("x-a", "1;x-b:2"),
            Malformed,
            "value-border",
            "header:x-a contains `;`",
        ),
        (
            "a URL with a second question mark",
            to(signed("contentful", "{}"), "a?b"),
            Malformed,
            "value-border",
            "url contains `?`",
        ),
        (
            "a header in the list of Hook0 that is missing",
            hook0("h=x-event-id x-a"),
            Malformed,
            "signed-value-missing",
            "header:x-a",
        ),
        (
            "a signature of Hook0 without a list",
            hook0("g=x-event-id"),
            Malformed,
            "header-list-malformed",
            "header:x-hook0-signature must have exactly one list",
        ),
        (
            "an event of Hook0 that is not listed",
            hook0("h=x-a").header("x-a", "1"),
            Malformed,
            "component-not-signed",
            "`x-event-id`",
        ),
        (
            "an id of Hook0 with a dot",
            signed("coinbase-cdp", "{}").replacing("x-event-id", |id| format!("{id}.1")),
            Malformed,
            "value-border",
            "header:x-event-id contains `.`",
        ),
        (
            "a URL of Plivo that ends with a question mark",
            plivo().to(Some(&format!("{URL}?"))).query(""),
            Malformed,
            "value-border",
            "url contains `?`",
        ),
        (
            "a query of Plivo with a separator in a value",
            to(plivo(), "a=%26"),
            Malformed,
            "value-border",
            "query:a contains `&`",
        ),
        (
            "a query of Plivo with a percent sign that encodes nothing",
            to(plivo(), "a=%zz"),
            Malformed,
            "query-malformed",
            "the query is ambiguous",
        ),
        (
            "a delivery of Plivo without its nonce",
            plivo().without("x-plivo-signature-v3-nonce"),
            Malformed,
            "signed-value-missing",
            "header:x-plivo-signature-v3-nonce",
        ),
        (
            "a nonce of Plivo with a dot",
            plivo().replacing("x-plivo-signature-v3-nonce", |nonce| format!("{nonce}.1")),
            Malformed,
            "value-border",
            "header:x-plivo-signature-v3-nonce contains `.`",
        ),
    ]
}

fn other_reasons() -> Vec<Row> {
    let vonage = || signed("vonage", r#"{"a":1}"#);
    let accounts = |body: &str| signed("hubspot-v1", body);
    vec![
        (
            "a header of another version",
            signed("box", "{}").replacing("box-signature-version", |_| "2".to_owned()),
            ProofError::HeaderUnexpected,
            "header-unexpected",
            "the header box-signature-version is not `1`",
        ),
        (
            "a required header that is missing",
            signed("box", "{}").without("box-signature-algorithm"),
            ProofError::HeaderUnexpected,
            "header-unexpected",
            "the header box-signature-algorithm is not `HmacSHA256`",
        ),
        (
            "a token of another algorithm",
            plain("livekit", "{}").header("authorization", &token(r#"{"alg":"HS512"}"#, "{}")),
            ProofError::HeaderUnexpected,
            "algorithm-unexpected",
            "an algorithm other than",
        ),
        (
            "no signature",
            plain("github", "{}"),
            ProofError::SignatureMissing,
            "header-missing",
            "there is no proof",
        ),
        (
            "another body than the digest's",
            vonage().text(|_| r#"{"b":2}"#.to_owned()),
            ProofError::BodyDigestMismatch,
            "body-digest",
            "the digest that was sent does not match the body",
        ),
        (
            "a body with a line end that the digest does not cover",
            vonage().text(|body| format!("{body}\n")),
            ProofError::BodyDigestMismatch,
            "body-final-newline",
            "without the line end",
        ),
        (
            "a stale signature",
            signed_ago("slack", 1000, "{}"),
            ProofError::TimestampStale,
            "clock-skew",
            "1000 s behind",
        ),
        (
            "a signature of the future",
            signed_ago("slack", -500, "{}"),
            ProofError::TimestampFuture,
            "clock-skew",
            "500 s ahead",
        ),
        (
            "a stale signature whose time is in the body",
            mailgun_stale(),
            ProofError::TimestampStale,
            "clock-skew",
            "is valid but expired",
        ),
        (
            "a delivery of another account",
            accounts(r#"[{"portalId":8}]"#),
            ProofError::AccountMismatch,
            "other-account",
            "is for account 8; the endpoint is for 7",
        ),
        (
            "a delivery whose account has a double",
            accounts(r#"[{"portalId":7,"PortalId":8}]"#),
            ProofError::AccountMismatch,
            "other-account",
            "`PortalId` is sent in addition to the signed json:/*/portalId",
        ),
        (
            "a delivery of an account in another charset",
            accounts(r#"[{"portalId":7}]"#)
                .header("content-type", "application/json; charset=utf-16"),
            ProofError::AccountMismatch,
            "other-account",
            "a charset other than UTF-8",
        ),
        (
            "a token for another URL",
            signed("monday", "{}").to(Some("https://portal.example.com/hooks/b")),
            ProofError::SignatureMismatch,
            "claim-unexpected",
            "the claim `aud` of the token has another value than this endpoint expects",
        ),
        (
            "a message of another topic",
            sns(|body| body["TopicArn"] = TOPIC.replace("orders", "others").into()),
            ProofError::SignatureMismatch,
            "other-topic",
            "from another topic",
        ),
        (
            "no token",
            plain("bearer", "{}"),
            ProofError::TokenMissing,
            "header-missing",
            "there is no proof",
        ),
        (
            "a token behind another word",
            plain("bearer", "{}").header("authorization", "Basic abc"),
            ProofError::TokenMissing,
            "header-malformed",
            "the token has another form than expected: header:authorization",
        ),
        (
            "two tokens",
            plain("bearer", "{}")
                .header("authorization", "Bearer one")
                .header("authorization", "Bearer two"),
            ProofError::TokenMismatch,
            "header-twice",
            "header:authorization is repeated",
        ),
        (
            "another token",
            plain("bearer", "{}").header("authorization", "Bearer one"),
            ProofError::TokenMismatch,
            "other-secret",
            "the token is not the endpoint's secret",
        ),
    ]
}

/// A delivery of Mailgun that was signed long ago.
fn mailgun_stale() -> DefectCase {
    let sent = plain("mailgun", "");
    let at = now() - SignedDuration::from_hours(10);
    let payload = serde_json::Map::new();
    let sample = sent
        .scheme
        .sample(SECRET.as_bytes(), None, payload, message(at, b""));
    DefectCase {
        body: sample.unwrap().body,
        ..sent
    }
}

#[test]
fn explain_names_the_true_cause_of_every_reason() {
    let mut wrong = Vec::new();
    let mut reasons = BTreeSet::new();
    for (what, sent, error, name, says) in rows() {
        let diagnosis = sent.explained();
        reasons.insert(diagnosis.reason);
        let cause = diagnosis.causes.first();
        let named = cause.map_or(&[][..], |cause| &cause.names);
        let said = cause.map_or("", |cause| &cause.says);
        if diagnosis.reason != error.word() || named != [name] || !said.contains(says) {
            wrong.push(format!("{what}: {} {named:?} {said}", diagnosis.reason));
        }
        // What is known is not suspected of anything else.
        let others = diagnosis.causes.len() > 1;
        let all = serde_json::to_string(&diagnosis).unwrap();
        let blames = [
            "secrets differ",
            "other-preset",
            "other-provider",
            "preset `",
        ];
        if others || blames.iter().any(|blame| all.contains(blame)) || all.contains(SECRET) {
            wrong.push(format!("{what}: {all}"));
        }
        // The step that refuses does not say the contrary of the cause.
        let refusing = diagnosis
            .steps
            .iter()
            .find(|step| step.reason == Some(error.word()));
        let step = refusing.map_or("", |step| &step.says);
        if step.contains("missing; expected") != (name == "header-missing") {
            wrong.push(format!("{what}: {step}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all: BTreeSet<&str> = ProofError::ALL.map(ProofError::word).into();
    assert_eq!(reasons, all);
}

#[test]
fn deliveries_without_a_defect_are_admitted() {
    for (what, sent) in [
        ("standard-webhooks", signed("standard-webhooks", "{}")),
        ("mailgun", mailgun()),
        ("mailgun-form", mailgun_form()),
        (
            "mailgun with 900 other members",
            mailgun().text(|body| body.replacen('{', &format!("{{{}", "\"x\":0,".repeat(900)), 1)),
        ),
        ("contentful", signed("contentful", "{}")),
        ("coinbase-cdp", signed("coinbase-cdp", "{}")),
        (
            "plivo-v3",
            signed("plivo-v3", "a=b").header("content-type", FORM),
        ),
        ("github", signed("github", "{}")),
        ("stripe", signed("stripe", "{}")),
        ("square", signed("square", "{}")),
        ("hubspot-v1", signed("hubspot-v1", r#"[{"portalId":7}]"#)),
        ("rfc9421", signed("rfc9421", "{}")),
        ("box", signed("box", "{}")),
        ("vonage", signed("vonage", "{}")),
        ("slack", signed("slack", "{}")),
        ("monday", signed("monday", "{}")),
    ] {
        let diagnosis = sent.explained();
        assert!(diagnosis.admitted, "{what}: {diagnosis:?}");
    }
}

#[test]
fn other_preset_is_recognised_if_a_required_header_is_missing() {
    let mut sent = signed("github", "{}");
    sent.scheme = scheme("box");
    let diagnosis = sent.explained();
    assert_eq!(diagnosis.reason, "header_unexpected");
    assert_eq!(diagnosis.causes[0].names, ["other-preset"], "{diagnosis:?}");
}

#[test]
fn capture_without_a_body_is_named_if_the_signature_is_in_the_body() {
    for preset in ["mailgun", "mailgun-form"] {
        let headers: [(&str, &str); 0] = [];
        let mut delivery = Delivery::new("POST", "/x", &headers, Vec::new()).unwrap();
        delivery.has_body = false;
        let diagnosis = super::judged(delivery, scheme(preset), SECRET.as_bytes());
        assert_eq!(
            diagnosis.causes[0].names,
            ["body-not-captured"],
            "{diagnosis:?}"
        );
    }
}
