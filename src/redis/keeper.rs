//! The task that connects, watches over the connection and brings it back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis_rs::{Value, cmd};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::Eviction;
use super::connect::{Connected, connect};
use super::connection::{Failed, Shared, State, count};
use crate::clock::Stopwatch;
use crate::task::Pulse;

impl Shared {
    /// Connects, watches over the connection, and begins anew when it is lost.
    pub(super) async fn keep(self: Arc<Self>, pulse: Pulse) {
        // The keeper before this one may have panicked, and its connection went with it.
        let state = self.state.load_full();
        self.lose(&state, &"not connected yet".into());
        let mut pause = FIRST_PAUSE;
        let mut away = Some(Stopwatch::start());
        let mut said = false;
        loop {
            pulse.beat();
            match connect(&self.settings, &self.greeting).await {
                Ok(connected) => {
                    let was_away = away.take().map_or(Duration::ZERO, Stopwatch::elapsed);
                    info!(redis = %self.settings, away = ?was_away, "Redis can be used");
                    let since = Stopwatch::start();
                    self.watch_over(connected, &pulse).await;
                    away = Some(Stopwatch::start());
                    said = true;
                    if since.elapsed() > STEADY {
                        pause = FIRST_PAUSE;
                        continue; // It may be back already.
                    }
                }
                Err(error) => {
                    count(&self.stats.not_connected);
                    let cause: Arc<str> = error.to_string().into();
                    if said {
                        debug!(redis = %self.settings, %cause, "Redis is still out of reach");
                    } else {
                        warn!(redis = %self.settings, %cause, "Redis is out of reach");
                    }
                    said = true;
                    self.state.store(Arc::new(State::Down(cause)));
                    self.up.send_replace(Some(false));
                }
            }
            tokio::time::sleep(scattered(pause)).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Lets everybody use the connection until it is lost.
    async fn watch_over(&self, connected: Connected, pulse: &Pulse) {
        let Connected {
            connection,
            driver,
            eviction,
        } = connected;
        if eviction != Eviction::None {
            warn!(redis = %self.settings, "{eviction}");
        }
        let mut driver = AbortOnDrop(driver);
        let broken = CancellationToken::new();
        let state = Arc::new(State::Up(connection.clone(), broken.clone()));
        self.state.store(Arc::clone(&state));
        self.stats.up.store(1, Ordering::Relaxed);
        self.up.send_replace(Some(true));
        let pinging = async {
            let mut connection = connection;
            loop {
                pulse.beat();
                // So that it is known that it is away before a delivery has to find out.
                tokio::time::sleep(PING_EVERY).await;
                let answer = connection.send_packed_command(&cmd("PING")).await;
                let answer = answer.and_then(Value::extract_error);
                if let Err(Failed::Lost(cause)) = answer.map_err(|error| Failed::of(&error)) {
                    self.lose(&state, &cause);
                    return;
                }
            }
        };
        tokio::select! {
            () = broken.cancelled() => {}
            () = pinging => {}
            _ = &mut driver.0 => self.lose(&state, &"the connection was closed".into()),
        }
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Between a half and the whole of `pause`, so that nodes do not come back together.
pub fn scattered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    pause / 2 + pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);
const PING_EVERY: Duration = Duration::from_secs(1);
/// A connection that lasted so long was a good one.
const STEADY: Duration = Duration::from_secs(1);
