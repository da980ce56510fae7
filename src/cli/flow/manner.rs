//! How a change of a flow is made and printed.

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::plan;
use crate::cli::session::Session;
use crate::control::{Consent, FlowPlan, PlannedMove, Step};
use crate::flow::PartName;

/// How a change is made and printed.
#[derive(Args, Clone, Copy, Debug)]
pub(in crate::cli) struct Manner {
    /// Only show what would change.
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,

    /// As JSON.
    #[arg(long)]
    pub(in crate::cli) json: bool,

    #[command(flatten)]
    consent: ConsentOptions,
}

/// What is done only if somebody agrees to it.
#[derive(Args, Clone, Copy, Debug)]
struct ConsentOptions {
    /// Let endpoints that stand at ids of the flow become parts of it. They are replaced in one step.
    #[arg(long)]
    adopt: bool,

    /// Proceed even if a slot that becomes needed has no secret, so that deliveries are refused.
    #[arg(long)]
    unbound: bool,
}

impl Manner {
    pub(in crate::cli) fn consent(self) -> Consent {
        Consent {
            adopt: self.consent.adopt,
            unbound: self.consent.unbound,
        }
    }

    /// Performs a plan unless this is a dry run, and prints it.
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

    /// Prints that nothing has to happen.
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
            return output::json(&Json {
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
            format!("{secret} is not bound, so deliveries are refused: {remedy}")
        }));
        if self.dry_run {
            lines.push("nothing was changed: this was a dry run".to_owned());
        }
        Ok(lines.join("\n"))
    }

    fn move_line(self, name: &PartName, made: &PlannedMove) -> String {
        let is = if self.dry_run { "would be" } else { "is" };
        let target = &made.target;
        let before = made.from.map_or_else(
            || "nothing before".to_owned(),
            |version| format!("version {version} before"),
        );
        match made.to {
            Some(version) => format!("{name}: {target} {is} at version {version}, {before}"),
            None => format!("{name}: {target} {is} gone, {before}"),
        }
    }
}

#[derive(Serialize)]
struct Json<'p> {
    flow: &'p PartName,
    moves: Vec<PlannedMove>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    endpoints: &'p [Step],
    /// Slots without a secret, where deliveries need one.
    unbound: Vec<String>,
    dry_run: bool,
}
