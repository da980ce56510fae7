//! Rotations while the key service is ill. What was ended does not come back, and what was not ended stays.

use super::*;

/// It encrypts, and does not decrypt.
const BLIND: Fault = Fault::ErrorTo("Decrypt", 500, "KMSInternalException");

#[test]
fn a_secret_that_was_ended_is_not_served_from_memory_though_nobody_can_read_the_new_one() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "grace = \"1h\"")
        .endpoint("hmac")
        .start();
    let old = gate.secret(ID);
    assert_eq!(signed(&gate, ID, &old), admitted());
    kms.proxy.set(BLIND);
    gate.run_with_input(&["secret", "set", ID], b"the new one")
        .succeeded();
    in_force(|| signed(&gate, ID, &old) == unavailable());
    let reached = backend.received().len();
    for secret in [old.as_str(), "the new one", "a guess"] {
        assert_eq!(signed(&gate, ID, secret), unavailable());
    }
    assert_eq!(backend.received().len(), reached);
    kms.proxy.set(Fault::None);
    eventually("it comes so far", || {
        signed(&gate, ID, "the new one") == admitted()
    });
    assert_eq!(signed(&gate, ID, &old), mismatch());
}

#[test]
fn in_an_overlap_the_old_one_goes_on_and_the_new_one_waits_and_neither_is_401() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "grace = \"1h\"")
        .endpoint("hmac")
        .start();
    let old = gate.secret(ID);
    assert_eq!(signed(&gate, ID, &old), admitted());
    kms.proxy.set(BLIND);
    gate.run_with_input(&["secret", "set", ID, "--overlap", "1h"], b"the new one")
        .succeeded();
    in_force(|| signed(&gate, ID, "the new one") == unavailable());
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
    eventually("it comes so far", || {
        signed(&gate, ID, "the new one") == admitted()
    });
    assert_eq!(signed(&gate, ID, &old), admitted());
    assert_eq!(signed(&gate, ID, "a guess"), mismatch());
}

#[test]
fn an_overlap_ends_though_the_key_service_is_down() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "grace = \"1h\"")
        .endpoint("hmac")
        .start();
    let old = gate.secret(ID);
    assert_eq!(signed(&gate, ID, &old), admitted());
    kms.proxy.set(BLIND);
    let before = Instant::now();
    gate.run_with_input(&["secret", "set", ID, "--overlap", "3s"], b"the new one")
        .succeeded();
    gate.catch_up();
    // It ends by itself: the key service does not decrypt, and nothing is written to the store.
    eventually("the overlap is over", || {
        signed(&gate, ID, &old) == unavailable()
    });
    assert!(before.elapsed() >= Duration::from_secs(3), "too early");
    assert_eq!(signed(&gate, ID, &old), unavailable());
}

#[test]
fn a_rotation_while_a_secret_is_being_loaded_does_not_leave_the_old_one_in_force() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "").endpoint("hmac");
    let old = gate.secret(ID);
    let gate = gate.start();
    // The load is under way while the gate looks at the changes, twice.
    kms.proxy.set(Fault::HoldDecrypt);
    let so_far = kms.proxy.count("Decrypt");
    let mut waiting = Connection::to(gate.http());
    waiting.write(&delivery(ID, &old).bytes());
    kms.proxy.wait_for("Decrypt", so_far + 1);
    gate.run_with_input(&["secret", "set", ID], b"the new one")
        .succeeded();
    gate.catch_up();
    kms.proxy.set(Fault::None);
    let first = waiting.answer();
    assert!(matches!(first.status, 202 | 401), "{}", first.head);
    for _ in 0..10 {
        assert_eq!(signed(&gate, ID, &old), mismatch());
        assert_eq!(signed(&gate, ID, "the new one"), admitted());
    }
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
    in_force(|| signed(&gate, ID, "the new one") == admitted());
    gate.catch_up();
    assert_eq!(signed(&gate, ID, &old), admitted());
    assert_eq!(kms.proxy.count("Decrypt"), before + 1);
}

#[test]
fn a_previous_secret_that_does_not_open_takes_nothing_away_from_the_current_one() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "cache_time_to_live = \"2s\"\ngrace = \"1h\"")
        .endpoint("hmac");
    gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "1h"])
        .succeeded();
    let new = gate.secret(ID);
    sqlite(
        &gate,
        "UPDATE secret_versions SET ciphertext = x'0100' WHERE version = 1",
    );
    let gate = gate.start();
    let begun = Instant::now();
    eventually("the secrets are opened again and again", || {
        assert_eq!(signed(&gate, ID, &new), admitted());
        kms.proxy.count("Decrypt") >= 12
    });
    // Nobody asks more often for it than the other one needs: each of them twice a lifetime, at most.
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    let calls = kms.proxy.count("Decrypt");
    assert!(calls <= 4 * seconds + 12, "{calls} calls in {seconds} s");
    // What the key service then does not say, it has not refused.
    kms.proxy.set(Fault::Refuse);
    let grace = "portcullis_secret_cache_requests_total{result=\"grace\"}";
    let so_far = gate.metric(grace);
    eventually("the secret is past its time, and used", || {
        assert_eq!(signed(&gate, ID, &new), admitted());
        gate.metric(grace) >= so_far + 20
    });
}

#[test]
fn readyz_does_not_wait_for_a_key_service_that_hangs() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms.gate(&backend, "").endpoint("hmac").start();
    let ready = || send(gate.admin(), &admin_get("/readyz"));
    eventually("the gate is ready", || ready().status == 200);
    kms.proxy.set(Fault::Hang);
    // It is asked every 30 s as long as it is well.
    let so_far = kms.proxy.calls().len();
    eventually("the key service is asked, and hangs", || {
        assert_eq!(ready().status, 200);
        kms.proxy.calls().len() > so_far
    });
    // The call has half a minute, and these are answered meanwhile.
    for _ in 0..3 {
        assert_eq!(ready().status, 200);
    }
    assert_eq!(kms.proxy.most_in_flight(), 1);
    eventually("it is told", || {
        let answer = ready();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().contains("cached secrets stay in use")
    });
}
