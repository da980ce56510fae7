//! Ids are those of one creation of an endpoint and of one version of its secret: nobody who had either before has used
//! up an id of deliveries to come.

use super::*;

const ANOTHER: &str = "the secret of whoever comes next";

/// What a sender of Standard Webhooks sends who has `secret`.
fn sent(secret: &str, id: &str, at: Timestamp) -> Request {
    let time = at.as_second();
    let signature = hmac(secret, &format!("{id}.{time}.{{}}"));
    let signature = base64::prelude::BASE64_STANDARD.encode(signature);
    Request::post(PATH)
        .header("webhook-id", id)
        .header("webhook-timestamp", &time.to_string())
        .header("webhook-signature", &format!("v1,{signature}"))
        .body("{}")
}

fn set_secret(gate: &Gate, secret: &str, options: &[&str]) {
    let secret = format!("whsec_{}", base64::prelude::BASE64_STANDARD.encode(secret));
    let words = [&["secret", "set", ID][..], options].concat();
    gate.run_with_input(&words, secret.as_bytes()).succeeded();
}

/// Deletes the endpoint and makes one of the same name, with this secret.
fn make_again(gate: &Gate, preset: &str, secret: &str) {
    gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
    let owner = ["--organisation", "acme", "--workspace", "main"];
    let mode = ["--mode", "provider", "--preset", preset];
    let create = [&["endpoint", "create", ID][..], &owner, &mode].concat();
    gate.run(&create).succeeded();
    if preset == "standard-webhooks" {
        set_secret(gate, secret, &[]);
    } else {
        gate.run_with_input(&["secret", "set", ID], secret.as_bytes())
            .succeeded();
    }
}

/// Sends what `request` makes until it is admitted.
#[track_caller]
fn is_admitted_soon(gate: &Gate, mut request: impl FnMut(i64) -> Request) {
    let mut attempt = -1;
    eventually("a delivery is admitted", || {
        attempt += 1;
        send(gate.http(), &request(attempt)).status == 202
    });
}

/// Waits until `secret` is in force: sends deliveries whose ids nobody else uses.
#[track_caller]
fn wait_for_secret(gate: &Gate, secret: &str) {
    is_admitted_soon(gate, |_| {
        sent(secret, &uuid::Uuid::now_v7().to_string(), now())
    });
}

fn the_next_owner_has_all_ids(gate: &Gate) {
    assert_eq!(send(gate.http(), &sent(SECRET, "evt_1", now())).status, 202);
    is_duplicate(&send(gate.http(), &sent(SECRET, "evt_1", ago(60))));
    make_again(gate, "standard-webhooks", ANOTHER);
    wait_for_secret(gate, ANOTHER);
    let first = sent(ANOTHER, "evt_1", now());
    assert_eq!(send(gate.http(), &first).status, 202);
    is_duplicate(&send(gate.http(), &sent(ANOTHER, "evt_1", ago(60))));
    is_replay(&send(gate.http(), &first));
}

#[test]
fn the_ids_of_a_deleted_endpoint_are_new_to_the_next_one_of_its_name() {
    let backend = Backend::accepting();
    let gate = gate("standard-webhooks", &backend, &[]).start();
    the_next_owner_has_all_ids(&gate);
}

#[test]
fn the_ids_of_a_deleted_endpoint_are_new_to_the_next_one_in_redis_too() {
    let redis = RedisServer::start();
    let backend = Backend::accepting();
    let patient = "connect_timeout = \"20s\"\nresponse_timeout = \"20s\"";
    let lines = format!("url = \"{}\"\n{patient}", redis.url());
    let gate = Gate::before(&backend).with("ledger", &lines);
    let gate = with_preset(gate, ID, "standard-webhooks", &[]).start();
    gate.wait_for_metric("portcullis_redis_up", 1);
    the_next_owner_has_all_ids(&gate);
}

