//! The search for the mistake that was made: one by one, then in pairs, within a budget.

use std::ops::ControlFlow;

use jiff::Timestamp;

use super::attempt::Attempt;
use super::judge::{Failed, judge_attempt};
use super::mistakes::{Mistake, TABLE, TIMESTAMP_UNIT};
use crate::auth::ProofError;

/// What a search found.
pub(super) struct Found {
    /// The mistakes that, made together, explain the delivery, each with what exactly it was.
    pub(super) mistakes: Vec<(&'static Mistake, String)>,
    /// How many ways were tried.
    pub(super) tried: u64,
    /// Whether nothing was left out for the sake of time.
    pub(super) tried_all: bool,
}

/// What counts as an explanation.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Goal {
    /// The signature holds, whenever it was made.
    Signature,
    /// The signature holds already, and so does its time once it is read in another unit.
    InTime,
    /// The body is the one whose digest was sent.
    BodyDigest,
}

impl Goal {
    /// What was made wrong, as far as the reason of the refusal leaves it open.
    fn leaves_open(self, mistake: &Mistake) -> bool {
        match self {
            Self::Signature => true,
            Self::InTime => mistake.name == TIMESTAMP_UNIT,
            Self::BodyDigest => mistake.is_in_body,
        }
    }
}

/// Looks for the mistakes that turn `base`, which is refused, into a delivery that is proven.
pub(super) fn search(base: &Attempt, now: Timestamp, goal: Goal) -> Found {
    let mut search = Search {
        now,
        goal,
        tried: 0,
        bytes_left: MAX_HASHED_BYTES,
    };
    let found = search.singles(base).or_else(|| match goal {
        Goal::Signature => search.pairs(base),
        Goal::InTime | Goal::BodyDigest => None,
    });
    Found {
        mistakes: found.unwrap_or_default(),
        tried: search.tried,
        tried_all: search.bytes_left > 0 && search.tried < MAX_TRIED,
    }
}

type Explanation = Vec<(&'static Mistake, String)>;

struct Search {
    now: Timestamp,
    goal: Goal,
    tried: u64,
    bytes_left: u64,
}

impl Search {
    fn singles(&mut self, base: &Attempt) -> Option<Explanation> {
        let goal = self.goal;
        let mut mistakes = TABLE.iter().filter(|mistake| goal.leaves_open(mistake));
        mistakes.find_map(|mistake| {
            let mut found = None;
            let _ = (mistake.variants)(base, &mut |detail, attempt| {
                if self.explains(&attempt)? {
                    found = Some(detail.to_owned());
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            Some(vec![(mistake, found?)])
        })
    }

    /// The rows stand in the order in which mistakes are made upon each other, so that one order of
    /// every pair is enough.
    fn pairs(&mut self, base: &Attempt) -> Option<Explanation> {
        TABLE.iter().enumerate().find_map(|(number, first)| {
            let mut found = None;
            let _ = (first.variants)(base, &mut |first_detail, once| {
                for second in TABLE.iter().skip(number + 1) {
                    let _ = (second.variants)(&once, &mut |second_detail, twice| {
                        if self.explains(&twice)? {
                            found =
                                Some((first_detail.to_owned(), second, second_detail.to_owned()));
                            return ControlFlow::Break(());
                        }
                        ControlFlow::Continue(())
                    });
                    if found.is_some() || self.is_spent() {
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            });
            let (first_detail, second, second_detail) = found?;
            Some(vec![(first, first_detail), (second, second_detail)])
        })
    }

    fn explains(&mut self, attempt: &Attempt) -> ControlFlow<(), bool> {
        if self.is_spent() {
            return ControlFlow::Break(());
        }
        self.tried += 1;
        let verdict = judge_attempt(attempt, self.now);
        // A head without a claim is refused before the body is looked at.
        let hashed = match verdict {
            Err(Failed::Proof(ProofError::SignatureMissing | ProofError::SignatureMalformed)) => 0,
            _ => attempt.body.len() as u64,
        };
        self.bytes_left = self.bytes_left.saturating_sub(hashed + COST_OF_A_TRY);
        ControlFlow::Continue(match verdict {
            Ok(_) => true,
            Err(Failed::Proof(ProofError::TimestampStale | ProofError::TimestampFuture)) => {
                self.goal == Goal::Signature
            }
            Err(_) => false,
        })
    }

    fn is_spent(&self) -> bool {
        self.bytes_left == 0 || self.tried >= MAX_TRIED
    }
}

/// A second or so of hashing.
const MAX_HASHED_BYTES: u64 = 512 << 20;
const MAX_TRIED: u64 = 50_000;
/// What a try costs beside the body, in bytes of hashing.
const COST_OF_A_TRY: u64 = 512;
