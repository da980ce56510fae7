//! Searches for the mistakes that explain a refusal: single ones, then pairs, within a budget.

use std::ops::ControlFlow;

use jiff::Timestamp;

use super::attempt::Attempt;
use super::judge::{JudgeError, judge_attempt};
use super::mistakes::{SenderMistake, TABLE, TIMESTAMP_UNIT};
use crate::auth::ProofError;

/// The result of a search.
pub(super) struct SearchResult {
    /// The mistakes that together explain the delivery, each with its detail. Empty if there is no explanation.
    pub(super) mistakes: Vec<(&'static SenderMistake, String)>,
    /// How many attempts were tried.
    pub(super) tried: u64,
    /// Whether all attempts were within the budget.
    pub(super) tried_all: bool,
}

/// What an attempt must achieve to count as an explanation.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Goal {
    /// A valid signature, whatever its time.
    Signature,
    /// A valid time. The signature is valid already.
    InTime,
    /// A body that matches the digest that was sent.
    BodyDigest,
}

impl Goal {
    /// Whether the reason of the refusal allows this mistake.
    fn allows(self, mistake: &SenderMistake) -> bool {
        match self {
            Self::Signature => true,
            Self::InTime => mistake.name == TIMESTAMP_UNIT,
            Self::BodyDigest => mistake.is_in_body,
        }
    }
}

/// Searches for mistakes whose correction proves `base`, a refused delivery.
pub(super) fn search(base: &Attempt, now: Timestamp, goal: Goal) -> SearchResult {
    let mut search = Search {
        now,
        goal,
        tried: 0,
        bytes_left: MAX_HASHED_BYTES,
    };
    let result = search.singles(base).or_else(|| match goal {
        Goal::Signature => search.pairs(base),
        Goal::InTime | Goal::BodyDigest => None,
    });
    SearchResult {
        mistakes: result.unwrap_or_default(),
        tried: search.tried,
        tried_all: search.bytes_left > 0 && search.tried < MAX_TRIED,
    }
}

type Explanation = Vec<(&'static SenderMistake, String)>;

struct Search {
    now: Timestamp,
    goal: Goal,
    tried: u64,
    bytes_left: u64,
}

impl Search {
    fn singles(&mut self, base: &Attempt) -> Option<Explanation> {
        let goal = self.goal;
        let mut mistakes = TABLE.iter().filter(|mistake| goal.allows(mistake));
        mistakes.find_map(|mistake| {
            let mut result = None;
            let _ = (mistake.variants)(base, &mut |detail, attempt| {
                if self.explains(&attempt)? {
                    result = Some(detail.to_owned());
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            Some(vec![(mistake, result?)])
        })
    }

    /// Tries pairs in the order of the table only, because the rows are in the order in which mistakes happen.
    fn pairs(&mut self, base: &Attempt) -> Option<Explanation> {
        TABLE.iter().enumerate().find_map(|(number, first)| {
            let mut result = None;
            let _ = (first.variants)(base, &mut |first_detail, once| {
                for second in TABLE.iter().skip(number + 1) {
                    let _ = (second.variants)(&once, &mut |second_detail, twice| {
                        if self.explains(&twice)? {
                            result =
                                Some((first_detail.to_owned(), second, second_detail.to_owned()));
                            return ControlFlow::Break(());
                        }
                        ControlFlow::Continue(())
                    });
                    if result.is_some() || self.is_exhausted() {
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            });
            let (first_detail, second, second_detail) = result?;
            Some(vec![(first, first_detail), (second, second_detail)])
        })
    }

    fn explains(&mut self, attempt: &Attempt) -> ControlFlow<(), bool> {
        if self.is_exhausted() {
            return ControlFlow::Break(());
        }
        self.tried += 1;
        let verdict = judge_attempt(attempt, self.now);
        // Without a claim, the body is not hashed.
        let hashed = match verdict {
            Err(JudgeError::Proof(
                ProofError::SignatureMissing | ProofError::SignatureMalformed,
            )) => 0,
            _ => attempt.body.len() as u64,
        };
        self.bytes_left = self.bytes_left.saturating_sub(hashed + BYTES_PER_TRY);
        ControlFlow::Continue(match verdict {
            Ok(_) => true,
            Err(JudgeError::Proof(ProofError::TimestampStale | ProofError::TimestampFuture)) => {
                self.goal == Goal::Signature
            }
            Err(_) => false,
        })
    }

    fn is_exhausted(&self) -> bool {
        self.bytes_left == 0 || self.tried >= MAX_TRIED
    }
}

/// About one second of hashing.
const MAX_HASHED_BYTES: u64 = 512 << 20;
const MAX_TRIED: u64 = 50_000;
/// The cost of one attempt without its body, as bytes of hashing.
const BYTES_PER_TRY: u64 = 512;
