//! Recorded deliveries of a real gate: what is recorded, for how many, and what happens while the store is away.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::*;

const RECORDING: &str = "record = true\nper_endpoint = 10000";
const LIST: [&str; 4] = ["--json", "--limit", "10000", ID];

/// The recorded deliveries of an endpoint, the newest first.
#[track_caller]
fn listed(gate: &Gate, id: &str, options: &[&str]) -> Vec<Value> {
    let words = [&["endpoint", "deliveries"], &LIST[..3], &[id], options].concat();
    serde_json::from_str(&gate.run(&words).succeeded()).unwrap()
}

/// Waits until so many deliveries are in the store.
#[track_caller]
fn recorded(gate: &Gate, id: &str, count: usize) -> Vec<Value> {
    found(&format!("{count} deliveries of {id} are recorded"), || {
        let listed = listed(gate, id, &[]);
        (listed.len() == count).then_some(listed)
    })
}

fn words<'v>(all: &'v [Value], key: &str) -> Vec<&'v str> {
    all.iter().map(|one| one[key].as_str().unwrap()).collect()
}

fn forged(id: &str) -> Request {
    Request::post(&format!("/webhooks/ai/{id}"))
        .header("X-Hub-Signature-256", &github_signature("forged", b"{}"))
        .body("{}")
}

