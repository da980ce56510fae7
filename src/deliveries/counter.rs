//! Counts of deliveries by endpoint and hour, in memory until they are written.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use parking_lot::Mutex;

use super::OutcomeClass;
use crate::clock::hour_of;
use crate::directory::EndpointId;

/// An endpoint in one generation.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CountKey {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The random number of its creation.
    pub generation: i64,
}

/// The deliveries of one hour. Provider challenges are not counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HourlyCounts {
    /// The start of the hour.
    pub hour: Timestamp,
    /// Deliveries that the backend received.
    pub admitted: u64,
    /// Deliveries that the gate refused.
    pub refused: u64,
    /// Deliveries that failed at the gate or the backend.
    pub failed: u64,
    /// Deliveries of events that the endpoint has not subscribed to.
    pub ignored: u64,
}

/// The latest delivery of an endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LatestDelivery {
    /// When it arrived.
    pub at: Timestamp,
    /// Its reason.
    pub reason: String,
    /// When the latest admitted delivery arrived.
    pub last_admitted_at: Option<Timestamp>,
}

/// What is added to the counts of an endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndpointCounts {
    /// The endpoint.
    pub key: CountKey,
    /// The counts, one for each hour.
    pub hours: Vec<HourlyCounts>,
    /// When the latest delivery arrived.
    pub latest_at: Timestamp,
    /// Its reason.
    pub latest_reason: &'static str,
    /// When the latest admitted delivery arrived.
    pub last_admitted_at: Option<Timestamp>,
}

/// Deliveries that are not recorded, by cause.
#[derive(Debug, Default)]
pub struct UnrecordedCounts {
    pub(super) rate: AtomicU64,
    pub(super) queue: AtomicU64,
    pub(super) counts: AtomicU64,
}

impl UnrecordedCounts {
    /// Rows that were not queued because their endpoint had its rows of that second.
    pub fn rate(&self) -> u64 {
        self.rate.load(Ordering::Relaxed)
    }

    /// Rows that were dropped because the queue was full.
    pub fn queue(&self) -> u64 {
        self.queue.load(Ordering::Relaxed)
    }

    /// Deliveries that are in no count, because too many endpoints were counted at once.
    pub fn counts(&self) -> u64 {
        self.counts.load(Ordering::Relaxed)
    }
}

impl HourlyCounts {
    /// An hour without deliveries.
    pub const fn empty(hour: Timestamp) -> Self {
        Self {
            hour,
            admitted: 0,
            refused: 0,
            failed: 0,
            ignored: 0,
        }
    }

    fn of_one(at: Timestamp, outcome: OutcomeClass) -> Self {
        let is = |class: OutcomeClass| u64::from(outcome == class);
        Self {
            hour: hour_of(at),
            admitted: is(OutcomeClass::Admitted),
            refused: is(OutcomeClass::Refused),
            failed: is(OutcomeClass::Failed),
            ignored: is(OutcomeClass::Ignored),
        }
    }

    fn add(&mut self, other: &Self) {
        self.admitted = self.admitted.saturating_add(other.admitted);
        self.refused = self.refused.saturating_add(other.refused);
        self.failed = self.failed.saturating_add(other.failed);
        self.ignored = self.ignored.saturating_add(other.ignored);
    }

    const fn all(&self) -> u64 {
        self.admitted
            .saturating_add(self.refused)
            .saturating_add(self.failed)
            .saturating_add(self.ignored)
    }
}

/// The counts that the writer has not taken yet.
#[derive(Debug)]
pub(super) struct DeliveryCounter {
    counted: Mutex<HashMap<CountKey, Counted>>,
    max_endpoints: usize,
}

/// The counts of an endpoint, and the rows that it has queued in the current second.
#[derive(Debug)]
struct Counted {
    hours: Hours,
    latest_at: Timestamp,
    latest_reason: &'static str,
    last_admitted_at: Option<Timestamp>,
    second: i64,
    refused_rows: u16,
    other_rows: u16,
}

/// The result of counting a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Counting {
    /// It is counted, and its row may be queued.
    WithRow,
    /// It is counted, and its endpoint has had its rows of this second.
    WithoutRow,
    /// Too many endpoints are counted already.
    NoRoom,
}

impl DeliveryCounter {
    /// A counter for at most `max_endpoints` endpoints between two writes.
    pub(super) fn new(max_endpoints: usize) -> Self {
        Self {
            counted: Mutex::default(),
            max_endpoints,
        }
    }

