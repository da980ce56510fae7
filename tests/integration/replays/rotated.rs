//! A rotation of the secret makes no replay new.

use super::*;

const NEW: &str = "the secret that comes after it";

/// A delivery that is signed with each of `secrets`, as a provider does while it rotates.
fn mux(time: i64, secrets: &[&str]) -> Request {
    let mut value = format!("t={time}");
    for secret in secrets {
        let hex = hex::encode(hmac(secret, &format!("{time}.body")));
        value.push_str(&format!(",v1={hex}"));
    }
    Request::post(PATH)
        .header("Mux-Signature", &value)
        .body("body")
}

fn rotate(gate: &Gate) {
    gate.run_with_input(&["secret", "set", ID, "--overlap", "1h"], NEW.as_bytes())
        .succeeded();
}

/// Waits until the new secret is in force.
fn wait_for_the_new_secret(gate: &Gate) {
    gate.catch_up();
    let delivery = mux(ago(100).as_second(), &[NEW]);
    assert_eq!(send(gate.http(), &delivery).status, 202);
}

#[test]
fn a_delivery_from_before_the_rotation_is_a_replay_after_it() {
    let gate = gate("mux", &Backend::accepting(), &[]).start();
    let time = now().as_second();
    assert_eq!(send(gate.http(), &mux(time, &[SECRET])).status, 202);
    rotate(&gate);
    wait_for_the_new_secret(&gate);
    is_replay(&send(gate.http(), &mux(time, &[SECRET])));
    // The overlap works, all the same.
    assert_eq!(send(gate.http(), &mux(time - 1, &[SECRET])).status, 202);
}

#[test]
fn of_two_signatures_neither_makes_another_delivery_of_it() {
    let gate = gate("mux", &Backend::accepting(), &[]);
    rotate(&gate);
    let gate = gate.start();
    let time = now().as_second();
    let orders: [[&[&str]; 3]; 3] = [
        [&[SECRET, NEW], &[SECRET], &[NEW]],
        [&[SECRET], &[NEW], &[NEW, SECRET]],
        [&[NEW], &[SECRET], &[SECRET, NEW]],
    ];
    for (number, [first, second, third]) in (0..).zip(orders) {
        let time = time - number;
        assert_eq!(send(gate.http(), &mux(time, first)).status, 202);
        is_replay(&send(gate.http(), &mux(time, second)));
        is_replay(&send(gate.http(), &mux(time, third)));
    }
}

#[test]
fn an_event_that_is_signed_anew_after_the_rotation_is_a_duplicate() {
    let gate = gate("standard-webhooks", &Backend::accepting(), &[]).start();
    assert_eq!(
        send(gate.http(), &standard("evt_1", ago(10), "{}")).status,
        202
    );
    gate.run_with_input(
        &["secret", "set", ID, "--overlap", "1h"],
        b"whsec_bmV3IHNlY3JldCBrZXksIGxvbmcgZW5vdWdo",
    )
    .succeeded();
    gate.catch_up();
    is_duplicate(&send(gate.http(), &standard("evt_1", now(), "{}")));
}

#[test]
fn a_delivery_that_has_only_an_id_beside_its_signature_stays_known_through_a_rotation() {
    for (duplicates, is_known) in [
        ("acknowledge", is_duplicate as fn(&Answer)),
        ("reject", is_replay),
    ] {
        let backend = Backend::accepting();
        let gate = gate("github", &backend, &["--duplicates", duplicates]).start();
        let event = |secret: &str, id: &str| {
            Request::post(PATH)
                .header("X-GitHub-Delivery", id)
                .header("X-Hub-Signature-256", &github_signature(secret, b"{}"))
                .body("{}")
        };
        assert_eq!(send(gate.http(), &event(SECRET, "a")).status, 202);
        rotate(&gate);
        in_force(|| {
            send(
                gate.http(),
                &event(NEW, &jiff::Timestamp::now().as_nanosecond().to_string()),
            )
            .status
                == 202
        });
        is_known(&send(gate.http(), &event(SECRET, "a")));
        // What is accepted with the old secret now is known by both.
        assert_eq!(send(gate.http(), &event(SECRET, "b")).status, 202);
        is_known(&send(gate.http(), &event(SECRET, "b")));
        is_known(&send(gate.http(), &event(NEW, "b")));
    }
}
