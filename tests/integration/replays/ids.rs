//! The same event again.

use super::*;

#[test]
fn an_event_that_was_accepted_is_acknowledged_without_the_backend() {
    let backend = Backend::accepting();
    let gate = gate("standard-webhooks", &backend, &[]).start();
    assert_eq!(
        send(gate.http(), &standard("evt_1", ago(20), "{}")).status,
        202
    );
    // The sender did not hear of it, and signs the event anew.
    is_duplicate(&send(gate.http(), &standard("evt_1", ago(10), "{}")));
    is_duplicate(&send(gate.http(), &standard("evt_1", now(), "{}")));
    assert_eq!(
        send(gate.http(), &standard("evt_2", now(), "{}")).status,
        202
    );
    assert_eq!(backend.received().len(), 2);
    let lines = gate.log(4);
    let mut duplicates = lines.iter().filter(|line| line["reason"] == "duplicate");
    let line = duplicates.next().unwrap();
    assert_eq!(line["status"], 200);
    assert_eq!(line["cause"], serde_json::Value::Null);
}

#[test]
fn an_endpoint_can_refuse_events_that_were_accepted() {
    let backend = Backend::accepting();
    let gate = gate("standard-webhooks", &backend, &["--duplicates", "reject"]).start();
    assert_eq!(
        send(gate.http(), &standard("evt_1", ago(20), "{}")).status,
        202
    );
    is_replay(&send(gate.http(), &standard("evt_1", now(), "{}")));
    backend.only();
    // The first is logged when its answer has gone, which can be after the second.
    let lines = gate.log(2);
    let refused = lines.iter().find(|line| line["reason"] == "replay");
    assert_eq!(
        refused.unwrap()["cause"],
        "an event with this id was accepted before"
    );
}

