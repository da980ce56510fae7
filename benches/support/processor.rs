//! The processor time of this thread: other programs on the machine do not add to it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long `work` keeps the processor busy.
pub(crate) fn processor_time_of(work: impl FnOnce()) -> Duration {
    let start = now();
    work();
    now().saturating_sub(start)
}

fn now() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).expect("a time after the start of the thread")
}
