//! How long nobody asks again after a failure.

use std::time::Duration;

/// The pause after so many failures in a row: twice as long each time up to a limit, and of that between a half
/// and all, so that those who failed together do not come back together.
pub(super) fn pause(is_refusal: bool, failures: u32) -> Duration {
    // A refusal lasts until somebody has done something; whatever else it is may be over in a second.
    let (first, longest) = if is_refusal {
        (Duration::from_secs(1), Duration::from_mins(1))
    } else {
        (Duration::from_millis(500), Duration::from_secs(5))
    };
    let doublings = failures.saturating_sub(1).min(16);
    let longest = first.saturating_mul(1 << doublings).min(longest);
    between(longest / 2, longest)
}

/// Some duration between two others.
pub(super) fn between(shortest: Duration, longest: Duration) -> Duration {
    // Without randomness it is the middle: nothing depends on it but how evenly calls are spread.
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    let fraction = f64::from(random) / f64::from(u32::MAX);
    shortest + longest.saturating_sub(shortest).mul_f64(fraction)
}
