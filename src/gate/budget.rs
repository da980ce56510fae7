//! How much memory all senders may take together, and how many requests may be in flight.
//!
//! Everything that a stranger can make the gate hold is leased here: connections, heads, streams, bodies,
//! their copies, and responses that wait for a slow reader. A lease is taken before the memory is
//! allocated, and returned when the memory is freed.
//!
//! Two rules keep one sender from taking everything. An eighth of the budget is for small leases only.
//! A client address, or an endpoint, may hold at most twice what is left: two thirds of the budget if it is
//! alone, less for each further one. If that leaves too little, memory is taken back: the largest body that
//! is still being received for whoever holds most, and more than the one that asks would hold, is given up. Connections,
//! requests in flight and responses are never taken back themselves.

use std::collections::{BTreeSet, HashMap};
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use crate::sync::Mutex;

/// The memory for what senders make the gate hold.
#[derive(Debug)]
pub struct Budget {
    total: u64,
    max_requests: u64,
    hasher: RandomState,
    usage: Mutex<Usage>,
    /// Whoever waits for memory that is taken back is told when some was returned.
    returned: Notify,
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
            returned: Notify::new(),
        })
    }

    /// A lease of nothing for the body of a delivery, to be grown. Nobody's share is charged.
    pub fn lease(self: &Arc<Self>) -> Lease {
        self.begin(Payer::default(), Purpose::Body)
    }

    /// A lease of nothing for the body of a delivery from `client` to `endpoint`.
    pub fn body(self: &Arc<Self>, client: Option<IpAddr>, endpoint: &str) -> Lease {
        let payer = Payer {
            endpoint: Some(Holder::Endpoint(self.hasher.hash_one(endpoint))),
            ..Payer::client(client)
        };
        self.begin(payer, Purpose::Body)
    }

    /// A lease of nothing for a connection. `None` for the address of a trusted proxy, which has many clients.
    pub fn connection(self: &Arc<Self>, client: Option<IpAddr>) -> Lease {
        self.begin(Payer::client(client), Purpose::Other)
    }

    /// A lease of nothing for a request that is in flight as long as the lease.
    pub fn request(self: &Arc<Self>, client: Option<IpAddr>) -> Result<Lease, OverBudget> {
        let payer = Payer::client(client);
        self.usage.lock().begin_request(payer, self.max_requests)?;
        Ok(self.begin(payer, Purpose::Request))
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

    /// The bodies that were given up for somebody who held less.
    pub fn taken_back(&self) -> u64 {
        self.usage.lock().taken_back
    }

    fn begin(self: &Arc<Self>, payer: Payer, purpose: Purpose) -> Lease {
        let mut revocable = None;
        if purpose == Purpose::Body {
            let usage = &mut *self.usage.lock();
            usage.bodies += 1;
            usage.last_id += 1;
            revocable = Some(usage.last_id);
        }
        Lease {
            budget: Arc::clone(self),
            payer,
            purpose,
            held: 0,
            revocable,
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
    /// The name under which it can be taken back.
    revocable: Option<LeaseId>,
}

impl Lease {
    /// A lease of nothing in the same budget, for the same client and endpoint.
    #[must_use]
    pub fn another(&self) -> Self {
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
            usage.list(self.payer, self.revocable, self.held, bytes);
            self.held = bytes;
        }
        Ok(())
    }

    /// Takes what is missing to `bytes`, from whoever holds more than this one would if need be.
    pub async fn obtain(&mut self, bytes: u64) -> Result<(), OverBudget> {
        if self.grow_to(bytes).is_ok() {
            return Ok(());
        }
        // Boxed: almost no delivery needs it, and the tasks of all would be larger for it.
        let taking = Box::pin(tokio::time::timeout(TAKEN_BACK_WITHIN, self.take(bytes)));
        taking.await.unwrap_or(Err(OverBudget))
    }

    /// Waits until what is missing to `bytes` was returned by whoever holds more than this one would.
    async fn take(&mut self, bytes: u64) -> Result<(), OverBudget> {
        let budget = Arc::clone(&self.budget);
        loop {
            let mut returned = pin!(budget.returned.notified());
            // Before looking, so that nothing that is returned meanwhile is missed.
            returned.as_mut().enable();
            if self.grow_to(bytes).is_ok() {
                return Ok(());
            }
            if !self.take_back_for(bytes) {
                return Err(OverBudget);
            }
            tokio::select! {
                () = returned => {}
                () = self.revoked() => return Err(OverBudget),
            }
        }
    }

    /// Asks for enough memory back to grow to `bytes`. False if none is to come.
    fn take_back_for(&self, bytes: u64) -> bool {
        let (wakers, is_coming) = {
            let usage = &mut *self.budget.usage.lock();
            usage.take_back(self, bytes)
        };
        wakers.into_iter().for_each(Waker::wake);
        is_coming
    }

    /// Waits until this is taken back. Then it has to be dropped.
    pub(super) async fn revoked(&self) {
        poll_fn(|context| self.poll_revoked(context)).await;
    }

    fn poll_revoked(&self, context: &Context<'_>) -> Poll<()> {
        let usage = &mut *self.budget.usage.lock();
        match self.revocable.and_then(|id| usage.listed.get_mut(&id)) {
            Some(listed) if listed.is_revoked => Poll::Ready(()),
            Some(listed) => {
                match &mut listed.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    none => *none = Some(context.waker().clone()),
                }
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }

    /// Lets nobody take this back any more: what it is for has come.
    pub(super) fn keep(&mut self) {
        if let Some(id) = self.revocable.take() {
            self.budget.usage.lock().keep(self.payer, id, self.held);
        }
        // Whoever counted on it has to ask somebody else.
        self.budget.returned.notify_waiters();
    }

    /// Gives back all but `bytes`.
    pub fn shrink_to(&mut self, bytes: u64) {
        if bytes < self.held {
            {
                let usage = &mut *self.budget.usage.lock();
                usage.shrink(self.payer, self.held, bytes);
                if self.purpose == Purpose::Body {
                    usage.bodies_bytes -= self.held - bytes;
                }
                usage.list(self.payer, self.revocable, self.held, bytes);
            }
            self.held = bytes;
            self.budget.returned.notify_waiters();
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
    fn client(address: Option<IpAddr>) -> Self {
        Self {
            client: address.map(Holder::client),
            endpoint: None,
        }
    }

    fn holders(self) -> impl Iterator<Item = Holder> {
        self.client.into_iter().chain(self.endpoint)
    }
}

/// Somebody with a share of the budget.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
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
    last_id: LeaseId,
    /// The leases that can be taken back.
    listed: HashMap<LeaseId, Listed>,
    /// Who has such a lease, by all that it holds.
    clients: BTreeSet<(u64, Holder)>,
    endpoints: BTreeSet<(u64, Holder)>,
    /// What was asked back and has not come yet.
    returning: u64,
    taken_back: u64,
}

type LeaseId = u64;

/// A lease that can be taken back.
#[derive(Debug)]
struct Listed {
    payer: Payer,
    bytes: u64,
    waker: Option<Waker>,
    is_revoked: bool,
}

/// What one holder has.
#[derive(Debug, Default, Eq, PartialEq)]
struct Holding {
    /// In leases of at most [`SMALL_LEASE`].
    small: u64,
    /// In larger ones.
    large: u64,
    requests: u64,
    /// What can be taken back of it.
    listed: BTreeSet<(u64, LeaseId)>,
}

impl Usage {
    fn grow(&mut self, payer: Payer, total: u64, from: u64, to: u64) -> Result<(), OverBudget> {
        let extra = to - from;
        let is_large = to > SMALL_LEASE;
        let ceiling = if is_large { large_leases(total) } else { total };
        let left = ceiling.checked_sub(self.bytes).ok_or(OverBudget)?;
        let share = left.saturating_mul(SHARE);
        let is_over = |holder: Holder| {
            let has = self.holdings.get(&holder);
            let has = has.map_or(0, |has| has.small + if is_large { has.large } else { 0 });
            has.saturating_add(extra) > share
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

    /// Notes that a lease that can be taken back has changed.
    fn list(&mut self, payer: Payer, id: Option<LeaseId>, from: u64, to: u64) {
        let Some(id) = id else { return };
        if self.listed.get(&id).is_some_and(|listed| listed.is_revoked) {
            // Until its task notices, it may still have changed.
            self.returning = self.returning - from + to;
            if to == 0 {
                self.listed.remove(&id);
                self.taken_back += 1;
            }
            return;
        }
        for holder in payer.holders() {
            self.change(holder, |holding| {
                holding.listed.remove(&(from, id));
                if to > 0 {
                    holding.listed.insert((to, id));
                }
            });
        }
        if to == 0 {
            self.listed.remove(&id);
        } else {
            let listed = self.listed.entry(id).or_insert(Listed {
                payer,
                bytes: 0,
                waker: None,
                is_revoked: false,
            });
            listed.bytes = to;
        }
    }

    /// Notes that a lease cannot be taken back any more, also if it was asked back a moment ago.
    fn keep(&mut self, payer: Payer, id: LeaseId, bytes: u64) {
        if self.listed.get(&id).is_some_and(|listed| listed.is_revoked) {
            self.returning -= bytes;
            self.listed.remove(&id);
        } else {
            self.list(payer, Some(id), bytes, 0);
        }
    }

    /// Revokes leases until `lease` can grow to `bytes`, and says whom to wake and whether anything is to come.
    fn take_back(&mut self, lease: &Lease, bytes: u64) -> (Vec<Waker>, bool) {
        let total = lease.budget.total;
        let extra = bytes.saturating_sub(lease.held);
        let ceiling = if bytes > SMALL_LEASE {
            large_leases(total)
        } else {
            total
        };
        let has = |holder| self.holdings.get(&holder).map_or(0, Holding::bytes);
        let would_have = |holder: Option<Holder>| holder.map_or(0, has).saturating_add(extra);
        let (client, endpoint) = (
            would_have(lease.payer.client),
            would_have(lease.payer.endpoint),
        );
        // Half of what a holder has is to be left beside it.
        let left = extra.max(client.max(endpoint).div_ceil(SHARE));
        let missing = self.bytes.saturating_add(left).saturating_sub(ceiling);
        let mut wakers = Vec::new();
        while self.returning < missing && wakers.len() < REVOKED_AT_ONCE {
            let greedy = |ranks: &BTreeSet<(u64, Holder)>, least| {
                ranks
                    .last()
                    .filter(|most| most.0 > least)
                    .map(|most| most.1)
            };
            let victim =
                greedy(&self.clients, client).or_else(|| greedy(&self.endpoints, endpoint));
            let victim =
                victim.and_then(|holder| self.holdings.get(&holder)?.listed.last().copied());
            let Some((_, id)) = victim else { break };
            wakers.extend(self.revoke(id));
        }
        let is_coming = self.returning > 0;
        (wakers, is_coming)
    }

    fn revoke(&mut self, id: LeaseId) -> Option<Waker> {
        let listed = self.listed.get_mut(&id)?;
        listed.is_revoked = true;
        let (payer, bytes, waker) = (listed.payer, listed.bytes, listed.waker.take());
        self.returning += bytes;
        for holder in payer.holders() {
            self.change(holder, |holding| {
                holding.listed.remove(&(bytes, id));
            });
        }
        waker
    }

    fn change(&mut self, holder: Holder, change: impl FnOnce(&mut Holding)) {
        let ranks = match holder {
            Holder::Client(_) => &mut self.clients,
            Holder::Endpoint(_) => &mut self.endpoints,
        };
        let holding = self.holdings.entry(holder).or_default();
        let before = holding.rank();
        change(holding);
        let after = holding.rank();
        if before != after {
            before.map(|bytes| ranks.remove(&(bytes, holder)));
            after.map(|bytes| ranks.insert((bytes, holder)));
        }
        if *holding == Holding::default() {
            self.holdings.remove(&holder);
        }
    }
}

impl Holding {
    fn bytes(&self) -> u64 {
        self.small + self.large
    }

    /// Its place among those that something can be taken back from.
    fn rank(&self) -> Option<u64> {
        (!self.listed.is_empty()).then(|| self.bytes())
    }

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
/// How long to wait for memory that was asked back.
const TAKEN_BACK_WITHIN: Duration = Duration::from_secs(2);
/// How many leases are revoked under one lock.
const REVOKED_AT_ONCE: usize = 64;
