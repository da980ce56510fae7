//! How tokens end, and what becomes of them while the store is away.

use serde_json::Value;

use super::*;

fn listed(gate: &Gate) -> Vec<Value> {
    let output = gate.run(&["token", "list", "--json"]).succeeded();
    serde_json::from_str(&output).unwrap()
}

/// A gate on a database, that finds out soon when the database is down.
///
/// The commands of the test have the time that they need. A delivery before the outage goes through [`settled`].
fn impatient(backend: &Backend, database: &Postgres, directory: &str) -> Gate {
    Gate::before(backend)
        .on(database)
        .with("directory", directory)
        .endpoint_with(DRAFT, &["--mode", "hmac"])
        .with("store", "connect_timeout = \"500ms\"\ntimeout = \"1s\"")
        .start()
        .with_only("store", "")
        .on(database)
}

#[track_caller]
fn settles_as(gate: &Gate, request: &Request, status: u16, reason: &str) {
    let answer = settled(gate.http(), request);
    assert_eq!((answer.status, answer.reason()), (status, reason));
}

#[test]
fn a_token_that_is_made_or_revoked_at_one_gate_counts_or_ends_at_the_others() {
    let backend = Backend::accepting();
    let database = Postgres::start();
    let gate = Gate::before(&backend)
        .on(&database)
        .endpoint_with(DRAFT, &["--mode", "hmac"])
        .start();
    let other = gate.beside(&backend).start();
    let gates = [&gate, &other];
    let token = gate.token("main");
    for gate in gates {
        assert_eq!(
            send(gate.http(), &with_token(DRAFT_PATH, &token)).status,
            202
        );
    }
    let sibling = gate.token("main");
    gate.run(&["token", "revoke", id_of(&token)]).succeeded();
    for gate in gates {
        in_force(|| send(gate.http(), &with_token(DRAFT_PATH, &token)).status == 401);
        is_refused(gate, &with_token(DRAFT_PATH, &token), 401, "token_mismatch");
        assert_eq!(
            send(gate.http(), &with_token(DRAFT_PATH, &sibling)).status,
            202
        );
    }
    // Somebody has asked for an id before there was such a token.
    let (id, hash) = ("00000000000000aa", hex::encode(sha256(&[7; 32])));
    let early = invented(0xaa);
    for gate in gates {
        is_refused(gate, &with_token(DRAFT_PATH, &early), 401, "token_mismatch");
    }
    database.run(&format!(
        "INSERT INTO tokens VALUES ('{id}', 'acme', 'main', '', '\\x{hash}', 0, 9999999999999, NULL); \
         INSERT INTO changes (kind, name) VALUES ('token', '{id}')"
    ));
    for gate in gates {
        in_force(|| send(gate.http(), &with_token(DRAFT_PATH, &early)).status == 202);
    }
}

#[test]
fn a_token_ends_by_itself_when_its_time_is_over_also_where_it_is_known() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .endpoint_with(DRAFT, &["--mode", "hmac"])
        .start();
    let token = gate.token("main");
    let id = id_of(&token);
    // However long it takes to ask for it before its end, it has to be known before.
    let mut lifetime = 1500;
    let ends = found("the token is known before it ends", || {
        let ends = jiff::Timestamp::now().as_millisecond() + lifetime;
        lifetime *= 2;
        sqlite(
            &gate,
            &format!(
                "UPDATE tokens SET expires_ms = {ends} WHERE id = '{id}'; \
                 INSERT INTO changes (kind, name) VALUES ('token', '{id}')"
            ),
        );
        gate.catch_up();
        let answer = send(gate.http(), &with_token(DRAFT_PATH, &token));
        (answer.status == 202).then_some(ends)
    });
    eventually("the token has ended", || {
        send(gate.http(), &with_token(DRAFT_PATH, &token)).status != 202
    });
    assert!(jiff::Timestamp::now().as_millisecond() >= ends);
    is_refused(
        &gate,
        &with_token(DRAFT_PATH, &token),
        401,
        "token_mismatch",
    );
    assert_eq!(listed(&gate)[0]["state"], "expired");
    let output = gate.run(&["token", "revoke", id]).succeeded();
    assert!(output.contains("already ended"), "{output}");
}

