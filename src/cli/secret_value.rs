//! Values of secrets, and how long old ones stay: as they are typed.

use std::io::{IsTerminal, Read};

use jiff::SignedDuration;
use zeroize::Zeroizing;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::failure::Failure;
use super::output;
use crate::auth::{Algorithm, Doubt, proves_nothing};
use crate::directory::{AuthDefinition, Definition};
use crate::secrets::{Secret, SecretRef};

/// Reads standard input. A line end that a shell or an editor has put there is not the secret's.
pub(super) fn read_value() -> Result<Secret, Failure> {
    let longest = MAX_VALUE_LEN + LINE_END_LEN;
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
    accepted(bytes)
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
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_VALUE_LEN + 1));
    let mut byte = [0];
    let mut input = std::io::stdin().lock();
    while bytes.len() <= MAX_VALUE_LEN {
        let read = input.read(&mut byte);
        let read = read.map_err(|error| Failure::Other(format!("standard input: {error}")))?;
        if read == 0 || byte == *b"\n" {
            break;
        }
        bytes.extend(byte);
    }
    accepted(bytes)
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

/// Refuses a value that cannot be right for the endpoints that use it. What only looks wrong is taken with `force`.
pub(super) fn check_value(
    value: &Secret,
    users: &[Definition],
    force: bool,
) -> Result<(), Failure> {
    let value = value.expose();
    // Whoever stores it says so.
    if proves_nothing(value) {
        return Ok(());
    }
    let insist = "if it is right all the same, say `--force`";
    if let Some(doubt) = Doubt::about(value).filter(|_| !force) {
        return Err(Failure::Other(format!("the secret: {doubt}; {insist}")));
    }
    let mut is_password = false;
    for user in users {
        let auth = user.auth.as_ref();
        let Some(scheme) = auth.and_then(|auth| auth.compiled().ok().flatten()) else {
            continue;
        };
        let form = scheme.key();
        is_password |= form.algorithm == Algorithm::Basic;
        form.prepare(value).map_err(|error| {
            Failure::Other(format!(
                "`{}` cannot use it: {error}; copy it again as the provider shows it",
                user.id
            ))
        })?;
        let preset = auth.and_then(AuthDefinition::named_preset);
        let lengths = preset.and_then(|preset| preset.secret_bytes.as_ref());
        if let Some(doubt) = Doubt::about_length(value, form, lengths).filter(|_| !force) {
            return Err(Failure::Other(format!("`{}`: {doubt}; {insist}", user.id)));
        }
    }
    if value.len() < SHORT && !is_password {
        output::print_notice(&format!(
            "note: the value has {} bytes, which is short for a secret: was it cut off?",
            value.len()
        ));
    }
    Ok(())
}

fn accepted(mut bytes: Zeroizing<Vec<u8>>) -> Result<Secret, Failure> {
    if bytes.len() > MAX_VALUE_LEN {
        return Err(Failure::Other(format!(
            "a secret has at most {MAX_VALUE_LEN} bytes"
        )));
    }
    if std::str::from_utf8(&bytes).is_err() {
        return Err(Failure::Other(
            "a secret is text in UTF-8; encode other bytes as hex or base64".to_owned(),
        ));
    }
    Ok(Secret::new(std::mem::take(&mut *bytes)))
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

const MAX_VALUE_LEN: usize = 4096;
/// In bytes: 128 bits are written with 22 signs at least.
const SHORT: usize = 16;
const LINE_END_LEN: usize = "\r\n".len();
