//! The record of a delivery, put together from what the gate and the backend know of it.

use super::ended::Ended;
use crate::directory::Endpoint;
use crate::gate::{Judgement, Passed, Reason};
use crate::telemetry::{Outcome, Verdict};

/// The part of the record that the gate and the backend know.
pub(super) fn outcome<'o>(judgement: &'o Judgement, ended: &'o Ended) -> Outcome<'o> {
    let found = judgement.found.as_ref();
    let endpoint = found.map(|found| &*found.endpoint);
    let (admitted, refusal) = match &judgement.verdict {
        Ok(Passed::Admitted(admitted)) => (Some(admitted), None),
        Ok(Passed::Answered(_) | Passed::Ignored) => (None, None),
        Err(refusal) => (None, Some(refusal)),
    };
    let verdict = match (&judgement.verdict, ended.failure) {
        (Err(refusal), _) => Verdict::NotDelivered(refusal.reason),
        (Ok(Passed::Answered(_)), _) => Verdict::Handshake,
        (Ok(Passed::Ignored), _) => Verdict::Ignored,
        // The backend has taken it; that its answer found nobody is the sender's affair.
        (Ok(_), None | Some(Reason::SenderLeft)) => Verdict::Admitted,
        (Ok(_), Some(reason)) => Verdict::NotDelivered(reason),
    };
    Outcome {
        route: match found {
            None => "none",
            Some(found) => found.route.as_ref().map_or(ALIAS, |route| route.name()),
        },
        endpoint: endpoint.map(|endpoint| endpoint.id.as_str()),
        organisation: endpoint.map(|endpoint| endpoint.organisation.as_str()),
        mode: endpoint.and_then(Endpoint::mode_word),
        generation: admitted.and_then(|admitted| admitted.verified().generation()),
        upstream: admitted.map(|admitted| &*admitted.endpoint().upstream),
        backend_status: ended.backend_status,
        verdict,
        status: ended.status,
        body_bytes: judgement.body_bytes,
        timings: judgement.timings,
        backend: ended.backend,
        upstream_fault: ended.fault.as_ref().map(|at| at.fault.word()),
        upstream_address: ended.fault.as_ref().map(|at| &*at.address),
        cause: refusal.and_then(|refusal| refusal.cause.as_deref()),
        ..Outcome::unknown(verdict)
    }
}

const ALIAS: &str = "alias";
