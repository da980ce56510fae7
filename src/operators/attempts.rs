//! Limits for sign-ins: a growing pause after failures, and a bound on audit lines about refusals.
//!
//! Both rules are pure: the time is an argument.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use jiff::{SignedDuration, Timestamp};

/// The recent sign-in attempts of each address.
///
/// An attempt counts as failed when it begins, so concurrent attempts do not evade the limit. A success clears the
/// address.
#[derive(Debug, Default)]
pub struct SignInAttempts {
    by_address: HashMap<IpAddr, Failures>,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    first: Timestamp,
    last: Timestamp,
}

impl SignInAttempts {
    /// The number of failures within [`WINDOW`](Self::WINDOW) before the first pause.
    pub const FREE: u32 = 5;
    /// The time in which failures add up to a first pause.
    pub const WINDOW: SignedDuration = SignedDuration::from_mins(5);
    /// The first pause. Each further failure doubles it.
    pub const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(30);
    /// The longest pause.
    pub const MAX_PAUSE: SignedDuration = SignedDuration::from_mins(15);
    /// After this time without an attempt, a paused address starts anew.
    pub const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(1);
    /// The number of addresses that are remembered. A further one replaces the one that failed least recently.
    pub const MAX_ADDRESSES: usize = 10_000;

    /// Begins an attempt, or returns the rest of the pause. A refused attempt does not extend the pause.
    pub fn begin(&mut self, address: IpAddr, now: Timestamp) -> Result<(), SignedDuration> {
        let address = network(address);
        if let Some(failures) = self.by_address.get_mut(&address) {
            failures.follow_clock(now);
            if !failures.are_forgotten(now) {
                let left = failures.pause() - now.duration_since(failures.last);
                if left.is_positive() {
                    return Err(left);
                }
                failures.count = failures.count.saturating_add(1);
                failures.last = now;
                return Ok(());
            }
        } else if self.by_address.len() >= Self::MAX_ADDRESSES {
            self.make_room(now);
        }
        let failures = Failures {
            count: 1,
            first: now,
            last: now,
        };
        self.by_address.insert(address, failures);
        Ok(())
    }

    /// Clears the failures of an address after a successful sign-in.
    pub fn succeeded(&mut self, address: IpAddr) {
        self.by_address.remove(&network(address));
    }

    /// Takes an attempt back that was not decided, because the store failed.
    pub fn undecided(&mut self, address: IpAddr) {
        if let Some(failures) = self.by_address.get_mut(&network(address)) {
            failures.count = failures.count.saturating_sub(1);
        }
    }

    fn make_room(&mut self, now: Timestamp) {
        self.by_address.retain(|_, it| !it.are_forgotten(now));
        if self.by_address.len() >= Self::MAX_ADDRESSES {
            let oldest = self.by_address.iter().min_by_key(|(_, it)| it.last);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                self.by_address.remove(&oldest);
            }
        }
    }
}

impl Failures {
    /// Follows a clock that was set back: otherwise the pause could last as long as the clock was ahead.
    fn follow_clock(&mut self, now: Timestamp) {
        self.first = self.first.min(now);
        self.last = self.last.min(now);
    }

    fn are_forgotten(&self, now: Timestamp) -> bool {
        if self.count < SignInAttempts::FREE {
            now.duration_since(self.first) >= SignInAttempts::WINDOW
        } else {
            now.duration_since(self.last) >= SignInAttempts::FORGOTTEN_AFTER
        }
    }

    /// The pause after the last failure.
    fn pause(&self) -> SignedDuration {
        let Some(doublings) = self.count.checked_sub(SignInAttempts::FREE) else {
            return SignedDuration::ZERO;
        };
        let factor = 1_i32.checked_shl(doublings.min(30)).unwrap_or(i32::MAX);
        let pause = SignInAttempts::FIRST_PAUSE.checked_mul(factor);
        pause.map_or(SignInAttempts::MAX_PAUSE, |pause| {
            pause.min(SignInAttempts::MAX_PAUSE)
        })
    }
}

/// How many refusals the audit log gets: a flood must neither fill it nor hide that it happens.
#[derive(Debug, Default)]
pub struct RefusalQuota {
    /// The current minute since 1970.
    minute: i64,
    by_address: HashMap<IpAddr, u32>,
    total: u32,
    skipped: u64,
}

impl RefusalQuota {
    /// The number of lines for one address in a minute.
    pub const MAX_PER_ADDRESS: u32 = 10;
    /// The number of lines in a minute.
    pub const MAX_PER_MINUTE: u32 = 60;

    /// Whether a refusal may be recorded. If so, returns how many were skipped since the last recorded one.
    pub fn admit(&mut self, address: IpAddr, now: Timestamp) -> Option<u64> {
        let minute = now.as_second().div_euclid(60);
        if minute != self.minute {
            self.minute = minute;
            self.total = 0;
            self.by_address.clear();
        }
        // At most `MAX_PER_MINUTE` addresses are remembered.
        let address = network(address);
        let of_address = self.by_address.get(&address).copied().unwrap_or_default();
        if self.total >= Self::MAX_PER_MINUTE || of_address >= Self::MAX_PER_ADDRESS {
            self.skipped = self.skipped.saturating_add(1);
            return None;
        }
        self.total += 1;
        self.by_address.insert(address, of_address + 1);
        Some(std::mem::take(&mut self.skipped))
    }
}