fn declaration(id: &str, lines: &str) -> String {
    format!(
        "[[endpoints]]\nid = \"{id}\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
         auth = {{ mode = \"hmac\" }}\n{lines}\n"
    )
}

#[test]
fn every_outcome_is_recorded_with_the_names_that_the_sender_gave() {
    let backend = Backend::accepting();
    let dead = Backend::refusing();
    let gate = Gate::before(&backend)
        .with("deliveries", RECORDING)
        .with(
            "upstreams.dead",
            &format!("addresses = [\"{}\"]", dead.address()),
        )
        .apply(&declaration(
            ID,
            "events = [\"pull_request\"]\nhandshake = \"dropbox\"\nupstream = \"default\"",
        ))
        .apply(&declaration("workflows/dead", "upstream = \"dead\""))
        .start();
    let named = |request: Request, event: &str, id: &str| {
        request
            .header("X-GitHub-Event", event)
            .header("X-GitHub-Delivery", id)
    };
    let sent = [
        named(genuine(&gate, b"{\"a\": 1}"), "pull_request", "id-1"),
        named(genuine(&gate, b"{\"b\": 1}"), "push", "id-2"),
        named(forged(ID), "pull_request", "id-3"),
        Request::post(PATH).body("{}"),
        Request::new("GET", &format!("{PATH}?challenge=abc")),
        // The first one again: the mode passes it on.
        named(genuine(&gate, b"{\"a\": 1}"), "pull_request", "id-1"),
    ];
    let mut ids: Vec<String> = Vec::new();
    for (position, request) in sent.iter().enumerate() {
        let answer = send(gate.http(), request);
        ids.push(answer.header("X-Request-Id").to_owned());
        // A record follows the answer, so the next delivery waits for it.
        gate.log(position + 1);
    }
    ids.reverse();
    let all = recorded(&gate, ID, sent.len());
    assert_eq!(words(&all, "request_id"), ids);
    let outcomes = [
        ("admitted", "admitted"),
        ("handshake", "handshake"),
        ("refused", "signature_missing"),
        ("refused", "signature_mismatch"),
        ("ignored", "ignored"),
        ("admitted", "admitted"),
    ];
    let told = words(&all, "outcome");
    let told: Vec<_> = told.into_iter().zip(words(&all, "reason")).collect();
    assert_eq!(told, outcomes);
    let names: Vec<_> = all
        .iter()
        .map(|one| (&one["sender_id"], &one["event"]))
        .collect();
    let (none, first) = (Value::Null, (json!("id-1"), json!("pull_request")));
    let (ignored, unproven) = (
        (json!("id-2"), json!("push")),
        (json!("id-3"), json!("pull_request")),
    );
    let right = [
        (&first.0, &first.1),
        (&none, &none),
        (&none, &none),
        (&unproven.0, &unproven.1),
        (&ignored.0, &ignored.1),
        (&first.0, &first.1),
    ];
    assert_eq!(names, right);

    let admitted = &all[5];
    assert_eq!(admitted["status"], 202);
    assert_eq!(admitted["body_bytes"], 8);
    assert_eq!(admitted["secret_version"], 1);
    assert_eq!(admitted["client"], "127.0.0.1");
    for time in ["receive_ms", "verify_ms", "backend_ms", "total_ms"] {
        assert!(
            admitted["timings"][time].as_f64().unwrap() >= 0.0,
            "{admitted}"
        );
    }
    assert_eq!(all[2]["timings"]["backend_ms"], Value::Null);
    assert_eq!(all[2]["secret_version"], Value::Null);
    // The log has the same times.
    let log = gate.log(sent.len());
    let total = log[0]["total_us"].as_u64().unwrap();
    let recorded_us = admitted["timings"]["total_ms"].as_f64().unwrap() * 1000.0;
    assert_eq!(
        recorded_us.round(),
        f64::from(u32::try_from(total).unwrap())
    );
    let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(
        time(&log[0]["time"]).as_millisecond(),
        time(&admitted["at"]).as_millisecond()
    );

    // What a backend does not answer is recorded, too.
    let secret = gate.secret("workflows/dead");
    let request = Request::post("/webhooks/ai/workflows/dead")
        .header("X-Hub-Signature-256", &github_signature(&secret, b"{}"))
        .body("{}");
    assert_eq!(send(gate.http(), &request).status, 502);
    let failed = recorded(&gate, "workflows/dead", 1);
    assert_eq!(failed[0]["outcome"], "failed");
    assert_eq!(failed[0]["reason"], "upstream_unreachable");

    // Filters and pages.
    let refused = listed(&gate, ID, &["--outcome", "refused"]);
    assert_eq!(
        words(&refused, "reason"),
        ["signature_missing", "signature_mismatch"]
    );
    let missing = listed(&gate, ID, &["--reason", "signature_missing"]);
    assert_eq!(words(&missing, "request_id"), [&*ids[2]]);
    let first = gate
        .run(&["endpoint", "deliveries", ID, "--json", "--limit", "2"])
        .succeeded();
    let first: Vec<Value> = serde_json::from_str(&first).unwrap();
    assert_eq!(words(&first, "request_id"), ids[..2]);
    let before = first[1]["number"].to_string();
    let rest = listed(&gate, ID, &["--before", &before]);
    assert_eq!(words(&rest, "request_id"), ids[2..]);
    let table = gate.run(&["endpoint", "deliveries", ID]).succeeded();
    for part in ["REQUEST ID", "signature_mismatch", "pull_request", &ids[0]] {
        assert!(table.contains(part), "{part}: {table}");
    }

    // The hour has each of them but the challenge.
    let counted = |column: &str| {
        let query = format!(
            "SELECT CAST(sum({column}) AS BIGINT) FROM delivery_hourly WHERE endpoint = '{ID}'"
        );
        number(&gate, &query)
    };
    eventually("the hour is counted", || {
        ["admitted", "refused", "failed", "ignored"].map(counted) == [2, 2, 0, 1]
    });

    // A deleted endpoint takes its deliveries with it.
    gate.run(&["endpoint", "delete", "--yes", ID]).succeeded();
    gate.run(&["endpoint", "deliveries", ID]).failed_with(4);
    let left = format!("SELECT count(*) FROM deliveries WHERE endpoint = '{ID}'");
    assert_eq!(number(&gate, &left), 0);
    for wrong in [
        ["--outcome", "proven"],
        ["--limit", "0"],
        ["--limit", "10001"],
    ] {
        let words = [&["endpoint", "deliveries", ID][..], &wrong].concat();
        gate.run(&words).failed_with(2);
    }
}

#[test]
fn names_in_a_body_are_recorded_once_they_are_proven_and_are_bounded() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("deliveries", RECORDING)
        .endpoint_with(ID, &["--mode", "provider", "--preset", "stripe"]);
    let secret = "whsec_0123456789abcdef0123456789abcdef";
    gate.run_with_input(&["secret", "set", ID], secret.as_bytes())
        .succeeded();
    let gate = gate.start();
    let long = "x".repeat(200);
    let send_event = |id: &str, kind: &str| {
        let body = format!("{{\"id\":\"{id}\",\"object\":\"event\",\"type\":\"{kind}\"}}");
        let time = jiff::Timestamp::now().as_second();
        let code = github_signature(secret, format!("{time}.{body}").as_bytes());
        let code = code.strip_prefix("sha256=").unwrap();
        let request = Request::post(PATH)
            .header("Stripe-Signature", &format!("t={time},v1={code}"))
            .header("Content-Type", "application/json")
            .body(body);
        send(gate.http(), &request).status
    };
    assert_eq!(send_event("evt_1", "charge.succeeded"), 202);
    gate.log(1);
    assert_eq!(send_event("evt_2", &long), 202);
    gate.log(2);
    let forged = Request::post(PATH)
        .header("Stripe-Signature", "t=1,v1=00")
        .body("{\"id\":\"evt_3\",\"type\":\"charge.failed\"}");
    assert_eq!(send(gate.http(), &forged).status, 401);
    let all = recorded(&gate, ID, 3);
    assert_eq!(all[0]["sender_id"], Value::Null);
    assert_eq!(all[0]["event"], Value::Null);
    assert_eq!(all[1]["sender_id"], "evt_2");
    assert_eq!(all[1]["event"], long[..128]);
    assert_eq!(all[2]["sender_id"], "evt_1");
    assert_eq!(all[2]["event"], "charge.succeeded");
}

#[test]
fn a_path_that_leads_nowhere_leaves_nothing_and_neither_does_a_gate_that_does_not_record() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("deliveries", RECORDING)
        .endpoint("hmac")
        .endpoint_with("workflows/off", &["--mode", "hmac"]);
    gate.run(&["endpoint", "disable", "--yes", "workflows/off"])
        .succeeded();
    let mut gate = gate.start();
    for path in [
        "/nowhere",
        "/webhooks/ai/workflows/nope",
        "/webhooks/ai/workflows/off",
    ] {
        assert_eq!(send(gate.http(), &Request::post(path)).status, 404);
    }
    Connection::to(gate.http())
        .write(b"nonsense\r\n\r\n")
        .answer();
    assert_eq!(send(gate.http(), &genuine(&gate, b"{}")).status, 202);
    recorded(&gate, ID, 1);
    let rows = "SELECT count(*) FROM deliveries";
    assert_eq!(number(&gate, rows), 1);
    let counts = "SELECT count(*) FROM delivery_latest";
    eventually("the counts are written", || number(&gate, counts) == 1);

    gate.signal("TERM");
    assert_eq!(gate.wait(), Some(0));
    let mut gate = gate.with_only("deliveries", "record = false");
    gate.restart();
    assert_eq!(send(gate.http(), &genuine(&gate, b"[]")).status, 202);
    let task = "portcullis_task_up{task=\"deliveries\"}";
    assert!(!gate.metrics().contains(task));
    gate.signal("TERM");
    assert_eq!(gate.wait(), Some(0));
    assert_eq!(number(&gate, rows), 1);
    // Without a section nothing is recorded either, and the command says so.
    let gate = gate.without("deliveries");
    let gate = gate.endpoint_with("workflows/new", &["--mode", "hmac"]);
    let told = gate.run(&["endpoint", "deliveries", "workflows/new"]);
    assert_eq!(told.code, Some(0));
    assert!(told.stderr.contains("deliveries.record = true"), "{told:?}");
}

