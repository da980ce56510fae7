//! The panic hook: logs and counts panics of tasks and connections.
//!
//! The line goes through the log queue, because the standard hook blocks while nobody reads standard error. A
//! formatted message may quote a sender or a secret, so only fixed texts are logged.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::sync::atomic::{AtomicU64, Ordering};

/// Installs the hook for the whole process.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        let at = panic.location().map(ToString::to_string);
        let at = at.unwrap_or_default();
        let text = panic.payload().downcast_ref::<&'static str>();
        let text = text.unwrap_or(&"the message is hidden because it may quote a delivery");
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or_default();
        // Empty unless RUST_BACKTRACE is set. It contains no values.
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            tracing::error!(%at, thread, %backtrace, "panic: {text}");
        } else {
            tracing::error!(%at, thread, "panic: {text}");
        }
    }));
}

/// The panics since the process started.
pub(super) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

static PANICS: AtomicU64 = AtomicU64::new(0);
