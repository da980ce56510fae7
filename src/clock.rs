//! The only module that reads a clock.
//!
//! Code that depends on the time takes it as an argument, or holds a [`Clock`]. Durations within the process are
//! measured with a [`Stopwatch`], which changes of the system time do not affect.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// A source of the current time. Tests use one that they set.
pub trait Clock: Send + Sync {
    /// The current time, at the resolution of the system.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Measures a duration. It never runs backwards.
///
/// It reads the clock of the Tokio runtime: the monotonic clock of the system, which tests can pause.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts the measurement.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since [`start`](Self::start).
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The start of the hour that contains `at`.
pub fn hour_of(at: Timestamp) -> Timestamp {
    let seconds = at.as_second();
    // The first representable time is within an hour.
    Timestamp::from_second(seconds - seconds.rem_euclid(3600)).unwrap_or(Timestamp::MIN)
}

/// Waits for `future`, at most for `limit`; `None` on timeout.
///
/// It creates a timer only if the future is not ready at its first poll, because most steps of a delivery are. The
/// caller pins the future, so that it is not moved into a larger one.
pub async fn within<F: Future>(limit: Duration, mut future: Pin<&mut F>) -> Option<F::Output> {
    let ready = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    match ready {
        Poll::Ready(output) => Some(output),
        Poll::Pending => tokio::time::timeout(limit, future).await.ok(),
    }
}
