//! Each engine fails under load, and comes back.

use super::*;

/// Breaks something, looks at the first gate once it has noticed, mends it, and looks whether all is well.
#[track_caller]
fn fails_and_comes_back(
    what: &str,
    part: &str,
    breaks: impl FnOnce(&mut Fleet),
    mends: impl FnOnce(&mut Fleet),
) {
    let mut fleet = Fleet::start();
    let ((), load) = fleet.under_load(|fleet| {
        breaks(fleet);
        eventually("the gates have noticed", || {
            // Whoever asks for a key that is not there makes a gate notice that nobody has one.
            fleet.deliver(1, COLD);
            (0..3).all(|node| node == 1 || fleet.readiness(node).1.contains(&part.to_owned()))
        });
        is_seen(fleet, 0, what);
        mends(fleet);
        eventually("all is well", || fleet.is_whole());
    });
    is_honest(&fleet, &load);
    for id in [CLOSED, LOCAL, COLD] {
        for node in 0..3 {
            eventually("it is as before", || {
                fleet.deliver(node, id) == "202 admitted"
            });
        }
    }
}

#[test]
fn the_database_is_killed() {
    fails_and_comes_back(
        "PostgreSQL is gone",
        "store",
        |fleet| fleet.postgres.kill(),
        |fleet| fleet.postgres.restart(),
    );
}

#[test]
fn the_database_hangs() {
    fails_and_comes_back(
        "PostgreSQL hangs",
        "store",
        |fleet| fleet.postgres.pause(),
        |fleet| fleet.postgres.resume(),
    );
}

#[test]
fn redis_is_killed() {
    fails_and_comes_back(
        "Redis is gone",
        "ledger",
        |fleet| fleet.redis.kill(),
        |fleet| fleet.redis.restart(),
    );
}

#[test]
fn redis_hangs() {
    fails_and_comes_back(
        "Redis hangs",
        "ledger",
        |fleet| fleet.redis.pause(),
        |fleet| fleet.redis.resume(),
    );
}

#[test]
fn the_key_service_is_gone() {
    fails_and_comes_back(
        "AWS KMS cannot be reached",
        "key_service",
        |fleet| fleet.kms.set(Fault::Refuse),
        |fleet| fleet.kms.set(Fault::None),
    );
}

#[test]
fn the_key_service_hangs() {
    fails_and_comes_back(
        "AWS KMS hangs",
        "key_service",
        |fleet| fleet.kms.set(Fault::Hang),
        |fleet| fleet.kms.set(Fault::None),
    );
}

#[test]
fn the_key_service_throttles() {
    fails_and_comes_back(
        "AWS KMS throttles every call",
        "key_service",
        |fleet| fleet.kms.set(Fault::THROTTLED),
        |fleet| fleet.kms.set(Fault::None),
    );
}

#[test]
fn the_key_service_denies() {
    fails_and_comes_back(
        "AWS KMS denies access",
        "key_service",
        |fleet| fleet.kms.set(Fault::DENIED),
        |fleet| fleet.kms.set(Fault::None),
    );
}
