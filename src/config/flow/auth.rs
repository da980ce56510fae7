//! The `auth` of an interface, with the synonyms that authors of flows use.

use crate::auth::{Algorithm, Mode};
use crate::config::endpoints::auth_settings;
use crate::config::table::Table;
use crate::directory::AuthDefinition;
use crate::flow::{Flow, Interface, PartName};

/// Reads `auth` and the slot that it refers to.
pub(super) fn read(
    mut table: Table<'_, '_>,
    flow: &Flow,
) -> (Option<AuthDefinition>, Option<PartName>) {
    if !table.is_well_formed() {
        return (None, None);
    }
    table.accept_synonym("mode", "type");
    table.accept_synonym("algorithm", "algo");
    table.canonicalize("algorithm", algorithm);
    let at_secret = table.span_of("secret_ref");
    let has_ref = table.has("secret_ref");
    let mode = mode(&mut table);
    let slot: Option<PartName> = table.parsed("secret_ref");
    let auth = auth_settings(&mut table, mode, None);
    if let Some(slot) = &slot
        && flow.slot(slot.as_str()).is_none()
    {
        let declared = match flow.requires.as_slice() {
            [] => "declares none".to_owned(),
            _ => format!("declares {}", flow.slot_names()),
        };
        let message = format!("`{slot}` is not a slot of this flow: `requires` {declared}");
        table.report_at(at_secret, "secret_ref", message);
    }
    if let Some(auth) = auth.as_ref().filter(|auth| Interface::needs_secret(auth))
        && !has_ref
    {
        let message = format!(
            "is missing: mode `{}` needs the slot of a secret",
            auth.mode
        );
        table.report_at(at_secret, "secret_ref", message);
    }
    (auth, slot)
}

fn mode(table: &mut Table<'_, '_>) -> Option<Mode> {
    if !table.has("mode") {
        let span = table.span();
        let known = Mode::ALL.map(Mode::word).join("`, `");
        let message = format!("is missing: `type`, or `mode`, must be one of `{known}`");
        table.report_at(span, "mode", message);
    }
    table.parsed("mode")
}

/// The canonical name of an algorithm that has a common synonym.
fn algorithm(text: &str) -> Option<&'static str> {
    let plain = text.to_ascii_lowercase().replace('_', "-");
    let canonical = match plain.as_str() {
        "ecdsa" | "ecdsa-p256" | "ecdsa-sha256" => "ecdsa-p256-sha256",
        "ecdsa-p256-fixed" | "es256" => "ecdsa-p256-sha256-fixed",
        "eddsa" => "ed25519",
        "hmacsha1" => "hmac-sha1",
        "hmacsha256" => "hmac-sha256",
        "hmacsha512" => "hmac-sha512",
        "rsa-sha256" | "rs256" => "rsa-pkcs1-sha256",
        other => other,
    };
    Algorithm::from_name(canonical).map(Algorithm::name)
}
