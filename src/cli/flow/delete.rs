//! `portcullis flow delete`.

use clap::Args;

use super::change::{Change, Manner};
use crate::audit::Action;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::flow::{FlowTarget, MoveAction, NewMove, NoMove, PartName};

/// What is deleted.
#[derive(Args, Debug)]
pub(in crate::cli) struct Delete {
    /// The flow.
    name: PartName,

    /// Only from this installation.
    #[arg(long, value_name = "ID")]
    installation: Option<PartName>,

    /// Everything: what is live, every installation, all versions and all secrets.
    #[arg(long, conflicts_with = "installation")]
    all: bool,

    #[command(flatten)]
    manner: Manner,
}

impl Delete {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let state = session.flow(&self.name).await?;
        let targets: Vec<FlowTarget> = state.targets().collect();
        if self.installation.is_none() && !self.all && targets.len() > 1 {
            let there: Vec<String> = targets.iter().map(ToString::to_string).collect();
            return Err(Failure::Usage(format!(
                "`{}` is in force: {}; say `--all` to delete it there, with its versions and its secrets, or \
                 `--installation ID`",
                self.name,
                there.join(", ")
            )));
        }
        let mut change = Change::of(state, Action::FlowDeleted);
        let Some(installation) = self.installation else {
            change.draft = None;
            change.places = targets.into_iter().map(|target| (target, None)).collect();
            return change.perform(session, self.manner).await;
        };
        let target = FlowTarget::Installation(installation);
        let present = change.before.as_ref().and_then(|it| it.version_at(&target));
        if present.is_none() {
            return Err(NoMove::NothingThere(target).into());
        }
        change.moves = vec![NewMove {
            target: target.clone(),
            from: present,
            to: None,
            action: MoveAction::Remove,
        }];
        change.places = vec![(target, None)];
        change.perform(session, self.manner).await
    }
}
