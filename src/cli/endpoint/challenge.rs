//! The challenges of an endpoint, as lines.

use crate::cli::output;
use crate::control::ChallengeStatus;
use crate::directory::Definition;

pub(super) fn lines(status: &ChallengeStatus, definition: &Definition) -> Vec<String> {
    let alarm = output::ALARM;
    let Some(name) = &definition.handshake else {
        return Vec::new();
    };
    let mut line = format!("handshake     {name}");
    match (status.secret_from_handshake_at, status.expected_until) {
        (Some(at), _) => line.push_str(&format!(" (brought a secret at {at})")),
        (None, Some(until)) => line.push_str(&format!(
            " {alarm}(may bring the secret until {until}){alarm:#}"
        )),
        (None, None) => {}
    }
    let mut lines = vec![line];
    lines.extend(status.verify_token.as_ref().map(|token| {
        let bound = match status.verify_token_bound {
            Some(true) => "(bound)".to_owned(),
            _ => format!("{alarm}(not bound: no handshake is answered){alarm:#}"),
        };
        format!("verify token  {token} {bound}")
    }));
    lines
}
