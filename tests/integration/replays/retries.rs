//! A retry of what the backend did not accept gets through, in the very same bytes.

use super::*;

#[track_caller]
fn passes_the_second_time(backend: &Backend, first: u16) {
    let gate = with_preset(
        Gate::before(backend).with("upstreams.default", "total_timeout = \"500ms\""),
        ID,
        "standard-webhooks",
        &[],
    );
    let gate = gate.start();
    let delivery = standard("evt_1", now(), "{}");
    let answer = send(gate.http(), &delivery);
    assert_eq!(answer.status, first, "{}", answer.head);
    assert_eq!(send(gate.http(), &delivery).status, 202, "after {first}");
    is_replay(&send(gate.http(), &delivery));
    is_duplicate(&send(gate.http(), &standard("evt_1", ago(5), "{}")));
    assert_eq!(backend.received().len(), 2);
    assert_eq!(
        gate.metric(r#"portcullis_ledger_settlements_total{result="released"}"#),
        1
    );
    assert_eq!(
        gate.metric(r#"portcullis_ledger_settlements_total{result="committed"}"#),
        1
    );
}

#[test]
fn after_any_answer_of_the_backend_but_2xx() {
    for (answer, status) in [
        (FAILED, 500),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", 503),
        (b"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", 429),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", 404),
        (b"HTTP/1.1 302 No\r\nContent-Length: 0\r\n\r\n", 302),
    ] {
        let answers: &'static [&'static [u8]] = Box::leak(Box::new([answer, ACCEPTED]));
        passes_the_second_time(&answering_in_turn(answers), status);
    }
}

#[test]
fn as_stripe_sends_it() {
    let backend = answering_in_turn(&[FAILED, ACCEPTED]);
    let gate = with_preset(Gate::before(&backend), ID, "stripe", &[]).start();
    let event = r#"{"id":"evt_1","type":"charge.succeeded"}"#;
    let signed = |at: Timestamp| {
        let time = at.as_second();
        let signature = hex::encode(hmac(SECRET, &format!("{time}.{event}")));
        Request::post(PATH)
            .header("Stripe-Signature", &format!("t={time},v1={signature}"))
            .body(event)
    };
    let first = signed(ago(10));
    // The backend fails, and the honest retry gets through, in the very same bytes too.
    assert_eq!(send(gate.http(), &first).status, 500);
    assert_eq!(send(gate.http(), &first).status, 202);
    // Whoever caught it and sends it again is refused; Stripe, who signs each attempt anew, is told.
    is_replay(&send(gate.http(), &first));
    is_duplicate(&send(gate.http(), &signed(now())));
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn after_the_backend_has_closed_without_an_answer() {
    // Whether it has taken the delivery nobody knows: it gets it twice rather than not at all.
    passes_the_second_time(&answering_in_turn(&[b"", ACCEPTED]), 502);
}

#[test]
fn after_an_answer_that_is_none() {
    passes_the_second_time(
        &answering_in_turn(&[b"HTTP/9 what?\r\n\r\n", ACCEPTED]),
        502,
    );
}

#[test]
fn after_the_backend_was_too_slow() {
    let first = AtomicUsize::new(0);
    let backend = Backend::scripted(move |request, stream| {
        if request.is_some() && first.fetch_add(1, Ordering::SeqCst) > 0 {
            let _ = stream.write_all(ACCEPTED);
        }
        request.is_some()
    });
    passes_the_second_time(&backend, 504);
}

#[test]
fn after_nobody_was_there() {
    let (down, up) = (Backend::refusing(), Backend::accepting());
    let addresses = format!("addresses = [\"{}\"]", up.address());
    let gate = Gate::before(&down).with("upstreams.up", &addresses);
    let gate = with_preset(gate, ID, "slack", &["--upstream", "default"]).start();
    let delivery = slack(now(), "token=1");
    assert_eq!(send(gate.http(), &delivery).status, 502);
    gate.run(&["endpoint", "update", ID, "--upstream", "up"])
        .succeeded();
    in_force(|| send(gate.http(), &delivery).status != 502);
    is_replay(&send(gate.http(), &delivery));
    up.only();
}
