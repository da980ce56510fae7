//! The memory budget: how much memory all senders together may use, and how many requests may be in flight.
//!
//! Everything that a stranger can make the gate hold is leased here: connections, heads, streams, bodies, their copies,
//! and responses that wait for a slow reader. A lease is taken before the memory is allocated, and returned when the
//! memory is freed.
//!
//! Two rules keep one sender from taking everything. An eighth of the budget is reserved for small leases. A client
//! address or an endpoint may hold at most twice the free memory: two thirds of the budget if it is alone, less with
//! others. If that leaves too little, memory is revoked: the gate refuses the largest body that is still being received
//! for the largest holder, if that one holds more than the requester would. Connections, requests in flight and
//! responses are never revoked.

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

/// A memory budget in bytes, with a limit of requests in flight.
#[derive(Debug)]
pub struct Budget {
    total: u64,
    max_requests: u64,
    hasher: RandomState,
    usage: Mutex<Usage>,
    /// Wakes those who wait for revoked memory.
    returned: Notify,
}

impl Budget {
    /// A budget of `total` bytes without a limit of requests.
    pub fn new(total: u64) -> Arc<Self> {
        Self::limited(total, u64::MAX)
    }

    /// A budget of `total` bytes and `max_requests` requests in flight.
    pub fn limited(total: u64, max_requests: u64) -> Arc<Self> {
        Arc::new(Self {
            total,
            max_requests,
            hasher: RandomState::new(),
            usage: Mutex::default(),
            returned: Notify::new(),
        })
    }

    /// An empty lease for a body. It is charged to no client and no endpoint.
    pub fn lease(self: &Arc<Self>) -> Lease {
        self.begin(LeaseOwner::default(), Purpose::Body)
    }

    /// An empty lease for the body of a delivery from `client` to `endpoint`.
    pub fn body(self: &Arc<Self>, client: Option<IpAddr>, endpoint: &str) -> Lease {
        let payer = LeaseOwner {
            endpoint: Some(Holder::Endpoint(self.hasher.hash_one(endpoint))),
            ..LeaseOwner::client(client)
        };
        self.begin(payer, Purpose::Body)
    }

    /// An empty lease for a connection. `client` is `None` for a trusted proxy, which has many clients.
    pub fn connection(self: &Arc<Self>, client: Option<IpAddr>) -> Lease {
        self.begin(LeaseOwner::client(client), Purpose::Other)
    }

    /// An empty lease for a request, which is in flight as long as the lease lives.
    pub fn request(self: &Arc<Self>, client: Option<IpAddr>) -> Result<Lease, OverBudgetError> {
        let payer = LeaseOwner::client(client);
        self.usage.lock().begin_request(payer, self.max_requests)?;
        Ok(self.begin(payer, Purpose::Request))
    }

    /// The largest body that fits into an otherwise unused budget of `total` bytes.
    pub const fn largest_body(total: u64) -> u64 {
        // While a body grows, its old and its new buffer exist, beside its head and its connection.
        large_leases(total) / 2
    }

    /// The size of the budget in bytes.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The bytes that are leased for bodies.
    pub fn used(&self) -> u64 {
        self.usage.lock().bodies_bytes
    }

    /// All leased bytes.
    pub fn leased(&self) -> u64 {
        self.usage.lock().bytes
    }

    /// The number of leases for bodies.
    pub fn bodies(&self) -> u64 {
        self.usage.lock().bodies
    }

    /// The number of requests in flight.
    pub fn requests(&self) -> u64 {
        self.usage.lock().requests
    }

    /// The number of bodies that were revoked for a smaller holder.
    pub fn reclaimed(&self) -> u64 {
        self.usage.lock().taken_back
    }