#[test]
fn an_endpoint_can_have_them_forwarded_and_a_replay_is_still_none() {
    let backend = Backend::accepting();
    let gate = gate("standard-webhooks", &backend, &["--duplicates", "forward"]).start();
    let first = standard("evt_1", ago(20), "{}");
    assert_eq!(send(gate.http(), &first).status, 202);
    assert_eq!(
        send(gate.http(), &standard("evt_1", now(), "{}")).status,
        202
    );
    is_replay(&send(gate.http(), &first));
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn the_very_same_delivery_is_a_replay_unless_only_ids_count() {
    let time = now();
    for (options, is_known) in [
        (&[][..], is_replay as fn(&Answer)),
        (&["--replay-key", "id"], is_duplicate),
        (&["--replay-key", "signature"], is_replay),
    ] {
        let backend = Backend::accepting();
        let gate = gate("standard-webhooks", &backend, options).start();
        assert_eq!(
            send(gate.http(), &standard("evt_1", time, "{}")).status,
            202
        );
        is_known(&send(gate.http(), &standard("evt_1", time, "{}")));
        backend.only();
    }
}

#[test]
fn an_id_beside_the_signature_counts_together_with_what_is_signed() {
    let backend = Backend::accepting();
    let gate = gate("github", &backend, &["--duplicates", "acknowledge"]).start();
    assert_eq!(send(gate.http(), &github("id-1", "{}")).status, 202);
    is_duplicate(&send(gate.http(), &github("id-1", "{}")));
    // Somebody who has caught one genuine delivery sends it under an id that is still to come ...
    assert_eq!(send(gate.http(), &github("id-2", "{}")).status, 202);
    // ... and does not keep the real one out by it.
    assert_eq!(
        send(gate.http(), &github("id-2", "{\"real\":1}")).status,
        202
    );
    is_duplicate(&send(gate.http(), &github("id-2", "{\"real\":1}")));
    assert_eq!(backend.received().len(), 3);
}

#[test]
fn what_somebody_redelivers_reaches_the_backend_where_the_sender_never_retries_by_itself() {
    let backend = Backend::accepting();
    let gate = gate("github", &backend, &[]);
    let once = "workflows/once";
    let gate = with_preset(gate, once, "github", &["--duplicates", "acknowledge"]).start();
    let delivery = github("id-1", "{}");
    assert_eq!(send(gate.http(), &delivery).status, 202);
    // GitHub's button "Redeliver" sends the same bytes under the same id.
    assert_eq!(send(gate.http(), &delivery).status, 202);
    assert_eq!(backend.received().len(), 2);
    let bytes = String::from_utf8(delivery.bytes())
        .unwrap()
        .replace(ID, once);
    let mut sender = Connection::to(gate.http());
    assert_eq!(sender.write(bytes.as_bytes()).answer().status, 202);
    is_duplicate(&sender.write(bytes.as_bytes()).answer());
    assert_eq!(backend.received().len(), 3);
}

#[test]
fn the_modes_that_follow_a_preset_follow_its_sender() {
    for (mode, header, expected) in [
        ("hmac", None, "the same id is forwarded"),
        (
            "hmac-sha256",
            Some("X-Hub-Signature-256"),
            "the same id is forwarded",
        ),
        (
            "hmac-sha256",
            Some("Stripe-Signature"),
            "the same signed id is acknowledged for 24h",
        ),
        ("hmac-sha256", Some("X-Other"), "not detected"),
        ("provider --preset gitlab", None, "the same id is forwarded"),
    ] {
        let mut options = vec!["--mode"];
        options.extend(mode.split(' '));
        options.extend(header.into_iter().flat_map(|header| ["--header", header]));
        let gate = Gate::before(&Backend::refusing()).endpoint_with(ID, &options);
        let shown = gate.run(&["endpoint", "show", ID]).succeeded();
        let line = shown.lines().find(|line| line.starts_with("replays"));
        assert!(
            line.unwrap().ends_with(expected),
            "{mode} {header:?}: {shown}"
        );
    }
}

#[test]
fn an_id_beside_a_signature_over_a_time_counts_together_with_the_body() {
    let backend = Backend::accepting();
    let gate = gate("sanity", &backend, &[]).start();
    let sanity = |id: &str, at: Timestamp, body: &str| {
        let time = at.as_millisecond();
        let signature = hmac(SECRET, &format!("{time}.{body}"));
        let signature = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(signature);
        let request = Request::post(PATH)
            .header("idempotency-key", id)
            .header(
                "sanity-webhook-signature",
                &format!("t={time},v1={signature}"),
            )
            .body(body);
        send(gate.http(), &request)
    };
    let first = ago(20);
    assert_eq!(sanity("key-1", first, "{}").status, 202);
    is_duplicate(&sanity("key-1", ago(10), "{}"));
    assert_eq!(sanity("key-1", ago(10), "{ }").status, 202);
    is_replay(&sanity("key-2", first, "{}"));
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn an_id_that_cannot_be_one_is_none() {
    let backend = Backend::accepting();
    let gate = gate("github", &backend, &["--duplicates", "acknowledge"]).start();
    let with = |ids: &[&str]| {
        let request = Request::post(PATH);
        let request = ids.iter().fold(request, |request, id| {
            request.header("X-GitHub-Delivery", id)
        });
        let signature = github_signature(SECRET, b"{}");
        send(
            gate.http(),
            &request.header("X-Hub-Signature-256", &signature).body("{}"),
        )
    };
    let long = "x".repeat(257);
    for ids in [&[][..], &[""], &["a", "b"], &["a b"], &[&long]] {
        assert_eq!(with(ids).status, 202, "{ids:?}");
        assert_eq!(with(ids).status, 202, "{ids:?}");
    }
    assert_eq!(gate.metric("portcullis_ledger_entries"), 0);
}

#[test]
fn the_ids_of_one_endpoint_are_not_those_of_another() {
    let backend = Backend::accepting();
    let other = "workflows/other";
    let shared = ["--secret", "shared#github", "--duplicates", "acknowledge"];
    let gate = with_preset(Gate::before(&backend), ID, "github", &shared);
    let gate = with_preset(gate, other, "github", &shared).start();
    assert_eq!(send(gate.http(), &github("id-1", "{}")).status, 202);
    let bytes = github("id-1", "{}").bytes();
    let elsewhere = String::from_utf8(bytes).unwrap().replace(ID, other);
    let mut sender = Connection::to(gate.http());
    assert_eq!(sender.write(elsewhere.as_bytes()).answer().status, 202);
    is_duplicate(&sender.write(elsewhere.as_bytes()).answer());
    is_duplicate(&send(gate.http(), &github("id-1", "{}")));
}

#[test]
fn an_endpoint_that_wants_no_memory_has_none() {
    let backend = Backend::accepting();
    let gate = gate("standard-webhooks", &backend, &["--replay-key", "none"]).start();
    let delivery = standard("evt_1", now(), "{}");
    for _ in 0..3 {
        assert_eq!(send(gate.http(), &delivery).status, 202);
    }
    assert_eq!(gate.metric("portcullis_ledger_entries"), 0);
}

#[test]
fn nothing_is_remembered_where_nothing_is_signed() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("auth", "allow_unauthenticated = true")
        .endpoint("secret")
        .endpoint_with("workflows/open", &["--mode", "none"])
        .start();
    let secret = format!("Bearer {}", gate.secret(ID));
    for _ in 0..2 {
        for path in [PATH, "/webhooks/ai/workflows/open"] {
            let request = Request::post(path)
                .header("Authorization", &secret)
                .header("X-GitHub-Delivery", "id-1")
                .header("webhook-id", "evt_1")
                .body("{}");
            assert_eq!(send(gate.http(), &request).status, 202);
        }
    }
    assert_eq!(backend.received().len(), 4);
    assert_eq!(gate.metric("portcullis_ledger_entries"), 0);
}

#[test]
fn a_change_of_what_becomes_of_duplicates_is_in_force_at_once() {
    let backend = Backend::accepting();
    let gate = gate("standard-webhooks", &backend, &[]).start();
    assert_eq!(
        send(gate.http(), &standard("evt_1", ago(20), "{}")).status,
        202
    );
    is_duplicate(&send(gate.http(), &standard("evt_1", ago(19), "{}")));
    gate.run(&["endpoint", "update", ID, "--duplicates", "reject"])
        .succeeded();
    gate.catch_up();
    is_replay(&send(gate.http(), &standard("evt_1", ago(18), "{}")));
}
