//! `portcullis endpoint`: create, change and look at endpoints.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::session::Session;
use crate::audit::Action;
use crate::auth::Mode;
use crate::config::{Mistake, Mistakes};
use crate::directory::{
    AuthDefinition, Definition, EndpointChange, EndpointId, LimitsDefinition, Name, PathTemplate,
    Target,
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

/// What can be chosen and changed.
#[derive(Args, Debug)]
pub(super) struct Fields {
    /// How senders prove themselves: secret, hmac, bearer, api-key or none. A new endpoint has `secret`.
    #[arg(long)]
    mode: Option<Mode>,

    /// The header of the token, for the mode api-key.
    #[arg(long, requires = "mode")]
    header: Option<String>,

    /// The secret, as scope#slot; the endpoint's own slot `webhook` if it is not said.
    #[arg(long, requires = "mode")]
    secret: Option<crate::secrets::SecretRef>,

    /// The upstream that gets its deliveries.
    #[arg(long)]
    upstream: Option<String>,

    /// The path at the upstream, such as /internal/{workflow}.
    #[arg(long)]
    path: Option<PathTemplate>,

    /// A method that it takes; may be repeated.
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<String>,

    /// Another path that leads to it; may be repeated.
    #[arg(long = "alias", value_name = "PATH")]
    aliases: Vec<String>,

    /// The name of the event that its deliveries stand for.
    #[arg(long)]
    event_name: Option<Name>,

    /// Something to remember, as key=value; may be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,

    /// The largest body, such as 1MiB.
    #[arg(long, value_name = "SIZE")]
    max_body: Option<bytesize::ByteSize>,

    /// Whether the backend gets the token that proved a delivery.
    #[arg(long)]
    forward_credentials: Option<bool>,
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

impl Fields {
    fn apply(self, definition: &mut Definition) {
        if let Some(mode) = self.mode {
            definition.auth = Some(AuthDefinition {
                mode,
                header: self.header,
                secret: self.secret,
            });
        }
        if let Some(upstream) = self.upstream {
            definition.upstream = upstream;
        }
        if self.path.is_some() {
            definition.path = self.path;
        }
        if !self.methods.is_empty() {
            definition.methods = self.methods;
        }
        if !self.aliases.is_empty() {
            definition.aliases = self.aliases;
        }
        if self.event_name.is_some() {
            definition.event_name = self.event_name;
        }
        definition.labels.extend(self.labels);
        if let Some(size) = self.max_body {
            definition.limits.max_body_bytes = Some(size.as_u64());
        }
        if let Some(forward) = self.forward_credentials {
            definition.forward_credentials = forward;
        }
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

async fn list(session: &Session, prefix: &str, json: bool) -> Result<String, Failure> {
    let stored = session.custody.store.definitions(prefix).await?;
    if json {
        let definitions: Vec<_> = stored.iter().map(|stored| &stored.definition).collect();
        return output::json(&definitions);
    }
    let rows: Vec<[String; 6]> = stored
        .iter()
        .map(|stored| {
            let it = &stored.definition;
            let mode = it.auth.as_ref().map_or("missing", |auth| auth.mode.word());
            [
                it.id.to_string(),
                it.organisation.to_string(),
                it.workspace.to_string(),
                mode.to_owned(),
                if it.enabled { "enabled" } else { "disabled" }.to_owned(),
                it.upstream.clone(),
            ]
        })
        .collect();
    Ok(output::table(
        [
            "id",
            "organisation",
            "workspace",
            "auth",
            "state",
            "upstream",
        ],
        &rows,
        |column, cell| (column == 3 && cell == "none").then_some(output::ALARM),
    ))
}

async fn show(session: &Session, id: &EndpointId, json: bool) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Shown<'a> {
        url: Option<String>,
        secret: Option<String>,
        secret_bound: Option<bool>,
        #[serde(flatten)]
        definition: &'a Definition,
    }
    let definition = session.definition(id).await?;
    let auth = definition.auth.as_ref();
    let secret = auth.and_then(|auth| auth.secret_of(id));
    let secret_bound = match &secret {
        None => None,
        Some(secret) => Some(session.custody.vault().is_bound(secret).await?),
    };
    let url = session.url(&definition);
    if json {
        return output::json(&Shown {
            url,
            secret: secret.map(|secret| secret.to_string()),
            secret_bound,
            definition: &definition,
        });
    }
    let alarm = output::ALARM;
    let auth = match auth {
        None => format!("{alarm}missing: every delivery is refused{alarm:#}"),
        Some(auth) if auth.mode == Mode::None => {
            format!("{alarm}none: everybody gets in{alarm:#}")
        }
        Some(auth) => auth.mode.to_string(),
    };
    let secret = match (&secret, secret_bound) {
        (Some(secret), Some(true)) => format!("{secret} (bound)"),
        (Some(secret), _) => {
            format!("{secret} {alarm}(not bound: every delivery is refused){alarm:#}")
        }
        (None, _) => "-".to_owned(),
    };
    let mut lines = vec![
        format!("endpoint      {id}"),
        format!("url           {}", url.as_deref().unwrap_or("-")),
        format!("organisation  {}", definition.organisation),
        format!("workspace     {}", definition.workspace),
        format!("target        {}", definition.target),
        format!("auth          {auth}"),
        format!("secret        {secret}"),
        format!("upstream      {}", definition.upstream),
        format!(
            "state         {}",
            if definition.enabled {
                "enabled"
            } else {
                "disabled"
            }
        ),
    ];
    lines.extend(
        definition
            .aliases
            .iter()
            .map(|alias| format!("alias         {alias}")),
    );
    Ok(lines.join("\n"))
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

fn label(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected key=value".to_owned())
}
