//! `portcullis endpoint`: manages endpoints.

mod deliveries;
mod expect;
mod fields;
mod report;
mod show;
mod test;

use clap::{Args, Subcommand};

use self::expect::Expect;
pub(super) use self::fields::label;
use self::fields::{Field, Fields};
use self::show::{list, show};
use super::confirm::Confirm;
use super::failure::Failure;
use super::output;
use super::plan;
use super::session::{Access, Session};
use crate::config::declaration;
use crate::control::EndpointPlan;
use crate::directory::{Definition, EndpointId, Name};

#[derive(Debug, Subcommand)]
pub(super) enum EndpointCommand {
    /// Create an endpoint.
    ///
    /// A secret is generated for it, unless one is bound already.
    Create(Create),
    /// List endpoints.
    List {
        /// Only endpoints whose id starts with this prefix.
        #[arg(default_value = "")]
        prefix: String,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Export endpoints as a JSON file for `apply`.
    ///
    /// Secrets and endpoints of flows are left out.
    Export {
        /// Only endpoints whose id starts with this prefix.
        #[arg(default_value = "")]
        prefix: String,
    },
    /// Show an endpoint, its URL and the state of its secret.
    Show {
        /// The endpoint.
        id: EndpointId,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Update the given fields of an endpoint.
    Update {
        /// The endpoint.
        id: EndpointId,

        /// Reset a field to its default. Repeatable.
        #[arg(long, value_name = "FIELD", value_enum)]
        clear: Vec<Field>,

        #[command(flatten)]
        fields: Fields,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let a provider handshake set the secret of an endpoint.
    ///
    /// The first handshake in the window sets the secret, whoever sends it. Keep the window short, and check
    /// `endpoint show` afterwards. A bound secret is never replaced.
    ExpectHandshake(Expect),
    Test(Box<test::Test>),
    Deliveries(deliveries::List),
    /// Enable an endpoint.
    Enable {
        /// The endpoint.
        id: EndpointId,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Disable an endpoint: its senders get 404.
    ///
    /// It shows the affected senders and asks for confirmation.
    Disable {
        /// The endpoint.
        id: EndpointId,

        #[command(flatten)]
        confirm: Confirm,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Delete an endpoint and the secrets that only it uses.
    ///
    /// It shows the affected senders and asks for confirmation.
    Delete {
        /// The endpoint.
        id: EndpointId,

        #[command(flatten)]
        confirm: Confirm,

        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Options of `endpoint create`.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// The id of the endpoint, such as workflows/pr-bot.
    id: EndpointId,

    /// The organisation that owns it.
    #[arg(long)]
    organisation: Name,

    /// The workspace that owns it.
    #[arg(long)]
    workspace: Name,

    #[command(flatten)]
    fields: Fields,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl EndpointCommand {
    pub(super) fn access(&self) -> Access {
        match self {
            Self::Deliveries(_) | Self::Export { .. } | Self::List { .. } | Self::Show { .. } => {
                Access::Read
            }
            Self::Create(_)
            | Self::Delete { .. }
            | Self::Disable { .. }
            | Self::Enable { .. }
            | Self::ExpectHandshake(_)
            | Self::Test(_)
            | Self::Update { .. } => Access::Write,
        }
    }

    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List { prefix, json } => list(session, &prefix, json).await,
            Self::Export { prefix } => export(session, &prefix).await,
            Self::Show { id, json } => show(session, &id, json).await,
            Self::Update {
                id,
                clear,
                fields,
                json,
            } => {
                let change = |definition: &mut Definition| {
                    for field in clear {
                        field.clear(definition);
                    }
                    fields.apply(definition);
                };
                let plan = session.control.endpoint_update(&id, change).await?;
                perform(session, plan, json).await
            }
            Self::ExpectHandshake(expect) => expect.run(session).await,
            Self::Test(test) => test.run(session).await,
            Self::Deliveries(list) => list.run(session).await,
            Self::Enable { id, json } => {
                let plan = session.control.endpoint_switch(&id, true).await?;
                perform(session, plan, json).await
            }
            Self::Disable { id, confirm, json } => {
                let plan = session.control.endpoint_switch(&id, false).await?;
                ask(
                    session,
                    confirm,
                    &plan,
                    &format!("{id}: disables the endpoint"),
                )
                .await?;
                perform(session, plan, json).await
            }
            Self::Delete { id, confirm, json } => {
                let plan = session.control.endpoint_deletion(&id).await?;
                ask(
                    session,
                    confirm,
                    &plan,
                    &format!("{id}: deletes the endpoint"),
                )
                .await?;
                perform(session, plan, json).await
            }
        }
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<String, Failure> {
        let control = &session.control;
        let new = control.new_endpoint(self.id, self.organisation, self.workspace);
        let mut definition = new.await?;
        self.fields.apply(&mut definition);
        let id = definition.id.clone();
        let plan = control.endpoint_creation(definition).await?;
        let plan = control.perform(&session.actor, plan).await?;
        for warning in plan
            .steps()
            .iter()
            .filter_map(|step| step.secret_warning.as_ref())
        {
            output::note(&format!("note: {}", plan::value_warning(warning)));
        }
        show(session, &id, self.json).await
    }
}

async fn export(session: &Session, prefix: &str) -> Result<String, Failure> {
    let stored = session.control.endpoints(prefix).await?;
    let own = stored.iter().map(|stored| &stored.definition);
    let declaration = declaration(own.filter(|definition| definition.flow.is_none()));
    let declaration = declaration.map_err(|error| Failure::Other(error.to_string()))?;
    output::json(&declaration)
}

/// Asks for confirmation, unless the plan changes nothing.
async fn ask(
    session: &Session,
    confirm: Confirm,
    plan: &EndpointPlan,
    what: &str,
) -> Result<(), Failure> {
    if confirm.is_given() || plan.is_unchanged() {
        return Ok(());
    }
    let impact = session.control.endpoint_impact(plan).await?;
    confirm.ask(what, &impact)
}

/// Performs a plan and formats its steps.
async fn perform(session: &Session, plan: EndpointPlan, json: bool) -> Result<String, Failure> {
    let plan = session.control.perform(&session.actor, plan).await?;
    plan::text(&plan, json)
}
