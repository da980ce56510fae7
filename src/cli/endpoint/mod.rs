//! `portcullis endpoint`: create, change and look at endpoints.

mod challenge;
mod expect;
mod fields;
mod replays;
mod show;
mod trial;
mod verdict;

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
    /// Create an endpoint. A secret is generated for it, unless it has one already.
    Create(Create),
    /// List endpoints.
    List {
        /// Only those whose id begins with this.
        #[arg(default_value = "")]
        prefix: String,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print endpoints as a JSON file that `apply` takes. Secrets and endpoints of flows are not in it.
    Export {
        /// Only those whose id begins with this.
        #[arg(default_value = "")]
        prefix: String,
    },
    /// Show an endpoint, its public URL, and whether its secret is bound.
    Show {
        /// The endpoint.
        id: EndpointId,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change what is given, and leave the rest.
    Update {
        /// The endpoint.
        id: EndpointId,

        /// Take back what was given for a field; may be repeated.
        #[arg(long, value_name = "FIELD", value_enum)]
        clear: Vec<Field>,

        #[command(flatten)]
        fields: Fields,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let the provider's handshake bring the endpoint's secret, for a while.
    ///
    /// Whoever comes first in that time decides what the secret is: make it short, and look at
    /// `endpoint show` afterwards. A secret that is bound is never replaced.
    ExpectHandshake(Expect),
    Test(Box<trial::Test>),
    /// Let it take deliveries again.
    Enable {
        /// The endpoint.
        id: EndpointId,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Answer its senders as if it did not exist. It shows who they are, and asks.
    Disable {
        /// The endpoint.
        id: EndpointId,

        #[command(flatten)]
        confirm: Confirm,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Delete it, and end the secrets that no other endpoint is judged by. It shows who is refused then, and asks.
    Delete {
        /// The endpoint.
        id: EndpointId,

        #[command(flatten)]
        confirm: Confirm,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A new endpoint.
#[derive(Args, Debug)]
pub(super) struct Create {
    /// Its id, such as workflows/pr-bot.
    id: EndpointId,

    /// The organisation that owns it.
    #[arg(long)]
    organisation: Name,

    /// The workspace that owns it.
    #[arg(long)]
    workspace: Name,

    #[command(flatten)]
    fields: Fields,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl EndpointCommand {
    pub(super) fn access(&self) -> Access {
        match self {
            Self::Export { .. } | Self::List { .. } | Self::Show { .. } => Access::Read,
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
            Self::Enable { id, json } => {
                let plan = session.control.endpoint_switch(&id, true).await?;
                perform(session, plan, json).await
            }
            Self::Disable { id, confirm, json } => {
                let plan = session.control.endpoint_switch(&id, false).await?;
                ask(session, confirm, &plan, &format!("{id}: it is disabled")).await?;
                perform(session, plan, json).await
            }
            Self::Delete { id, confirm, json } => {
                let plan = session.control.endpoint_deletion(&id).await?;
                ask(session, confirm, &plan, &format!("{id}: it is deleted")).await?;
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
        for doubted in plan
            .steps()
            .iter()
            .filter_map(|step| step.secret_doubted.as_ref())
        {
            output::print_notice(&format!("note: {}", plan::doubted(doubted)));
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

/// Asks before a plan that does something.
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

/// Performs a plan, and prints it.
async fn perform(session: &Session, plan: EndpointPlan, json: bool) -> Result<String, Failure> {
    let plan = session.control.perform(&session.actor, plan).await?;
    plan::text(&plan, json)
}
