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
            lost += unwritten.add(key, counted, self.max_endpoints);
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
    fn add(&mut self, key: CountKey, counted: Counted, max_endpoints: usize) -> u64 {
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
