//! A curl command, as people paste it: from a provider's page, from a browser, from `portcullis sign`.
//!
//! Only what decides about the request is read. What cannot be repeated from the command alone, such as
//! the boundary of `--form`, is an error that says so and not a guess.

use super::curl_options::{LONG, SHORT};
use super::curl_request::{Curl, Load, error, text};
use super::delivery::{CaptureError, Delivery};
use super::{BYTE_ORDER_MARK, shell};

/// Reads a curl command. `load` gives the bytes of a file that it names.
pub fn parse(
    command: &[u8],
    load: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<Delivery, CaptureError> {
    if command.len() > MAX_COMMAND_BYTES {
        let text = format!("it is longer than {MAX_COMMAND_BYTES} bytes");
        return Err(CaptureError::Curl(text));
    }
    let command = command.strip_prefix(BYTE_ORDER_MARK).unwrap_or(command);
    let words = shell::words(command.trim_ascii()).ok_or_else(|| error("a quote is not closed"))?;
    let mut words = words.into_iter().skip_while(|word| word == b"$");
    let mut curl = Curl::default();
    let is_curl = |word: &[u8]| matches!(word, b"curl" | b"curl.exe");
    match words.next() {
        Some(word) if is_curl(&word) => {}
        Some(word) if word.is_empty() => return Err(CaptureError::Empty),
        None => return Err(CaptureError::Empty),
        // Something may be piped into it.
        Some(first) => {
            let piped: Vec<Vec<u8>> = words.by_ref().take_while(|word| word != b"|").collect();
            if !words.next().is_some_and(|word| is_curl(&word)) {
                return Err(error("it does not begin with `curl`"));
            }
            curl.input = printed(&first, &piped);
            if curl.input.is_none() {
                let text = "what is piped into the curl command is left out";
                curl.remarks.push(text.to_owned());
            }
        }
    }
    while let Some(word) = words.next() {
        if ENDS.contains(&word.as_slice()) {
            let text = "what follows the curl command in the shell is left out";
            curl.remarks.push(text.to_owned());
            break;
        }
        curl.take(&word, &mut words, load)?;
    }
    curl.finish()
}

impl Curl {
    fn take(
        &mut self,
        word: &[u8],
        words: &mut dyn Iterator<Item = Vec<u8>>,
        load: Load<'_>,
    ) -> Result<(), CaptureError> {
        if let Some(name) = word.strip_prefix(b"--").filter(|name| !name.is_empty()) {
            let name = text(name);
            let option = LONG.iter().find(|(long, ..)| *long == name);
            let (_, option) = option.ok_or_else(|| unknown(&format!("--{name}")))?;
            let value = if option.takes_value() {
                words.next().ok_or_else(|| valueless(&name))?
            } else {
                Vec::new()
            };
            return self.apply(*option, value, load);
        }
        let Some(letters) = word.strip_prefix(b"-").filter(|it| !it.is_empty()) else {
            return self.take_url(word);
        };
        let mut rest = letters;
        while let Some((&letter, after)) = rest.split_first() {
            let shown = format!("-{}", char::from(letter));
            let option = SHORT.iter().find(|(short, _)| *short == letter);
            let (_, option) = option.ok_or_else(|| unknown(&shown))?;
            if option.takes_value() {
                let value = if after.is_empty() {
                    words.next().ok_or_else(|| valueless(&shown))?
                } else {
                    after.to_vec()
                };
                return self.apply(*option, value, load);
            }
            self.apply(*option, Vec::new(), load)?;
            rest = after;
        }
        Ok(())
    }
}

/// The lines that `printf` prints, as `portcullis sign` uses it; `None` if a shell would have to be asked.
fn printed(first: &[u8], words: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    match words {
        [format, lines @ ..] if first == b"printf" && format == br"%s\n" => {
            let known = lines.iter().all(|line| !contains_variable(line));
            known.then(|| lines.to_vec())
        }
        _ => None,
    }
}

/// Whether a shell may have put something else in its place: which quotes there were is not known any more.
fn contains_variable(word: &[u8]) -> bool {
    let variable = b"$PORTCULLIS_TOKEN";
    word.windows(variable.len()).any(|part| part == variable)
}

fn unknown(option: &str) -> CaptureError {
    let option: String = option.chars().take(40).collect();
    CaptureError::Curl(format!(
        "the option `{option}` is not known here; leave it out if it does not change the request"
    ))
}

fn valueless(option: &str) -> CaptureError {
    CaptureError::Curl(format!("the option `{option}` needs a value"))
}

/// Where the shell goes on with something else.
const ENDS: &[&[u8]] = &[b"|", b"||", b"&&", b"&", b";", b">", b">>", b"<", b"2>&1"];

/// A pasted command with its body in it. Larger bodies come from a file.
const MAX_COMMAND_BYTES: usize = 8 << 20;
