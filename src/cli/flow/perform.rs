//! A change of a flow: planned, shown, and made in one step with its endpoints.

use serde::Serialize;

use super::change::{Change, Manner};
use super::published;
use super::unbound::{self, Unbound};
use crate::audit::{Action, AuditEntry};
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::plan::Plan;
use crate::cli::session::Session;
use crate::cli::step::Step;
use crate::directory::{Definition, EndpointId, Name};
use crate::flow::{Draft, FlowChange, FlowTarget, MoveAction, PartName};

impl Change {
    /// Makes it, or only says what it would be.
    pub(super) async fn perform(
        self,
        session: &Session,
        manner: Manner,
    ) -> Result<String, Failure> {
        let mut plan = self.plan(session, manner.consent.adopt).await?;
        published::refuse(session, &self).await?;
        let unbound = unbound::slots(session, &self).await?;
        if !manner.consent.unbound {
            unbound::refuse(session, &self, &unbound).await?;
        }
        let drafted = match (&self.before, &self.draft) {
            (Some(before), Some(draft)) => before.draft == *draft,
            _ => false,
        };
        let is_done = drafted && self.version.is_none() && self.moves.is_empty() && plan.is_done();
        let shown = Shown::of(&self, unbound, manner.dry_run);
        if !manner.dry_run && !is_done {
            let (endpoints, secrets) = plan.changes(session).await?;
            let retired = session.custody.store.change_flow(FlowChange {
                audit: self.audit(session),
                based_on: self.before.as_ref().map(|state| state.revision),
                draft: self.draft.map(|flow| Draft {
                    organisation: self.owner.0,
                    workspace: self.owner.1,
                    flow,
                }),
                name: self.name,
                version: self.version,
                moves: self.moves,
                endpoints,
                secrets,
            });
            let retired = retired.await?;
            plan.retired(retired);
        }
        shown.text(&plan, manner)
    }

    async fn plan(&self, session: &Session, adopt: bool) -> Result<Plan, Failure> {
        let owner = (&self.owner.0, &self.owner.1);
        let mut definitions: Vec<Definition> = Vec::new();
        let mut there: Vec<EndpointId> = Vec::new();
        for (target, flow) in &self.places {
            if let Some(flow) = flow {
                let made = flow.definitions(&self.name, owner, target);
                let unfit = || Failure::Other(format!("{}: its names are too long", self.name));
                definitions.extend(made.ok_or_else(unfit)?);
            }
            let prefix = format!("{}/", target.scope(&self.name));
            let stored = session.custody.store.definitions(&prefix).await?;
            let own = stored.into_iter().map(|stored| stored.definition);
            let is_own =
                |it: &Definition| it.flow.as_ref().map(Name::as_str) == Some(self.name.as_str());
            there.extend(own.filter(is_own).map(|definition| definition.id));
        }
        session.accept(&definitions)?;
        there.retain(|id| definitions.iter().all(|definition| definition.id != *id));
        Plan::to_replace(session, definitions, there, adopt).await
    }

    fn audit(&self, session: &Session) -> AuditEntry {
        let moved = self.moves.last();
        let target = moved.map_or(FlowTarget::Draft, |it| it.target.clone());
        let subject = match self.draft {
            None => format!("flows/{}", self.name),
            Some(_) => target.scope(&self.name),
        };
        let detail = match moved.map(|it| it.to) {
            Some(Some(version)) => format!("version {version}"),
            _ => String::new(),
        };
        AuditEntry {
            at: session.custody.clock.now(),
            actor: session.actor.clone(),
            action: self.action,
            subject,
            detail,
        }
    }
}

/// What there is to say of a change.
#[derive(Serialize)]
struct Shown<'p> {
    flow: PartName,
    moves: Vec<ShownMove>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    endpoints: Vec<&'p Step>,
    /// Slots without a secret, where deliveries need one.
    unbound: Vec<String>,
    dry_run: bool,
    #[serde(skip)]
    said: Vec<String>,
}

#[derive(Serialize)]
struct ShownMove {
    target: String,
    from: Option<u32>,
    to: Option<u32>,
    action: MoveAction,
}

impl<'p> Shown<'p> {
    fn of(change: &Change, unbound: Vec<Unbound>, dry_run: bool) -> Self {
        let mut said = Vec::new();
        let is = if dry_run { "would be" } else { "is" };
        let name = &change.name;
        for made in &change.moves {
            let before = made.from.map_or_else(
                || "nothing before".to_owned(),
                |version| format!("version {version} before"),
            );
            said.push(match made.to {
                Some(version) => {
                    format!(
                        "{name}: {} {is} at version {version}, {before}",
                        made.target
                    )
                }
                None => format!("{name}: {} {is} gone, {before}", made.target),
            });
        }
        if change.action == Action::FlowDeleted && change.draft.is_none() {
            let deleted = if dry_run {
                "would be deleted"
            } else {
                "deleted"
            };
            said = vec![format!("{name}: {deleted}")];
        }
        said.extend(unbound.iter().map(|it| {
            format!(
                "{} is not bound, so deliveries are refused: {}",
                it.secret, it.remedy
            )
        }));
        let moves = change.moves.iter().map(|made| ShownMove {
            target: made.target.to_string(),
            from: made.from,
            to: made.to,
            action: made.action,
        });
        Self {
            flow: name.clone(),
            moves: moves.collect(),
            endpoints: Vec::new(),
            unbound: unbound
                .into_iter()
                .map(|it| it.secret.to_string())
                .collect(),
            dry_run,
            said,
        }
    }

    fn text(mut self, plan: &'p Plan, manner: Manner) -> Result<String, Failure> {
        if manner.json {
            self.endpoints = plan.steps().iter().collect();
            return output::json(&self);
        }
        let mut lines = plan.lines();
        lines.extend(self.said);
        if manner.dry_run {
            lines.push("nothing was changed: this was a dry run".to_owned());
        }
        Ok(lines.join("\n"))
    }
}
