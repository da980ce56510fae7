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

/// One test for each fault, so that they run side by side: the part of readiness that reports it, its name, how it
/// begins and how it ends.
macro_rules! faults {
    ($($test:ident: $part:literal, $what:literal, $breaks:expr, $mends:expr;)*) => {
        $(
            #[test]
            fn $test() {
                fails_and_comes_back($what, $part, $breaks, $mends);
            }
        )*
    };
}

faults! {
    the_database_is_killed: "store", "PostgreSQL is gone", |it| it.postgres.kill(), |it| it.postgres.restart();
    the_database_hangs: "store", "PostgreSQL hangs", |it| it.postgres.pause(), |it| it.postgres.resume();
    redis_is_killed: "ledger", "Redis is gone", |it| it.redis.kill(), |it| it.redis.restart();
    redis_hangs: "ledger", "Redis hangs", |it| it.redis.pause(), |it| it.redis.resume();
    the_key_service_is_gone: "key_service", "AWS KMS cannot be reached", answers(Fault::Refuse), answers(Fault::None);
    the_key_service_hangs: "key_service", "AWS KMS hangs", answers(Fault::Hang), answers(Fault::None);
    the_key_service_throttles: "key_service", "AWS KMS throttles every call", answers(Fault::THROTTLED), answers(Fault::None);
    the_key_service_denies: "key_service", "AWS KMS denies access", answers(Fault::DENIED), answers(Fault::None);
}

/// The key service answers every call with this fault.
fn answers(fault: Fault) -> impl FnOnce(&mut Fleet) {
    move |fleet| fleet.kms.set(fault)
}
