//! Whether an endpoint that stands for itself may become a part of a flow.

use crate::directory::Definition;

/// Why `old` cannot become `new`. What its senders go by must go on leading to it.
pub(super) fn why_not(old: &Definition, new: &Definition) -> Option<String> {
    if (&old.organisation, &old.workspace) != (&new.organisation, &new.workspace) {
        return Some(format!(
            "it belongs to {}/{}, and the flow belongs to {}/{}",
            old.organisation, old.workspace, new.organisation, new.workspace
        ));
    }
    if old.auth.is_some() && new.auth.is_none() {
        return Some(
            "the flow says no `auth` for it, so every delivery would be refused".to_owned(),
        );
    }
    if let Some(alias) = old.aliases.iter().find(|it| !new.aliases.contains(it)) {
        return Some(format!(
            "its alias `{alias}` would lead nowhere; declare it in the flow, which has aliases where it is live, or \
             take it from the endpoint first"
        ));
    }
    if old.draft_auth != new.draft_auth {
        return Some(
            "its `draft_auth`, which says who may deliver to it, is not that of the flow; say the same in both first"
                .to_owned(),
        );
    }
    // A later version could take what everybody has for a shared secret, and no version would know.
    let secret = old.secret().filter(|_| old.has_public_key())?;
    let target = new.id.as_str().rsplit_once('/').map(|(scope, _)| scope);
    let stays = new.has_public_key() && new.secret().as_ref() == Some(&secret);
    (target == Some(secret.scope()) && !stays).then(|| {
        format!(
            "{secret} is a public key, which everybody has, in a slot of the flow; keep it as that of this \
             endpoint, or give the endpoint another one first"
        )
    })
}
