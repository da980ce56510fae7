//! Values of secrets, and how long old ones stay: as they are typed.

use std::io::{IsTerminal, Read};

use jiff::SignedDuration;
use zeroize::Zeroizing;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::failure::Failure;
use super::output;
use crate::control::{Control, SecretChange};
use crate::secrets::{Secret, SecretRef};

/// Reads standard input. A line end that a shell or an editor has put there is not the secret's.
pub(super) fn read_value() -> Result<Secret, Failure> {
    let longest = Control::MAX_SECRET_BYTES + LINE_END_LEN;
    // As long as it can get, so that it never moves and leaves a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(longest + 1));
    std::io::stdin()
        .take(longest as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::Other(format!("standard input: {error}")))?;
    for end in [b'\n', b'\r'] {
        if bytes.last() == Some(&end) {
            bytes.pop();
        }
    }
    Ok(Control::secret_of(bytes)?)
}

/// Asks for the value of `secret`: a person at a terminal types a line that is not shown, a script pipes it.
pub(super) fn ask_value(secret: &SecretRef) -> Result<Secret, Failure> {
    if !std::io::stdin().is_terminal() {
        return read_value();
    }
    let unusable = |error: std::io::Error| Failure::Other(format!("the terminal: {error}"));
    let hidden = Hidden::begin().map_err(unusable)?;
    output::ask(&format!("value of {secret} (not shown): "));
    let value = read_line();
    drop(hidden);
    // The line end that was typed is not shown either.
    output::ask("\n");
    value
}

/// Reads standard input to the end of a line. Nothing is taken that belongs to the next.
fn read_line() -> Result<Secret, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(Control::MAX_SECRET_BYTES + 1));
    let mut byte = [0];
    let mut input = std::io::stdin().lock();
    while bytes.len() <= Control::MAX_SECRET_BYTES {
        let read = input.read(&mut byte);
        let read = read.map_err(|error| Failure::Other(format!("standard input: {error}")))?;
        if read == 0 || byte == *b"\n" {
            break;
        }
        bytes.extend(byte);
    }
    Ok(Control::secret_of(bytes)?)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> std::io::Result<Self> {
        let shown = tcgetattr(std::io::stdin())?;
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(shown))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// Prints what is unusual about a value that was accepted.
pub(super) fn note_value(change: &SecretChange) {
    for caution in &change.cautions {
        output::print_notice(&format!("note: {caution}"));
    }
}

pub(super) fn overlap(text: &str) -> Result<SignedDuration, String> {
    let overlap: SignedDuration = text
        .parse()
        .map_err(|_| "expected a time with its unit, such as 24h".to_owned())?;
    if overlap.is_negative() {
        return Err("an overlap lies in the future".to_owned());
    }
    Ok(overlap)
}

const LINE_END_LEN: usize = "\r\n".len();
