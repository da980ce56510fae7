//! The run-time that an endpoint belongs to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::EndpointId;

/// The run-time that an endpoint belongs to. The word is sent to the backend.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(
    clippy::exhaustive_enums,
    reason = "the public interface names these three"
)]
pub enum Target {
    /// The version that its author works on.
    Draft,
    /// A copy that somebody has installed.
    Installation,
    /// The released version.
    Live,
}

impl Target {
    /// The target that an id implies, by the patterns of the default routes.
    ///
    /// `flows/F/draft/I` is a draft and `installations/N/F/I` an installation. Every other id is live.
    pub fn of(id: &EndpointId) -> Self {
        let mut parts = id.as_str().split('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("flows"), Some(_), Some("draft")) => Self::Draft,
            (Some("installations"), Some(_), _) => Self::Installation,
            _ => Self::Live,
        }
    }

    /// The live endpoint of the same interface of the same flow; `None` if `draft` is not a draft.
    pub fn live_of(draft: &EndpointId) -> Option<EndpointId> {
        let rest = draft.as_str().strip_prefix("flows/")?;
        let (flow, rest) = rest.split_once('/')?;
        let interface = rest.strip_prefix("draft/")?;
        format!("flows/{flow}/live/{interface}").parse().ok()
    }

    /// The word in headers, metrics and output.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Installation => "installation",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Target {
    type Err = ParseTargetError;

    fn from_str(text: &str) -> Result<Self, ParseTargetError> {
        [Self::Draft, Self::Installation, Self::Live]
            .into_iter()
            .find(|target| target.word() == text)
            .ok_or(ParseTargetError)
    }
}

/// A word that is not a [`Target`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected `draft`, `live` or `installation`")]
pub struct ParseTargetError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_implies_its_target_and_a_draft_its_live_endpoint() {
        use Target::{Draft, Installation, Live};
        for (id, target, live) in [
            ("flows/f/draft/i", Draft, Some("flows/f/live/i")),
            ("flows/f/draft/i/j", Draft, Some("flows/f/live/i/j")),
            ("flows/f/draft", Draft, None),
            ("flows/f/live/i", Live, None),
            ("flows/f/drafts/i", Live, None),
            ("flows/f/i/draft", Live, None),
            ("flows/draft/f/i", Live, None),
            ("flow/f/draft/i", Live, None),
            ("installations/n/f/i", Installation, None),
            ("installations/n", Installation, None),
            ("installations", Live, None),
            ("workflows/f/draft/i", Live, None),
        ] {
            let parsed: EndpointId = id.parse().unwrap();
            assert_eq!(Target::of(&parsed), target, "{id}");
            let found = Target::live_of(&parsed);
            assert_eq!(found.as_ref().map(EndpointId::as_str), live, "{id}");
        }
    }
}
