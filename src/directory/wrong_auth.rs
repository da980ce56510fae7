//! What can be wrong with how senders of an endpoint prove themselves.

use http::Method;

use super::{AuthDefinition, Definition, DraftAuth, Surroundings, Target};
use crate::auth::{Mode, NoScheme};

impl Definition {
    pub(super) fn wrong_auth(
        &self,
        surroundings: &Surroundings<'_>,
        wrong: &mut impl FnMut(&'static str, String),
    ) {
        let Some(auth) = &self.auth else { return };
        let mode = auth.mode;
        if mode == Mode::None && !surroundings.allow_unauthenticated {
            let message = "mode `none` lets everybody in; the server's configuration must say \
                           `allow_unauthenticated = true` first";
            wrong("auth", message.to_owned());
        }
        if mode == Mode::None && auth.secret.is_some() {
            wrong("auth", "mode `none` has no secret".to_owned());
        }
        if auth.has_certificate() && auth.secret.is_some() {
            let message = "this preset's key is the sender's certificate: there is no secret";
            wrong("auth", message.to_owned());
        }
        if let Some(header) = &auth.header {
            if !mode.takes_header() {
                let message = format!(
                    "mode `{mode}` has its own header; `api-key` and `hmac-sha256` take one"
                );
                wrong("auth.header", message);
            } else if header.parse::<http::HeaderName>().is_err() {
                wrong("auth.header", format!("`{header}` is no name of a header"));
            }
        }
        if auth.preset.is_some() && !mode.takes_preset() {
            let message = format!("mode `{mode}` takes no preset; `provider` does");
            wrong("auth.preset", message);
        }
        if !auth.scheme.is_empty() && !mode.takes_words() {
            let message =
                format!("mode `{mode}` is what it is; `signature` and `provider` take more");
            wrong("auth", message);
        }
        if let Some(url) = auth.public_url.as_deref().filter(|url| !is_public_url(url)) {
            let message = format!("`{url}` is no URL such as \"https://example.com/hook\"");
            wrong("auth.public_url", message);
        }
        let compiled = auth.compiled();
        match (&auth.preset, &compiled) {
            _ if !mode.takes_preset() && !auth.settings.is_empty() => {
                let message = format!("mode `{mode}` takes no settings");
                wrong("auth.settings", message);
            }
            (None, _) if mode.takes_preset() => {
                let message =
                    "mode `provider` needs a `preset`; `portcullis presets list` shows them";
                wrong("auth", message.to_owned());
            }
            (Some(name), Err(NoScheme::UnknownPreset)) => {
                let message = format!("no preset `{name}`; `portcullis presets list` shows them");
                wrong("auth.preset", message);
            }
            (_, Err(NoScheme::Words(words))) => {
                for word in words {
                    wrong(word.place(), word.message.clone());
                }
            }
            (_, Err(error @ (NoScheme::SettingMissing(_) | NoScheme::SettingMalformed(..)))) => {
                wrong("auth.settings", error.to_string());
            }
            (_, Err(error)) => wrong("auth", error.to_string()),
            (_, Ok(_)) => {}
        }
        if let Ok(Some(scheme)) = &compiled
            && scheme.covers_body()
        {
            let signed: Vec<&str> = scheme.methods().iter().map(Method::as_str).collect();
            let unsigned = |method: &String| !signed.contains(&method.as_str());
            if self.methods.iter().any(unsigned) {
                let signed = signed.join("`, `");
                let message = format!("{} proves a body, so it takes `{signed}` only", named(auth));
                wrong("methods", message);
            }
        }
    }
}

impl Definition {
    /// What can be wrong with who may deliver to a draft.
    pub(super) fn wrong_draft_auth(
        &self,
        surroundings: &Surroundings<'_>,
        wrong: &mut impl FnMut(&'static str, String),
    ) {
        if Target::of(&self.id) != Target::Draft {
            if self.draft_auth.is_some() {
                wrong("draft_auth", format!("`{}` is no draft", self.id));
            }
            return;
        }
        let asked = self.draft_auth.unwrap_or(surroundings.draft_auth);
        // What is wrong with `auth` itself was reported as that.
        let compiled = self
            .auth
            .as_ref()
            .and_then(|auth| auth.compiled().ok().flatten());
        if asked == DraftAuth::Both && compiled.is_some_and(|scheme| scheme.reads_authorization()) {
            let message = "`both` needs `Authorization` for the token of the workspace, and `auth` reads \
                           it too: choose another mode, or `workspace` or `interface`";
            wrong("draft_auth", message.to_owned());
        }
    }
}

/// Whether it is one without a query: that comes from the request.
fn is_public_url(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some()
            && uri.query().is_none()
    })
}

/// How senders prove themselves, as people call it.
pub(super) fn named(auth: &AuthDefinition) -> String {
    match &auth.preset {
        Some(preset) if auth.mode.takes_preset() => format!("the preset `{preset}`"),
        _ => format!("mode `{}`", auth.mode),
    }
}
