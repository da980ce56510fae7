//! What came of a delivery of the demonstration, beside what was promised.

use super::engine::Received;
use super::sender;

/// What came of a delivery.
pub(super) struct Told {
    pub(super) name: &'static str,
    pub(super) as_promised: bool,
    pub(super) answer: Result<sender::Answer, String>,
    pub(super) seen: Vec<Received>,
}

impl Told {
    pub(super) fn as_promised(&self) -> bool {
        self.as_promised
    }

    pub(super) fn row(&self) -> [String; 5] {
        let mark = if self.as_promised {
            "ok"
        } else {
            "NOT AS PROMISED"
        };
        let (answer, reason) = match &self.answer {
            Ok(answer) => (
                format!("{} {}", answer.status, answer.body),
                answer.reason.clone(),
            ),
            Err(error) => (error.clone(), "-".to_owned()),
        };
        let seen: Vec<String> = self
            .seen
            .iter()
            .map(|it| {
                format!(
                    "{} bytes at {} for {} ({})",
                    it.len, it.path, it.endpoint, it.organisation
                )
            })
            .collect();
        let seen = if seen.is_empty() {
            "nothing".to_owned()
        } else {
            seen.join("; ")
        };
        [mark.to_owned(), self.name.to_owned(), answer, reason, seen]
    }
}
