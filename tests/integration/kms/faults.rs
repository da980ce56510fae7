//! A key service that is down or slow: known secrets stay in use, others get 503, and never 401.

use super::*;

/// Everything that passes by itself, and what it is counted as.
fn outages() -> [(Fault, &'static str); 7] {
    [
        (Fault::Refuse, "unavailable"),
        (Fault::Reset, "unavailable"),
        (Fault::Garbage, "unavailable"),
        (Fault::INTERNAL, "unavailable"),
        (Fault::THROTTLED, "throttled"),
        (Fault::Hang, "timed_out"),
        (
            Fault::Error(
                400,
                "ExpiredTokenException",
                "The security token is expired",
            ),
            "no_credentials",
        ),
    ]
}

fn failures(gate: &Gate, kind: &str) -> u64 {
    gate.metric(&format!(
        "portcullis_key_service_failures_total{{kind=\"{kind}\"}}"
    ))
}

#[test]
fn whatever_is_wrong_a_cold_secret_is_503_and_a_known_one_goes_on() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "cache_time_to_live = \"1s\"\ngrace = \"1h\"")
        .apply(&super::custody::declared(&[ID, OTHER]));
    let (known, cold) = (gate.secret(ID), gate.secret(OTHER));
    let mut gate = kms.hasty(gate);
    for (fault, kind) in outages() {
        kms.proxy.set(Fault::None);
        gate.restart();
        eventually("the secret is known", || {
            signed(&gate, ID, &known) == admitted()
        });
        kms.proxy.set(fault.clone());
        // The lifetime of the secret in memory ends.
        let_pass(Duration::from_millis(1100));
        let reached = backend.received().len();
        for secret in [cold.as_str(), "a guess"] {
            let answer = send(gate.http(), &delivery(OTHER, secret));
            assert_eq!(
                (answer.status, answer.reason()),
                (503, "secrets_unavailable"),
                "{fault:?}"
            );
            assert_eq!(answer.text(), r#"{"error":"Temporarily unavailable"}"#);
            assert_eq!(answer.header("Retry-After"), "5");
        }
        assert_eq!(backend.received().len(), reached);
        // Past its time, and nobody to ask.
        assert_eq!(signed(&gate, ID, &known), admitted(), "{fault:?}");
        assert_eq!(signed(&gate, ID, "a guess"), mismatch(), "{fault:?}");
        assert!(failures(&gate, kind) > 0, "{fault:?}: {}", gate.metrics());
        assert_eq!(gate.metric("portcullis_key_service_up"), 0, "{fault:?}");
    }
}

#[test]
fn an_outage_is_said_once_when_it_begins_and_once_when_it_ends() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "cache_time_to_live = \"1s\"\ngrace = \"1h\"")
        .endpoint("hmac")
        .start();
    let secret = gate.secret(ID);
    let grace = "portcullis_secret_cache_requests_total{result=\"grace\"}";
    for round in 1..=2 {
        assert_eq!(signed(&gate, ID, &secret), admitted());
        kms.proxy.set(Fault::INTERNAL);
        eventually("it comes so far", || {
            assert_eq!(signed(&gate, ID, &secret), admitted());
            gate.metric("portcullis_key_service_up") == 0
        });
        // Long past its time; what is asked meanwhile fails and is not told again.
        let so_far = kms.proxy.count("Decrypt");
        eventually("the key service is asked again and again", || {
            assert_eq!(signed(&gate, ID, &secret), admitted());
            gate.metric(grace) > 0 && kms.proxy.count("Decrypt") >= so_far + 4
        });
        eventually("it comes so far", || {
            assert_eq!(signed(&gate, ID, &secret), admitted());
            count_lines(&gate, "the key service does not answer") >= round
        });
        assert_eq!(count_lines(&gate, "the key service does not answer"), round);
        assert_eq!(
            count_lines(&gate, "the key service answers again"),
            round - 1
        );
        kms.proxy.set(Fault::None);
        eventually("it comes so far", || {
            assert_eq!(signed(&gate, ID, &secret), admitted());
            count_lines(&gate, "the key service answers again") >= round
        });
        assert_eq!(gate.metric("portcullis_key_service_up"), 1);
        assert_eq!(count_lines(&gate, "the key service answers again"), round);
    }
}

#[test]
fn grace_ends_and_the_service_is_not_stormed_meanwhile() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "cache_time_to_live = \"1s\"\ngrace = \"3s\"")
        .endpoint("hmac")
        .start();
    let secret = gate.secret(ID);
    // When it was opened is not earlier than this.
    let opened = Instant::now();
    assert_eq!(signed(&gate, ID, &secret), admitted());
    kms.proxy.set(Fault::INTERNAL);
    let (before, begun) = (kms.proxy.count("Decrypt"), Instant::now());
    let mut sent = 0;
    eventually("the grace time is over, and many deliveries come", || {
        sent += 1;
        let answer = signed(&gate, ID, &secret);
        if answer == unavailable() {
            let lasted = opened.elapsed();
            assert!(lasted >= Duration::from_secs(4), "{lasted:?}");
            return sent > 200;
        }
        assert_eq!(answer, admitted());
        false
    });
    // Two attempts a call, and half a second to five between two calls.
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    let calls = kms.proxy.count("Decrypt") - before;
    assert!(calls <= 4 * seconds + 2, "{calls} calls in {seconds} s");
    kms.proxy.set(Fault::None);
    eventually("it comes so far", || {
        signed(&gate, ID, &secret) == admitted()
    });
}