#[test]
fn a_flood_of_forgeries_is_counted_whole_and_pushes_out_no_row_of_others() {
    const FORGERIES: usize = 400;
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend)
        .with("deliveries", RECORDING)
        .endpoint("hmac")
        .endpoint_with("workflows/quiet", &["--mode", "hmac"])
        .start();
    assert_eq!(send(gate.http(), &forged("workflows/quiet")).status, 401);
    let address = gate.http();
    let senders = (0..4).map(|_| {
        std::thread::spawn(move || {
            for _ in 0..FORGERIES / 4 {
                assert_eq!(send(address, &forged(ID)).status, 401);
            }
        })
    });
    let senders: Vec<_> = senders.collect();
    for body in [&b"1"[..], b"2", b"3"] {
        assert_eq!(send(gate.http(), &genuine(&gate, body)).status, 202);
    }
    for sender in senders {
        sender.join().unwrap();
    }
    let count = FORGERIES + 4;
    gate.log(count);
    let unrecorded = |cause: &str| {
        gate.metric(&format!(
            "portcullis_deliveries_unrecorded_total{{cause=\"{cause}\"}}"
        ))
    };
    // The counters move before the lines of the log are written.
    let (rate, queue) = (unrecorded("rate"), unrecorded("queue"));
    assert_eq!((queue, unrecorded("counts")), (0, 0));
    gate.signal("TERM");
    assert_eq!(gate.wait(), Some(0));

    let all = listed(&gate, ID, &[]);
    assert_eq!(all.len() + usize::try_from(rate).unwrap(), FORGERIES + 3);
    let admitted = all.iter().filter(|one| one["outcome"] == "admitted");
    assert_eq!(admitted.count(), 3);
    let mut by_second: BTreeMap<i64, usize> = BTreeMap::new();
    for one in all.iter().filter(|one| one["outcome"] == "refused") {
        let at: jiff::Timestamp = one["at"].as_str().unwrap().parse().unwrap();
        *by_second.entry(at.as_second()).or_default() += 1;
    }
    // Ten rows between two writes, of which there are at most two in a second, and the last one.
    assert!(by_second.values().all(|rows| *rows <= 30), "{by_second:?}");
    assert_eq!(listed(&gate, "workflows/quiet", &[]).len(), 1);
    let refused =
        format!("SELECT CAST(sum(refused) AS BIGINT) FROM delivery_hourly WHERE endpoint = '{ID}'");
    assert_eq!(number(&gate, &refused), i64::try_from(FORGERIES).unwrap());
}

