//! `portcullis endpoint`: create, change and look at endpoints.

mod expect;
mod fields;
mod replays;
mod shaken;
mod show;
mod trial;
mod verdict;

use clap::{Args, Subcommand};

use self::expect::Expect;
use self::fields::{Field, Fields};
use self::show::{list, show};
use super::failure::Failure;
use super::plan::Plan;
use super::session::{self, Session};
use crate::auth::Mode;
use crate::directory::{AuthDefinition, Definition, EndpointId, Name, Operation};

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
    /// Answer its senders as if it were not there.
    Disable {
        /// The endpoint.
        id: EndpointId,

        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Delete it, and end the secrets that no other endpoint is judged by.
    Delete {
        /// The endpoint.
        id: EndpointId,

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
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List { prefix, json } => list(session, &prefix, json).await,
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
                update(session, &id, json, change).await
            }
            Self::ExpectHandshake(expect) => expect.run(session).await,
            Self::Test(test) => test.run(session).await,
            Self::Enable { id, json } => switch(session, &id, json, true).await,
            Self::Disable { id, json } => switch(session, &id, json, false).await,
            Self::Delete { id, json } => delete(session, id, json).await,
        }
    }
}

impl Create {
    async fn run(self, session: &Session) -> Result<String, Failure> {
        let store = &session.custody.store;
        if store.endpoint(self.id.as_str()).await?.is_some() {
            let text = format!("`{}` exists; use `endpoint update`", self.id);
            return Err(Failure::Other(text));
        }
        let upstream = session.default_upstream().unwrap_or_default().to_owned();
        let mut definition = Definition::new(self.id, self.organisation, self.workspace, upstream);
        definition.auth = Some(AuthDefinition::of(Mode::Secret));
        self.fields.apply(&mut definition);
        session.accept([&definition])?;
        let id = definition.id.clone();
        let mut plan = Plan::to_put(session, vec![definition]).await?;
        plan.perform(session).await?;
        show(session, &id, self.json).await
    }
}

async fn update(
    session: &Session,
    id: &EndpointId,
    json: bool,
    change: impl FnOnce(&mut Definition),
) -> Result<String, Failure> {
    let mut definition = session.own_definition(id).await?;
    change(&mut definition);
    session.accept([&definition])?;
    let mut plan = Plan::to_put(session, vec![definition]).await?;
    plan.perform(session).await?;
    plan.shown(json)
}

/// Lets an endpoint take deliveries, or not. What a flow says of its own comes and goes with its versions, so an
/// operator's word stands beside it.
async fn switch(
    session: &Session,
    id: &EndpointId,
    json: bool,
    enabled: bool,
) -> Result<String, Failure> {
    let definition = session.definition(id).await?;
    if definition.flow.is_none() {
        return update(session, id, json, |it| it.enabled = enabled).await;
    }
    if enabled && !definition.enabled {
        return Err(Failure::Other(format!(
            "`{id}`: it is its flow that says `enabled = false`; {}",
            session::of_flow(&definition)
        )));
    }
    let mut plan = Plan::to_operate(id.clone(), Operation::Suspend(!enabled));
    plan.perform(session).await?;
    plan.shown(json)
}

async fn delete(session: &Session, id: EndpointId, json: bool) -> Result<String, Failure> {
    let mut plan = Plan::to_delete(session, id).await?;
    plan.perform(session).await?;
    plan.shown(json)
}
