//! Tampers with a delivery on request, so that the gate must refuse it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::auth::{Algorithm, KeyEncoding, Message, Place, Scheme};

/// How a delivery is tampered with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Tamper {
    /// Use the signature or the token of another secret.
    Signature,
    /// Use a valid signature that is too old.
    Timestamp,
    /// Use the signature of another body.
    Body,
    /// Leave the proof out.
    Missing,
    /// Cut off the end of the signature.
    Malformed,
}

/// The headers and parameters that prove the delivery, tampered with on request.
pub(super) fn prove(
    scheme: &Scheme,
    secret: &[u8],
    message: Message<'_>,
    tamper: Option<Tamper>,
) -> Result<Vec<(Place, String)>, Failure> {
    let proven = |secret: &[u8], message| {
        scheme
            .prove(secret, message)
            .map_err(|error| Failure::Other(error.to_string()))
    };
    let Some(tamper) = tamper else {
        return proven(secret, message);
    };
    if !scheme.covers_body() && !matches!(tamper, Tamper::Signature | Tamper::Missing) {
        let text = "--wrong: a token allows only `signature` and `missing`";
        return Err(Failure::Usage(text.to_owned()));
    }
    match tamper {
        Tamper::Signature => proven(&other_secret(scheme)?, message),
        Tamper::Timestamp => proven(
            secret,
            Message {
                at: too_old(scheme, message.at)?,
                ..message
            },
        ),
        Tamper::Body => {
            let body = [message.body, b" "].concat();
            proven(
                secret,
                Message {
                    body: &body,
                    ..message
                },
            )
        }
        Tamper::Missing => {
            let mut added = proven(secret, message)?;
            added.retain(|(place, _)| !is_proof(scheme, place));
            Ok(added)
        }
        Tamper::Malformed => {
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

/// A random secret in the encoding of the scheme.
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
    let (past, _) = window.ok_or_else(|| {
        Failure::Usage(
            "--wrong timestamp: the scheme signs no time. Choose another value".to_owned(),
        )
    })?;
    let age = past.saturating_add(MARGIN);
    at.checked_sub(age)
        .map_err(|error| Failure::Usage(error.to_string()))
}

const MARGIN: SignedDuration = SignedDuration::from_secs(60);