    /// Counts a delivery, and decides whether its row may be queued.
    pub(super) fn count(
        &self,
        key: CountKey,
        at: Timestamp,
        outcome: OutcomeClass,
        reason: &'static str,
    ) -> Counting {
        let mut counted = self.counted.lock();
        let has_room = counted.len() < self.max_endpoints;
        let counted = match counted.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) if has_room => entry.insert(Counted::since(at, reason)),
            Entry::Vacant(_) => return Counting::NoRoom,
        };
        counted.hours.add(&HourlyCounts::of_one(at, outcome));
        if at >= counted.latest_at {
            (counted.latest_at, counted.latest_reason) = (at, reason);
        }
        if outcome == OutcomeClass::Admitted {
            counted.last_admitted_at = counted.last_admitted_at.max(Some(at));
        }
        if counted.takes_row(at.as_second(), outcome) {
            Counting::WithRow
        } else {
            Counting::WithoutRow
        }
    }

    /// Moves all counts to `unwritten`. Returns the number of deliveries for which it has no room.
    pub(super) fn drain_into(&self, unwritten: &mut UnwrittenCounts) -> u64 {
        let counted = std::mem::take(&mut *self.counted.lock());
        let mut lost = 0;
        for (key, counted) in counted {
            lost += unwritten.add(key, &counted, self.max_endpoints);
        }
        lost
    }
}

impl Counted {
    fn since(at: Timestamp, reason: &'static str) -> Self {
        Self {
            hours: Hours::default(),
            latest_at: at,
            latest_reason: reason,
            last_admitted_at: None,
            second: at.as_second(),
            refused_rows: 0,
            other_rows: 0,
        }
    }

    /// Refusals have rows of their own, so that a flood of forgeries leaves the rows of genuine deliveries.
    fn takes_row(&mut self, second: i64, outcome: OutcomeClass) -> bool {
        if second != self.second {
            (self.second, self.refused_rows, self.other_rows) = (second, 0, 0);
        }
        let (rows, most) = match outcome {
            OutcomeClass::Refused => (&mut self.refused_rows, REFUSED_ROWS_A_SECOND),
            _ => (&mut self.other_rows, OTHER_ROWS_A_SECOND),
        };
        let is_below = *rows < most;
        *rows = rows.saturating_add(u16::from(is_below));
        is_below
    }
}

/// The counts of the hours of one endpoint, at most as many as are kept.
#[derive(Clone, Debug, Default)]
struct Hours(Vec<HourlyCounts>);

impl Hours {
    fn add(&mut self, more: &HourlyCounts) {
        if let Some(known) = self.0.iter_mut().find(|known| known.hour == more.hour) {
            known.add(more);
            return;
        }
        if self.0.len() >= MAX_HOURS
            && let Some(oldest) = self.0.iter().map(|known| known.hour).min()
        {
            self.0.retain(|known| known.hour != oldest);
        }
        self.0.push(*more);
    }
}

/// Counts that the writer has taken and not written, in the order in which all nodes write them.
#[derive(Debug, Default)]
pub(super) struct UnwrittenCounts(BTreeMap<CountKey, EndpointCounts>);

impl UnwrittenCounts {
    /// Adds counts. Returns the number of deliveries that are lost because there is no room for their endpoint.
    fn add(&mut self, key: CountKey, counted: &Counted, max_endpoints: usize) -> u64 {
        if self.0.len() >= max_endpoints && !self.0.contains_key(&key) {
            return counted.hours.0.iter().map(HourlyCounts::all).sum();
        }
        let known = self.0.entry(key.clone()).or_insert(EndpointCounts {
            key,
            hours: Vec::new(),
            latest_at: counted.latest_at,
            latest_reason: counted.latest_reason,
            last_admitted_at: None,
        });
        let mut hours = Hours(std::mem::take(&mut known.hours));
        for more in &counted.hours.0 {
            hours.add(more);
        }
        known.hours = hours.0;
        known.hours.sort_by_key(|counts| counts.hour);
        if counted.latest_at >= known.latest_at {
            known.latest_at = counted.latest_at;
            known.latest_reason = counted.latest_reason;
        }
        known.last_admitted_at = known.last_admitted_at.max(counted.last_admitted_at);
        0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first `limit` counts, in order.
    pub(super) fn first(&self, limit: usize) -> Vec<EndpointCounts> {
        self.0.values().take(limit).cloned().collect()
    }

    /// Removes counts that were written.
    pub(super) fn remove(&mut self, written: &[EndpointCounts]) {
        for counts in written {
            self.0.remove(&counts.key);
        }
    }
}

/// Rows of refused deliveries that one endpoint gets a second.
const REFUSED_ROWS_A_SECOND: u16 = 10;
/// Rows of its other deliveries.
const OTHER_ROWS_A_SECOND: u16 = 50;
/// The hours of [`HOURS_KEPT`](super::HOURS_KEPT). Older ones have expired before they are written.
const MAX_HOURS: usize = 48;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// A delivery to the endpoint of this number, or a write.
    #[derive(Clone, Debug)]
    enum Step {
        Deliver(u8, i64, OutcomeClass),
        Write,
    }

    fn step() -> impl Strategy<Value = Step> {
        let outcomes = select(&OutcomeClass::ALL[..]);
        let deliver = (0..5_u8, 0..3 * 3600_i64, outcomes);
        let deliver = deliver
            .prop_map(|(endpoint, second, outcome)| Step::Deliver(endpoint, second, outcome));
        prop_oneof![9 => deliver, 1 => Just(Step::Write)]
    }

