//! Prints plans of the control plane, as lines or as JSON.

use super::failure::Failure;
use super::output;
use crate::control::{EndpointPlan, KeyKindMismatch, SecretValueWarning, Step, StepAction};

/// One line per step.
pub(super) fn lines(plan: &EndpointPlan) -> Vec<String> {
    plan.steps().iter().map(line).collect()
}

/// The plan of a command about one endpoint.
pub(super) fn text(plan: &EndpointPlan, json: bool) -> Result<String, Failure> {
    match plan.steps() {
        [only] if json => output::json(only),
        steps if json => output::json(&steps),
        _ => Ok(lines(plan).join("\n")),
    }
}

fn line(step: &Step) -> String {
    let (sign, word) = match step.action {
        StepAction::Create => ('+', "create"),
        StepAction::Delete => ('-', "delete"),
        StepAction::Unchanged => ('=', "unchanged"),
        StepAction::Update => ('~', "update"),
    };
    let mut line = format!("{sign} {}: {word}", step.endpoint);
    if !step.changed.is_empty() {
        line.push_str(&format!(" ({})", step.changed.join(", ")));
    }
    if let Some(secret) = &step.secret_created {
        line.push_str(&format!(", secret {secret} created"));
    }
    if let Some(token) = &step.verify_token_created {
        line.push_str(&format!(", verify token {token} created"));
    }
    if let Some(KeyKindMismatch {
        secret,
        bound_as,
        remedy,
    }) = &step.secret_unfit
    {
        line.push_str(&format!(
            ", secret {secret} is bound as {}, so every delivery is refused; repair it with: {remedy}",
            bound_as.noun()
        ));
    }
    if let Some(warning) = &step.secret_warning {
        line.push_str(&format!(", {}", value_warning(warning)));
    }
    for secret in &step.secrets_retired {
        line.push_str(&format!(", secret {secret} retired"));
    }
    line
}

/// Why a bound secret does not fit, and what to do.
pub(super) fn value_warning(warning: &SecretValueWarning) -> String {
    format!(
        "secret {}: {}; set another one with `{}`",
        warning.secret, warning.message, warning.remedy
    )
}
