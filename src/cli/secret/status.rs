//! `portcullis secret status` and `secret retire`.

use jiff::Timestamp;
use serde::Serialize;

use crate::auth::KeyKind;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::cli::session::Session;
use crate::secrets::{Retirement, SecretRef, VersionState, VersionStatus};

#[derive(Serialize)]
struct SecretView<'a> {
    secret: String,
    versions: Vec<VersionView<'a>>,
}

#[derive(Serialize)]
struct VersionView<'a> {
    version: u32,
    state: &'static str,
    /// The kind that it was bound as: public, shared or token; `None` until an endpoint uses the secret.
    kind: Option<&'static str>,
    /// The provider challenges that sign, or once signed, texts of unauthenticated senders with it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    signs_challenges_of: &'a [String],
    created_at: Timestamp,
    ends_at: Option<Timestamp>,
    key_service: &'a str,
    key: &'a str,
    deliveries: u64,
    last_used_at: Option<Timestamp>,
}

impl<'a> From<&'a VersionStatus> for VersionView<'a> {
    fn from(status: &'a VersionStatus) -> Self {
        let (state, ends_at) = match status.state {
            VersionState::Current => ("current", None),
            VersionState::Previous(until) => ("previous", Some(until)),
            VersionState::Retired(at) => ("retired", Some(at)),
        };
        Self {
            version: status.version,
            state,
            kind: status.kind.map(KeyKind::word),
            signs_challenges_of: &status.challenges,
            created_at: status.created_at,
            ends_at,
            key_service: &status.service,
            key: &status.key_id,
            deliveries: status.deliveries,
            last_used_at: status.last_used_at,
        }
    }
}

pub(super) async fn show(
    session: &Session,
    secret: &SecretRef,
    json: bool,
) -> Result<String, Failure> {
    let versions = session.control.secret_status(secret).await?;
    let view = SecretView {
        secret: secret.to_string(),
        versions: versions.iter().map(VersionView::from).collect(),
    };
    if json {
        return output::json(&view);
    }
    let rows: Vec<[String; 7]> = view
        .versions
        .iter()
        .map(|version| {
            [
                version.version.to_string(),
                version.state.to_owned(),
                output::time(Some(version.created_at)),
                output::time(version.ends_at),
                version.deliveries.to_string(),
                output::time(version.last_used_at),
                format!("{} {}", version.key_service, version.key),
            ]
        })
        .collect();
    let table = output::table(
        [
            "version",
            "state",
            "created",
            "ends",
            "deliveries",
            "last used",
            "encrypted by",
        ],
        &rows,
        |_, _| None,
    );
    let next = advice(&view.versions, session.backends.clock.now());
    Ok(format!("{secret}\n{table}\n{next}"))
}

/// The next step of a rotation.
fn advice(versions: &[VersionView<'_>], now: Timestamp) -> String {
    let state = |state: &str| versions.iter().find(|version| version.state == state);
    let Some(current) = state("current") else {
        return "no version is valid: every delivery is refused until `secret set` or `secret rotate`"
            .to_owned();
    };
    let age = now.duration_since(current.created_at).as_hours() / 24;
    let age = match age {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    match state("previous") {
        None => format!("the current version is {age} old; no other version is valid"),
        Some(previous) => match previous.last_used_at {
            None => {
                "no use of the previous version is recorded; end it with `secret retire`".to_owned()
            }
            Some(at) => format!("the previous version was last used at {at:.0}"),
        },
    }
}

pub(super) async fn retire(
    session: &Session,
    secret: &SecretRef,
    everything: bool,
    json: bool,
) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct RetiredSecret {
        secret: String,
        ended: u64,
    }
    let ending = if everything {
        Retirement::Everything
    } else {
        Retirement::Previous
    };
    let control = &session.control;
    let ended = control.retire_secret(&session.actor, secret, ending);
    let ended = ended.await?;
    if json {
        let secret = secret.to_string();
        return output::json(&RetiredSecret { secret, ended });
    }
    Ok(if everything {
        format!(
            "{secret}: every version ended; every delivery is refused until `secret set` or `secret rotate`"
        )
    } else {
        format!("{secret}: the previous version ended")
    })
}
