//! Senders can invent any number of names; they cost neither memory nor the disk.

use super::*;

/// The names of all series, without what was counted.
fn series(metrics: &str) -> Vec<String> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
        .collect()
}

fn lookups(gate: &Gate, result: &str) -> u64 {
    gate.metric(&format!(
        "portcullis_endpoint_lookups_total{{result=\"{result}\"}}"
    ))
}

#[test]
fn invented_names_do_not_reach_the_store_and_make_no_series() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    // One of each, so that every series that there will be is there.
    for path in [
        "/webhooks/ai/workflows/nope",
        "/api/flows/f/interfaces/live/nope",
        "/nope",
    ] {
        assert_eq!(unproven(&gate, path), 404);
    }
    gate.log(3);
    let (before, absent, miss) = (
        gate.metrics(),
        lookups(&gate, "absent"),
        lookups(&gate, "miss"),
    );

    let invented = 5000;
    let mut connection = Connection::to(gate.http());
    for number in 0..invented {
        let path = match number % 4 {
            0 => format!("/api/flows/f{number}/interfaces/live/i"),
            1 => format!("/invented/alias/{number}"),
            _ => format!("/webhooks/ai/workflows/invented-{number}"),
        };
        connection.write(&Request::post(&path).body("{}").bytes());
        let answer = connection.try_answer().unwrap_or_else(|| {
            connection = Connection::to(gate.http());
            connection
                .write(&Request::post(&path).body("{}").bytes())
                .answer()
        });
        assert_eq!((answer.status, answer.reason()), (404, "not_configured"));
    }

    // The filter is wrong about one in a hundred at most.
    let reads = lookups(&gate, "miss") - miss;
    assert!(reads <= invented / 100, "{reads} reads of the store");
    assert!(lookups(&gate, "absent") - absent >= invented - invented / 100);
    assert_eq!(series(&gate.metrics()), series(&before));
    assert!(!gate.metrics().contains("invented"));
    backend.was_not_contacted();
}

#[test]
fn a_name_that_was_asked_for_before_it_existed_is_found_once_it_does() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).start();
    for _ in 0..50 {
        assert_eq!(unproven(&gate, PATH), 404);
    }
    let gate = gate.endpoint("hmac");
    in_force(|| unproven(&gate, PATH) == 401);
}

#[test]
fn a_hot_endpoint_is_read_from_the_store_once() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint_with(ID, &["--mode", "bearer", "--alias", "/hooks/a"])
        .start();
    let token = gate.secret(ID);
    for _ in 0..100 {
        assert_eq!(with_token(&gate, PATH, &token), 202);
    }
    assert_eq!((lookups(&gate, "miss"), lookups(&gate, "hit")), (1, 99));
    for _ in 0..100 {
        assert_eq!(with_token(&gate, "/hooks/a", &token), 202);
    }
    // The alias itself is one read more.
    assert_eq!(lookups(&gate, "miss"), 2);
}

#[test]
fn unknown_methods_hosts_and_names_make_no_series() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let odd = |number: usize| {
        let request = Request::new(&format!("BREW{number}"), PATH)
            .header("User-Agent", &format!("agent-{number}"))
            .header("X-GitHub-Event", &format!("event-{number}"));
        assert_eq!(send(gate.http(), &request.body("{}")).status, 401);
    };
    odd(0);
    gate.log(1);
    let before = series(&gate.metrics());
    (1..100).for_each(odd);
    gate.log(100);
    assert_eq!(series(&gate.metrics()), before);
}
