//! Amazon SNS, the whole way: the gate fetches the certificate that a message names, and confirms
//! subscriptions, and cannot be led elsewhere.

mod amazon;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::amazon::{
    Amazon, Manner, TOPIC, certificate_url, confirmation, notification, sign, subscribe_url,
};
use crate::support::*;

fn gate(backend: &Backend, amazon: &Amazon) -> Gate {
    gate_with(backend, amazon, "")
}

fn gate_with(backend: &Backend, amazon: &Amazon, outbound: &str) -> Gate {
    let gate = Gate::before(backend).with("outbound", outbound);
    gate.file("amazon.pem", amazon.authority());
    let setting = format!("topic_arn={TOPIC}");
    gate.with("outbound", &amazon.outbound())
        .endpoint_with(
            ID,
            &[
                "--mode",
                "provider",
                "--preset",
                "aws-sns",
                "--setting",
                &setting,
                "--handshake",
                "aws-sns",
            ],
        )
        .start()
}

fn post(gate: &Gate, message: &Value) -> Answer {
    let request = Request::post(PATH)
        .header("Content-Type", "text/plain; charset=UTF-8")
        .body(message.to_string());
    send(gate.http(), &request)
}

#[track_caller]
fn refused(answer: &Answer, status: u16, reason: &str) {
    assert_eq!(
        (answer.status, answer.header("portcullis-reason")),
        (status, reason)
    );
}

#[test]
fn messages_of_the_topic_get_through_byte_for_byte_and_their_certificate_is_fetched_once() {
    let (backend, amazon) = (Backend::accepting(), Amazon::new());
    let gate = gate(&backend, &amazon);
    for number in 0..5 {
        let message = notification(&format!("m-{number}"), "line\nline");
        assert_eq!(post(&gate, &message).status, 202);
        let received = backend.received().pop().unwrap();
        assert_eq!(received.body_sha256, sha256(message.to_string().as_bytes()));
        assert_eq!(
            received.header("x-portal-delivery-id"),
            format!("m-{number}")
        );
        assert!(received.headers("x-portal-secret-version").is_empty());
    }
    assert_eq!(amazon.hosts(), ["sns.eu-central-1.amazonaws.com:443"]);
    assert_eq!(
        amazon.requests(),
        ["GET /SimpleNotificationService-a.pem HTTP/1.1"]
    );
    // SNS repeats a message that it got no answer to, signed the same.
    let again = post(&gate, &notification("m-0", "line\nline"));
    refused(&again, 200, "duplicate");
}

#[test]
fn however_many_wait_for_a_certificate_it_is_fetched_once() {
    let (backend, amazon) = (Backend::accepting(), Amazon::new());
    let gate = gate(&backend, &amazon);
    thread::scope(|scope| {
        for number in 0..40 {
            let gate = &gate;
            scope.spawn(move || {
                let message = notification(&format!("m-{number}"), "a");
                assert_eq!(post(gate, &message).status, 202);
            });
        }
    });
    assert_eq!(amazon.requests().len(), 1);
    assert_eq!(backend.received().len(), 40);
}

#[test]
fn a_forged_message_is_refused_and_makes_the_gate_ask_nobody_else() {
    let (backend, amazon) = (Backend::accepting(), Amazon::new());
    let gate = gate(&backend, &amazon);
    let genuine = notification("m-1", "pay 7");
    let with = |name: &str, value: &str| {
        let mut message = genuine.clone();
        message[name] = value.into();
        message
    };
    let elsewhere = "https://evil.example/SimpleNotificationService-a.pem";
    let theirs = "arn:aws:sns:eu-central-1:999999999999:theirs";
    for (message, reason) in [
        (with("SigningCertURL", elsewhere), "signature_malformed"),
        (
            with("SigningCertURL", "http://127.0.0.1:1/a.pem"),
            "signature_malformed",
        ),
        (with("SignatureVersion", "1"), "signature_malformed"),
        (sign(with("TopicArn", theirs)), "signature_mismatch"),
    ] {
        refused(&post(&gate, &message), 401, reason);
    }
    assert_eq!(amazon.hosts(), [""; 0], "nothing was asked for");
    for (name, value) in [
        ("Message", "pay 8"),
        ("MessageId", "m-2"),
        ("Timestamp", &jiff::Timestamp::now().to_string()),
    ] {
        refused(&post(&gate, &with(name, value)), 401, "signature_mismatch");
    }
    let raw = Request::post(PATH).body(r#"{"order":7}"#);
    refused(&send(gate.http(), &raw), 401, "signature_malformed");
    assert!(backend.received().is_empty());
    assert_eq!(post(&gate, &genuine).status, 202);
}

#[test]
fn a_subscription_to_the_topic_is_confirmed_at_amazon_and_not_passed_on() {
    let (backend, amazon) = (Backend::accepting(), Amazon::new());
    let gate = gate(&backend, &amazon);
    let answer = post(&gate, &confirmation(&subscribe_url()));
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b""[..]));
    let requests = amazon.requests();
    assert_eq!(requests.len(), 2);
    let path = subscribe_url().replace("https://sns.eu-central-1.amazonaws.com", "");
    assert_eq!(requests[1], format!("GET {path} HTTP/1.1"));
    assert!(backend.received().is_empty());
    assert_eq!(gate.log(1)[0]["outcome"], "handshake");
    assert!(
        !gate.everything_written().contains("2336412f37"),
        "the token is no one's business"
    );
}