#[test]
fn a_secret_in_use_is_refreshed_before_its_time_and_no_delivery_waits_for_it() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "cache_time_to_live = \"30s\"")
        .endpoint("hmac")
        .start();
    let secret = gate.secret(ID);
    let misses = || gate.metric("portcullis_secret_cache_requests_total{result=\"miss\"}");
    // On a busy machine the time may be over before the test has sent its deliveries: then it begins again.
    eventually(
        "the deliveries come before the secret's time is over",
        || {
            kms.proxy.set(Fault::None);
            let before = kms.proxy.count("Decrypt");
            let mut not_yet_fetched = Instant::now();
            eventually("the secret is fetched or refreshed", || {
                let now = Instant::now();
                let is_admitted = signed(&gate, ID, &secret) == admitted();
                let is_fetched = kms.proxy.count("Decrypt") > before;
                if !is_fetched {
                    not_yet_fetched = now;
                }
                is_admitted && is_fetched
            });
            let missed = misses();
            kms.proxy.set(Fault::Hang);
            let before = kms.proxy.count("Decrypt");
            // The refresh begins at nine tenths of the time at the latest, so the secret has seconds left.
            let mut are_admitted = true;
            eventually("a refresh has begun", || {
                are_admitted &= signed(&gate, ID, &secret) == admitted();
                kms.proxy.count("Decrypt") > before
            });
            for _ in 0..3 {
                are_admitted &= signed(&gate, ID, &secret) == admitted();
            }
            let have_waited = misses() > missed;
            let is_in_time = not_yet_fetched.elapsed() < Duration::from_secs(29);
            if is_in_time {
                // The key service has not answered yet, and nobody waits for it.
                assert!(are_admitted);
                assert!(!have_waited);
            }
            is_in_time
        },
    );
    kms.proxy.set(Fault::None);
}

#[test]
fn a_node_stays_ready_while_it_lives_on_grace_and_a_new_one_does_not_become_so() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "grace = \"1h\"")
        .endpoint("hmac")
        .start();
    let ready = |gate: &Gate| send(gate.admin(), &admin_get("/readyz"));
    eventually("the gate is ready", || ready(&gate).status == 200);
    let calls = kms.proxy.calls().len();
    for _ in 0..20 {
        assert_eq!(ready(&gate).status, 200);
    }
    assert_eq!(kms.proxy.calls().len(), calls, "every question is paid for");

    kms.proxy.set(Fault::INTERNAL);
    let late = kms.gate(&backend, "").start();
    let answer = ready(&late);
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(
        answer.text().contains("the key service is unavailable"),
        "{}",
        answer.text()
    );
    eventually("it comes so far", || {
        ready(&gate).text().contains("cached secrets stay in use")
    });
    assert_eq!(ready(&gate).status, 200);
    kms.proxy.set(Fault::None);
    eventually("it comes so far", || {
        ready(&late).status == 200 && ready(&gate).text().contains("\"key_service\":\"ok\"")
    });
}

#[test]
fn a_store_that_is_away_takes_no_known_secret_with_it() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "cache_time_to_live = \"1s\"\ngrace = \"1h\"")
        .apply(&super::custody::declared(&[ID, OTHER]))
        .start();
    let (known, cold) = (gate.secret(ID), gate.secret(OTHER));
    assert_eq!(signed(&gate, ID, &known), admitted());
    // The endpoint is known, its secret is not.
    sqlite(&gate, "ALTER TABLE secret_versions RENAME TO away");
    // The lifetime of the secret in memory ends.
    let_pass(Duration::from_millis(1100));
    assert_eq!(signed(&gate, ID, &known), admitted());
    assert_eq!(
        signed(&gate, OTHER, &cold),
        (503, "store_unavailable".to_owned())
    );
    sqlite(&gate, "ALTER TABLE away RENAME TO secret_versions");
    eventually("it comes so far", || {
        signed(&gate, OTHER, &cold) == admitted()
    });
}

#[test]
fn a_key_service_that_takes_longer_than_its_answer_lasts_still_answers() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "cache_time_to_live = \"10ms\"")
        .endpoint("hmac")
        .start();
    let secret = gate.secret(ID);
    kms.proxy.set(Fault::Delay(Duration::from_millis(200)));
    for _ in 0..5 {
        assert_eq!(signed(&gate, ID, &secret), admitted());
        assert_eq!(signed(&gate, ID, "a guess"), mismatch());
    }
}

#[test]
fn a_key_service_that_fails_now_and_then_does_not_fill_the_log() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "cache_time_to_live = \"10ms\"\ngrace = \"1h\"")
        .endpoint("hmac")
        .start();
    let secret = gate.secret(ID);
    assert_eq!(signed(&gate, ID, &secret), admitted());
    let begun = Instant::now();
    for round in 0.. {
        if begun.elapsed() > Duration::from_secs(9) {
            break;
        }
        kms.proxy.set(if round % 2 == 0 {
            Fault::INTERNAL
        } else {
            Fault::None
        });
        let until = Instant::now() + Duration::from_millis(600);
        while Instant::now() < until {
            assert_eq!(signed(&gate, ID, &secret), admitted());
        }
    }
    kms.proxy.set(Fault::None);
    eventually("it comes so far", || {
        assert_eq!(signed(&gate, ID, &secret), admitted());
        count_lines(&gate, "the key service answers again") > 0
    });
    // An outage is told every five seconds at most, and its end.
    let lines = count_lines(&gate, "the key service");
    let outages = usize::try_from(begun.elapsed().as_secs()).unwrap() / 5 + 1;
    assert!((2..=2 * outages).contains(&lines), "{lines}");
}