#[test]
fn only_the_newest_deliveries_of_an_endpoint_are_kept() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("deliveries", "record = true\nper_endpoint = 3")
        .endpoint("hmac")
        .start();
    let mut ids = Vec::new();
    for position in 0..8_u8 {
        let answer = send(gate.http(), &genuine(&gate, &[position]));
        assert_eq!(answer.status, 202);
        ids.push(answer.header("X-Request-Id").to_owned());
        gate.log(usize::from(position) + 1);
    }
    ids.reverse();
    eventually("the last three are left", || {
        words(&listed(&gate, ID, &[]), "request_id") == ids[..3]
    });
}

#[test]
fn a_store_that_cannot_be_written_delays_no_delivery_and_gets_the_rows_later() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .with("deliveries", RECORDING)
        .endpoint("hmac")
        .start();
    assert_eq!(send(gate.http(), &genuine(&gate, b"before")).status, 202);
    recorded(&gate, ID, 1);
    sqlite(&gate, "ALTER TABLE deliveries RENAME TO elsewhere");
    for body in 0..5_u8 {
        assert_eq!(send(gate.http(), &genuine(&gate, &[body])).status, 202);
    }
    eventually("the gate says so", || {
        gate.everything_written()
            .contains("recorded deliveries could not be written; retrying")
    });
    assert_eq!(send(gate.http(), &genuine(&gate, b"meanwhile")).status, 202);
    sqlite(&gate, "ALTER TABLE elsewhere RENAME TO deliveries");
    recorded(&gate, ID, 7);
    let admitted = "SELECT CAST(sum(admitted) AS BIGINT) FROM delivery_hourly";
    eventually("every delivery is counted once", || {
        number(&gate, admitted) == 7
    });
}

#[test]
fn deliveries_while_a_database_is_dead_are_recorded_when_it_is_back() {
    let backend = Backend::accepting();
    let mut database = Postgres::start();
    let gate = Gate::before(&backend)
        .on(&database)
        .with("deliveries", RECORDING)
        .endpoint("hmac")
        .with("store", "connect_timeout = \"500ms\"\ntimeout = \"1s\"")
        .start();
    let secret = gate.secret(ID);
    let deliver = |body: &[u8]| {
        let request = Request::post(PATH)
            .header("X-Hub-Signature-256", &github_signature(&secret, body))
            .body(body);
        send(gate.http(), &request).status
    };
    eventually("the endpoint and its secret are known", || {
        deliver(b"known") != 503
    });
    let counted = |database: &Postgres, column: &str| {
        database.number(&format!(
            "SELECT CAST(coalesce(sum({column}), 0) AS BIGINT) FROM delivery_hourly"
        ))
    };
    eventually("a delivery is recorded", || {
        counted(&database, "admitted") == 1
    });
    database.kill();
    gate.wait_for_metric("portcullis_store_up", 0);
    for body in 0..30_u8 {
        assert_eq!(deliver(&[body]), 202);
    }
    database.restart();
    eventually("the gate is in step again", || {
        gate.metric("portcullis_store_up") == 1
    });
    eventually("every delivery is counted", || {
        counted(&database, "admitted") == 31
    });
    let rows = database.number("SELECT count(*) FROM deliveries WHERE outcome = 'admitted'");
    let unrecorded = ["rate", "queue", "counts"].map(|cause| {
        let series = format!("portcullis_deliveries_unrecorded_total{{cause=\"{cause}\"}}");
        i64::try_from(gate.metric(&series)).unwrap()
    });
    assert_eq!(unrecorded[2], 0);
    assert_eq!(rows + unrecorded[0] + unrecorded[1], 31);
}
