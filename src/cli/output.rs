//! Output: standard streams, tables, colours and JSON.
//!
//! Text from outside, such as a body or a label, must not control the terminal. So control characters and
//! bidirectional marks are replaced before anything is written. The styles of this file pass.

use std::borrow::Cow;
use std::io::{ErrorKind, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};
use clap::builder::Styles;
use jiff::Timestamp;
use serde::Serialize;

use super::failure::Failure;
use crate::telemetry::{escape_bidi, is_bidi_control};

/// Marks a problem.
pub(super) const ALARM: Style = AnsiColor::Red.on_default().bold();
/// Marks success.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();

/// Writes `text` and a line end to standard output, without control characters.
pub(super) fn print(text: &str) {
    if !text.is_empty() {
        let text = sanitized(text.trim_end());
        note_result(writeln!(anstream::stdout(), "{text}"));
    }
}

/// Writes `text` unchanged with a line end, as for a secret. A terminal gets it without control characters.
pub(super) fn print_exact(text: &str) {
    if stdout_is_terminal() {
        return print(text);
    }
    let line = format!("{}\n", text.trim_end());
    print_bytes(line.as_bytes());
}

/// Writes bytes to standard output unchanged.
pub(super) fn print_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    note_result(out.write_all(bytes).and_then(|()| out.flush()));
}

/// Whether standard output is a terminal.
pub(super) fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether standard error is a terminal.
pub(super) fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Writes a note to standard error. Failures to write it are ignored.
pub(super) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", sanitized(text));
}

/// Writes a prompt to standard error, without a line end.
pub(super) fn ask(text: &str) {
    let mut terminal = anstream::stderr();
    let _ = write!(terminal, "{}", sanitized(text)).and_then(|()| terminal.flush());
}

/// Writes a failure to standard error.
pub(super) fn print_error(failure: &Failure) {
    let (style, reset) = (ALARM.render(), ALARM.render_reset());
    let text = sanitized(&failure.to_string()).into_owned();
    let _ = writeln!(anstream::stderr(), "{style}error:{reset} {text}");
}

/// Writes the help, the version or the mistake that clap found in the arguments, and returns the exit code.
pub(super) fn print_usage(answer: &clap::Error) -> ExitCode {
    let clap = Styles::styled();
    let styles = [
        clap.get_header(),
        clap.get_error(),
        clap.get_usage(),
        clap.get_literal(),
        clap.get_placeholder(),
        clap.get_valid(),
        clap.get_invalid(),
        clap.get_context(),
        clap.get_context_value(),
    ];
    let text = answer.render().ansi().to_string();
    let text = sanitized_except(&text, &styles.map(|style| *style));
    if answer.use_stderr() {
        let _ = write!(anstream::stderr(), "{text}");
    } else {
        note_result(write!(anstream::stdout(), "{text}"));
    }
    ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(1))
}

/// The failure to write a result, if there was one. A closed pipe is not a failure: its reader has enough.
pub(super) fn write_failure() -> Option<Failure> {
    let error = FAILED.get()?;
    Some(Failure::Other(format!(
        "standard output: cannot be written: {error}. The command took effect, but its result is incomplete"
    )))
}

fn note_result(written: std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = FAILED.set(error.to_string());
    }
}

static FAILED: OnceLock<String> = OnceLock::new();

/// Formats a value as indented JSON.
pub(super) fn json(value: &impl Serialize) -> Result<String, Failure> {
    let json = serde_json::to_string_pretty(value);
    let json = json.map_err(|error| Failure::Other(error.to_string()))?;
    Ok(escape_bidi(&json).into_owned())
}

/// A time in a table.
pub(super) fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"))
}

/// Aligns `rows` under `titles`. `paint` chooses the style of a cell by its column and text.
pub(super) fn table<const N: usize>(
    titles: [&str; N],
    rows: &[[String; N]],
    paint: impl Fn(usize, &str) -> Option<Style>,
) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        let title = titles.get(column).map_or(0, |title| title.chars().count());
        widest.max(title)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: &[String; N], painted: bool| {
        let mut line = String::new();
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let padding = width.saturating_sub(cell.chars().count()) + 2;
            match paint(column, cell).filter(|_| painted) {
                Some(style) => line.push_str(&format!("{style}{cell}{style:#}")),
                None => line.push_str(cell),
            }
            line.extend(std::iter::repeat_n(' ', padding));
        }
        line.trim_end().to_owned()
    };
    let mut lines = vec![line(&titles.map(str::to_uppercase), false)];
    lines.extend(rows.iter().map(|row| line(row, true)));
    lines.join("\n")
}

/// Quotes `text` as one word of a POSIX shell.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:=@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Replaces control characters, except line ends and tabs, and bidirectional marks.
pub(super) fn plain(text: &str) -> String {
    let is_unsafe = |c: char| is_bidi_control(c) || c.is_control() && !matches!(c, '\n' | '\t');
    text.replace("\r\n", "\n").replace(is_unsafe, "\u{fffd}")
}

/// Does the same, but keeps the styles of this file.
fn sanitized(text: &str) -> Cow<'_, str> {
    sanitized_except(text, &[ALARM, GOOD])
}

/// Does the same, but keeps `styles`.
fn sanitized_except<'t>(text: &'t str, styles: &[Style]) -> Cow<'t, str> {
    let is_plain = |c: char| !is_bidi_control(c) && (!c.is_control() || matches!(c, '\n' | '\t'));
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let styles = styles.iter();
    let styles: Vec<String> = styles
        .flat_map(|style| [style.render().to_string(), style.render_reset().to_string()])
        .filter(|sequence| !sequence.is_empty())
        .collect();
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, after) = rest.split_at(at);
        shown.push_str(&plain(before));
        let style = styles
            .iter()
            .find(|style| after.starts_with(style.as_str()));
        let len = if let Some(style) = style {
            shown.push_str(style);
            style.len()
        } else {
            shown.push('\u{fffd}');
            1
        };
        rest = after.get(len..).unwrap_or_default();
    }
    shown.push_str(&plain(rest));
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn our_own_styles_stay_and_nothing_else_that_steers_a_terminal_does() {
        let ours = format!("{ALARM}DISABLED{ALARM:#} {GOOD}ok{GOOD:#}");
        assert_eq!(sanitized(&ours), ours);
        for steering in [
            "\u{1b}[2J",
            "\u{1b}]0;title\u{7}",
            "\u{9b}2J",
            "\u{202e}txt.exe",
            "\u{2066}",
            "\u{61c}",
            "\r",
            "\u{1b}[8m",
        ] {
            let shown = sanitized(steering);
            assert!(shown.contains('\u{fffd}'), "{steering:?}");
            assert!(
                !shown.contains(['\u{1b}', '\u{9b}', '\r', '\u{202e}']),
                "{shown:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_keeps_a_control_character_or_changes_what_is_harmless(text in "\\PC*|.*|[\\x00-\\x9f\u{200e}-\u{2069}]*") {
            let shown = sanitized(&text).into_owned();
            prop_assert!(!shown.contains(is_bidi_control));
            let ours = ["\u{1b}[1m\u{1b}[31m", "\u{1b}[32m", "\u{1b}[0m"];
            let without = ours.iter().fold(shown, |text, style| text.replace(style, ""));
            prop_assert!(!without.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')));
        }
    }
}
