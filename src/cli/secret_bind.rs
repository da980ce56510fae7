//! `portcullis secret bind`: a value for a slot of a flow, at one of its targets.

use clap::Args;
use jiff::SignedDuration;
use serde::Serialize;

use super::failure::Failure;
use super::output;
use super::secret_value::{ask_value, check_value, overlap};
use super::session::Session;
use crate::flow::{Flow, FlowState, FlowTarget, PartName};
use crate::secrets::SecretRef;

/// Which slot, and how.
#[derive(Args, Debug)]
pub(super) struct Bind {
    /// The target: flows/FLOW/draft, flows/FLOW/live or installations/INSTALLATION/FLOW.
    target: String,

    /// The slot, as the flow declares it.
    slot: PartName,

    /// Make a random value instead of reading one, for providers that take yours.
    #[arg(long)]
    generate: bool,

    /// Take a value that looks wrong: white space or quotes around it, a placeholder, an unusual length.
    #[arg(long, conflicts_with = "generate")]
    force: bool,

    /// How long the old value stays valid beside the new one, such as 24h.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = overlap)]
    overlap: SignedDuration,

    /// As JSON.
    #[arg(long)]
    json: bool,
}

impl Bind {
    pub(super) async fn run(self, session: &Session) -> Result<String, Failure> {
        #[derive(Serialize)]
        struct Done {
            secret: String,
            version: u32,
            action: &'static str,
            overlap_seconds: i64,
        }
        let (name, target) = FlowTarget::of_scope(&self.target)
            .map_err(|error| Failure::Usage(error.to_string()))?;
        let state = session.flow(&name).await?;
        let flow = self.declaring(session, &state, &target).await?;
        let secret = target.secret(&name, &self.slot);
        let secret = secret.map_err(|error| Failure::Usage(error.to_string()))?;
        let kinds = flow.key_kinds(&self.slot);
        if kinds.len() > 1 {
            return Err(Failure::Other(format!(
                "`{secret}`: interfaces of the flow use the slot for keys of different kinds; declare a slot for each"
            )));
        }
        let vault = session.custody.vault().binding_as(kinds.first().copied());
        let had = vault.is_bound(&secret).await?;
        let version = if self.generate {
            refuse_generated(&state, &flow, &target, &secret)?;
            vault
                .generate(&secret, self.overlap, &session.actor)
                .await?
        } else {
            let owner = (&state.organisation, &state.workspace);
            let users = flow.definitions(&state.name, owner, &target);
            let mut users = users.unwrap_or_default();
            users.retain(|user| user.secret().as_ref() == Some(&secret));
            let value = ask_value(&secret)?;
            check_value(&value, &users, self.force)?;
            vault
                .set(&secret, &value, self.overlap, &session.actor)
                .await?
        };
        if self.json {
            return output::json(&Done {
                secret: secret.to_string(),
                version,
                action: if self.generate { "generated" } else { "bound" },
                overlap_seconds: self.overlap.as_secs(),
            });
        }
        let old = match (had, self.overlap.is_zero()) {
            (false, _) => String::new(),
            (true, true) => "; the old value ends now".to_owned(),
            (true, false) => format!("; the old value stays valid for {:#}", self.overlap),
        };
        let see = if self.generate {
            format!("\nto see it: portcullis secret reveal '{secret}'")
        } else {
            String::new()
        };
        Ok(format!("{secret}: bound, version {version}{old}{see}"))
    }
}

impl Bind {
    /// What declares the slot: what is in force at the target, or the draft or a version that may come there.
    /// So a secret can be there before the release that needs it. What uses the slot, too, comes first: it says what
    /// the value is bound as.
    async fn declaring(
        &self,
        session: &Session,
        state: &FlowState,
        target: &FlowTarget,
    ) -> Result<Flow, Failure> {
        let name = &state.name;
        let present = session.flow_at(state, target).await?;
        if present.is_none() && matches!(target, FlowTarget::Installation(_)) {
            let text = format!("`{}`: the flow `{name}` is not there", self.target);
            return Err(Failure::NotFound(text));
        }
        let declares = |flow: &Flow| flow.slot(self.slot.as_str()).is_some();
        let uses = |flow: &Flow| !flow.key_kinds(&self.slot).is_empty();
        let now = present.unwrap_or_else(|| state.draft.clone());
        let mut declaring = None;
        for flow in [&now, &state.draft] {
            if declares(flow) && uses(flow) {
                return Ok(flow.clone());
            }
            declaring = declaring.or_else(|| declares(flow).then(|| flow.clone()));
        }
        for number in (1..=state.newest).rev() {
            let version = session.flow_version(name, number).await?;
            if declares(&version) && uses(&version) {
                return Ok(version);
            }
            declaring = declaring.or_else(|| declares(&version).then_some(version));
        }
        if let Some(flow) = declaring {
            return Ok(flow);
        }
        let there = match now.requires.as_slice() {
            [] => "it has none".to_owned(),
            _ => format!("it has {}", now.slot_names()),
        };
        let (place, slot) = (&self.target, &self.slot);
        let text = format!("`{place}`: the flow has no slot `{slot}`; {there}");
        Err(Failure::NotFound(text))
    }
}

/// Nobody can make up what somebody else has.
fn refuse_generated(
    state: &FlowState,
    flow: &Flow,
    target: &FlowTarget,
    secret: &SecretRef,
) -> Result<(), Failure> {
    let owner = (&state.organisation, &state.workspace);
    let definitions = flow.definitions(&state.name, owner, target);
    let mut judged = definitions.unwrap_or_default().into_iter();
    let by_others =
        judged.find(|it| it.secret().as_ref() == Some(secret) && !it.can_generate_secret());
    match by_others {
        None => Ok(()),
        Some(definition) => Err(Failure::Other(format!(
            "`{secret}`: what proves deliveries to `{}` is the sender's own (a public key, a user and a \
             password, or a secret that only the provider issues); bind that, from standard input",
            definition.id
        ))),
    }
}
