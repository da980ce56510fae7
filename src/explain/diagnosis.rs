//! The result of `explain`. The field names are those of `--json`.

use jiff::Timestamp;
use serde::Serialize;

/// The result of `explain`.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Whether the gate would admit the delivery.
    pub admitted: bool,
    /// The reason, as in logs and in `Portcullis-Reason`.
    pub reason: &'static str,
    /// The first step that refuses the delivery.
    pub refused_by: Option<Step>,
    /// The steps of the gate, in order.
    pub steps: Vec<StepReport>,
    /// The causes of the refusal, the most likely first.
    pub causes: Vec<Cause>,
    /// Further notes for people.
    pub notes: Vec<String>,
    /// The time at which the delivery was judged.
    pub judged_at: Timestamp,
    /// The URL that the delivery was judged by, if the scheme signs the URL. Credentials in it are removed.
    pub url: Option<String>,
    /// The time of the signature, according to the sender.
    pub signed_at: Option<Timestamp>,
    /// The age of the signature at the judged time; negative for a future time.
    pub age_seconds: Option<i64>,
    /// How many attempts to explain the delivery were tried.
    pub tried: u64,
    /// False if some attempts were left out because of their cost.
    pub tried_all: bool,
}

/// A step of the gate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The path leads to the endpoint.
    Path,
    /// The scheme can prove the method, and the endpoint accepts it.
    Method,
    /// The head has a proof in the form of the scheme.
    Header,
    /// The body is within the size limit.
    Size,
    /// The signature or the token is valid.
    Signature,
    /// The time of the signature is within the tolerance.
    Timestamp,
    /// The delivery names an account of the endpoint.
    Account,
}

impl Step {
    /// The word in `--json`.
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

/// A step and its result.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// The step of the gate.
    pub step: Step,
    /// The result of the step.
    pub outcome: Outcome,
    /// The reason, if the step refuses.
    pub reason: Option<&'static str>,
    /// An explanation for people.
    pub says: String,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The step accepts the delivery.
    Passed,
    /// The step refuses the delivery.
    Refused,
    /// An earlier step refused, or the step does not apply.
    NotReached,
}

/// A cause of the refusal.
#[derive(Clone, Debug, Serialize)]
pub struct Cause {
    /// The names of the mistakes. Several, if only their combination explains the delivery.
    pub names: Vec<&'static str>,
    /// Whether the delivery verifies without the mistakes. Otherwise the cause is a suspicion.
    pub proven: bool,
    /// A description for people.
    pub says: String,
    /// What the sender should change.
    pub sender: Option<String>,
    /// What the operator of the endpoint should change.
    pub operator: Option<String>,
}
