//! The options of every command that changes a flow, and the output of such a change.

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::plan;
use crate::cli::session::Session;
use crate::control::{Consent, FlowPlan, PlannedMove, Step};
use crate::flow::PartName;

/// How a change is performed and printed.
#[derive(Args, Clone, Copy, Debug)]
pub(in crate::cli) struct ChangeOptions {
    /// Show what would change, and change nothing.
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,

    /// Print JSON.
    #[arg(long)]
    pub(in crate::cli) json: bool,

    #[command(flatten)]
    consent: ConsentOptions,
}

/// Options that allow a change that is refused by default.
#[derive(Args, Clone, Copy, Debug)]
struct ConsentOptions {
    /// Let the flow take over existing endpoints at its ids. They are replaced in one transaction.
    #[arg(long)]
    adopt: bool,

    /// Proceed even if a required secret slot is empty, so that its deliveries are refused.
    #[arg(long)]
    unbound: bool,
}

impl ChangeOptions {
    pub(in crate::cli) fn consent(self) -> Consent {
        Consent {
            adopt: self.consent.adopt,
            unbound: self.consent.unbound,
        }
    }

    /// Performs a plan, unless this is a dry run, and formats it.
    pub(super) async fn perform(
        self,
        session: &Session,
        plan: FlowPlan,
    ) -> Result<String, Failure> {
        let plan = if self.dry_run {
            plan
        } else {
            session.control.perform_flow(&session.actor, plan).await?
        };
        self.text(&plan)
    }

    /// Formats the result of a change that has nothing to do.
    pub(super) fn nothing(self, name: &PartName, text: String) -> Result<String, Failure> {
        if self.json {
            return output::json(&serde_json::json!({
                "flow": name.as_str(),
                "moves": [],
                "unbound": [],
                "dry_run": self.dry_run,
            }));
        }
        Ok(text)
    }

    fn text(self, plan: &FlowPlan) -> Result<String, Failure> {
        if self.json {
            return output::json(&PlanView {
                flow: plan.flow(),
                moves: plan.moves(),
                endpoints: plan.endpoints().steps(),
                unbound: plan
                    .unbound()
                    .iter()
                    .map(|it| it.secret.to_string())
                    .collect(),
                dry_run: self.dry_run,
            });
        }
        let mut lines = plan::lines(plan.endpoints());
        let name = plan.flow();
        if plan.deletes_flow() {
            let deleted = if self.dry_run {
                "would be deleted"
            } else {
                "deleted"
            };
            lines.push(format!("{name}: {deleted}"));
        } else {
            lines.extend(plan.moves().iter().map(|made| self.move_line(name, made)));
        }
        lines.extend(plan.unbound().iter().map(|it| {
            let (secret, remedy) = (&it.secret, &it.remedy);
            format!("{secret} is not bound, so deliveries are refused; bind it with: {remedy}")
        }));
        if self.dry_run {
            lines.push("dry run: nothing was changed".to_owned());
        }
        Ok(lines.join("\n"))
    }

    fn move_line(self, name: &PartName, made: &PlannedMove) -> String {
        let verb = if self.dry_run { "would be" } else { "is" };
        let target = &made.target;
        let before = made.from.map_or_else(
            || "no version before".to_owned(),
            |version| format!("version {version} before"),
        );
        match made.to {
            Some(version) => format!("{name}: {target} {verb} at version {version}, {before}"),
            None => format!("{name}: {target} {verb} removed, {before}"),
        }
    }
}

#[derive(Serialize)]
struct PlanView<'p> {
    flow: &'p PartName,
    moves: Vec<PlannedMove>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    endpoints: &'p [Step],
    /// The required slots that have no secret.
    unbound: Vec<String>,
    dry_run: bool,
}
