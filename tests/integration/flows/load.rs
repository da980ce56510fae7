//! Releases, promotions and ways back while deliveries come: none of them is refused for it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::*;

#[test]
fn no_genuine_delivery_is_refused_while_versions_change() {
    let gate = Gate::before(&Backend::accepting()).start();
    apply_orders(&gate, &["--target", "live"]);
    gate.run(&["flow", "promote", "orders", "--installation", "acme"])
        .succeeded();
    bind(&gate, "flows/orders/live", "that of live");
    bind(&gate, "installations/acme/orders", "the installation's");
    in_force(|| {
        status(&gate, LIVE, "that of live") == 202
            && status(&gate, INSTALLED, "the installation's") == 202
    });
    let over = AtomicBool::new(false);
    let delivered = AtomicUsize::new(0);
    let hammer = |path: &str, secret: &str| {
        let mut connection = Connection::to(gate.http());
        while !over.load(Ordering::Relaxed) {
            let request = order(path, secret).bytes();
            let answer = connection.write(&request).answer();
            assert_eq!(
                (answer.status, answer.reason()),
                (202, "admitted"),
                "{path}"
            );
            delivered.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let senders = [
            scope.spawn(|| hammer(LIVE, "that of live")),
            scope.spawn(|| hammer(INSTALLED, "the installation's")),
        ];
        for round in 0..4 {
            let text =
                orders_with_open_draft().replace("orders.updated", &format!("round.{round}"));
            apply(&gate, "orders.edn", &text, &[]).succeeded();
            gate.run(&["flow", "release", "orders"]).succeeded();
            gate.run(&["flow", "promote", "orders", "--installation", "acme"])
                .succeeded();
            gate.run(&["flow", "rollback", "--yes", "orders"])
                .succeeded();
            gate.run(&[
                "flow",
                "rollback",
                "--yes",
                "orders",
                "--installation",
                "acme",
            ])
            .succeeded();
        }
        over.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.join().unwrap();
        }
    });
    assert!(delivered.load(Ordering::Relaxed) > 50);
}

#[test]
fn of_two_people_who_release_at_once_one_does_or_both_do_after_each_other() {
    let gate = Gate::before(&Backend::refusing());
    apply_orders(&gate, &["--target", "live"]);
    for round in 1..4_u64 {
        let text = orders_with_open_draft().replace("orders.updated", &format!("round.{round}"));
        apply(&gate, "orders.edn", &text, &[]).succeeded();
        let ran: Vec<CommandOutput> = thread::scope(|scope| {
            let both: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| gate.run(&["flow", "release", "orders", "--note", "x"])))
                .collect();
            both.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let released = ran
            .iter()
            .filter(|it| it.stdout.contains("live is at version"));
        assert_eq!(released.count(), 1, "{ran:#?}");
        for ran in ran.iter().filter(|it| it.code != Some(0)) {
            assert_eq!(ran.code, Some(1));
            assert!(
                ran.stderr
                    .contains("the flow `orders` was changed by somebody else at the same time"),
                "{ran:?}"
            );
        }
        let history = json(&gate, &["flow", "history", "orders"]);
        assert_eq!(
            history["versions"].as_array().unwrap().len() as u64,
            round + 1
        );
        assert_eq!(history["moves"].as_array().unwrap().len() as u64, round + 1);
    }
}
