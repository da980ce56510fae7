//! The report of `endpoint test`: the verdict, the response, and how long each phase took.

use std::time::Duration;

use serde::Serialize;

use crate::cli::client::{Answer, ResponseTimes};
use crate::cli::failure::Failure;
use crate::cli::output::{self, ALARM, GOOD};
use crate::explain::Advice;

/// The result of one test delivery.
pub(super) struct TestReport {
    pub(super) endpoint: String,
    pub(super) url: String,
    pub(super) body_bytes: usize,
    pub(super) proof: String,
    pub(super) event: Option<String>,
    pub(super) parts: PhaseTimes,
    /// The response, or the reason for none.
    pub(super) answer: Result<Answer, String>,
    /// The results of connecting to the backend from here, if the gate could not reach it.
    pub(super) backends: Vec<String>,
}

/// How long each phase took.
pub(super) struct PhaseTimes {
    /// The look-up of the endpoint and the signing.
    pub(super) prepare: Duration,
    /// The phases of the request, if there was a response.
    pub(super) times: Option<ResponseTimes>,
    pub(super) total: Duration,
}

/// The verdict: a word, its meaning and the next step.
struct Verdict {
    word: &'static str,
    meaning: String,
    next: String,
}

impl TestReport {
    /// The error of the command; `None` if the backend accepted the delivery.
    pub(super) fn failure(&self) -> Option<String> {
        let verdict = self.verdict();
        (verdict.word != ACCEPTED).then(|| format!("{}: {}", verdict.word, verdict.meaning))
    }

    /// Whether the gate admitted the delivery and could not reach the backend.
    pub(super) fn is_unreachable(&self) -> bool {
        let answer = self.answer.as_ref().ok();
        let reason = answer.and_then(|answer| answer.reason.as_deref());
        matches!(reason, Some("upstream_unreachable" | "upstream_timeout"))
    }

    fn verdict(&self) -> Verdict {
        let answer = match &self.answer {
            Ok(answer) => answer,
            Err(error) => {
                return Verdict {
                    word: "unanswered",
                    meaning: output::plain(error),
                    next: "check that the gate runs there (`portcullis serve`) and that the URL is right: `public.url`, \
                           or --url and --ca"
                        .to_owned(),
                };
            }
        };
        let status = answer.status;
        let reason = answer.reason.as_deref();
        // Without the reason header, the status decides.
        if matches!(reason, None | Some("admitted")) {
            return if status.is_success() {
                Verdict {
                    word: ACCEPTED,
                    meaning: "the backend accepted it".to_owned(),
                    next: String::new(),
                }
            } else {
                let (word, who) = match reason {
                    Some(_) => (
                        "not accepted",
                        "the gate admitted it, and the backend responded with",
                    ),
                    None => ("not accepted", "the response was"),
                };
                Verdict {
                    word,
                    meaning: format!("{who} {}", status.as_u16()),
                    next: "find the request id in the log of the backend".to_owned(),
                }
            };
        }
        let known = reason.and_then(Advice::about);
        Verdict {
            word: "refused",
            meaning: known
                .map_or(
                    "this version does not know the reason that the gate gave",
                    |it| it.says,
                )
                .to_owned(),
            next: known.map_or_else(String::new, |it| it.next_at(&self.endpoint)),
        }
    }

    pub(super) fn text(&self) -> String {
        let verdict = self.verdict();
        let style = if verdict.word == ACCEPTED {
            GOOD
        } else {
            ALARM
        };
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
                    "{} bytes{}, authenticated by {}",
                    self.body_bytes,
                    event.unwrap_or_default(),
                    self.proof
                ),
            ),
            line(
                "verdict",
                &format!("{style}{}{style:#}: {}", verdict.word, verdict.meaning),
            ),
        ];
        if !verdict.next.is_empty() {
            lines.push(line("next", &verdict.next));
        }
        if let Ok(answer) = &self.answer {
            let reason = answer.reason.as_deref().unwrap_or("-");
            let status = format!("{} ({})", answer.status.as_u16(), one_line(reason));
            lines.push(line("status", &status));
            lines.push(line("answer", &one_line(&answer.body)));
            lines.extend(
                self.backends
                    .iter()
                    .map(|result| line("backend", &one_line(result))),
            );
            if let Some(id) = &answer.request_id {
                lines.push(line("request id", &one_line(id)));
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
        struct TestReportView<'t> {
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
        let verdict = self.verdict();
        let answer = self.answer.as_ref().ok();
        let times = self.parts.named().into_iter().map(|(name, time)| {
            let time = time.and_then(|time| u64::try_from(time.as_micros()).ok());
            (name.replace([' ', '\''], "_").to_lowercase(), time.into())
        });
        output::json(&TestReportView {
            endpoint: &self.endpoint,
            url: &self.url,
            verdict: verdict.word,
            says: &verdict.meaning,
            next: &verdict.next,
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

impl PhaseTimes {
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

/// Text from outside as one line of bounded length, without control characters.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut line: String = text.trim_end().chars().take(MAX_SHOWN).map(plain).collect();
    if text.trim_end().chars().count() > MAX_SHOWN {
        line.push('…');
    }
    line
}

const ACCEPTED: &str = "accepted";
const MAX_SHOWN: usize = 2000;
