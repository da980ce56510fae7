//! The ledger beside a model that is too simple to be wrong.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use portcullis::ledger::{Entries, Entry, EntryState, LedgerClaim, Retention};
use proptest::prelude::*;

use crate::redis::RedisServer;
use crate::setting::*;

/// What somebody does.
#[derive(Clone, Debug)]
enum Step {
    /// Claims one name, or two.
    Claim(u8, Option<u8>),
    /// Settles the oldest claim but so many.
    Settle(usize, Ending),
    Wait(i64),
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Commit,
    Release,
    Drop,
}

fn step() -> impl Strategy<Value = Step> {
    let ending = prop_oneof![
        Just(Ending::Commit),
        Just(Ending::Release),
        Just(Ending::Drop)
    ];
    prop_oneof![
        5 => (0..12u8, prop::option::of(0..12u8)).prop_map(|(a, b)| Step::Claim(a, b)),
        4 => (0..4usize, ending).prop_map(|(which, ending)| Step::Settle(which, ending)),
        2 => (1..40_000i64).prop_map(Step::Wait),
        1 => (1..5_000_000i64).prop_map(Step::Wait),
    ]
}

/// A name that is known, and until when.
#[derive(Clone, Copy, Debug)]
enum ModelEntry {
    Claimed(usize, Timestamp),
    Accepted(Timestamp),
}

#[derive(Default)]
struct Model {
    known: HashMap<u8, ModelEntry>,
}

impl Model {
    fn state(&self, name: u8, now: Timestamp) -> Option<EntryState> {
        match *self.known.get(&name)? {
            ModelEntry::Claimed(_, until) => (now < until).then_some(EntryState::InFlight),
            ModelEntry::Accepted(until) => (now < until).then_some(EntryState::Accepted),
        }
    }

    fn claim(&mut self, names: &[u8], who: usize, now: Timestamp) -> Result<(), EntryState> {
        if let Some(state) = names.iter().find_map(|name| self.state(*name, now)) {
            return Err(state);
        }
        let until = now + SignedDuration::try_from(LEASE).unwrap();
        let claims = names
            .iter()
            .map(|name| (*name, ModelEntry::Claimed(who, until)));
        self.known.extend(claims);
        Ok(())
    }

    fn commit(&mut self, names: &[u8], claimed_at: Timestamp, now: Timestamp) {
        for name in names {
            let until = claimed_at + keep(*name);
            let before = match self.known.get(name) {
                Some(ModelEntry::Accepted(before)) if now < *before => *before,
                _ => until,
            };
            self.known
                .insert(*name, ModelEntry::Accepted(until.max(before)));
        }
    }

    fn release(&mut self, names: &[u8], who: usize) {
        for name in names {
            if matches!(self.known.get(name), Some(ModelEntry::Claimed(it, _)) if *it == who) {
                self.known.remove(name);
            }
        }
    }
}

/// Some are kept firmly and some not; there is room for all.
fn keep(name: u8) -> SignedDuration {
    SignedDuration::from_secs(60 * i64::from(name + 1)) - HALF
}

fn entries(names: &[u8], now: Timestamp) -> Entries {
    let mut entries = names.iter().map(|name| Entry {
        key: key(&name.to_string()),
        keep: match name % 2 {
            0 => Retention::Pinned(now + keep(*name)),
            _ => Retention::Evictable(now + keep(*name)),
        },
    });
    Entries::from([entries.next(), entries.next(), None, None, None, None, None])
}

struct Claim {
    held: LedgerClaim,
    who: usize,
    names: Vec<u8>,
    at: Timestamp,
}

fn it_answers_as_the_model_does(cases: u32, setting: impl Fn() -> Setting) {
    let config = ProptestConfig::with_cases(cases);
    let steps = prop::collection::vec(step(), 1..120);
    proptest!(config, |(steps in steps)| {
        let it = setting();
        let mut model = Model::default();
        let mut claims: Vec<Claim> = Vec::new();
        for (who, step) in steps.into_iter().enumerate() {
            let now = it.now();
            match step {
                Step::Claim(first, second) => {
                    let mut names = vec![first];
                    names.extend(second.filter(|second| *second != first));
                    let expected = model.claim(&names, who, now);
                    let got = it.claim(entries(&names, now));
                    prop_assert_eq!(got.as_ref().map(drop).map_err(|it| *it), expected);
                    claims.extend(got.ok().map(|held| Claim { held, who, names, at: now }));
                }
                Step::Settle(which, ending) => {
                    if which >= claims.len() {
                        continue;
                    }
                    let claim = claims.remove(which);
                    match ending {
                        Ending::Commit => model.commit(&claim.names, claim.at, now),
                        Ending::Release | Ending::Drop => model.release(&claim.names, claim.who),
                    }
                    match ending {
                        Ending::Commit => it.settle(claim.held, true),
                        Ending::Release => it.settle(claim.held, false),
                        Ending::Drop => it.drop_inside(claim.held),
                    }
                }
                // In whole seconds: to that the ledger is exact.
                Step::Wait(milliseconds) => it.wait(SignedDuration::from_secs(milliseconds / 1000)),
            }
            for name in 0..12 {
                let got = it.state(entries(&[name], it.now()));
                prop_assert_eq!(got, model.state(name, it.now()), "{}", name);
            }
        }
        if let Some(own) = &it.own {
            prop_assert_eq!(own.stats().forgotten(), 0);
        }
        // A shared ledger that is dropped settles nothing: what is left ends with its lease.
        claims.into_iter().for_each(|claim| it.drop_inside(claim.held));
    });
}

#[test]
fn the_ledger_in_memory_answers_as_the_model_does() {
    it_answers_as_the_model_does(256, Setting::in_process);
}

// Each step asks thirteen times, over a socket: fewer cases, on one Redis.

#[test]
fn the_ledger_in_redis_answers_as_the_model_does() {
    let server = Arc::new(RedisServer::start());
    it_answers_as_the_model_does(12, || Setting::shared_in(&server));
}

#[test]
fn the_ledger_of_a_fleet_answers_as_the_model_does() {
    let server = Arc::new(RedisServer::start());
    it_answers_as_the_model_does(12, || Setting::fleet_in(&server));
}
