//! The same delivery twice at the same time.

use std::sync::{Arc, Condvar, Mutex};

use super::*;

/// Holds a backend's answers back until somebody opens it.
#[derive(Clone, Default)]
pub(crate) struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open.
    pub(crate) fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }

    /// A backend that answers behind it.
    pub(crate) fn backend(&self, answer: &'static [u8]) -> Backend {
        let door = self.clone();
        Backend::scripted(move |request, stream| {
            if request.is_some() {
                door.pass();
                let _ = stream.write_all(answer);
            }
            request.is_some()
        })
    }
}

#[test]
fn a_delivery_that_is_with_the_backend_is_in_flight_and_then_decided() {
    let door = Door::default();
    let backend = door.backend(ACCEPTED);
    let gate = gate("standard-webhooks", &backend, &[]).start();
    let first = standard("evt_1", ago(10), "{}");
    let mut sender = Connection::to(gate.http());
    sender.write(&first.bytes());
    backend.wait_for(1);
    is_in_flight(&send(gate.http(), &first));
    is_in_flight(&send(gate.http(), &standard("evt_1", now(), "{}")));
    assert_eq!(
        gate.metric(r#"portcullis_ledger_claims_total{result="in_flight"}"#),
        2
    );
    door.open();
    assert_eq!(sender.answer().status, 202);
    is_replay(&send(gate.http(), &first));
    is_duplicate(&send(gate.http(), &standard("evt_1", now(), "{}")));
    backend.only();
}

#[test]
fn one_that_fails_at_last_lets_the_next_one_in() {
    let door = Door::default();
    let backend = door.backend(FAILED);
    let gate = gate("slack", &backend, &[]).start();
    let delivery = slack(now(), "token=1");
    let mut sender = Connection::to(gate.http());
    sender.write(&delivery.bytes());
    backend.wait_for(1);
    is_in_flight(&send(gate.http(), &delivery));
    door.open();
    assert_eq!(sender.answer().status, 500);
    assert_eq!(send(gate.http(), &delivery).status, 500);
    assert_eq!(backend.received().len(), 2);
}

#[test]
fn what_the_backend_says_counts_although_the_sender_has_gone() {
    for (answer, results) in [
        (ACCEPTED, ("committed", "released")),
        (FAILED, ("released", "committed")),
    ] {
        let door = Door::default();
        let backend = door.backend(answer);
        let gate = gate("slack", &backend, &[]).start();
        let delivery = slack(now(), "token=1");
        let mut sender = Connection::to(gate.http());
        sender.write(&delivery.bytes());
        backend.wait_for(1);
        drop(sender);
        is_in_flight(&send(gate.http(), &delivery));
        door.open();
        let settled =
            |result| format!("portcullis_ledger_settlements_total{{result=\"{result}\"}}");
        gate.wait_for_metric(&settled(results.0), 1);
        assert_eq!(gate.metric(&settled(results.1)), 0);
        let answer = send(gate.http(), &delivery);
        match results.0 {
            "committed" => is_replay(&answer),
            _ => assert_eq!(answer.status, 500),
        }
    }
}

#[test]
fn a_stream_of_http_2_that_is_given_up_is_settled_too() {
    let authority = Authority::new();
    let door = Door::default();
    let backend = door.backend(ACCEPTED);
    let gate = Gate::before(&backend)
        .tls(&authority)
        .with("public", "http2 = true");
    let gate = with_preset(gate, ID, "slack", &[]).start();
    let time = now();
    let signature = hex::encode(hmac(SECRET, &format!("v0:{}:token=1", time.as_second())));
    let request = http::Request::post(format!("https://portal.example.com{PATH}"))
        .header("x-slack-request-timestamp", time.as_second().to_string())
        .header("x-slack-signature", format!("v0={signature}"))
        .body(())
        .unwrap();
    let sender = Http2::connect(gate.https(), authority.certificate()).unwrap();
    let mut pending = sender.begin(request, true);
    sender.send(&mut pending, b"token=1", true);
    backend.wait_for(1);
    drop(pending);
    drop(sender);
    is_in_flight(&send(gate.http(), &slack(time, "token=1")));
    door.open();
    gate.wait_for_metric(
        r#"portcullis_ledger_settlements_total{result="committed"}"#,
        1,
    );
    is_replay(&send(gate.http(), &slack(time, "token=1")));
    backend.only();
}

#[test]
fn of_a_thousand_deliveries_with_one_id_exactly_one_reaches_the_backend() {
    let door = Door::default();
    let backend = door.backend(ACCEPTED);
    let gate = gate("standard-webhooks", &backend, &[]).start();
    let address = gate.http();
    let start = Arc::new(std::sync::Barrier::new(CONNECTIONS));
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|sender| {
            let start = start.clone();
            std::thread::spawn(move || {
                let mut connection = Connection::to(address);
                let deliveries: Vec<_> = (0..DELIVERIES / CONNECTIONS)
                    .map(|number| standard("evt_1", ago((sender + number) as i64 % 100), "{}"))
                    .collect();
                start.wait();
                deliveries
                    .iter()
                    .map(|delivery| connection.write(&delivery.bytes()).answer())
                    .map(|answer| answer.reason().to_owned())
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    // Some come while it is with the backend, and others afterwards.
    gate.wait_for_at_least(
        r#"portcullis_ledger_claims_total{result="in_flight"}"#,
        DELIVERIES as u64 / 5,
    );
    door.open();
    let reasons: Vec<String> = senders
        .into_iter()
        .flat_map(|sender| sender.join().unwrap())
        .collect();
    let count = |reason: &str| reasons.iter().filter(|it| *it == reason).count();
    let counts = ["admitted", "in_flight", "duplicate", "replay"].map(count);
    assert_eq!(counts[0], 1, "{counts:?}");
    assert_eq!(counts.iter().sum::<usize>(), DELIVERIES, "{counts:?}");
    backend.only();
}

const CONNECTIONS: usize = 50;
const DELIVERIES: usize = 1000;
