//! What `explain` says. The names of the fields are those of `--json`.

use jiff::Timestamp;
use serde::Serialize;

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Whether the gate would let it through.
    pub admitted: bool,
    /// The word of the contract, as in logs and in `Portcullis-Reason`.
    pub reason: &'static str,
    /// The first step that refuses.
    pub refused_by: Option<Step>,
    /// The steps of the gate, in their order.
    pub steps: Vec<StepReport>,
    /// What is wrong, the most likely first.
    pub causes: Vec<Cause>,
    /// What else is worth to know.
    pub notes: Vec<String>,
    /// The time that it was judged at.
    pub judged_at: Timestamp,
    /// The URL that it was judged by, where the URL is signed. Values of credentials are left out.
    pub url: Option<String>,
    /// When its sender says that it was signed.
    pub signed_at: Option<Timestamp>,
    /// How much later than that it was judged; negative if it comes from the future.
    pub age_seconds: Option<i64>,
    /// How many ways in which it may have been meant were tried.
    pub tried: u64,
    /// False if the body is so large that some were left out.
    pub tried_all: bool,
}

/// A step of the gate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The path leads to an endpoint that asks for a proof.
    Path,
    /// The method is one that can be proven and is taken.
    Method,
    /// The head has a proof in a form that the scheme knows.
    Header,
    /// The body is not too large.
    Size,
    /// The signature, or the token, is right.
    Signature,
    /// It was signed in time.
    Timestamp,
    /// It names an account of the endpoint.
    Account,
}

impl Step {
    /// The word in output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Path => "path",
            Self::Method => "method",
            Self::Header => "header",
            Self::Size => "size",
            Self::Signature => "signature",
            Self::Timestamp => "timestamp",
        }
    }
}

/// What became of a step.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// What became of it.
    pub outcome: Outcome,
    /// The word of the contract, if it refuses.
    pub reason: Option<&'static str>,
    /// The same for people.
    pub says: String,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It lets the delivery through.
    Passed,
    /// It refuses.
    Refused,
    /// An earlier one kept the gate from it, or nobody asked.
    NotReached,
}

/// Something that is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Cause {
    /// Its names: several if only all of them together explain the delivery.
    pub names: Vec<&'static str>,
    /// Whether the delivery verifies once it is undone. Otherwise it is a suspicion.
    pub proven: bool,
    /// What it is.
    pub says: String,
    /// What whoever sends has to change.
    pub sender: Option<String>,
    /// What whoever runs the endpoint has to change.
    pub operator: Option<String>,
}