#[test]
fn the_list_says_when_a_token_was_last_used_also_right_before_the_end_of_a_gate() {
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend)
        .endpoint_with(DRAFT, &["--mode", "hmac"])
        .start();
    let (used, unused) = (gate.token("main"), gate.token("main"));
    let before = jiff::Timestamp::now();
    assert_eq!(
        send(gate.http(), &with_token(DRAFT_PATH, &used)).status,
        202
    );
    is_refused(
        &gate,
        &with_token(DRAFT_PATH, &forged(&unused)),
        401,
        "token_mismatch",
    );
    let last = |gate: &Gate, token: &str| -> Option<jiff::Timestamp> {
        let listed = listed(gate);
        let found = listed.iter().find(|it| it["id"] == id_of(token)).unwrap();
        Some(found["last_used_at"].as_str()?.parse().unwrap())
    };
    let first = found("the use is written down", || last(&gate, &used));
    assert!(first.as_millisecond() >= before.as_millisecond());
    assert_eq!(last(&gate, &unused), None, "a wrong secret is no use");

    eventually("a millisecond has passed", || {
        jiff::Timestamp::now().as_millisecond() > first.as_millisecond()
    });
    assert_eq!(
        send(gate.http(), &with_token(DRAFT_PATH, &used)).status,
        202
    );
    gate.signal("TERM");
    assert_eq!(gate.wait(), Some(0));
    assert!(last(&gate, &used).unwrap() > first);
}

#[test]
fn while_the_store_is_down_known_tokens_go_on_and_of_unknown_ones_nobody_says_that_they_are_wrong()
{
    let backend = Backend::accepting();
    let mut database = Postgres::start();
    let gate = impatient(&backend, &database, "");
    let (known, unknown, other) = (gate.token("main"), gate.token("main"), gate.token("other"));
    gate.catch_up();
    settles_as(&gate, &with_token(DRAFT_PATH, &known), 202, "admitted");
    let of_another = with_token(DRAFT_PATH, &other);
    settles_as(&gate, &of_another, 404, "not_configured");
    // Known to be nobody's, as long as the store says so.
    let of_nobody = with_token(DRAFT_PATH, &invented(1));
    settles_as(&gate, &of_nobody, 401, "token_mismatch");
    database.kill();
    gate.wait_for_metric("portcullis_store_up", 0);
    let nowhere = send(gate.http(), &with_token("/nowhere", &known));
    for (token, status, reason) in [
        (&known, 202, "admitted"),
        (&forged(&known), 401, "token_mismatch"),
        (&"pwt_nonsense".to_owned(), 401, "token_mismatch"),
        (&unknown, 503, "store_unavailable"),
        (&invented(1), 503, "store_unavailable"),
        (&other, 503, "store_unavailable"),
    ] {
        let answer = send(gate.http(), &with_token(DRAFT_PATH, token));
        assert_eq!(
            (answer.status, answer.reason()),
            (status, reason),
            "{token}"
        );
        if status == 503 {
            assert_eq!(answer.header("Retry-After"), "5");
            assert_eq!(answer.body, nowhere.body);
        }
    }
    database.restart();
    settles_as(&gate, &with_token(DRAFT_PATH, &unknown), 202, "admitted");
    settles_as(&gate, &of_another, 404, "not_configured");
}

#[test]
fn a_flood_of_invented_tokens_drives_no_known_one_out_of_memory() {
    let backend = Backend::accepting();
    let mut database = Postgres::start();
    let gate = impatient(&backend, &database, "cache_capacity = 4");
    let known = [(); 3].map(|()| gate.token("main"));
    gate.catch_up();
    for token in &known {
        settles_as(&gate, &with_token(DRAFT_PATH, token), 202, "admitted");
    }
    let flood: Vec<Request> = (0..300)
        .map(|id| with_token(DRAFT_PATH, &invented(id)))
        .collect();
    std::thread::scope(|scope| {
        for part in flood.chunks(100) {
            let gate = &gate;
            scope.spawn(move || {
                for request in part {
                    settles_as(gate, request, 401, "token_mismatch");
                }
            });
        }
    });
    // What the store does not have to be asked for is in memory.
    database.kill();
    gate.wait_for_metric("portcullis_store_up", 0);
    for token in &known {
        assert_eq!(
            send(gate.http(), &with_token(DRAFT_PATH, token)).status,
            202
        );
    }
    is_refused(&gate, &flood[299], 503, "store_unavailable");
}