    fn key(endpoint: u8) -> CountKey {
        CountKey {
            endpoint: format!("a/{endpoint}").parse().unwrap(),
            generation: i64::from(endpoint) % 2,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    proptest! {
        #[test]
        fn every_delivery_is_in_one_hour_of_its_endpoint_however_often_counts_are_written(
            steps in vec(step(), 0..400),
        ) {
            let counter = DeliveryCounter::new(100);
            let mut unwritten = UnwrittenCounts::default();
            let mut right: BTreeMap<(CountKey, Timestamp), HourlyCounts> = BTreeMap::new();
            let mut latest: BTreeMap<CountKey, (Timestamp, Option<Timestamp>)> = BTreeMap::new();
            for step in steps {
                let Step::Deliver(endpoint, second, outcome) = step else {
                    prop_assert_eq!(counter.drain_into(&mut unwritten), 0);
                    continue;
                };
                let (key, at) = (key(endpoint), at(second));
                counter.count(key.clone(), at, outcome, outcome.word());
                let hour = right
                    .entry((key.clone(), hour_of(at)))
                    .or_insert(HourlyCounts::empty(hour_of(at)));
                match outcome {
                    OutcomeClass::Admitted => hour.admitted += 1,
                    OutcomeClass::Refused => hour.refused += 1,
                    OutcomeClass::Failed => hour.failed += 1,
                    OutcomeClass::Ignored => hour.ignored += 1,
                    OutcomeClass::Challenge => {}
                }
                let (newest, admitted) = latest.entry(key).or_insert((at, None));
                *newest = at.max(*newest);
                if outcome == OutcomeClass::Admitted {
                    *admitted = Some(at).max(*admitted);
                }
            }
            counter.drain_into(&mut unwritten);
            let all = unwritten.first(usize::MAX);
            let found: BTreeMap<(CountKey, Timestamp), HourlyCounts> = all
                .iter()
                .flat_map(|it| it.hours.iter().map(|hour| ((it.key.clone(), hour.hour), *hour)))
                .collect();
            prop_assert_eq!(found, right);
            for counts in &all {
                let known = (counts.latest_at, counts.last_admitted_at);
                prop_assert_eq!(Some(&known), latest.get(&counts.key));
                prop_assert!(counts.hours.is_sorted_by_key(|hour| hour.hour));
            }
            prop_assert!(all.is_sorted_by(|one, next| one.key < next.key));
            unwritten.remove(&all);
            prop_assert!(unwritten.is_empty());
        }

        #[test]
        fn what_has_no_room_is_reported_and_nothing_is_counted_twice(
            steps in vec(step(), 0..400),
            max_endpoints in 0..6_usize,
        ) {
            let counter = DeliveryCounter::new(max_endpoints);
            let mut unwritten = UnwrittenCounts::default();
            let (mut sent, mut lost) = (0_u64, 0_u64);
            for step in steps {
                match step {
                    Step::Deliver(_, _, OutcomeClass::Challenge) => {}
                    Step::Deliver(endpoint, second, outcome) => {
                        sent += 1;
                        let counting = counter.count(key(endpoint), at(second), outcome, "r");
                        lost += u64::from(counting == Counting::NoRoom);
                    }
                    Step::Write => lost += counter.drain_into(&mut unwritten),
                }
            }
            lost += counter.drain_into(&mut unwritten);
            let all = unwritten.first(usize::MAX);
            prop_assert!(all.len() <= max_endpoints);
            let hours = all.iter().flat_map(|it| it.hours.iter());
            let counted: u64 = hours.map(HourlyCounts::all).sum();
            prop_assert_eq!(counted + lost, sent);
        }
    }

    #[test]
    fn an_endpoint_has_its_rows_of_a_second_and_refusals_leave_those_of_other_deliveries() {
        let counter = DeliveryCounter::new(10);
        let rows = |second, outcome, times: usize| {
            let results = (0..times).map(|_| counter.count(key(1), at(second), outcome, "r"));
            results.filter(|it| *it == Counting::WithRow).count()
        };
        assert_eq!(rows(0, OutcomeClass::Refused, 1000), 10);
        assert_eq!(rows(0, OutcomeClass::Admitted, 40), 40);
        assert_eq!(rows(0, OutcomeClass::Failed, 1000), 10);
        assert_eq!(rows(1, OutcomeClass::Refused, 1000), 10);
        let other = counter.count(key(2), at(0), OutcomeClass::Refused, "r");
        assert_eq!(other, Counting::WithRow);
    }

    #[test]
    fn only_the_newest_hours_of_an_endpoint_are_kept_while_nothing_can_be_written() {
        let counter = DeliveryCounter::new(10);
        let mut unwritten = UnwrittenCounts::default();
        for hour in 0..100 {
            counter.count(key(1), at(hour * 3600), OutcomeClass::Admitted, "admitted");
            counter.drain_into(&mut unwritten);
        }
        let all = unwritten.first(1);
        let hours: Vec<Timestamp> = all[0].hours.iter().map(|hour| hour.hour).collect();
        assert_eq!(hours.len(), MAX_HOURS);
        assert_eq!(hours.first(), Some(&at(52 * 3600)));
        assert_eq!(hours.last(), Some(&at(99 * 3600)));
    }
}
