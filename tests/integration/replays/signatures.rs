//! The same signature again.

use super::*;

#[test]
fn a_replay_of_an_accepted_delivery_is_409_and_the_backend_sees_one() {
    let backend = Backend::accepting();
    let gate = gate("slack", &backend, &[]).start();
    let delivery = slack(now(), "token=1");
    assert_eq!(send(gate.http(), &delivery).status, 202);
    for _ in 0..3 {
        is_replay(&send(gate.http(), &delivery));
    }
    backend.only();
    let lines = gate.log(4);
    assert_eq!(lines[3]["reason"], "replay");
    assert_eq!(lines[3]["outcome"], "refused");
    assert_eq!(lines[3]["cause"], "this signature was accepted before");
    // Another event, and the same event signed anew, are deliveries of their own.
    assert_eq!(send(gate.http(), &slack(now(), "token=2")).status, 202);
    assert_eq!(send(gate.http(), &slack(ago(10), "token=1")).status, 202);
}

/// SECURITY.md says so, and `presets show`: nothing that is signed tells the two apart.
#[test]
fn a_second_delivery_with_the_same_body_and_second_is_a_replay_whatever_its_unsigned_id() {
    let backend = Backend::accepting();
    let gate = gate("zendesk", &backend, &[]).start();
    let delivery = |id: &str, at: Timestamp| {
        let time = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let signature = hmac(SECRET, &format!("{time}{{}}"));
        let signature = base64::prelude::BASE64_STANDARD.encode(signature);
        Request::post(PATH)
            .header("X-Zendesk-Webhook-Invocation-Id", id)
            .header("X-Zendesk-Webhook-Signature-Timestamp", &time)
            .header("X-Zendesk-Webhook-Signature", &signature)
            .body("{}")
    };
    let time = ago(10);
    assert_eq!(send(gate.http(), &delivery("one", time)).status, 202);
    is_replay(&send(gate.http(), &delivery("two", time)));
    // A retry of the first one, signed anew, is acknowledged; another invocation at another second is forwarded.
    let again = send(gate.http(), &delivery("one", ago(9)));
    assert_eq!((again.status, again.reason()), (200, "duplicate"));
    assert_eq!(send(gate.http(), &delivery("two", ago(8))).status, 202);
    assert_eq!(backend.received().len(), 2);
    let shown = gate.run(&["presets", "show", "zendesk"]).succeeded();
    assert!(shown.contains("gets 409"), "{shown}");
}

#[test]
fn a_forgery_leaves_nothing_behind() {
    let backend = Backend::accepting();
    let gate = gate("slack", &backend, &[]).start();
    let time = now();
    let delivery = slack(time, "token=1");
    let forged = Request::post(PATH)
        .header("X-Slack-Request-Timestamp", &time.as_second().to_string())
        .header("X-Slack-Signature", &format!("v0={}", "0".repeat(64)))
        .body("token=1");
    assert_eq!(send(gate.http(), &forged).reason(), "signature_mismatch");
    assert_eq!(gate.metric("portcullis_ledger_entries"), 0);
    assert_eq!(send(gate.http(), &delivery).status, 202);
}

#[test]
fn no_other_spelling_of_a_signature_makes_it_another_one() {
    let backend = Backend::accepting();
    let gate = gate("mux", &backend, &[]).start();
    let time = now().as_second();
    let hex = hex::encode(hmac(SECRET, &format!("{time}.body")));
    let other = "0".repeat(64);
    let send = |value: &str| {
        let request = Request::post(PATH).header("Mux-Signature", value);
        send(gate.http(), &request.body("body"))
    };
    assert_eq!(send(&format!("t={time},v1={hex}")).status, 202);
    for value in [
        format!("t={time},v1={}", hex.to_uppercase()),
        format!("v1={hex},t={time}"),
        format!("t={time}, v1={hex}"),
        format!("t={time},v1={other},v1={hex}"),
        format!("t={time},v1={hex},v1={other}"),
        format!("t={time},v1={hex},v1={hex}"),
        format!("t={time},v1={hex},v0=more,x=y"),
    ] {
        is_replay(&send(&value));
    }
    backend.only();
}

