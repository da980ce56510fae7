//! What became of a test, for people and for scripts.

use std::time::Duration;

use serde::Serialize;

use crate::cli::client::{Answer, Times};
use crate::cli::failure::Failure;
use crate::cli::output::{self, ALARM, GOOD};
use crate::explain::Advice;

/// A test that was made.
pub(super) struct Trial {
    pub(super) endpoint: String,
    pub(super) url: String,
    pub(super) body_bytes: usize,
    pub(super) proof: String,
    pub(super) event: Option<String>,
    pub(super) parts: Parts,
    /// Or why there is none.
    pub(super) answer: Result<Answer, String>,
    /// What came of connecting to the backend, if the gate could not reach it.
    pub(super) backends: Vec<String>,
}

/// How long the parts took.
pub(super) struct Parts {
    /// Looking up and signing.
    pub(super) prepare: Duration,
    /// What came after it, if there was an answer.
    pub(super) times: Option<Times>,
    pub(super) total: Duration,
}

/// The verdict: a word, what it means, and what to do.
struct Said {
    word: &'static str,
    says: String,
    next: String,
}

impl Trial {
    /// Why it is no success, if it is none.
    pub(super) fn failure(&self) -> Option<String> {
        let said = self.said();
        (said.word != ACCEPTED).then(|| format!("{}: {}", said.word, said.says))
    }

    /// Whether the gate has let it in and could not reach the backend.
    pub(super) fn is_out_of_reach(&self) -> bool {
        let answer = self.answer.as_ref().ok();
        let reason = answer.and_then(|answer| answer.reason.as_deref());
        matches!(reason, Some("upstream_unreachable" | "upstream_timeout"))
    }

    fn said(&self) -> Said {
        let answer = match &self.answer {
            Ok(answer) => answer,
            Err(error) => {
                return Said {
                    word: "unanswered",
                    says: output::plain(error),
                    next: "is the gate running there, and is the URL right? `portcullis serve`, `public.url`, \
                           or --url and --ca"
                        .to_owned(),
                };
            }
        };
        let status = answer.status;
        let reason = answer.reason.as_deref();
        // Without the header it is the status that tells, as far as it does.
        if matches!(reason, None | Some("admitted")) {
            return if status.is_success() {
                Said {
                    word: ACCEPTED,
                    says: "the backend has taken it".to_owned(),
                    next: String::new(),
                }
            } else {
                let (word, who) = match reason {
                    Some(_) => (
                        "not accepted",
                        "the gate let it in, and the backend answered",
                    ),
                    None => ("not accepted", "the answer was"),
                };
                Said {
                    word,
                    says: format!("{who} {}", status.as_u16()),
                    next: "look at the backend's log, by the id of the request".to_owned(),
                }
            };
        }
        let known = reason.and_then(Advice::about);
        Said {
            word: "refused",
            says: known
                .map_or(
                    "the gate gives a reason that this version does not know",
                    |it| it.says,
                )
                .to_owned(),
            next: known.map_or_else(String::new, |it| it.next_at(&self.endpoint)),
        }
    }

    pub(super) fn text(&self) -> String {
        let said = self.said();
        let style = if said.word == ACCEPTED { GOOD } else { ALARM };
        let event = self
            .event
            .as_deref()
            .map(|event| format!(", event {event}"));
        let mut lines = vec![
            line("endpoint", &self.endpoint),
            line("url", &self.url),
            line(
                "sent",
                &format!(
                    "{} bytes{}, proven by {}",
                    self.body_bytes,
                    event.unwrap_or_default(),
                    self.proof
                ),
            ),
            line(
                "verdict",
                &format!("{style}{}{style:#}: {}", said.word, said.says),
            ),
        ];
        if !said.next.is_empty() {
            lines.push(line("next", &said.next));
        }
        if let Ok(answer) = &self.answer {
            let reason = answer.reason.as_deref().unwrap_or("-");
            let status = format!("{} ({})", answer.status.as_u16(), shown(reason));
            lines.push(line("status", &status));
            lines.push(line("answer", &shown(&answer.body)));
            lines.extend(
                self.backends
                    .iter()
                    .map(|told| line("backend", &shown(told))),
            );
            if let Some(id) = &answer.request_id {
                lines.push(line("request id", &shown(id)));
            }
        }
        lines.push(String::new());
        lines.extend(self.parts.named().into_iter().map(|(name, time)| {
            let time = time.map_or_else(|| "-".to_owned(), milliseconds);
            format!("{name:<26}{time:>12}")
        }));
        lines.join("\n")
    }

    pub(super) fn json(&self) -> Result<String, Failure> {
        #[derive(Serialize)]
        struct Shown<'t> {
            endpoint: &'t str,
            url: &'t str,
            verdict: &'static str,
            says: &'t str,
            next: &'t str,
            proof: &'t str,
            event: Option<&'t str>,
            body_bytes: usize,
            status: Option<u16>,
            reason: Option<&'t str>,
            request_id: Option<&'t str>,
            answer: Option<&'t str>,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            backends: &'t [String],
            times_us: serde_json::Map<String, serde_json::Value>,
        }
        let said = self.said();
        let answer = self.answer.as_ref().ok();
        let times = self.parts.named().into_iter().map(|(name, time)| {
            let time = time.and_then(|time| u64::try_from(time.as_micros()).ok());
            (name.replace([' ', '\''], "_").to_lowercase(), time.into())
        });
        output::json(&Shown {
            endpoint: &self.endpoint,
            url: &self.url,
            verdict: said.word,
            says: &said.says,
            next: &said.next,
            proof: &self.proof,
            event: self.event.as_deref(),
            body_bytes: self.body_bytes,
            status: answer.map(|answer| answer.status.as_u16()),
            reason: answer.and_then(|answer| answer.reason.as_deref()),
            request_id: answer.and_then(|answer| answer.request_id.as_deref()),
            answer: answer.map(|answer| answer.body.as_str()),
            backends: &self.backends,
            times_us: times.collect(),
        })
    }
}

impl Parts {
    fn named(&self) -> [(&'static str, Option<Duration>); 7] {
        let times = self.times.as_ref();
        [
            ("look-up and signing", Some(self.prepare)),
            ("connect", times.map(|it| it.connect)),
            ("TLS handshake", times.and_then(|it| it.tls)),
            ("sending", times.map(|it| it.send)),
            ("waiting for the answer", times.map(|it| it.wait)),
            ("body of the answer", times.map(|it| it.body)),
            ("total", Some(self.total)),
        ]
    }
}

fn line(title: &str, says: &str) -> String {
    format!("{title:<14}{says}")
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// What a stranger answers, on one line and within bounds: it must not reach the terminal as commands.
fn shown(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut shown: String = text.trim_end().chars().take(MAX_SHOWN).map(plain).collect();
    if text.trim_end().chars().count() > MAX_SHOWN {
        shown.push('…');
    }
    shown
}

const ACCEPTED: &str = "accepted";
const MAX_SHOWN: usize = 2000;
