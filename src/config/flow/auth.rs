//! How senders of an interface prove themselves, in the words of those who write flows.

use crate::auth::{Algorithm, Mode};
use crate::config::endpoints::auth_beside;
use crate::config::table::Table;
use crate::directory::AuthDefinition;
use crate::flow::{Flow, Interface, PartName};

/// Reads `auth`, and the slot that it refers to.
pub(super) fn read(
    mut table: Table<'_, '_>,
    flow: &Flow,
) -> (Option<AuthDefinition>, Option<PartName>) {
    if !table.is_well_formed() {
        return (None, None);
    }
    table.take_as("mode", "type");
    table.take_as("algorithm", "algo");
    table.respell("algorithm", algorithm);
    let at_secret = table.span_of("secret_ref");
    let has_ref = table.has("secret_ref");
    let mode = mode(&mut table);
    let slot: Option<PartName> = table.parsed("secret_ref");
    let auth = auth_beside(&mut table, mode, None);
    if let Some(slot) = &slot
        && flow.slot(slot.as_str()).is_none()
    {
        let there = match flow.requires.as_slice() {
            [] => "has none".to_owned(),
            _ => format!("has {}", flow.slot_names()),
        };
        let message = format!("`{slot}` is no slot of this flow: `requires` {there}");
        table.wrong_at(at_secret, "secret_ref", message);
    }
    if let Some(auth) = auth.as_ref().filter(|auth| Interface::needs_secret(auth))
        && !has_ref
    {
        let message = format!("is missing: the slot of the secret of mode `{}`", auth.mode);
        table.wrong_at(at_secret, "secret_ref", message);
    }
    (auth, slot)
}

fn mode(table: &mut Table<'_, '_>) -> Option<Mode> {
    if !table.has("mode") {
        let span = table.span();
        let known = Mode::ALL.map(Mode::word).join("`, `");
        let message = format!("is missing: `type`, or `mode`, is one of `{known}`");
        table.wrong_at(span, "mode", message);
    }
    table.parsed("mode")
}

/// The algorithm that people mean who write it in another way.
fn algorithm(text: &str) -> Option<&'static str> {
    let plain = text.to_ascii_lowercase().replace('_', "-");
    let usual = match plain.as_str() {
        "ecdsa" | "ecdsa-p256" | "ecdsa-sha256" => "ecdsa-p256-sha256",
        "ecdsa-p256-fixed" | "es256" => "ecdsa-p256-sha256-fixed",
        "eddsa" => "ed25519",
        "hmacsha1" => "hmac-sha1",
        "hmacsha256" => "hmac-sha256",
        "hmacsha512" => "hmac-sha512",
        "rsa-sha256" | "rs256" => "rsa-pkcs1-sha256",
        other => other,
    };
    Algorithm::from_name(usual).map(Algorithm::name)
}
