//! What tests must not do with the clock of the machine: their outcome does not depend on how fast it is.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The helpers that wait, and the only place that sleeps.
const HELPERS: &str = "tests/integration/support/waiting.rs";

/// Where the rules do not hold, and why.
pub(crate) const EXCEPTIONS: [(&str, Rule, &str); 21] = [
    (
        "tests/integration/captures.rs",
        Rule::Deadline,
        "a capture is looked for while it lives, and its life is doubled if the machine is too slow",
    ),
    (
        "tests/integration/contracts/memory.rs",
        Rule::Pause,
        "the cache tidies up by its own clock; more time changes nothing",
    ),
    (
        "tests/integration/deadlines.rs",
        Rule::Pause,
        "the pace of a slow sender, whose deadline has to end first however slow it is",
    ),
    (
        "tests/integration/fleet/nodes.rs",
        Rule::Pause,
        "the pace of senders that go on until the test ends them",
    ),
    (
        "tests/integration/fleet/together.rs",
        Rule::Bound,
        "what was seen counts only if the claim had not ended; no outcome depends on it",
    ),
    (
        "tests/integration/challenges/asana.rs",
        Rule::Pause,
        "a window of one second ends; more time changes nothing",
    ),
    (
        "tests/integration/http2_frames.rs",
        Rule::Pause,
        "the pace of a slow sender, whose deadline has to end first however slow it is",
    ),
    (
        "tests/integration/kms/custody.rs",
        Rule::Pause,
        "a lifetime of one second ends; more time changes nothing",
    ),
    (
        "tests/integration/kms/faults.rs",
        Rule::Bound,
        "what was seen counts only if the secret's time was not over; otherwise the test begins again",
    ),
    (
        "tests/integration/kms/faults.rs",
        Rule::Deadline,
        "how long the key service is well or ill in a round; whatever comes meanwhile is admitted",
    ),
    (
        "tests/integration/kms/faults.rs",
        Rule::Pause,
        "a lifetime of one second ends; more time changes nothing",
    ),
    (
        "tests/integration/postgres/outages.rs",
        Rule::Pause,
        "the gate has time for a line that it must not write; no outcome waits for it",
    ),
    (
        "tests/integration/rotation/gate_in_time.rs",
        Rule::Sleep,
        "the time is virtual: it stands still as long as there is work to do",
    ),
    (
        "tests/integration/rotation/in_time.rs",
        Rule::Sleep,
        "the time is virtual: it stands still as long as there is work to do",
    ),
    (
        "tests/integration/sns/mod.rs",
        Rule::Bound,
        "what a failure that is kept for five seconds does is looked at only if they are not over",
    ),
    (
        "tests/integration/support/gate.rs",
        Rule::Pause,
        "the pace at which a file of lines is followed, and that of a reader that rests",
    ),
    (
        "tests/integration/support/fault_proxy.rs",
        Rule::Pause,
        "a key service that takes its time; more time changes nothing",
    ),
    (
        "tests/integration/upstreams/connections.rs",
        Rule::Pause,
        "an idle time of 200 ms ends; more time changes nothing",
    ),
    (
        "tests/ledger/away.rs",
        Rule::Sleep,
        "the poll of a helper that waits for minutes, without blocking a thread",
    ),
    (
        "tests/integration/rotation/under_way.rs",
        Rule::Pause,
        "a stopped process falls behind; more time changes nothing",
    ),
    (
        "tests/integration/shutdown.rs",
        Rule::Pause,
        "the pace of slow bodies, and a drain that outlasts its grace; more time changes nothing",
    ),
];

/// What is forbidden.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Rule {
    /// An upper bound of a time that was measured.
    Bound,
    /// A deadline of its own.
    Deadline,
    /// A pause of a fixed length, by the helper.
    Pause,
    /// A sleep.
    Sleep,
}

impl Rule {
    const fn why(self) -> &'static str {
        match self {
            Self::Bound => {
                "a busy machine breaks an upper bound of time: show the order or the cause, or make it a benchmark"
            }
            Self::Deadline => "wait with `eventually` or `found`, which give up after minutes",
            Self::Pause => {
                "poll with `eventually`; if time alone has to pass, say why in tests/layers/waits.rs"
            }
            Self::Sleep => "poll with `eventually`, or let the test hold what it waits for",
        }
    }
}

/// Everything in a test that a rule forbids.
pub(crate) fn violations(path: &str, text: &str) -> Vec<(Rule, String)> {
    if path == HELPERS {
        return Vec::new();
    }
    let tokens: TokenStream = text
        .parse()
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut words = Vec::new();
    flatten(tokens, &mut words);
    let mut found: Vec<(usize, Rule)> = (0..words.len())
        .filter_map(|at| Some((words[at].1, rule_at(&words[at..])?)))
        .collect();
    found.dedup();
    found
        .into_iter()
        .map(|(line, rule)| (rule, format!("{path}:{line}: {}", rule.why())))
        .collect()
}

fn rule_at(words: &[(String, usize)]) -> Option<Rule> {
    let word = |at: usize| words.get(at).map_or("", |(word, _)| word.as_str());
    match word(0) {
        "sleep" if word(1) == "(" => Some(Rule::Sleep),
        "let_pass" if word(1) == "(" => Some(Rule::Pause),
        "Instant" if word(3) == "now" && word(4) == "(" && word(5) == ")" && word(6) == "+" => {
            Some(Rule::Deadline)
        }
        "elapsed" if word(1) == "(" && word(2) == ")" => {
            // `elapsed() <`, and `elapsed().as_secs() <`.
            let after = if word(3) == "." { 7 } else { 3 };
            (word(after) == "<" && word(after + 1) != "<").then_some(Rule::Bound)
        }
        "<" => {
            let at = if word(1) == "=" { 2 } else { 1 };
            // `std::time::`
            let at = if word(at) == "std" { at + 6 } else { at };
            let is_time = word(at) == "Duration" && word(at + 1) == ":" && word(at + 2) == ":";
            is_time.then_some(Rule::Bound)
        }
        _ => None,
    }
}

/// The tokens one after the other, with the line of each.
fn flatten(tokens: TokenStream, words: &mut Vec<(String, usize)>) {
    for token in tokens {
        let line = token.span().start().line;
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                words.push((open.to_owned(), line));
                flatten(group.stream(), words);
                words.push((close.to_owned(), line));
            }
            TokenTree::Literal(_) => words.push((String::new(), line)),
            other => words.push((other.to_string(), line)),
        }
    }
}
