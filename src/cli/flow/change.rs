//! A change of a flow, as it is wanted.

use clap::Args;

use crate::audit::Action;
use crate::directory::Name;
use crate::flow::{Flow, FlowState, FlowTarget, MoveAction, NewMove, NewVersion, PartName};

/// How a change is shown.
#[derive(Args, Clone, Copy, Debug)]
pub(in crate::cli) struct Manner {
    /// Only show what would change.
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,

    /// As JSON.
    #[arg(long)]
    pub(in crate::cli) json: bool,

    #[command(flatten)]
    pub(in crate::cli) consent: Consent,
}

/// What is done only if somebody says so.
#[derive(Args, Clone, Copy, Debug)]
pub(in crate::cli) struct Consent {
    /// Let endpoints that stand at ids of the flow become parts of it. They are replaced in one step.
    #[arg(long)]
    pub(in crate::cli) adopt: bool,

    /// Go on although a slot that becomes needed has no secret, so that deliveries that are taken now will be refused.
    #[arg(long)]
    pub(in crate::cli) unbound: bool,
}

impl Consent {
    /// Whether anything was said.
    pub(in crate::cli) const fn any(self) -> bool {
        self.adopt || self.unbound
    }
}

/// What is wanted.
pub(super) struct Change {
    pub(super) name: PartName,
    pub(super) owner: (Name, Name),
    pub(super) before: Option<FlowState>,
    /// The draft afterwards; `None` if the flow is gone.
    pub(super) draft: Option<Flow>,
    /// What is in force afterwards at each target that changes.
    pub(super) places: Vec<(FlowTarget, Option<Flow>)>,
    pub(super) version: Option<NewVersion>,
    pub(super) moves: Vec<NewMove>,
    pub(super) action: Action,
}

impl Change {
    /// A change of a flow that is there, and keeps its draft.
    pub(super) fn of(state: FlowState, action: Action) -> Self {
        Self {
            name: state.name.clone(),
            owner: (state.organisation.clone(), state.workspace.clone()),
            draft: Some(state.draft.clone()),
            before: Some(state),
            places: Vec::new(),
            version: None,
            moves: Vec::new(),
            action,
        }
    }

    /// Puts `number` to `target`, where it declares `flow`.
    pub(super) fn put(&mut self, target: FlowTarget, number: u32, flow: Flow, action: MoveAction) {
        let before = self.before.as_ref();
        self.moves.push(NewMove {
            from: before.and_then(|state| state.version_at(&target)),
            target: target.clone(),
            to: Some(number),
            action,
        });
        self.places.push((target, Some(flow)));
    }
}
