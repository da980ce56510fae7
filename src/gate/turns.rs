//! Turns: how many deliveries of one key are with the backend at once.
//!
//! On this node they stand in line. Whoever is at its head asks for a permit of the ledger, which the nodes of a
//! fleet share, so a node asks for no more of them than there are.
//!
//! A delivery takes its turn after its claim in the ledger. A retry of one that waits is then told that it
//! is in flight, instead of waiting behind itself; and the lease of the claim is longer by the time that a
//! delivery may wait. Whoever waits does so in order, and a turn that ends goes to the next one in line.

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::oneshot::{self, Receiver, Sender};

use crate::clock::within;
use crate::contract::ConcurrencyKey;
use crate::directory::{Concurrency, EndpointId};
use crate::ledger::Permit;
use crate::sync::Mutex;

/// The turns of all keys. There is an entry for each key that a delivery has a turn of, and no other.
#[derive(Debug, Default)]
pub(super) struct Turns {
    lines: Mutex<HashMap<LineKey, Line>>,
}

type LineKey = (EndpointId, ConcurrencyKey);

/// The deliveries of one key.
#[derive(Debug, Default)]
struct Line {
    per_key: u32,
    taken: u32,
    waiting: VecDeque<Sender<Turn>>,
}

/// The turn of one delivery. It ends when it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Arc<Turns>,
    /// `None` once it was passed on.
    key: Option<LineKey>,
    /// What the nodes of a fleet share.
    permit: Option<Permit>,
}

enum Asked {
    Now(Turn),
    Later(Receiver<Turn>),
    Never,
}

impl Turns {
    /// A turn for a delivery of this key, or `None` if it did not come in time.
    pub(super) async fn take(
        self: &Arc<Self>,
        endpoint: &EndpointId,
        key: &ConcurrencyKey,
        rule: Concurrency,
    ) -> Option<Turn> {
        match self.ask((endpoint.clone(), key.clone()), rule) {
            Asked::Now(turn) => Some(turn),
            // A turn that comes too late is in the channel, and is passed on when that goes.
            Asked::Later(turn) => within(rule.wait, pin!(turn)).await?.ok(),
            Asked::Never => None,
        }
    }

    fn ask(self: &Arc<Self>, key: LineKey, rule: Concurrency) -> Asked {
        // Dropped after the lock: a turn that nobody takes any more ends, and looks for the next in line.
        let mut unclaimed = Vec::new();
        let mut lines = self.lines.lock();
        let line = lines.entry(key.clone()).or_default();
        // An endpoint may have changed while its deliveries were under way. Whoever waits already comes first.
        line.per_key = rule.per_key;
        line.waiting.retain(|waiting| !waiting.is_closed());
        while line.taken < line.per_key
            && let Some(next) = line.waiting.pop_front()
        {
            line.taken += 1;
            let turn = self.turn(key.clone());
            unclaimed.extend(next.send(turn).err());
        }
        if line.taken < line.per_key && line.waiting.is_empty() {
            line.taken += 1;
            return Asked::Now(self.turn(key));
        }
        if rule.wait.is_zero() || line.waiting.len() >= MAX_WAITING {
            return Asked::Never;
        }
        let (sender, receiver) = oneshot::channel();
        line.waiting.push_back(sender);
        Asked::Later(receiver)
    }

    fn turn(self: &Arc<Self>, key: LineKey) -> Turn {
        Turn {
            turns: Arc::clone(self),
            key: Some(key),
            permit: None,
        }
    }

    /// Ends a turn: somebody else has it now, who is given, or nobody.
    fn pass_on(&self, key: &LineKey) -> Option<Sender<Turn>> {
        let mut lines = self.lines.lock();
        let line = lines.get_mut(key)?;
        let next = if line.taken <= line.per_key {
            line.waiting.pop_front()
        } else {
            None
        };
        if next.is_none() {
            line.taken -= 1;
            if line.taken == 0 {
                lines.remove(key);
            }
        }
        next
    }
}

impl Turn {
    /// Whether it is one of this key.
    pub(super) fn is_of(&self, endpoint: &EndpointId, key: &ConcurrencyKey) -> bool {
        let own = self.key.as_ref();
        own.is_some_and(|(id, of)| id == endpoint && of == key)
    }

    /// The turn, together with its permit.
    pub(super) fn permitted(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Given back before the next in line asks for one.
        drop(self.permit.take());
        let Some(mut key) = self.key.take() else {
            return;
        };
        while let Some(next) = self.turns.pass_on(&key) {
            let turn = self.turns.turn(key);
            match next.send(turn) {
                Ok(()) => return,
                // Nobody waits there any more. It is not dropped as one that has begun.
                Err(mut back) => match back.key.take() {
                    Some(own) => key = own,
                    None => return,
                },
            }
        }
    }
}

/// So many wait for a turn of one key. Each holds a body.
const MAX_WAITING: usize = 64;
