//! Rotations while the key service is ill. What was ended does not come back, and what was not ended stays.

use super::*;

/// It encrypts, and does not decrypt.
const BLIND: Fault = Fault::ErrorTo("Decrypt", 500, "KMSInternalException");

#[test]
fn a_secret_that_was_ended_is_not_served_from_memory_though_nobody_can_read_the_new_one() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "grace = \"60s\"")
        .endpoint("hmac")
        .start();
    let old = gate.secret(ID);
    assert_eq!(signed(&gate, ID, &old), admitted());
    kms.proxy.set(BLIND);
    gate.run_with_input(&["secret", "set", ID], b"the new one")
        .succeeded();
    crate::rotation::within_a_second(|| signed(&gate, ID, &old) == unavailable());
    let reached = backend.received().len();
    for secret in [old.as_str(), "the new one", "a guess"] {
        assert_eq!(signed(&gate, ID, secret), unavailable());
    }
    assert_eq!(backend.received().len(), reached);
    kms.proxy.set(Fault::None);
    within(10, || signed(&gate, ID, "the new one") == admitted());
    assert_eq!(signed(&gate, ID, &old), mismatch());
}

#[test]
fn in_an_overlap_the_old_one_goes_on_and_the_new_one_waits_and_neither_is_401() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "grace = \"60s\"")
        .endpoint("hmac")
        .start();
    let old = gate.secret(ID);
    assert_eq!(signed(&gate, ID, &old), admitted());
    kms.proxy.set(BLIND);
    gate.run_with_input(&["secret", "set", ID, "--overlap", "1h"], b"the new one")
        .succeeded();
    crate::rotation::within_a_second(|| signed(&gate, ID, "the new one") == unavailable());
    for _ in 0..3 {
        assert_eq!(signed(&gate, ID, &old), admitted());
        // It may be the new one's: nobody here can tell.
        assert_eq!(signed(&gate, ID, "a guess"), unavailable());
    }
    assert_eq!(
        backend
            .received()
            .pop()
            .unwrap()
            .header("X-Portal-Secret-Version"),
        "1"
    );
    // What is wrong whatever the key is still said.
    let unsigned = send(gate.http(), &Request::post(PATH).body("{}"));
    assert_eq!(
        (unsigned.status, unsigned.reason()),
        (401, "signature_missing")
    );
    kms.proxy.set(Fault::None);
    within(10, || signed(&gate, ID, "the new one") == admitted());
    assert_eq!(signed(&gate, ID, &old), admitted());
    assert_eq!(signed(&gate, ID, "a guess"), mismatch());
}

#[test]
fn an_overlap_ends_on_time_though_the_key_service_is_down() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "grace = \"60s\"")
        .endpoint("hmac")
        .start();
    let old = gate.secret(ID);
    assert_eq!(signed(&gate, ID, &old), admitted());
    kms.proxy.set(BLIND);
    let before = Instant::now();
    gate.run_with_input(&["secret", "set", ID, "--overlap", "3s"], b"the new one")
        .succeeded();
    let after = Instant::now();
    let mut last = before;
    within(6, || {
        let at = Instant::now();
        let answer = signed(&gate, ID, &old);
        if answer == admitted() {
            last = at;
        }
        answer == unavailable() && at - before > Duration::from_secs(2)
    });
    assert!(
        last < after + Duration::from_millis(3100),
        "{:?}",
        last - after
    );
    assert_eq!(signed(&gate, ID, &old), unavailable());
}

#[test]
fn a_rotation_while_a_secret_is_being_loaded_does_not_leave_the_old_one_in_force() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "").endpoint("hmac");
    let old = gate.secret(ID);
    let gate = gate.start();
    // Longer than two looks at the changes, so that both come while it is under way.
    kms.proxy.set(Fault::Delay(Duration::from_millis(900)));
    let so_far = kms.proxy.count("Decrypt");
    let mut waiting = Connection::to(gate.http());
    waiting.write(&delivery(ID, &old).bytes());
    kms.proxy.wait_for("Decrypt", so_far + 1);
    let rotated = set_and_timed(&gate, "the new one");
    let first = waiting.answer();
    assert!(matches!(first.status, 202 | 401), "{}", first.head);
    kms.proxy.set(Fault::None);
    std::thread::sleep(Duration::from_secs(1).saturating_sub(rotated.elapsed()));
    for _ in 0..10 {
        assert_eq!(signed(&gate, ID, &old), mismatch());
        assert_eq!(signed(&gate, ID, "the new one"), admitted());
    }
}

/// Sets a secret, and gives the time when it was done.
fn set_and_timed(gate: &Gate, value: &str) -> Instant {
    gate.run_with_input(&["secret", "set", ID], value.as_bytes())
        .succeeded();
    Instant::now()
}

#[test]
fn a_rotation_with_an_overlap_costs_one_call_and_not_two() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "").endpoint("hmac").start();
    let old = gate.secret(ID);
    assert_eq!(signed(&gate, ID, &old), admitted());
    let before = kms.proxy.count("Decrypt");
    gate.run_with_input(&["secret", "set", ID, "--overlap", "1h"], b"the new one")
        .succeeded();
    crate::rotation::within_a_second(|| signed(&gate, ID, "the new one") == admitted());
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(signed(&gate, ID, &old), admitted());
    assert_eq!(kms.proxy.count("Decrypt"), before + 1);
}

#[test]
fn a_previous_secret_that_does_not_open_takes_nothing_away_from_the_current_one() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "cache_time_to_live = \"2s\"\ngrace = \"60s\"")
        .endpoint("hmac");
    gate.run(&["secret", "rotate", ID, "--overlap", "1h"])
        .succeeded();
    let new = gate.secret(ID);
    sqlite(
        &gate,
        "UPDATE secret_versions SET ciphertext = x'0100' WHERE version = 1",
    );
    let gate = gate.start();
    let until = std::time::Instant::now() + Duration::from_secs(12);
    while std::time::Instant::now() < until {
        assert_eq!(signed(&gate, ID, &new), admitted());
        std::thread::sleep(Duration::from_millis(50));
    }
    // Nobody asks more often for it than the other one needs.
    assert!(
        kms.proxy.count("Decrypt") < 60,
        "{}",
        kms.proxy.count("Decrypt")
    );
    // What the key service then does not say, it has not refused.
    kms.proxy.set(Fault::Refuse);
    let until = std::time::Instant::now() + Duration::from_secs(5);
    while std::time::Instant::now() < until {
        assert_eq!(signed(&gate, ID, &new), admitted());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn readyz_answers_at_once_though_the_key_service_hangs() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "").endpoint("hmac").start();
    let ready = || send(gate.admin(), &admin_get("/readyz"));
    assert_eq!(ready().status, 200);
    kms.proxy.set(Fault::Hang);
    // It is asked every 30 s as long as it is well.
    let until = std::time::Instant::now() + Duration::from_secs(45);
    let mut told = false;
    while !told && std::time::Instant::now() < until {
        let since = std::time::Instant::now();
        let answer = ready();
        assert!(
            since.elapsed() < Duration::from_secs(2),
            "{:?}",
            since.elapsed()
        );
        assert_eq!(answer.status, 200, "{}", answer.text());
        told = answer.text().contains("known secrets stay in use");
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(told);
}
