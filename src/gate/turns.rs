//! Turns limit how many deliveries of one concurrency key are with the backend at once.
//!
//! On a node, deliveries wait in a queue per key, in order of arrival. A delivery with a turn then asks the ledger for a
//! permit, which the nodes of a fleet share, so no node asks for more permits than there are.
//!
//! A delivery takes its turn after its claim in the ledger. So a retry of a waiting delivery is answered `in_flight`
//! and does not wait behind it. The lease of the claim is longer by the time that a delivery may wait.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::oneshot::{self, Receiver, Sender};

use crate::clock::within;
use crate::directory::{Concurrency, EndpointId};
use crate::ledger::Permit;
use crate::payload::ConcurrencyKey;
use crate::sync::Mutex;

/// The turns of all keys. The map has an entry only for keys of which a delivery has a turn.
#[derive(Debug, Default)]
pub(super) struct Turns {
    queues: Mutex<HashMap<QueueKey, KeyQueue>>,
}

type QueueKey = (EndpointId, ConcurrencyKey);

/// The turns of one key, and the deliveries that wait for one.
#[derive(Debug, Default)]
struct KeyQueue {
    per_key: u32,
    taken: u32,
    waiting: VecDeque<Sender<Turn>>,
}

/// The turn of one delivery. Dropped, it passes to the next delivery in the queue.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    /// `None` once the turn was passed on.
    key: Option<QueueKey>,
    /// The permit of the fleet.
    permit: Option<Permit>,
}

enum TurnRequest {
    Granted(Turn),
    Queued(Receiver<Turn>),
    Denied,
}

impl Turns {
    /// Waits for a turn of this key; `None` if there is none in time, or the queue is full.
    pub(super) async fn take(
        self: &Arc<Self>,
        endpoint: &EndpointId,
        key: &ConcurrencyKey,
        rule: Concurrency,
    ) -> Option<Turn> {
        match self.request((endpoint.clone(), key.clone()), rule) {
            TurnRequest::Granted(turn) => Some(turn),
            // A turn that comes too late is in the channel. It passes to the next delivery when the channel is dropped.
            TurnRequest::Queued(turn) => within(rule.wait, pin!(turn)).await?.ok(),
            TurnRequest::Denied => None,
        }
    }

    fn request(self: &Arc<Self>, key: QueueKey, rule: Concurrency) -> TurnRequest {
        // Dropped after the lock is free: the drop of a turn that nobody takes passes it on, under the same lock.
        let mut unclaimed = Vec::new();
        let mut queues = self.queues.lock();
        let queue = queues.entry(key.clone()).or_default();
        // The limit of the endpoint may have grown meanwhile. Deliveries that wait already come first.
        queue.per_key = rule.per_key;
        queue.waiting.retain(|waiting| !waiting.is_closed());
        while queue.taken < queue.per_key
            && let Some(next) = queue.waiting.pop_front()
        {
            queue.taken += 1;
            let turn = self.turn(key.clone());
            unclaimed.extend(next.send(turn).err());
        }
        if queue.taken < queue.per_key && queue.waiting.is_empty() {
            queue.taken += 1;
            return TurnRequest::Granted(self.turn(key));
        }
        if rule.wait.is_zero() || queue.waiting.len() >= MAX_WAITING {
            return TurnRequest::Denied;
        }
        let (sender, receiver) = oneshot::channel();
        queue.waiting.push_back(sender);
        TurnRequest::Queued(receiver)
    }

    fn turn(self: &Arc<Self>, key: QueueKey) -> Turn {
        Turn {
            turns: Arc::clone(self),
            key: Some(key),
            permit: None,
        }
    }

    /// Ends a turn, and returns the next delivery in the queue, which takes it over.
    fn pass_on(&self, key: &QueueKey) -> Option<Sender<Turn>> {
        let mut queues = self.queues.lock();
        let queue = queues.get_mut(key)?;
        let next = if queue.taken <= queue.per_key {
            queue.waiting.pop_front()
        } else {
            None
        };
        if next.is_none() {
            queue.taken -= 1;
            if queue.taken == 0 {
                queues.remove(key);
            }
        }
        next
    }
}

impl Turn {
    /// Whether it is a turn of this key.
    pub(super) fn is_of(&self, endpoint: &EndpointId, key: &ConcurrencyKey) -> bool {
        let own = self.key.as_ref();
        own.is_some_and(|(id, of)| id == endpoint && of == key)
    }

    pub(super) fn with_permit(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Before the next delivery asks for a permit.
        drop(self.permit.take());
        let Some(mut key) = self.key.take() else {
            return;
        };
        while let Some(next) = self.turns.pass_on(&key) {
            let turn = self.turns.turn(key);
            match next.send(turn) {
                Ok(()) => return,
                // That delivery waits no more. Its key is taken out, so that the drop does not pass the turn on twice.
                Err(mut back) => match back.key.take() {
                    Some(own) => key = own,
                    None => return,
                },
            }
        }
    }
}

/// How many deliveries wait for a turn of one key. Each holds a body.
const MAX_WAITING: usize = 64;
