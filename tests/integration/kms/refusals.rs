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
        // A thread of its own writes the log.
        let is_said_once = |what| {
            eventually(what, || count_lines(&gate, what) >= 1);
            assert_eq!(count_lines(&gate, what), 1, "{fault:?}");
        };
        is_said_once("a secret cannot be decrypted");
        kms.proxy.set(Fault::None);
        eventually("it comes so far", || {
            signed(&gate, ID, &secret) == admitted()
        });
        is_said_once("the secret can be decrypted again");
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
    let calls = || kms.proxy.count("Decrypt") - before;
    let (begun, mut sent) = (Instant::now(), 0);
    eventually("it is asked for again, and many deliveries come", || {
        assert_eq!(signed(&gate, ID, &secret), undecryptable());
        sent += 1;
        calls() >= 4 && sent > 500
    });
    // After half a second to one, then one to two, then two to four, then four to eight: the third pause is over after
    // three and a half seconds at the earliest, and there is one more call at the beginning.
    let lasted = begun.elapsed();
    assert!(lasted >= Duration::from_millis(3500), "{lasted:?}");
}

#[test]
fn a_refusal_lets_a_known_secret_live_to_its_end_and_no_longer() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "cache_time_to_live = \"3s\"\ngrace = \"1h\"")
        .endpoint("hmac")
        .start();
    let secret = gate.secret(ID);
    let opened = Instant::now();
    assert_eq!(signed(&gate, ID, &secret), admitted());
    kms.proxy.set(Fault::DENIED);
    // It does not go on for the grace time of an hour.
    eventually("the secret is over", || {
        let answer = signed(&gate, ID, &secret);
        assert!([admitted(), undecryptable()].contains(&answer));
        answer == undecryptable()
    });
    let lasted = opened.elapsed();
    assert!(lasted >= Duration::from_secs(3), "{lasted:?}");
    // That it is silent afterwards takes nothing back.
    kms.proxy.set(Fault::INTERNAL);
    let so_far = kms.proxy.count("Decrypt");
    eventually("the key service is asked again", || {
        assert_eq!(signed(&gate, ID, &secret).0, 503);
        kms.proxy.count("Decrypt") >= so_far + 3
    });
    assert_eq!(signed(&gate, ID, &secret).0, 503);
    kms.proxy.set(Fault::None);
    eventually("it comes so far", || {
        signed(&gate, ID, &secret) == admitted()
    });
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
    let so_far = kms.proxy.count("Decrypt");
    eventually("the key service is asked again and again", || {
        assert_eq!(signed(&gate, ID, "a guess"), undecryptable());
        kms.proxy.count("Decrypt") >= so_far + 4
    });
    gate.run_with_input(&["secret", "set", ID], b"a new one")
        .succeeded();
    in_force(|| signed(&gate, ID, "a new one") == admitted());
}
