//! How much memory all senders may take together, and how many requests may be in flight.
//!
//! Everything that a stranger can make the gate hold is leased here: connections, heads, streams, bodies,
//! their copies, and responses that wait for a slow reader. A lease is taken before the memory is
//! allocated, and returned when the memory is freed.
//!
//! Two rules keep one sender from taking everything. An eighth of the budget is for small leases only.
//! A client address, or an endpoint, may hold at most twice what is left: two thirds of the budget if it is
//! alone, less for each further one. Nothing is taken back, so about nine greedy addresses use up a budget of 1 GiB.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use crate::sync::Mutex;

/// The memory for what senders make the gate hold.
#[derive(Debug)]
pub struct Budget {
    total: u64,
    max_requests: u64,
    hasher: RandomState,
    usage: Mutex<Usage>,
}

impl Budget {
    /// A budget of `total` bytes, for any number of requests.
    pub fn new(total: u64) -> Arc<Self> {
        Self::limited(total, u64::MAX)
    }

    /// A budget of `total` bytes, for at most `max_requests` in flight.
    pub fn limited(total: u64, max_requests: u64) -> Arc<Self> {
        Arc::new(Self {
            total,
            max_requests,
            hasher: RandomState::new(),
            usage: Mutex::default(),
        })
    }

    /// A lease of nothing for the body of a delivery, to be grown. Nobody's share is charged.
    pub fn lease(self: &Arc<Self>) -> Lease {
        self.begin(Payer::default(), Purpose::Body)
    }

    /// A lease of nothing for the body of a delivery from `client` to `endpoint`.
    pub fn body(self: &Arc<Self>, client: Option<IpAddr>, endpoint: &str) -> Lease {
        let payer = Payer {
            client: client.map(Holder::client),
            endpoint: Some(Holder::Endpoint(self.hasher.hash_one(endpoint))),
        };
        self.begin(payer, Purpose::Body)
    }

    /// A lease of `bytes` for a connection. `None` for the address of a trusted proxy, which has many clients.
    pub fn connection(
        self: &Arc<Self>,
        client: Option<IpAddr>,
        bytes: u64,
    ) -> Result<Lease, OverBudget> {
        let payer = Payer {
            client: client.map(Holder::client),
            endpoint: None,
        };
        let mut lease = self.begin(payer, Purpose::Other);
        lease.grow_to(bytes)?;
        Ok(lease)
    }

    /// A lease of `bytes` for a request that is in flight as long as the lease.
    pub fn request(
        self: &Arc<Self>,
        client: Option<IpAddr>,
        bytes: u64,
    ) -> Result<Lease, OverBudget> {
        let payer = Payer {
            client: client.map(Holder::client),
            endpoint: None,
        };
        self.usage.lock().begin_request(payer, self.max_requests)?;
        let mut lease = self.begin(payer, Purpose::Request);
        lease.grow_to(bytes)?;
        Ok(lease)
    }

    /// The largest body that a budget of `total` bytes has room for, if nobody else needs any of it.
    pub const fn largest_body(total: u64) -> u64 {
        // While a body grows there are two pieces of it for a moment, and its head and connection beside it.
        large_leases(total) / 2
    }

    /// All bytes there are to lease.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The bytes that are leased for bodies.
    pub fn used(&self) -> u64 {
        self.usage.lock().bodies_bytes
    }

    /// The bytes that are leased for anything.
    pub fn leased(&self) -> u64 {
        self.usage.lock().bytes
    }

    /// The bodies in flight.
    pub fn bodies(&self) -> u64 {
        self.usage.lock().bodies
    }

    /// The requests in flight.
    pub fn requests(&self) -> u64 {
        self.usage.lock().requests
    }

    fn begin(self: &Arc<Self>, payer: Payer, purpose: Purpose) -> Lease {
        if purpose == Purpose::Body {
            self.usage.lock().bodies += 1;
        }
        Lease {
            budget: Arc::clone(self),
            payer,
            purpose,
            held: 0,
        }
    }
}

/// A part of a [`Budget`]. It is given back when it is dropped.
#[derive(Debug)]
pub struct Lease {
    budget: Arc<Budget>,
    payer: Payer,
    purpose: Purpose,
    held: u64,
}

impl Lease {
    /// A lease of nothing in the same budget, for the same client and endpoint.
    pub(super) fn another(&self) -> Self {
        self.budget.begin(self.payer, Purpose::Other)
    }

