//! Values of secrets, and how long old ones stay: as they are typed.

use std::io::Read;

use jiff::SignedDuration;
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::secrets::Secret;

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
const LINE_END_LEN: usize = "\r\n".len();
