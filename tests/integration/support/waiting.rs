//! Waiting for a condition. Only these helpers sleep, and their deadline says that a test hangs, not that it is slow.

use std::time::{Duration, Instant};

/// How long a test waits for an event that must come. A busy machine needs seconds; minutes mean that it never comes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// Polls until `holds` gives true.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    found(what, || holds().then_some(()));
}

/// Polls until `find` gives a value.
#[track_caller]
pub(crate) fn found<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = find() {
            return value;
        }
        assert!(Instant::now() < until, "not so after {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Polls until a change of the configuration or the store is in force at a running gate.
///
/// The promise of one second is tested in virtual time (`rotation::in_time`), where a busy machine cannot break it.
#[track_caller]
pub(crate) fn in_force(holds: impl FnMut() -> bool) {
    eventually("the change is in force", holds);
}

/// Lets the real time move past `instant`. For lifetimes that end by the clock: never for waiting for an event.
pub(crate) fn let_pass(time: Duration) {
    std::thread::sleep(time);
}

/// Blocks the calling thread for the rest of the test, as a peer that hangs.
pub(crate) fn hang() -> ! {
    loop {
        std::thread::park();
    }
}
