//! A key service that answers, and the answer is no: 503 with a reason of its own, an alarm, and no storm.

use super::*;

fn refusals() -> [(Fault, &'static str); 5] {
    [
        (Fault::DENIED, "denied"),
        (Fault::DISABLED, "key_unusable"),
        (
            Fault::Error(400, "KMSInvalidStateException", "is pending deletion."),
            "key_unusable",
        ),
        (
            Fault::Error(400, "InvalidCiphertextException", ""),
            "corrupt",
        ),
        (
            Fault::Error(
                400,
                "UnrecognizedClientException",
                "The security token is invalid.",
            ),
            "bad_credentials",
        ),
    ]
}

#[test]
fn whatever_is_refused_is_503_with_its_own_reason_and_an_alarm_and_is_well_again_by_itself() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let mut gate = kms.gate(&backend, "").endpoint("hmac");
    let secret = gate.secret(ID);
    for (fault, kind) in refusals() {
        kms.proxy.set(fault.clone());
        gate.restart();
        for secret in [secret.as_str(), "a guess"] {
            let answer = send(gate.http(), &delivery(ID, secret));
            assert_eq!(
                (answer.status, answer.reason()),
                (503, "secret_undecryptable"),
                "{fault:?}"
            );
            assert_eq!(answer.text(), r#"{"error":"Temporarily unavailable"}"#);
            assert_eq!(answer.header("Retry-After"), "5");
        }
        let series = format!("portcullis_key_service_failures_total{{kind=\"{kind}\"}}");
        assert_eq!(gate.metric(&series), 1, "{fault:?}");
        // It has answered.
        assert_eq!(gate.metric("portcullis_key_service_up"), 1);
        assert_eq!(said(&gate, "a secret cannot be decrypted"), 1, "{fault:?}");
        kms.proxy.set(Fault::None);
        within(5, || signed(&gate, ID, &secret) == admitted());
        assert_eq!(said(&gate, "the secret can be decrypted again"), 1);
    }
    assert_eq!(backend.received().len(), refusals().len());
}

#[test]
fn a_refused_secret_is_asked_for_seldom_however_many_deliveries_come() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "").endpoint("hmac");
    let secret = gate.secret(ID);
    kms.proxy.set(Fault::DENIED);
    let gate = gate.start();
    let before = kms.proxy.count("Decrypt");
    let begun = Instant::now();
    let mut sent = 0;
    while begun.elapsed() < Duration::from_secs(7) {
        assert_eq!(signed(&gate, ID, &secret), undecryptable());
        sent += 1;
    }
    // After half a second to one, then one to two, then two to four, then four to eight.
    let asked = kms.proxy.count("Decrypt") - before;
    assert!(
        (2..=5).contains(&asked),
        "{asked} calls for {sent} deliveries"
    );
    assert!(sent > 500, "{sent}");
}

#[test]
fn a_refusal_lets_a_known_secret_live_to_its_end_and_no_longer() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "cache_time_to_live = \"3s\"\ngrace = \"60s\"")
        .endpoint("hmac")
        .start();
    let secret = gate.secret(ID);
    let opened = Instant::now();
    assert_eq!(signed(&gate, ID, &secret), admitted());
    kms.proxy.set(Fault::DENIED);
    let mut last = opened;
    within(8, || {
        let at = Instant::now();
        let answer = signed(&gate, ID, &secret);
        if answer == admitted() {
            last = at;
        }
        answer == undecryptable()
    });
    let lasted = last - opened;
    assert!(lasted > Duration::from_millis(2700), "{lasted:?}");
    assert!(lasted < Duration::from_millis(3500), "{lasted:?}");
    // That it is silent afterwards takes nothing back.
    kms.proxy.set(Fault::INTERNAL);
    std::thread::sleep(Duration::from_secs(4));
    for _ in 0..20 {
        assert_eq!(signed(&gate, ID, &secret).0, 503);
        std::thread::sleep(Duration::from_millis(100));
    }
    kms.proxy.set(Fault::None);
    within(10, || signed(&gate, ID, &secret) == admitted());
}

#[test]
fn a_secret_that_is_set_anew_ends_the_wait_after_a_refusal() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "").endpoint("hmac").start();
    sqlite(
        &gate,
        "UPDATE secret_versions SET ciphertext = x'01ff'; \
         INSERT INTO changes (kind, name) VALUES ('secret', 'workflows/pr-bot#webhook')",
    );
    // As often as it takes for the waits to become long.
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        assert_eq!(signed(&gate, ID, "a guess"), undecryptable());
        std::thread::sleep(Duration::from_millis(50));
    }
    gate.run_with_input(&["secret", "set", ID], b"a new one")
        .succeeded();
    crate::rotation::within_a_second(|| signed(&gate, ID, "a new one") == admitted());
}
