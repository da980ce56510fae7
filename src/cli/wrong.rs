//! Deliveries that a gate has to refuse, made on request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::auth::{Algorithm, KeyEncoding, Message, Place, Scheme};

/// What is wrong with a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Wrong {
    /// The signature or the token is that of another secret.
    Signature,
    /// The signature is right, and too old.
    Timestamp,
    /// The signature is that of another body.
    Body,
    /// There is no proof.
    Missing,
    /// The end of the signature is missing.
    Malformed,
}

/// What a sender adds to its request: right, or wrong as it was asked for.
pub(super) fn prove(
    scheme: &Scheme,
    secret: &[u8],
    message: Message<'_>,
    wrong: Option<Wrong>,
) -> Result<Vec<(Place, String)>, Failure> {
    let proven = |secret: &[u8], message| {
        scheme
            .prove(secret, message)
            .map_err(|error| Failure::Other(error.to_string()))
    };
    let Some(wrong) = wrong else {
        return proven(secret, message);
    };
    if !scheme.covers_body() && !matches!(wrong, Wrong::Signature | Wrong::Missing) {
        let text = "a token is no signature: it can be wrong as `signature` or as `missing`";
        return Err(Failure::Usage(text.to_owned()));
    }
    match wrong {
        Wrong::Signature => proven(&other_secret(scheme)?, message),
        Wrong::Timestamp => proven(
            secret,
            Message {
                at: too_old(scheme, message.at)?,
                ..message
            },
        ),
        Wrong::Body => {
            let body = [message.body, b" "].concat();
            proven(
                secret,
                Message {
                    body: &body,
                    ..message
                },
            )
        }
        Wrong::Missing => {
            let mut added = proven(secret, message)?;
            added.retain(|(place, _)| !is_proof(scheme, place));
            Ok(added)
        }
        Wrong::Malformed => {
            let mut added = proven(secret, message)?;
            for (place, value) in &mut added {
                if is_proof(scheme, place) {
                    value.pop();
                }
            }
            Ok(added)
        }
    }
}

fn is_proof(scheme: &Scheme, place: &Place) -> bool {
    let rules = scheme.signatures().iter();
    rules
        .filter_map(|rule| rule.from.preferred())
        .any(|it| it == place)
}

/// A secret that is nobody's, in the form that the scheme reads.
fn other_secret(scheme: &Scheme) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| Failure::Other(error.to_string()))?;
    let text = match (scheme.algorithm(), scheme.key().encoding) {
        (Algorithm::Basic, _) => format!("user:{}", hex::encode(*bytes)),
        (_, KeyEncoding::Base64) => STANDARD.encode(*bytes),
        _ => hex::encode(*bytes),
    };
    Ok(Zeroizing::new(text.into_bytes()))
}

fn too_old(scheme: &Scheme, at: Timestamp) -> Result<Timestamp, Failure> {
    let window = scheme.timestamp().and_then(|rule| rule.window);
    let (past, _) = window
        .ok_or_else(|| Failure::Usage("the scheme has no time that could be too old".to_owned()))?;
    let age = past.saturating_add(BEYOND);
    at.checked_sub(age)
        .map_err(|error| Failure::Usage(error.to_string()))
}

const BEYOND: SignedDuration = SignedDuration::from_secs(60);