#[test]
fn an_endpoint_made_again_with_its_old_secret_has_all_ids_and_still_refuses_a_replay() {
    let backend = Backend::accepting();
    let gate = gate("standard-webhooks", &backend, &[]).start();
    let first = sent(SECRET, "evt_1", now());
    assert_eq!(send(gate.http(), &first).status, 202);
    make_again(&gate, "standard-webhooks", SECRET);
    is_admitted_soon(&gate, |attempt| {
        sent(SECRET, "evt_1", ago(attempt % 100 + 1))
    });
    is_replay(&send(gate.http(), &first));
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn an_id_beside_the_signature_is_new_to_an_endpoint_made_again() {
    let backend = Backend::accepting();
    let options = ["--duplicates", "acknowledge"];
    let gate = gate("github", &backend, &options).start();
    assert_eq!(send(gate.http(), &github("id-1", "{}")).status, 202);
    is_duplicate(&send(gate.http(), &github("id-1", "{}")));
    make_again(&gate, "github", SECRET);
    gate.run(&["endpoint", "update", ID, "--duplicates", "acknowledge"])
        .succeeded();
    is_admitted_soon(&gate, |_| github("id-1", "{}"));
}

#[test]
fn an_endpoint_that_goes_to_another_owner_takes_no_ids_along_and_one_that_stays_keeps_them() {
    let backend = Backend::accepting();
    let declaration = |organisation: &str, event_name: &str| {
        format!(
            "[[endpoints]]\nid = \"{ID}\"\norganisation = \"{organisation}\"\nworkspace = \"main\"\n\
             event_name = \"{event_name}\"\n\
             auth = {{ mode = \"provider\", preset = \"standard-webhooks\" }}\n"
        )
    };
    let gate = Gate::before(&backend).apply(&declaration("acme", "first"));
    set_secret(&gate, SECRET, &[]);
    let gate = gate.start();
    assert_eq!(send(gate.http(), &sent(SECRET, "evt_1", now())).status, 202);
    let apply = |text: String| {
        let path = gate.file("again.toml", text);
        gate.run(&["apply", "-f", path.to_str().unwrap()])
            .succeeded();
    };
    apply(declaration("acme", "first"));
    apply(declaration("acme", "second"));
    in_force(|| {
        wait_for_secret(&gate, SECRET);
        let received = backend.received();
        received.last().unwrap().headers("X-Portal-Event-Name") == ["second"]
    });
    is_duplicate(&send(gate.http(), &sent(SECRET, "evt_1", ago(60))));
    apply(declaration("globex", "second"));
    is_admitted_soon(&gate, |attempt| {
        sent(SECRET, "evt_1", ago(attempt % 100 + 1))
    });
    let received = backend.received();
    assert_eq!(received.last().unwrap().header("X-Portal-Org-Id"), "globex");
}

#[test]
fn ids_that_a_thief_has_used_up_are_new_after_the_rotation() {
    let backend = Backend::accepting();
    let gate = gate("standard-webhooks", &backend, &[]).start();
    for id in ["evt_1", "evt_2"] {
        assert_eq!(send(gate.http(), &sent(SECRET, id, now())).status, 202);
    }
    set_secret(&gate, ANOTHER, &[]);
    wait_for_secret(&gate, ANOTHER);
    for id in ["evt_1", "evt_2"] {
        assert_eq!(send(gate.http(), &sent(ANOTHER, id, now())).status, 202);
        is_duplicate(&send(gate.http(), &sent(ANOTHER, id, ago(60))));
    }
}

#[test]
fn during_an_overlap_an_id_is_known_whichever_version_proves_it() {
    let backend = Backend::accepting();
    let gate = gate("standard-webhooks", &backend, &[]).start();
    let status = |secret: &str, id: &str| send(gate.http(), &sent(secret, id, ago(60))).status;
    assert_eq!(status(SECRET, "before"), 202);
    set_secret(&gate, ANOTHER, &["--overlap", "1h"]);
    wait_for_secret(&gate, ANOTHER);
    // Accepted before the rotation, and repeated under each of the two.
    is_duplicate(&send(gate.http(), &sent(ANOTHER, "before", now())));
    is_duplicate(&send(gate.http(), &sent(SECRET, "before", now())));
    for (first, second) in [(SECRET, ANOTHER), (ANOTHER, SECRET)] {
        let id = format!("during {}", first.len()).replace(' ', "_");
        assert_eq!(status(first, &id), 202);
        is_duplicate(&send(gate.http(), &sent(second, &id, now())));
        is_duplicate(&send(gate.http(), &sent(first, &id, now())));
    }
    gate.run(&["secret", "retire", ID]).succeeded();
    in_force(|| status(SECRET, &uuid::Uuid::now_v7().to_string()) != 202);
    // What was accepted during the overlap is known to the version that is left.
    let id = format!("during_{}", SECRET.len());
    is_duplicate(&send(gate.http(), &sent(ANOTHER, &id, ago(120))));
}
