//! A disk that is full, and has room again: SQLite recovers without a restart.

use super::*;

#[test]
fn a_store_on_a_full_disk_is_written_again_without_a_restart_and_loses_nothing() {
    let backend = Backend::accepting();
    let mut gate = Gate::before(&backend)
        .endpoint_with(ID, &["--mode", "hmac", "--capture", "10/1h"])
        .start();
    let secret = gate.secret(ID);
    assert_eq!(signed(&gate, &secret).status, 202);
    eventually("the first use is written", || uses(&gate) == 1);
    assert_eq!(gate.metric(WRITABLE), 1);

    // No file can grow, so no transaction of the gate can be written to the log of the store.
    let log = gate.folder().join("portcullis.db-wal");
    limit_files(&gate, Some(log.metadata().unwrap().len().min(4096)));
    assert_eq!(signed(&gate, &secret).status, 202);
    assert_eq!(signed(&gate, "wrong").status, 401);
    eventually("it is known that nothing can be written", || {
        gate.metric(WRITABLE) == 0
    });
    let (status, report) = readiness(&gate);
    let state = report["parts"]["store"].as_str().unwrap();
    assert!(state.contains("writes fail"), "{report}");
    assert_eq!(status, 200, "deliveries need no writes: {report}");
    // What others write meanwhile is followed.
    let secret = revoke(&gate, &secret);

    limit_files(&gate, None);
    eventually("it can be written again", || gate.metric(WRITABLE) == 1);
    wait_until_well(&gate);
    eventually("the capture is kept", || {
        let kept = gate.run(&["capture", "list", ID]).succeeded();
        kept.contains("wrong") || kept.lines().count() > 1
    });
    let before = uses(&gate);
    assert_eq!(signed(&gate, &secret).status, 202);
    eventually("every use is written", || uses(&gate) > before);
    assert!(gate.is_running());
    gate.signal("TERM");
    assert_eq!(gate.wait(), Some(0));
}

#[test]
fn a_store_that_takes_no_count_of_uses_is_reported_although_nothing_else_is_written() {
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).endpoint("hmac").start();
    let secret = gate.secret(ID);
    assert_eq!(signed(&gate, &secret).status, 202);
    eventually("the first use is written", || uses(&gate) == 1);
    assert_eq!(gate.metric(WRITABLE), 1);

    limit_files(&gate, Some(0));
    assert_eq!(signed(&gate, &secret).status, 202);
    eventually("it is known that nothing can be written", || {
        gate.metric(WRITABLE) == 0
    });
    let (status, report) = readiness(&gate);
    let state = report["parts"]["store"].as_str().unwrap();
    assert!(state.contains("writes fail"), "{report}");
    assert_eq!(status, 200, "deliveries need no writes: {report}");

    limit_files(&gate, None);
    eventually("it can be written again", || gate.metric(WRITABLE) == 1);
    eventually("no use is lost", || uses(&gate) == 2);
}

/// The deliveries that the store knows of.
fn uses(gate: &Gate) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use sqlx::Connection as _;
        let url = format!("sqlite://{}", gate.folder().join("portcullis.db").display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let sum = sqlx::query_scalar("SELECT coalesce(sum(deliveries), 0) FROM secret_uses")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        sum
    })
}

const WRITABLE: &str = "portcullis_store_writable";
