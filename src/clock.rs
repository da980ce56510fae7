//! The only place that reads a clock.
//!
//! Everything that depends on the time takes it as an argument; whoever has to ask for it holds a
//! [`Clock`]. How long something took, and how old something is that only this process knows, is measured with a
//! [`Stopwatch`], which no change of the system's time moves.

use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The current instant, to the resolution of the system.
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

/// Measures how long something takes. It never runs backwards.
///
/// It reads the clock of the runtime, which is the monotonic clock of the system: tests may let it stand still.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins to measure.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Waits for `future`, at most for `limit`; `None` if that was not enough.
///
/// A timer is made only if there is something to wait for: most of what a delivery does is ready when
/// it is asked for. The future is pinned by the caller, so that it is kept in one place only.
pub async fn within<F: Future>(limit: Duration, mut future: Pin<&mut F>) -> Option<F::Output> {
    let ready = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    match ready {
        Poll::Ready(output) => Some(output),
        Poll::Pending => tokio::time::timeout(limit, future).await.ok(),
    }
}