    /// Takes what is missing to `bytes`, or nothing if that is not to be had.
    pub fn grow_to(&mut self, bytes: u64) -> Result<(), OverBudget> {
        if bytes > self.held {
            let usage = &mut *self.budget.usage.lock();
            usage.grow(self.payer, self.budget.total, self.held, bytes)?;
            if self.purpose == Purpose::Body {
                usage.bodies_bytes += bytes - self.held;
            }
            self.held = bytes;
        }
        Ok(())
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: u64) {
        if bytes < self.held {
            let usage = &mut *self.budget.usage.lock();
            usage.shrink(self.payer, self.held, bytes);
            if self.purpose == Purpose::Body {
                usage.bodies_bytes -= self.held - bytes;
            }
            self.held = bytes;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shrink_to(0);
        match self.purpose {
            Purpose::Body => self.budget.usage.lock().bodies -= 1,
            Purpose::Request => self.budget.usage.lock().end_request(self.payer),
            Purpose::Other => {}
        }
    }
}

/// What a lease is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Purpose {
    Body,
    Request,
    Other,
}

/// Whose shares a lease is charged to.
#[derive(Clone, Copy, Debug, Default)]
struct Payer {
    client: Option<Holder>,
    endpoint: Option<Holder>,
}

impl Payer {
    fn holders(self) -> impl Iterator<Item = Holder> {
        self.client.into_iter().chain(self.endpoint)
    }
}

/// Somebody with a share of the budget.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Holder {
    /// An address of IPv4, or the network of an IPv6 address: whoever has one address of a /64 has all.
    Client(u128),
    /// The hash of an endpoint's id.
    Endpoint(u64),
}

impl Holder {
    fn client(address: IpAddr) -> Self {
        Self::Client(match address.to_canonical() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits() >> 64 << 64,
        })
    }
}

/// What is leased. The map has an entry only for who holds something.
#[derive(Debug, Default)]
struct Usage {
    bytes: u64,
    bodies: u64,
    bodies_bytes: u64,
    requests: u64,
    holdings: HashMap<Holder, Holding>,
}

/// What one holder has.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Holding {
    /// In leases of at most [`SMALL_LEASE`].
    small: u64,
    /// In larger ones.
    large: u64,
    requests: u64,
}

impl Usage {
    fn grow(&mut self, payer: Payer, total: u64, from: u64, to: u64) -> Result<(), OverBudget> {
        let extra = to - from;
        let is_large = to > SMALL_LEASE;
        let ceiling = if is_large { large_leases(total) } else { total };
        let left = ceiling.checked_sub(self.bytes).ok_or(OverBudget)?;
        let share = left.saturating_mul(SHARE);
        let is_over = |holder: Holder| {
            let has = self.holdings.get(&holder).copied().unwrap_or_default();
            let large = if is_large { has.large } else { 0 };
            has.small.saturating_add(large).saturating_add(extra) > share
        };
        if extra > left || payer.holders().any(is_over) {
            return Err(OverBudget);
        }
        self.bytes += extra;
        for holder in payer.holders() {
            self.change(holder, |holding| holding.resize(from, to));
        }
        Ok(())
    }

    fn shrink(&mut self, payer: Payer, from: u64, to: u64) {
        self.bytes -= from - to;
        for holder in payer.holders() {
            self.change(holder, |holding| holding.resize(from, to));
        }
    }

    fn begin_request(&mut self, payer: Payer, most: u64) -> Result<(), OverBudget> {
        let left = most.saturating_sub(self.requests);
        let share = left.saturating_mul(SHARE);
        let has = |holder: Holder| self.holdings.get(&holder).map_or(0, |it| it.requests);
        if left == 0 || payer.holders().any(|holder| has(holder) >= share) {
            return Err(OverBudget);
        }
        self.requests += 1;
        for holder in payer.holders() {
            self.change(holder, |holding| holding.requests += 1);
        }
        Ok(())
    }

    fn end_request(&mut self, payer: Payer) {
        self.requests -= 1;
        for holder in payer.holders() {
            self.change(holder, |holding| holding.requests -= 1);
        }
    }

    fn change(&mut self, holder: Holder, change: impl FnOnce(&mut Holding)) {
        let holding = self.holdings.entry(holder).or_default();
        change(holding);
        if *holding == Holding::default() {
            self.holdings.remove(&holder);
        }
    }
}

impl Holding {
    fn resize(&mut self, from: u64, to: u64) {
        *self.of(from) -= from;
        *self.of(to) += to;
    }

    fn of(&mut self, size: u64) -> &mut u64 {
        if size > SMALL_LEASE {
            &mut self.large
        } else {
            &mut self.small
        }
    }
}

/// What is not kept for small leases.
const fn large_leases(total: u64) -> u64 {
    total - total / KEPT_FOR_SMALL
}

/// There is no memory left for this, or no share of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the memory budget or a share of it is used up")]
pub struct OverBudget;

/// One part in so many of the budget is for small leases only.
const KEPT_FOR_SMALL: u64 = 8;
/// A holder may have so many times what is left.
const SHARE: u64 = 2;
/// What counts as small: almost every webhook.
const SMALL_LEASE: u64 = 1024 * 1024;
