//! Limits on how often something happens, for each person or address.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Stopwatch;

/// Allows a number of events in a sliding window, for each key.
pub(super) struct Limiter {
    most: usize,
    window: Duration,
    events: Mutex<HashMap<String, VecDeque<Stopwatch>>>,
}

impl Limiter {
    /// Allows `most` events of a key within `window`.
    pub(super) fn new(most: usize, window: Duration) -> Self {
        Self {
            most,
            window,
            events: Mutex::new(HashMap::new()),
        }
    }

    /// Counts an event; the error is the time until the next one is allowed. Such an event is not counted.
    pub(super) fn count(&self, key: &str) -> Result<(), Duration> {
        self.check(key)?;
        let mut all = self.events.lock();
        if all.len() >= MAX_KEYS {
            all.retain(|_, events| events.back().is_some_and(|it| it.elapsed() < self.window));
        }
        // Too many keys at once are an attack. It is refused until the window has passed.
        if all.len() >= MAX_KEYS && !all.contains_key(key) {
            return Err(self.window);
        }
        let events = all.entry(key.to_owned()).or_default();
        events.push_back(Stopwatch::start());
        Ok(())
    }

    /// The time until the next event of a key is allowed, if it is not allowed now.
    pub(super) fn check(&self, key: &str) -> Result<(), Duration> {
        let mut all = self.events.lock();
        let Some(events) = all.get_mut(key) else {
            return Ok(());
        };
        while events
            .front()
            .is_some_and(|first| first.elapsed() >= self.window)
        {
            events.pop_front();
        }
        match events.front() {
            Some(first) if events.len() >= self.most => {
                Err(self.window.saturating_sub(first.elapsed()))
            }
            _ => Ok(()),
        }
    }
}

const MAX_KEYS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn events_are_allowed_again_when_the_window_has_passed() {
        let limiter = Limiter::new(2, Duration::from_mins(1));
        limiter.count("ana").unwrap();
        tokio::time::advance(Duration::from_secs(10)).await;
        limiter.count("ana").unwrap();
        assert_eq!(limiter.count("ana"), Err(Duration::from_secs(50)));
        assert_eq!(limiter.check("kim"), Ok(()));
        tokio::time::advance(Duration::from_secs(50)).await;
        limiter.count("ana").unwrap();
        assert_eq!(limiter.count("ana"), Err(Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_keys_is_bounded_and_a_new_key_is_refused_then() {
        let limiter = Limiter::new(1, Duration::from_mins(1));
        for key in 0..MAX_KEYS {
            limiter.count(&key.to_string()).unwrap();
        }
        assert!(limiter.count("one more").is_err());
        assert!(limiter.events.lock().len() <= MAX_KEYS);
        tokio::time::advance(Duration::from_mins(1)).await;
        limiter.count("one more").unwrap();
        assert_eq!(limiter.events.lock().len(), 1);
    }
}