    fn begin(self: &Arc<Self>, payer: LeaseOwner, purpose: Purpose) -> Lease {
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

/// A part of a [`Budget`]. Dropped, it returns its bytes.
#[derive(Debug)]
pub struct Lease {
    budget: Arc<Budget>,
    payer: LeaseOwner,
    purpose: Purpose,
    held: u64,
    /// The id under which it can be revoked.
    revocable: Option<LeaseId>,
}

impl Lease {
    /// An empty lease in the same budget, for the same client and endpoint.
    #[must_use]
    pub fn another(&self) -> Self {
        self.budget.begin(self.payer, Purpose::Other)
    }

    /// Grows to `bytes`, or fails without a change.
    pub fn grow_to(&mut self, bytes: u64) -> Result<(), OverBudgetError> {
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

    /// Grows to `bytes`. If necessary, it revokes bodies of those who hold more than this client and endpoint would.
    pub async fn obtain(&mut self, bytes: u64) -> Result<(), OverBudgetError> {
        if self.grow_to(bytes).is_ok() {
            return Ok(());
        }
        // Boxed: it is rare, and would enlarge the task of every delivery.
        let waiting = Box::pin(tokio::time::timeout(REVOKED_WITHIN, self.wait_for(bytes)));
        waiting.await.unwrap_or(Err(OverBudgetError))
    }

    /// Revokes memory and waits until enough of it was returned.
    async fn wait_for(&mut self, bytes: u64) -> Result<(), OverBudgetError> {
        let budget = Arc::clone(&self.budget);
        loop {
            let mut returned = pin!(budget.returned.notified());
            // Before the attempt, so that no return in between is missed.
            returned.as_mut().enable();
            if self.grow_to(bytes).is_ok() {
                return Ok(());
            }
            if !self.revoke_for(bytes) {
                return Err(OverBudgetError);
            }
            tokio::select! {
                () = returned => {}
                () = self.revoked() => return Err(OverBudgetError),
            }
        }
    }

    /// Revokes enough memory to grow to `bytes`. False if there is none to revoke.
    fn revoke_for(&self, bytes: u64) -> bool {
        let (wakers, is_coming) = {
            let usage = &mut *self.budget.usage.lock();
            usage.revoke_for(self, bytes)
        };
        wakers.into_iter().for_each(Waker::wake);
        is_coming
    }

    /// Waits until the lease is revoked. Then its owner has to drop it.
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

    /// Protects the lease from revocation: its body has arrived.
    pub(super) fn keep(&mut self) {
        if let Some(id) = self.revocable.take() {
            self.budget.usage.lock().keep(self.payer, id, self.held);
        }
        // Those who wait for it have to revoke another one.
        self.budget.returned.notify_waiters();
    }

    /// Returns everything beyond `bytes`.
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

/// The purpose of a lease: it decides what is counted, and whether the lease can be revoked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Purpose {
    Body,
    Request,
    Other,
}

/// The client and the endpoint that a lease is charged to.
#[derive(Clone, Copy, Debug, Default)]
struct LeaseOwner {
    client: Option<Holder>,
    endpoint: Option<Holder>,
}

impl LeaseOwner {
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

/// A client or an endpoint, each with its own share of the budget.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Holder {
    /// An IPv4 address, or the /64 network of an IPv6 address, because one customer usually has all of it.
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

/// The leased memory. Each map has entries only for present holders and leases.
#[derive(Debug, Default)]
struct Usage {
    bytes: u64,
    bodies: u64,
    bodies_bytes: u64,
    requests: u64,
    holdings: HashMap<Holder, HolderUsage>,
    last_id: LeaseId,
    /// The leases that can be revoked.
    listed: HashMap<LeaseId, RevocableLease>,
    /// The holders of such leases, ordered by all that each holds.
    clients: BTreeSet<(u64, Holder)>,
    endpoints: BTreeSet<(u64, Holder)>,
    /// The revoked bytes that were not returned yet.
    returning: u64,
    taken_back: u64,
}

type LeaseId = u64;

/// A lease that can be revoked.
#[derive(Debug)]
struct RevocableLease {
    payer: LeaseOwner,
    bytes: u64,
    waker: Option<Waker>,
    is_revoked: bool,
}

/// The leases of one holder, in bytes.
#[derive(Debug, Default, Eq, PartialEq)]
struct HolderUsage {
    /// In leases of at most [`SMALL_LEASE`].
    small: u64,
    /// In larger ones.
    large: u64,
    requests: u64,
    /// Those that can be revoked.
    listed: BTreeSet<(u64, LeaseId)>,
}

impl Usage {
    fn grow(
        &mut self,
        payer: LeaseOwner,
        total: u64,
        from: u64,
        to: u64,
    ) -> Result<(), OverBudgetError> {
        let extra = to - from;
        let is_large = to > SMALL_LEASE;
        let ceiling = if is_large { large_leases(total) } else { total };
        let left = ceiling.checked_sub(self.bytes).ok_or(OverBudgetError)?;
        let share = left.saturating_mul(SHARE);
        let is_over = |holder: Holder| {
            let has = self.holdings.get(&holder);
            let has = has.map_or(0, |has| has.small + if is_large { has.large } else { 0 });
            has.saturating_add(extra) > share
        };
        if extra > left || payer.holders().any(is_over) {
            return Err(OverBudgetError);
        }
        self.bytes += extra;
        for holder in payer.holders() {
            self.change(holder, |holding| holding.resize(from, to));
        }
        Ok(())
    }

    fn shrink(&mut self, payer: LeaseOwner, from: u64, to: u64) {
        self.bytes -= from - to;
        for holder in payer.holders() {
            self.change(holder, |holding| holding.resize(from, to));
        }
    }

    fn begin_request(&mut self, payer: LeaseOwner, most: u64) -> Result<(), OverBudgetError> {
        let left = most.saturating_sub(self.requests);
        let share = left.saturating_mul(SHARE);
        let has = |holder: Holder| self.holdings.get(&holder).map_or(0, |it| it.requests);
        if left == 0 || payer.holders().any(|holder| has(holder) >= share) {
            return Err(OverBudgetError);
        }
        self.requests += 1;
        for holder in payer.holders() {
            self.change(holder, |holding| holding.requests += 1);
        }
        Ok(())
    }

    fn end_request(&mut self, payer: LeaseOwner) {
        self.requests -= 1;
        for holder in payer.holders() {
            self.change(holder, |holding| holding.requests -= 1);
        }
    }

    /// Records the new size of a lease that can be revoked.
    fn list(&mut self, payer: LeaseOwner, id: Option<LeaseId>, from: u64, to: u64) {
        let Some(id) = id else { return };
        if self.listed.get(&id).is_some_and(|listed| listed.is_revoked) {
            // Its task may change it until it notices the revocation.
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
            let listed = self.listed.entry(id).or_insert(RevocableLease {
                payer,
                bytes: 0,
                waker: None,
                is_revoked: false,
            });
            listed.bytes = to;
        }
    }

    /// Records that a lease cannot be revoked any more, even if it was revoked a moment ago.
    fn keep(&mut self, payer: LeaseOwner, id: LeaseId, bytes: u64) {
        if self.listed.get(&id).is_some_and(|listed| listed.is_revoked) {
            self.returning -= bytes;
            self.listed.remove(&id);
        } else {
            self.list(payer, Some(id), bytes, 0);
        }
    }

    /// Revokes leases until `lease` can grow to `bytes`. Returns the wakers of their tasks, and whether any memory is to
    /// be returned.
    fn revoke_for(&mut self, lease: &Lease, bytes: u64) -> (Vec<Waker>, bool) {
        let total = lease.budget.total;
        let extra = bytes.saturating_sub(lease.held);
        let ceiling = if bytes > SMALL_LEASE {
            large_leases(total)
        } else {
            total
        };
        let has = |holder| self.holdings.get(&holder).map_or(0, HolderUsage::bytes);
        let would_have = |holder: Option<Holder>| holder.map_or(0, has).saturating_add(extra);
        let (client, endpoint) = (
            would_have(lease.payer.client),
            would_have(lease.payer.endpoint),
        );
        // The share rule holds after the growth: half of what a holder has must stay free.
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

    fn change(&mut self, holder: Holder, change: impl FnOnce(&mut HolderUsage)) {
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
        if *holding == HolderUsage::default() {
            self.holdings.remove(&holder);
        }
    }
}

impl HolderUsage {
    fn bytes(&self) -> u64 {
        self.small + self.large
    }

    /// The order among holders with leases to revoke.
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

/// The part of a budget that is not reserved for small leases.
const fn large_leases(total: u64) -> u64 {
    total - total / KEPT_FOR_SMALL
}

/// The budget, or the share of a client or endpoint, is used up.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the memory budget or a share of it is used up")]
pub struct OverBudgetError;

/// One part in this many is reserved for small leases.
const KEPT_FOR_SMALL: u64 = 8;
/// A holder may have this many times the free memory.
const SHARE: u64 = 2;
/// The largest small lease; it has room for almost every webhook.
const SMALL_LEASE: u64 = 1024 * 1024;
/// How long to wait for revoked memory.
const REVOKED_WITHIN: Duration = Duration::from_secs(2);
/// How many leases are revoked while the lock is held.
const REVOKED_AT_ONCE: usize = 64;
