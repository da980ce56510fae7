//! `portcullis endpoint`: create, change and look at endpoints.

mod fields;
mod show;

use clap::{Args, Subcommand};

use self::fields::Fields;
use self::show::{list, show};
use super::failure::Failure;
use super::session::Session;
use crate::audit::Action;
use crate::auth::Mode;
use crate::config::{Mistake, Mistakes};
use crate::directory::{
    AuthDefinition, Definition, EndpointChange, EndpointId, LimitsDefinition, Name, Target,
};

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

        #[command(flatten)]
        fields: Fields,
    },
    /// Let it take deliveries again.
    Enable {
        /// The endpoint.
        id: EndpointId,
    },
    /// Answer its senders as if it were not there.
    Disable {
        /// The endpoint.
        id: EndpointId,
    },
    /// Delete it. Its secrets stay.
    Delete {
        /// The endpoint.
        id: EndpointId,
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
            Self::Update { id, fields } => {
                update(session, &id, |definition| fields.apply(definition)).await
            }
            Self::Enable { id } => update(session, &id, |it| it.enabled = true).await,
            Self::Disable { id } => update(session, &id, |it| it.enabled = false).await,
            Self::Delete { id } => delete(session, &id).await,
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
        let mut definition = Definition {
            target: Target::of(&self.id),
            id: self.id,
            organisation: self.organisation,
            workspace: self.workspace,
            upstream,
            path: None,
            auth: Some(AuthDefinition {
                mode: Mode::Secret,
                header: None,
                secret: None,
            }),
            methods: Vec::new(),
            aliases: Vec::new(),
            event_name: None,
            labels: std::collections::BTreeMap::new(),
            limits: LimitsDefinition::default(),
            forward_credentials: false,
            enabled: true,
        };
        self.fields.apply(&mut definition);
        accept(session, &definition)?;
        ensure_secret(session, &definition).await?;
        let id = definition.id.clone();
        let entry = session.audit(Action::EndpointCreated, &id, String::new());
        store
            .change(vec![(EndpointChange::Put(Box::new(definition)), entry)])
            .await?;
        show(session, &id, self.json).await
    }
}

/// Generates the secret of an endpoint that needs one and has none. Gives its name if it did.
pub(super) async fn ensure_secret(
    session: &Session,
    definition: &Definition,
) -> Result<Option<String>, Failure> {
    let auth = definition.auth.as_ref();
    let Some(secret) = auth.and_then(|auth| auth.secret_of(&definition.id)) else {
        return Ok(None);
    };
    let created = session
        .custody
        .vault()
        .create(&secret, &session.actor)
        .await?;
    Ok(created.map(|_| secret.to_string()))
}

async fn update(
    session: &Session,
    id: &EndpointId,
    change: impl FnOnce(&mut Definition),
) -> Result<String, Failure> {
    let old = session.definition(id).await?;
    let mut new = old.clone();
    change(&mut new);
    let changed = changed_keys(&old, &new)?;
    if changed.is_empty() {
        return Ok(format!("{id}: nothing to change"));
    }
    accept(session, &new)?;
    ensure_secret(session, &new).await?;
    let changed = changed.join(", ");
    let entry = session.audit(Action::EndpointUpdated, id, changed.clone());
    let change = (EndpointChange::Put(Box::new(new)), entry);
    session.custody.store.change(vec![change]).await?;
    Ok(format!("{id}: changed {changed}"))
}

async fn delete(session: &Session, id: &EndpointId) -> Result<String, Failure> {
    session.definition(id).await?;
    let entry = session.audit(Action::EndpointDeleted, id, String::new());
    let change = (EndpointChange::Delete(id.clone()), entry);
    session.custody.store.change(vec![change]).await?;
    Ok(format!("{id}: deleted"))
}

/// Refuses a definition that is wrong, with everything that is.
fn accept(session: &Session, definition: &Definition) -> Result<(), Failure> {
    let mistakes: Vec<Mistake> = definition
        .mistakes(&session.surroundings())
        .into_iter()
        .map(|mistake| Mistake {
            path: definition.id.as_str().into(),
            at: None,
            key: mistake.key.to_owned(),
            message: mistake.message,
        })
        .collect();
    if mistakes.is_empty() {
        Ok(())
    } else {
        Err(Mistakes(mistakes).into())
    }
}

/// The keys in which two definitions differ.
pub(super) fn changed_keys(old: &Definition, new: &Definition) -> Result<Vec<String>, Failure> {
    let keys = |definition: &Definition| match serde_json::to_value(definition) {
        Ok(serde_json::Value::Object(keys)) => Ok(keys),
        Ok(_) => Err(Failure::Other("a definition is an object".to_owned())),
        Err(error) => Err(Failure::Other(error.to_string())),
    };
    let (old, new) = (keys(old)?, keys(new)?);
    let mut changed: Vec<String> = old
        .keys()
        .chain(new.keys())
        .filter(|key| old.get(*key) != new.get(*key))
        .cloned()
        .collect();
    changed.sort();
    changed.dedup();
    Ok(changed)
}
