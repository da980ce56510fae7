//! `portcullis flow delete`.

use clap::Args;

use super::Manner;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::control::FlowDeletion;
use crate::flow::PartName;

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
    pub(super) manner: Manner,
}

impl Delete {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        let deletion = match self.installation {
            Some(installation) => FlowDeletion::Installation(installation),
            None if self.all => FlowDeletion::Everything,
            None => FlowDeletion::Draft,
        };
        let consent = self.manner.consent();
        let plan = session.control.flow_deletion(&self.name, deletion, consent);
        self.manner.perform(session, plan.await?).await
    }
}