/// The address as it is counted. The owner of an IPv6 network has all of its 2^64 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Begins an attempt, and returns the rest of the pause in seconds.
    fn pause(attempts: &mut SignInAttempts, of: IpAddr, seconds: i64) -> Option<i64> {
        let begun = attempts.begin(of, at(seconds));
        begun.err().map(|left| left.as_secs())
    }

    fn failing(times: u32, of: IpAddr) -> SignInAttempts {
        let mut attempts = SignInAttempts::default();
        for _ in 0..times {
            assert_eq!(pause(&mut attempts, of, 0), None);
        }
        attempts
    }

    #[test]
    fn five_failures_are_free_and_then_the_pause_doubles_up_to_its_limit() {
        let one = address(1);
        let mut attempts = failing(5, one);
        let mut now = 0;
        for expected in [30, 60, 120, 240, 480, 900, 900] {
            assert_eq!(pause(&mut attempts, one, now), Some(expected));
            // A refused attempt does not extend the pause.
            assert_eq!(pause(&mut attempts, one, now + expected - 1), Some(1));
            now += expected;
            assert_eq!(pause(&mut attempts, one, now), None, "after {expected}");
        }
    }

    #[test]
    fn a_pause_holds_for_its_address_only_and_a_success_ends_the_count() {
        let one = address(1);
        let mut attempts = failing(5, one);
        assert_eq!(pause(&mut attempts, address(2), 1), None);
        assert_eq!(pause(&mut attempts, one, 1), Some(29));
        assert_eq!(pause(&mut attempts, one, 30), None);
        attempts.succeeded(one);
        for _ in 0..5 {
            assert_eq!(pause(&mut attempts, one, 31), None);
        }
        assert_eq!(pause(&mut attempts, one, 31), Some(30));
    }

    #[test]
    fn four_failures_are_forgotten_after_the_window_and_a_pause_after_an_hour() {
        let one = address(1);
        let mut attempts = failing(4, one);
        for _ in 0..4 {
            assert_eq!(pause(&mut attempts, one, 5 * MINUTE), None);
        }
        assert_eq!(pause(&mut attempts, one, 9 * MINUTE), None);
        assert_eq!(pause(&mut attempts, one, 9 * MINUTE), Some(30));
        for _ in 0..5 {
            assert_eq!(pause(&mut attempts, one, 9 * MINUTE + HOUR), None);
        }
        assert_eq!(pause(&mut attempts, one, 9 * MINUTE + HOUR), Some(30));
    }

    #[test]
    fn an_attempt_that_was_not_decided_does_not_count() {
        let one = address(1);
        let mut attempts = failing(4, one);
        for _ in 0..20 {
            assert_eq!(pause(&mut attempts, one, 0), None);
            attempts.undecided(one);
        }
        assert_eq!(pause(&mut attempts, one, 0), None);
        assert_eq!(pause(&mut attempts, one, 0), Some(30));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_prolong_a_pause() {
        let one = address(1);
        let mut attempts = failing(5, one);
        assert_eq!(pause(&mut attempts, one, 30), None);
        assert_eq!(pause(&mut attempts, one, -HOUR), Some(60));
        assert_eq!(pause(&mut attempts, one, 59 - HOUR), Some(1));
        assert_eq!(pause(&mut attempts, one, 60 - HOUR), None);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let of = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut attempts = SignInAttempts::default();
        for last in 1..=5 {
            let address = of(&format!("2001:db8:0:1::{last}"));
            assert_eq!(pause(&mut attempts, address, 0), None);
        }
        assert_eq!(
            pause(&mut attempts, of("2001:db8:0:1:ffff::1"), 0),
            Some(30)
        );
        assert_eq!(pause(&mut attempts, of("2001:db8:0:2::1"), 0), None);
        // The same IPv4 address in both notations.
        for _ in 0..5 {
            assert_eq!(pause(&mut attempts, of("::ffff:192.0.2.9"), 0), None);
        }
        assert_eq!(pause(&mut attempts, address(9), 0), Some(30));
    }

    #[test]
    fn memory_is_bounded_and_the_least_recent_address_makes_room() {
        let many = |number: usize| {
            let number = u32::try_from(number).unwrap();
            IpAddr::from((0x0a00_0000 + number).to_be_bytes())
        };
        let mut attempts = failing(5, address(1));
        for number in 0..SignInAttempts::MAX_ADDRESSES - 1 {
            assert_eq!(pause(&mut attempts, many(number), 1), None);
        }
        assert_eq!(attempts.by_address.len(), SignInAttempts::MAX_ADDRESSES);
        assert_eq!(pause(&mut attempts, address(1), 1), Some(29));
        let further = many(SignInAttempts::MAX_ADDRESSES);
        assert_eq!(pause(&mut attempts, further, 2), None);
        assert_eq!(attempts.by_address.len(), SignInAttempts::MAX_ADDRESSES);
        assert!(!attempts.by_address.contains_key(&address(1)));
        // Addresses whose failures are forgotten make room first.
        assert_eq!(pause(&mut attempts, address(2), HOUR), None);
        assert_eq!(attempts.by_address.len(), 1);
    }

    #[test]
    fn a_flood_of_refusals_is_bounded_by_address_and_in_all_and_counted() {
        let mut quota = RefusalQuota::default();
        let admitted = |quota: &mut RefusalQuota, last: u8, times: usize, second: i64| {
            (0..times)
                .filter_map(|_| quota.admit(address(last), at(second)))
                .collect::<Vec<u64>>()
        };
        assert_eq!(admitted(&mut quota, 1, 1000, 0), [0; 10]);
        assert_eq!(admitted(&mut quota, 2, 1, 59), [990]);
        let mut in_all = 0;
        for last in 3..=255 {
            in_all += admitted(&mut quota, last, 1, 59).len();
        }
        assert_eq!(in_all, 49);
        assert_eq!(quota.by_address.len(), 51);
        // The next minute.
        assert_eq!(admitted(&mut quota, 1, 2, 60), [204, 0]);
    }
}
