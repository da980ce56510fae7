//! Text for people: tables, colours, JSON.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::failure::Failure;

/// What must not be overlooked.
pub(super) const ALARM: Style = AnsiColor::Red.on_default().bold();
/// What is as it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();

/// Writes `text` and a line end to standard output. A reader that has gone is no failure.
pub(super) fn print(text: &str) {
    if !text.is_empty() {
        let _ = writeln!(anstream::stdout(), "{}", text.trim_end());
    }
}

/// Writes bytes to standard output, exactly.
pub(super) fn print_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}

/// Writes to standard error what is no result.
pub(super) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Writes a failure to standard error.
pub(super) fn print_error(failure: &Failure) {
    let (style, reset) = (ALARM.render(), ALARM.render_reset());
    let _ = writeln!(anstream::stderr(), "{style}error:{reset} {failure}");
}

/// Writes what people should know beside the result to standard error.
pub(super) fn print_notice(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// A value as JSON that both scripts and people can read.
pub(super) fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::Other(error.to_string()))
}

/// Rows of plain cells, aligned under `titles`; `paint` colours a cell after it was measured.
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

/// `text` as one word of a POSIX shell.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:=@%+,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The text without what a terminal takes for commands.
pub(super) fn plain(text: &str) -> String {
    let is_command = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.replace("\r\n", "\n").replace(is_command, "\u{fffd}")
}
