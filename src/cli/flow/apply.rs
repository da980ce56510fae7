//! A flow's document, applied: the draft follows it, and what else was asked for.

use clap::{Args, ValueEnum};

use super::change::{Change, Manner};
use super::moves::number;
use crate::audit::Action;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::config::{Declaration, DeclaredFlow, KnownFlow};
use crate::directory::Name;
use crate::flow::{FlowState, FlowTarget, MoveAction, PartName};

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
    ) -> Result<String, Failure> {
        // What is wrong with a name in the document is said together with everything else.
        let said = document.flow_name().map(str::parse::<PartName>);
        let name = match (&self.flow, &said) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(said)) => said.clone().ok(),
            (None, None) => stem,
        };
        let before = match &name {
            Some(name) => session.custody.store.flow(name).await?,
            None => None,
        };
        let known = self.known(session, name, before.as_ref())?;
        let declared = document.flow(&known, &session.surroundings())?;
        for notice in &declared.notices {
            output::print_notice(&format!("note: {notice}"));
        }
        let change = self.change(session, declared, before).await?;
        change.perform(session, manner).await
    }

    fn known(
        &self,
        session: &Session,
        name: Option<PartName>,
        before: Option<&FlowState>,
    ) -> Result<KnownFlow, Failure> {
        let owner = |key: &str, given: &Option<Name>, stored: Option<&Name>| match (given, stored) {
            (Some(given), Some(stored)) if given != stored => Err(Failure::Other(format!(
                "`--{key} {given}`: the flow is of `{stored}`, which does not change"
            ))),
            (given, stored) => Ok(stored.or(given.as_ref()).cloned()),
        };
        let organisation = before.map(|it| &it.organisation);
        let workspace = before.map(|it| &it.workspace);
        let usual = before.map(|state| state.draft.upstream.clone());
        let mut targets = vec![FlowTarget::Draft, FlowTarget::Live];
        targets.extend(self.installation.clone().map(FlowTarget::Installation));
        Ok(KnownFlow {
            name,
            organisation: owner("organisation", &self.organisation, organisation)?,
            workspace: owner("workspace", &self.workspace, workspace)?,
            upstream: self.upstream.clone(),
            usual_upstream: usual.or_else(|| session.default_upstream().map(str::to_owned)),
            targets,
        })
    }

    async fn change(
        self,
        session: &Session,
        declared: DeclaredFlow,
        before: Option<FlowState>,
    ) -> Result<Change, Failure> {
        let DeclaredFlow {
            name,
            organisation,
            workspace,
            flow,
            ..
        } = declared;
        let target = match (self.installation, self.target) {
            (Some(id), _) => Some((FlowTarget::Installation(id), MoveAction::Promote)),
            (None, Some(ApplyTarget::Live)) => Some((FlowTarget::Live, MoveAction::Release)),
            (None, _) => None,
        };
        if target.is_none() && self.note.is_some() {
            let text = "`--note` is about a version, and the draft is none; say `--target live` or \
                        `--installation`, or note it at the release";
            return Err(Failure::Usage(text.to_owned()));
        }
        let mut change = Change {
            name,
            owner: (organisation, workspace),
            before,
            draft: Some(flow.clone()),
            places: vec![(FlowTarget::Draft, Some(flow.clone()))],
            version: None,
            moves: Vec::new(),
            action: Action::FlowApplied,
        };
        let Some((target, why)) = target else {
            return Ok(change);
        };
        let present = change
            .before
            .as_ref()
            .and_then(|state| state.version_at(&target));
        if let Some(present) = present
            && session.flow_version(&change.name, present).await? == flow
        {
            change.places.push((target, Some(flow)));
            return Ok(change);
        }
        let (number, version) = number(session, change.before.as_ref(), &flow, self.note).await?;
        change.version = version;
        change.action = match why {
            MoveAction::Release => Action::FlowReleased,
            _ => Action::FlowPromoted,
        };
        change.put(target, number, flow, why);
        Ok(change)
    }
}