#[test]
fn a_forged_confirmation_confirms_nothing() {
    let (backend, amazon) = (Backend::accepting(), Amazon::new());
    let gate = gate(&backend, &amazon);
    let mut forged = confirmation(&subscribe_url());
    forged["SubscribeURL"] = subscribe_url().replace("orders", "theirs").into();
    refused(&post(&gate, &forged), 401, "signature_mismatch");
    // Signed, but leading elsewhere: it is a delivery like any other.
    let odd = confirmation("https://evil.example/?Action=ConfirmSubscription&Token=1");
    assert_eq!(post(&gate, &odd).status, 202);
    assert_eq!(amazon.requests().len(), 1, "the certificate");
}

#[test]
fn what_amazon_does_not_confirm_is_asked_for_again_by_amazon() {
    let (backend, amazon) = (Backend::accepting(), Amazon::new());
    let gate = gate(&backend, &amazon);
    assert_eq!(post(&gate, &notification("m-1", "a")).status, 202);
    amazon.is_now(Manner::Refusing);
    let answer = post(&gate, &confirmation(&subscribe_url()));
    refused(&answer, 503, "provider_unreachable");
    assert_eq!(answer.body, br#"{"error":"Temporarily unavailable"}"#);
    assert!(!answer.header("retry-after").is_empty());
    amazon.is_now(Manner::Answering);
    assert_eq!(post(&gate, &confirmation(&subscribe_url())).status, 200);
}

#[test]
fn a_certificate_that_cannot_be_had_is_never_the_senders_fault() {
    thread::scope(|scope| {
        for manner in [
            Manner::Endless,
            Manner::Garbled,
            Manner::Hanging,
            Manner::Redirecting,
            Manner::Refusing,
        ] {
            scope.spawn(move || is_never_the_senders_fault(manner));
        }
    });
}

fn is_never_the_senders_fault(manner: Manner) {
    let (backend, amazon) = (Backend::accepting(), Amazon::new());
    // Silence is given up after a second. On a busy machine a server that answers is too slow for that.
    let timeout = match manner {
        Manner::Hanging => "timeout = \"1s\"",
        _ => "",
    };
    let gate = gate_with(&backend, &amazon, timeout);
    amazon.is_now(manner);
    let message = notification("m-1", "a");
    refused(&post(&gate, &message), 503, "provider_unreachable");
    let (requests, since) = (amazon.requests().len(), Instant::now());
    // It is not asked again for five seconds.
    refused(&post(&gate, &message), 503, "provider_unreachable");
    if since.elapsed() < FAILURE_IS_KEPT {
        assert_eq!(amazon.requests().len(), requests, "{manner:?}");
    }
    assert!(backend.received().is_empty());
    // But before the sender tries again.
    amazon.is_now(Manner::Answering);
    eventually(&format!("it is asked again after {manner:?}"), || {
        post(&gate, &message).status == 202
    });
}

#[test]
fn a_server_that_is_not_amazons_is_not_believed() {
    let backend = Backend::accepting();
    let amazon = Amazon::called("sns.eu-central-1.amazonaws.com.evil.example");
    let gate = gate(&backend, &amazon);
    refused(
        &post(&gate, &notification("m-1", "a")),
        503,
        "provider_unreachable",
    );
    assert!(amazon.requests().is_empty());
    assert!(backend.received().is_empty());
}

#[test]
fn a_certificate_that_has_ended_or_not_begun_proves_nothing() {
    for (from, to) in [(2020, 2021), (2090, 2091)] {
        let (backend, amazon) = (Backend::accepting(), Amazon::new());
        amazon.serves_certificate_of(from, to);
        let gate = gate(&backend, &amazon);
        refused(
            &post(&gate, &notification("m-1", "a")),
            401,
            "signature_mismatch",
        );
        assert!(backend.received().is_empty());
    }
}

#[test]
fn strangers_cannot_make_it_ask_much_at_once() {
    let (backend, amazon) = (Backend::accepting(), Amazon::new());
    let gate = gate(&backend, &amazon);
    amazon.is_now(Manner::Hanging);
    let answered = AtomicU64::new(0);
    thread::scope(|scope| {
        for number in 0..30 {
            let (gate, answered) = (&gate, &answered);
            scope.spawn(move || {
                let mut message = notification("m-1", "a");
                message["SigningCertURL"] = certificate_url(&format!("x{number}")).into();
                post(gate, &message);
                answered.fetch_add(1, Ordering::SeqCst);
            });
        }
        // Some find that too many wait already.
        eventually("all have come", || {
            let waiting = gate.metric("portcullis_connections");
            waiting + answered.load(Ordering::SeqCst) >= 30
        });
        eventually("it is asked", || amazon.requests().len() >= 4);
        gate.wait_until_idle();
        // Four at once; the others follow when the first have an answer, or have given up.
        assert_eq!(amazon.requests().len(), 4, "{:?}", amazon.requests());
        amazon.is_now(Manner::Answering);
    });
}

const FAILURE_IS_KEPT: Duration = Duration::from_millis(4500);

#[test]
fn an_endpoint_has_a_topic_and_no_secret() {
    let gate = Gate::before(&Backend::accepting());
    let create = |more: &[&str]| {
        let mut words = vec!["endpoint", "create", ID, "--organisation", "acme"];
        words.extend([
            "--workspace",
            "main",
            "--mode",
            "provider",
            "--preset",
            "aws-sns",
        ]);
        words.extend(more);
        gate.run(&words)
    };
    let setting = format!("topic_arn={TOPIC}");
    assert!(create(&[]).failed_with(3).contains("`topic_arn`"));
    assert!(
        create(&["--setting", "topic_arn=orders"])
            .failed_with(3)
            .contains("arn:aws:sns:")
    );
    let secret = ["--setting", &setting, "--secret", "shared/all#webhook"];
    assert!(
        create(&secret)
            .failed_with(3)
            .contains("there is no secret")
    );
    create(&["--setting", &setting]).succeeded();
    let shown = gate.run(&["endpoint", "show", ID]).succeeded();
    assert!(shown.contains("secret        -"), "{shown}");
}

#[test]
fn a_captured_message_is_explained_with_the_certificate_that_it_names() {
    let (backend, amazon) = (Backend::accepting(), Amazon::new());
    let gate = gate(&backend, &amazon);
    let genuine = notification("m-1", "pay 7");
    let explain = |message: &Value| {
        let body = gate.file("body", message.to_string());
        let words = [
            "explain",
            "--url",
            PATH,
            "--json",
            "--body",
            body.to_str().unwrap(),
        ];
        gate.run(&words)
    };
    let admitted: Value = serde_json::from_str(&explain(&genuine).succeeded()).unwrap();
    assert_eq!(admitted["admitted"], true);
    let mut tampered = genuine.clone();
    tampered["Message"] = "pay 8".into();
    let mut elsewhere = genuine;
    elsewhere["SigningCertURL"] = "https://evil.example/a.pem".into();
    for (message, reason) in [
        (tampered, "signature_mismatch"),
        (elsewhere, "signature_malformed"),
    ] {
        let output: Value = serde_json::from_str(&explain(&message).stdout).unwrap();
        assert_eq!(output["reason"], reason);
    }
    assert!(
        amazon
            .hosts()
            .iter()
            .all(|host| host == "sns.eu-central-1.amazonaws.com:443")
    );
}
