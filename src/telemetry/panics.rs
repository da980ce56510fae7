//! What is said when a task or a connection panics.
//!
//! The line goes to the log as every other one: the standard library's own hook waits for standard error as long as
//! nobody reads it. A formatted message may quote what a sender wrote, or a secret, so only fixed texts are shown.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::sync::atomic::{AtomicU64, Ordering};

/// Logs and counts panics from now on.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        let at = panic.location().map(ToString::to_string);
        let at = at.unwrap_or_default();
        let text = panic.payload().downcast_ref::<&'static str>();
        let text = text.unwrap_or(&"the message is not shown: it may quote a delivery");
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or_default();
        // Empty unless RUST_BACKTRACE asks for it; it has no values in it.
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            tracing::error!(%at, thread, %backtrace, "panic: {text}");
        } else {
            tracing::error!(%at, thread, "panic: {text}");
        }
    }));
}

/// The panics since the start.
pub(super) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

static PANICS: AtomicU64 = AtomicU64::new(0);
