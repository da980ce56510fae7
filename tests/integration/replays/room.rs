//! A ledger without room.

use super::*;

#[test]
fn a_ledger_full_of_open_windows_refuses_what_it_could_not_remember() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).with("ledger", "capacity = 1000");
    let gate = with_preset(gate, ID, "slack", &[]);
    let gate = gate
        .endpoint_with("workflows/open", &["--mode", "bearer"])
        .start();
    let time = now();
    let mut sender = Connection::to(gate.http());
    let mut deliver = |number: usize| {
        let delivery = slack(time, &format!("token={number}"));
        sender.write(&delivery.bytes()).answer()
    };
    for number in 0..1000 {
        assert_eq!(deliver(number).status, 202);
    }
    let answer = deliver(1000);
    assert_eq!(answer.status, 503);
    assert_eq!(answer.text(), r#"{"error":"Temporarily unavailable"}"#);
    assert_eq!(answer.reason(), "ledger_unavailable");
    assert_eq!(answer.header("Retry-After"), "5");
    // Nothing that was accepted got in again, and who needs no memory is not kept out.
    for number in [0, 500, 999] {
        is_replay(&deliver(number));
    }
    let secret = gate.secret("workflows/open");
    let request = Request::post("/webhooks/ai/workflows/open")
        .header("Authorization", &format!("Bearer {secret}"))
        .body("{}");
    assert_eq!(send(gate.http(), &request).status, 202);
    assert_eq!(backend.received().len(), 1001);

    let lines = gate.log(1005);
    let refused = lines.iter().find(|line| line["status"] == 503).unwrap();
    assert_eq!(refused["outcome"], "failed");
    assert!(
        refused["cause"]
            .as_str()
            .unwrap()
            .contains("ledger.capacity")
    );
    assert_eq!(gate.metric("portcullis_ledger_entries"), 1000);
    assert_eq!(gate.metric("portcullis_ledger_capacity"), 1000);
    assert_eq!(
        gate.metric(r#"portcullis_ledger_claims_total{result="full"}"#),
        1
    );
    assert_eq!(gate.metric("portcullis_ledger_forgotten_total"), 0);
}

#[test]
fn a_ledger_full_of_ids_forgets_the_oldest_and_keeps_nobody_out() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).with("ledger", "capacity = 1000");
    let gate = with_preset(gate, ID, "github", &["--duplicates", "acknowledge"]).start();
    let mut sender = Connection::to(gate.http());
    for number in 0..1010 {
        let delivery = github(&format!("id-{number}"), "{}");
        assert_eq!(sender.write(&delivery.bytes()).answer().status, 202);
    }
    assert_eq!(gate.metric("portcullis_ledger_entries"), 1000);
    assert_eq!(gate.metric("portcullis_ledger_forgotten_total"), 10);
    is_duplicate(&send(gate.http(), &github("id-1009", "{}")));
}
