//! A flow's document, applied: the draft follows it, and what else was asked for.

use clap::{Args, ValueEnum};

use super::Manner;
use crate::cli::apply::ApplyResult;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::config::{Declaration, KnownFlow};
use crate::control::{Control, FlowDeclaration, FlowOwner, FlowRelease, ServerContext};
use crate::directory::Name;
use crate::flow::{FlowState, FlowTarget, PartName};

/// What `apply` takes for a flow.
#[derive(Args, Debug)]
pub(in crate::cli) struct ApplyFlow {
    /// The flow; what the document says, or else the name of the file without its ending.
    #[arg(long, value_name = "NAME")]
    flow: Option<PartName>,

    /// Where the flow is put: the draft always follows; `live` releases it at once.
    #[arg(long, conflicts_with = "installation", value_name = "TARGET")]
    target: Option<ApplyTarget>,

    /// Release it, and put it to this installation instead of live.
    #[arg(long, value_name = "ID")]
    installation: Option<PartName>,

    /// What people should know of the version.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    /// The organisation that owns the flow, when it is applied for the first time.
    #[arg(long)]
    organisation: Option<Name>,

    /// The workspace that owns the flow, when it is applied for the first time.
    #[arg(long)]
    workspace: Option<Name>,

    /// The upstream of interfaces that name none.
    #[arg(long)]
    upstream: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum ApplyTarget {
    /// What its author works on.
    Draft,
    /// What is released.
    Live,
}

impl ApplyFlow {
    /// Whether anything was said that only a flow has a use for.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        let names = self.flow.is_none() && self.installation.is_none() && self.target.is_none();
        let owner = self.organisation.is_none() && self.workspace.is_none();
        names && owner && self.upstream.is_none() && self.note.is_none()
    }

    /// Applies a document; `stem` is the name of its file, if that is one of a flow.
    pub(in crate::cli) async fn run(
        self,
        session: &Session,
        document: Declaration<'_>,
        stem: Option<PartName>,
        manner: Manner,
    ) -> Result<ApplyResult, Failure> {
        let name = self.name(&document, stem);
        let control = &session.control;
        let before = match &name {
            Some(name) => control.find_flow(name).await?,
            None => None,
        };
        let known = self.known(control.server(), name, before.as_ref())?;
        let declared = document.flow(&known, &control.server().surroundings())?;
        for notice in &declared.notices {
            output::print_notice(&format!("note: {notice}"));
        }
        let declaration = FlowDeclaration {
            name: declared.name,
            organisation: declared.organisation,
            workspace: declared.workspace,
            flow: declared.flow,
        };
        let release = FlowRelease {
            target: match (self.installation, self.target) {
                (Some(id), _) => Some(FlowTarget::Installation(id)),
                (None, Some(ApplyTarget::Live)) => Some(FlowTarget::Live),
                (None, _) => None,
            },
            note: self.note,
        };
        let plan = control.flow_declaration(declaration, release, manner.consent());
        let plan = plan.await?;
        let changes = !plan.is_unchanged();
        let text = manner.perform(session, plan).await?;
        Ok(ApplyResult { text, changes })
    }

    /// Validates a document without a store, and gives the name of the flow.
    pub(in crate::cli) fn validate(
        &self,
        server: &ServerContext,
        document: Declaration<'_>,
        stem: Option<PartName>,
    ) -> Result<PartName, Failure> {
        let name = self.name(&document, stem);
        let known = self.known(server, name, None)?;
        let declared = document.flow(&known, &server.surroundings())?;
        for notice in &declared.notices {
            output::print_notice(&format!("note: {notice}"));
        }
        Ok(declared.name)
    }

    fn name(&self, document: &Declaration<'_>, stem: Option<PartName>) -> Option<PartName> {
        // A wrong name in the document is reported together with its other mistakes.
        let said = document.flow_name().map(str::parse::<PartName>);
        match (&self.flow, said) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(said)) => said.ok(),
            (None, None) => stem,
        }
    }

    fn known(
        &self,
        server: &ServerContext,
        name: Option<PartName>,
        before: Option<&FlowState>,
    ) -> Result<KnownFlow, Failure> {
        let given = FlowOwner {
            organisation: self.organisation.clone(),
            workspace: self.workspace.clone(),
        };
        let owner = Control::flow_owner(before, given)?;
        let usual_upstream = server.default_upstream();
        let usual = before.map(|state| state.draft.upstream.clone());
        let mut targets = vec![FlowTarget::Draft, FlowTarget::Live];
        targets.extend(self.installation.clone().map(FlowTarget::Installation));
        Ok(KnownFlow {
            name,
            organisation: owner.organisation,
            workspace: owner.workspace,
            upstream: self.upstream.clone(),
            usual_upstream: usual.or_else(|| usual_upstream.map(str::to_owned)),
            targets,
        })
    }
}
