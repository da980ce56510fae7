//! What operators do to an endpoint beside its declaration, so that no declaration undoes it.

use jiff::Timestamp;

use super::Definition;

/// Something that is done to an endpoint that is there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// A handshake may bind its secret until then.
    ExpectHandshake(Timestamp),
    /// It is stopped, or goes on, whatever its flow says.
    Suspend(bool),
}

impl Operation {
    /// The key of the definition that it is about.
    pub const fn key(self) -> &'static str {
        match self {
            Self::ExpectHandshake(_) => "handshake_expected_until",
            Self::Suspend(_) => "suspended",
        }
    }
}

impl Definition {
    /// Does it.
    pub fn operate(&mut self, operation: Operation) {
        match operation {
            Operation::ExpectHandshake(until) => self.handshake_expected_until = Some(until),
            Operation::Suspend(suspended) => self.suspended = suspended,
        }
    }

    /// Takes over what operators have done to the endpoint in whose place this comes.
    ///
    /// What is expected of one handshake is not expected of another.
    pub fn keep_operated(&mut self, old: &Self) {
        let same = self.handshake == old.handshake;
        self.handshake_expected_until = old.handshake_expected_until.filter(|_| same);
        // What stands for itself is stopped by its own declaration; a flow that takes it over has another one.
        let was_stopped = old.suspended || (old.flow.is_none() && !old.enabled);
        self.suspended = was_stopped && self.flow.is_some();
    }
}
