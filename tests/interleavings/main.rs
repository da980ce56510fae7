//! The ledger in memory, the turns and the budget under every interleaving that a model checker (Shuttle) reaches.
//!
//! The files under test are the product's own, compiled here once more. `crate::sync` is that of the checker, which
//! decides at every lock and counter who runs next; the smallest scenarios are explored to their end, larger ones depth-first up to a bound, at random
//! and by priorities (PCT). What the files import otherwise are plain values, and a timer that may run out at any time.

#![allow(
    clippy::indexing_slicing,
    clippy::pedantic,
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    unreachable_pub,
    unfulfilled_lint_expectations,
    unused_imports,
    reason = "a test may fail loudly, and needs a part of the files only"
)]

mod claims;
mod gate;
mod ledger;
mod lines;
mod room;

/// What the product's `crate::sync` is here.
mod sync {
    pub(crate) use shuttle::sync::atomic::AtomicU64;

    /// As the product's lock, it gives the guard and knows no poison.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> shuttle::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

mod clock {
    use std::pin::Pin;
    use std::task::Poll;
    use std::time::Duration;

    pub(crate) use portcullis::clock::Clock;
    use shuttle::rand::Rng as _;

    /// Waits as long as it takes for [`PATIENT`]; any other limit runs out whenever the checker wants it to.
    pub(crate) async fn within<F: Future>(
        limit: Duration,
        mut future: Pin<&mut F>,
    ) -> Option<F::Output> {
        if limit == PATIENT {
            return Some(future.await);
        }
        let rounds: u32 = shuttle::rand::thread_rng().gen_range(0..3);
        for _ in 0..=rounds {
            let ready = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context)));
            if let Poll::Ready(output) = ready.await {
                return Some(output);
            }
            shuttle::future::yield_now().await;
        }
        None
    }

    pub(crate) const PATIENT: Duration = Duration::MAX;
}

mod payload {
    #[derive(Clone, Debug, Eq, Hash, PartialEq)]
    pub(crate) struct ConcurrencyKey(pub(crate) &'static str);
}

mod directory {
    use std::time::Duration;

    #[derive(Clone, Debug, Eq, Hash, PartialEq)]
    pub(crate) struct EndpointId(pub(crate) &'static str);

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Concurrency {
        pub(crate) per_key: u32,
        pub(crate) wait: Duration,
    }
}

mod redis {
    pub(crate) use portcullis::redis::RedisFault;
}

/// Explores a small scenario to its end: every interleaving there is.
pub(crate) fn exhaustively(scenario: impl Fn() + Send + Sync + 'static) {
    shuttle::check_dfs(scenario, None);
}

/// Explores a larger one depth-first, as far as `MOST` interleavings go.
pub(crate) fn everywhere(scenario: impl Fn() + Send + Sync + 'static) {
    shuttle::check_dfs(scenario, Some(MOST));
}

/// Explores one at random, and by priorities that change a few times.
pub(crate) fn at_random(scenario: impl Fn() + Clone + Send + Sync + 'static) {
    shuttle::check_random(scenario.clone(), RANDOM);
    shuttle::check_pct(scenario, RANDOM, 4);
}

const MOST: usize = 20_000;
const RANDOM: usize = 2000;
