//! Everything ends.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use portcullis::ledger::{Entry, EntryState, Retention};

use crate::redis::RedisServer;
use crate::setting::*;

on_every_ledger! {
    fn an_entry_counts_until_its_time_and_not_a_second_longer(it: Setting) {
        it.accept(it.firm("signature"));
        it.accept(it.soft("id"));
        for (waited, signature, id) in [
            (WINDOW - it.grain(), true, true),
            (it.grain(), false, true),
            (HOUR - WINDOW - it.grain(), false, true),
            (it.grain(), false, false),
        ] {
            it.wait(waited);
            for (entries, expected) in [(it.firm("signature"), signature), (it.soft("id"), id)] {
                let accepted = it.state(entries) == Some(EntryState::Accepted);
                assert_eq!(accepted, expected, "{}", it.now());
            }
        }
    }

    fn times_that_cannot_be_are_no_trouble(it: Setting) {
        for (name, until) in [("never", Timestamp::MAX), ("long ago", Timestamp::MIN)] {
            it.accept(one(Entry {
                key: key(name),
                keep: Retention::Pinned(until),
            }));
        }
        it.wait(SignedDuration::from_hours(24 * 365));
        assert_eq!(it.state(it.soft("never")), Some(EntryState::Accepted));
        assert_eq!(it.state(it.soft("long ago")), None);
    }
}

#[test]
fn redis_keeps_an_entry_for_its_time_and_less_than_a_second_longer() {
    let server = Arc::new(RedisServer::start());
    let it = Setting::shared_in(&server);
    let clock = || server.ask(&["EVAL", CLOCK_MS, "0"]).parse::<i64>().unwrap();
    let before = clock();
    it.accept(it.firm("signature"));
    let after = clock();
    let [key] = &server.keys()[..] else {
        panic!("{:?}", server.keys());
    };
    let ends: i64 = server.ask(&["PEXPIRETIME", key]).parse().unwrap();
    let kept = i64::try_from(WINDOW.as_millis()).unwrap();
    let allowed = before + kept - 1000..=after + kept;
    assert!(allowed.contains(&ends), "{ends} is not in {allowed:?}");
}

#[test]
fn a_part_of_a_second_is_rounded_in_favour_of_the_memory() {
    let it = Setting::with_room_for(1000);
    let until = it.now() + SignedDuration::from_millis(1500);
    it.accept(one(Entry {
        key: key("a"),
        keep: Retention::Pinned(until),
    }));
    it.wait(SignedDuration::from_millis(1999));
    assert_eq!(it.state(it.soft("a")), Some(EntryState::Accepted));
    it.wait(SignedDuration::from_millis(1));
    assert_eq!(it.state(it.soft("a")), None);
}

#[test]
fn a_clock_that_is_set_back_makes_the_memory_longer() {
    let it = Setting::with_room_for(1000);
    it.accept(it.firm("a"));
    it.wait(-HOUR);
    assert_eq!(it.state(it.firm("a")), Some(EntryState::Accepted));
    it.wait(HOUR + WINDOW);
    assert_eq!(it.state(it.firm("a")), None);
}

const CLOCK_MS: &str = "
    local now = redis.call('TIME')
    return string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))";