#[test]
fn headers_that_are_not_signed_make_no_other_delivery() {
    let backend = Backend::accepting();
    let gate = gate("slack", &backend, &[]).start();
    let delivery = slack(now(), "token=1");
    assert_eq!(send(gate.http(), &delivery).status, 202);
    let query = PATH.to_owned() + "?retry=1";
    let time = now();
    is_replay(&send(
        gate.http(),
        &delivery.clone().header("X-Slack-Retry-Num", "1"),
    ));
    is_replay(&send(gate.http(), &delivery.host("elsewhere.example.com")));
    // Over another URL, in chunks.
    let again = slack(time, "token=2");
    assert_eq!(send(gate.http(), &again).status, 202);
    let signature = hex::encode(hmac(SECRET, &format!("v0:{}:token=2", time.as_second())));
    let chunked = Request::post(&query)
        .header("X-Slack-Request-Timestamp", &time.as_second().to_string())
        .header("X-Slack-Signature", &format!("v0={signature}"))
        .chunked(b"token=2", 2);
    is_replay(&send(gate.http(), &chunked));
}

#[test]
fn every_endpoint_has_a_memory_of_its_own() {
    let backend = Backend::accepting();
    let other = "workflows/other";
    let shared = ["--secret", "shared#slack"];
    let gate = with_preset(Gate::before(&backend), ID, "slack", &shared);
    let gate = with_preset(gate, other, "slack", &shared).start();
    let time = now();
    assert_eq!(send(gate.http(), &slack(time, "token=1")).status, 202);
    let bytes = slack(time, "token=1").bytes();
    let elsewhere = String::from_utf8(bytes).unwrap().replace(ID, other);
    let answer = Connection::to(gate.http())
        .write(elsewhere.as_bytes())
        .answer();
    assert_eq!(answer.status, 202);
    is_replay(&send(gate.http(), &slack(time, "token=1")));
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn a_signature_without_a_time_is_told_where_the_endpoint_asks_for_it() {
    let backend = Backend::accepting();
    let options = ["--replay-key", "signature", "--remember", "1h"];
    let gate = gate("github", &backend, &options).start();
    assert_eq!(send(gate.http(), &github("id-1", "{}")).status, 202);
    // Nothing that is not signed helps.
    is_replay(&send(gate.http(), &github("id-1", "{}")));
    is_replay(&send(gate.http(), &github("id-2", "{}")));
    assert_eq!(send(gate.http(), &github("id-1", "{ }")).status, 202);
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn a_year_old_delivery_is_refused_though_the_providers_own_library_takes_it() {
    let backend = Backend::accepting();
    let gate = gate("sanity", &backend, &[]).start();
    let sanity = |at: Timestamp| {
        let time = at.as_millisecond();
        let signature = hmac(SECRET, &format!("{time}.{{}}"));
        let signature = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(signature);
        let value = format!("t={time},v1={signature}");
        let request = Request::post(PATH).header("sanity-webhook-signature", &value);
        send(gate.http(), &request.body("{}"))
    };
    let old = sanity(ago(365 * 24 * 3600));
    assert_eq!((old.status, old.reason()), (401, "timestamp_stale"));
    backend.was_not_contacted();
    assert_eq!(sanity(now()).status, 202);
}

#[test]
fn a_retry_with_the_signature_of_the_first_attempt_gets_in_hours_later_and_only_once() {
    let backend = Backend::accepting();
    let gate = gate("mailgun", &backend, &[]).start();
    let mailgun = |hours: i64, token: &str, event: &str| {
        let at = ago(hours * 3600).as_second();
        let code = hex::encode(hmac(SECRET, &format!("{at}{token}")));
        let body = format!(
            r#"{{"signature":{{"timestamp":"{at}","token":"{token}","signature":"{code}"}},"event-data":{{"event":"{event}"}}}}"#
        );
        send(gate.http(), &Request::post(PATH).body(&body))
    };
    // https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-retries
    assert_eq!(mailgun(8, "a", "opened").status, 202);
    // Its answer was lost: the sender hears that all is well, and so does a replay with other content.
    is_duplicate(&mailgun(8, "a", "opened"));
    is_duplicate(&mailgun(8, "a", "clicked"));
    let late = mailgun(10, "b", "opened");
    assert_eq!((late.status, late.reason()), (401, "timestamp_stale"));
    let early = mailgun(-1, "c", "opened");
    assert_eq!((early.status, early.reason()), (401, "timestamp_future"));
    assert_eq!(backend.received().len(), 1);
}
