//! Applies the declaration of a flow: it replaces the draft and, on request, releases a version.

use clap::{Args, ValueEnum};

use super::ChangeOptions;
use crate::cli::apply::ApplyResult;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::config::{Declaration, FlowContext};
use crate::control::{Control, FlowDeclaration, FlowOwner, FlowRelease, ServerContext};
use crate::directory::Name;
use crate::flow::{FlowState, FlowTarget, PartName};

/// Options of `apply` for flows.
#[derive(Args, Debug)]
pub(in crate::cli) struct ApplyFlow {
    /// The name of the flow. Default: the name in the document, or else the file name without its extension.
    #[arg(long, value_name = "NAME")]
    flow: Option<PartName>,

    /// The target. The draft is always updated; `live` also releases it.
    #[arg(long, conflicts_with = "installation", value_name = "TARGET")]
    target: Option<ApplyTarget>,

    /// Release the flow to this installation instead of live.
    #[arg(long, value_name = "ID")]
    installation: Option<PartName>,

    /// A note about the version, for `flow history`.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    /// The organisation that owns a new flow.
    #[arg(long)]
    organisation: Option<Name>,

    /// The workspace that owns a new flow.
    #[arg(long)]
    workspace: Option<Name>,

    /// The default upstream of the interfaces.
    #[arg(long)]
    upstream: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum ApplyTarget {
    /// The draft, which its author edits.
    Draft,
    /// The released version.
    Live,
}

impl ApplyFlow {
    /// Whether no option of flows was given.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        let names = self.flow.is_none() && self.installation.is_none() && self.target.is_none();
        let owner = self.organisation.is_none() && self.workspace.is_none();
        names && owner && self.upstream.is_none() && self.note.is_none()
    }

    /// Applies a document. `stem` is the file name without extension, if it is a valid flow name.
    pub(in crate::cli) async fn run(
        self,
        session: &Session,
        document: Declaration<'_>,
        stem: Option<PartName>,
        options: ChangeOptions,
    ) -> Result<ApplyResult, Failure> {
        let name = self.name(&document, stem);
        let control = &session.control;
        let before = match &name {
            Some(name) => control.find_flow(name).await?,
            None => None,
        };
        let known = self.known(control.server(), name, before.as_ref())?;
        let declared = document.flow(&known, &control.server().validation_context())?;
        for notice in &declared.notices {
            output::note(&format!("note: {notice}"));
        }
        let declaration = FlowDeclaration {
            name: declared.name,
            organisation: declared.organisation,
            workspace: declared.workspace,
            flow: declared.flow,
            places: declared.places,
        };
        let release = FlowRelease {
            target: match (self.installation, self.target) {
                (Some(id), _) => Some(FlowTarget::Installation(id)),
                (None, Some(ApplyTarget::Live)) => Some(FlowTarget::Live),
                (None, _) => None,
            },
            note: self.note,
        };
        let plan = control.flow_declaration(declaration, release, options.consent());
        let plan = plan.await?;
        let changes = !plan.is_unchanged();
        let text = options.perform(session, plan).await?;
        Ok(ApplyResult { text, changes })
    }

    /// Validates a document without a store and returns the name of the flow.
    pub(in crate::cli) fn validate(
        &self,
        server: &ServerContext,
        document: Declaration<'_>,
        stem: Option<PartName>,
    ) -> Result<PartName, Failure> {
        let name = self.name(&document, stem);
        let known = self.known(server, name, None)?;
        let declared = document.flow(&known, &server.validation_context())?;
        for notice in &declared.notices {
            output::note(&format!("note: {notice}"));
        }
        Ok(declared.name)
    }

    fn name(&self, document: &Declaration<'_>, stem: Option<PartName>) -> Option<PartName> {
        // An invalid name in the document is reported later, together with its other mistakes.
        let declared = document.flow_name().map(str::parse::<PartName>);
        match (&self.flow, declared) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(declared)) => declared.ok(),
            (None, None) => stem,
        }
    }

    fn known(
        &self,
        server: &ServerContext,
        name: Option<PartName>,
        before: Option<&FlowState>,
    ) -> Result<FlowContext, Failure> {
        let given = FlowOwner {
            organisation: self.organisation.clone(),
            workspace: self.workspace.clone(),
        };
        let owner = Control::flow_owner(before, given)?;
        let server_upstream = server.default_upstream();
        let present = before.map(|state| state.draft.upstream.clone());
        let mut targets = vec![FlowTarget::Draft, FlowTarget::Live];
        targets.extend(self.installation.clone().map(FlowTarget::Installation));
        Ok(FlowContext {
            name,
            organisation: owner.organisation,
            workspace: owner.workspace,
            upstream: self.upstream.clone(),
            default_upstream: present.or_else(|| server_upstream.map(str::to_owned)),
            targets,
        })
    }
}
