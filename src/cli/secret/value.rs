//! Reads secret values from standard input or a terminal, and parses overlaps.

use std::io::{IsTerminal, Read};

use jiff::SignedDuration;
use zeroize::Zeroizing;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::control::{Control, SecretChange};
use crate::secrets::{Secret, SecretRef};

/// Reads a secret from standard input. One line end at the end is dropped, because shells and editors add it.
pub(in crate::cli) fn read_value() -> Result<Secret, Failure> {
    let longest = Control::MAX_SECRET_BYTES + LINE_END_LEN;
    // The full capacity at once, so that the vector never reallocates and leaves a copy in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(longest + 1));
    std::io::stdin()
        .take(longest as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Other(format!("standard input: cannot be read: {error}")))?;
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    Ok(Control::secret_of(bytes)?)
}

/// Reads the value of `secret`: from a prompt without echo on a terminal, or else from standard input.
pub(super) fn ask_value(secret: &SecretRef) -> Result<Secret, Failure> {
    if !std::io::stdin().is_terminal() {
        return read_value();
    }
    let terminal_error =
        |error: std::io::Error| Failure::Other(format!("terminal: cannot hide the input: {error}"));
    let no_echo = NoEcho::begin().map_err(terminal_error)?;
    output::ask(&format!("value of {secret} (not shown): "));
    let value = read_line();
    drop(no_echo);
    // The terminal did not show the typed line end.
    output::ask("\n");
    value
}

/// Reads one line, byte by byte, so that nothing of the next line is consumed.
fn read_line() -> Result<Secret, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(Control::MAX_SECRET_BYTES + 1));
    let mut byte = [0];
    let mut input = std::io::stdin().lock();
    while bytes.len() <= Control::MAX_SECRET_BYTES {
        let read = input.read(&mut byte);
        let read = read
            .map_err(|error| Failure::Other(format!("standard input: cannot be read: {error}")))?;
        if read == 0 || byte == *b"\n" {
            break;
        }
        bytes.extend(byte);
    }
    Ok(Control::secret_of(bytes)?)
}

/// Turns off the echo of the terminal until it is dropped.
struct NoEcho(Termios);

impl NoEcho {
    fn begin() -> std::io::Result<Self> {
        let shown = tcgetattr(std::io::stdin())?;
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(shown))
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// Prints the warnings about an accepted value.
pub(super) fn note_value(change: &SecretChange) {
    for caution in &change.cautions {
        output::note(&format!("note: {caution}"));
    }
}

pub(super) fn overlap(text: &str) -> Result<SignedDuration, String> {
    let overlap: SignedDuration = text
        .parse()
        .map_err(|_| "expected a time with its unit, such as 24h".to_owned())?;
    if overlap.is_negative() {
        return Err("expected a time that is not negative, such as 24h".to_owned());
    }
    Ok(overlap)
}

const LINE_END_LEN: usize = "\r\n".len();
