//! Reads a curl command, as people paste it from a provider's page, from a browser or from `portcullis sign`.
//!
//! Only options that affect the request are read. What the command alone does not determine, such as the boundary of
//! `--form`, is an error, because a guess would mislead.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::curl_options::{LONG, OptionEffect, SHORT};
use super::delivery::{CaptureError, Delivery, MAX_CAPTURE_BYTES};
use super::{BYTE_ORDER_MARK, shell};

/// Reads a curl command. `load` returns the bytes of a file that the command names.
pub fn parse(
    command: &[u8],
    load: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<Delivery, CaptureError> {
    if command.len() > MAX_COMMAND_BYTES {
        let text = format!("it is longer than {MAX_COMMAND_BYTES} bytes: save the body to a file");
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
        // Another command may pipe its output into curl.
        Some(first) => {
            let piped: Vec<Vec<u8>> = words.by_ref().take_while(|word| word != b"|").collect();
            if !words.next().is_some_and(|word| is_curl(&word)) {
                return Err(error("it does not begin with `curl`"));
            }
            curl.input = printf_lines(&first, &piped);
            if curl.input.is_none() {
                let text = "the input that is piped into curl is ignored";
                curl.remarks.push(text.to_owned());
            }
        }
    }
    while let Some(word) = words.next() {
        if ENDS.contains(&word.as_slice()) {
            let text = "the shell commands after curl are ignored";
            curl.remarks.push(text.to_owned());
            break;
        }
        curl.take(&word, &mut words, load)?;
    }
    curl.finish()
}

/// The request, as far as it was read.
#[derive(Default)]
struct Curl {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    removed_headers: Vec<Vec<u8>>,
    data: Option<Vec<u8>>,
    /// The data before curl removed line ends from it.
    unstripped: Option<Vec<u8>>,
    json: bool,
    get: bool,
    head: bool,
    remarks: Vec<String>,
    /// The lines of standard input, if they are known.
    input: Option<Vec<Vec<u8>>>,
}

/// Returns the bytes of a file that a command names.
type FileLoader<'l> = &'l mut dyn FnMut(&str) -> Result<Vec<u8>, String>;

impl Curl {
    fn take(
        &mut self,
        word: &[u8],
        words: &mut dyn Iterator<Item = Vec<u8>>,
        load: FileLoader<'_>,
    ) -> Result<(), CaptureError> {
        if let Some(name) = word.strip_prefix(b"--").filter(|name| !name.is_empty()) {
            let name = text(name);
            let option = LONG.iter().find(|(long, ..)| *long == name);
            let (_, option) = option.ok_or_else(|| unknown_option(&format!("--{name}")))?;
            let value = if option.takes_value() {
                words.next().ok_or_else(|| missing_value(&name))?
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
            let (_, option) = option.ok_or_else(|| unknown_option(&shown))?;
            if option.takes_value() {
                let value = if after.is_empty() {
                    words.next().ok_or_else(|| missing_value(&shown))?
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

    fn apply(
        &mut self,
        option: OptionEffect,
        value: Vec<u8>,
        load: FileLoader<'_>,
    ) -> Result<(), CaptureError> {
        match option {
            OptionEffect::Flag | OptionEffect::Value => {}
            OptionEffect::Config => {
                let (b"-", Some(lines)) = (value.as_slice(), self.input.take()) else {
                    return Err(error("--config is supported only with input from `printf`"));
                };
                for line in lines {
                    match config_line(&line) {
                        Some((b"url", value)) => self.take_url(&value)?,
                        Some((b"header", value)) => self.take_header(&value),
                        _ => {
                            return Err(error(
                                "--config has a line that is neither url nor header",
                            ));
                        }
                    }
                }
            }
            OptionEffect::Get => self.get = true,
            OptionEffect::Head => self.head = true,
            OptionEffect::Request => self.method = Some(text(&value)),
            OptionEffect::Url => return self.take_url(&value),
            OptionEffect::Header => match value.strip_prefix(b"@") {
                None => self.take_header(&value),
                Some(b"-") if self.input.is_some() => {
                    for line in self.input.take().unwrap_or_default() {
                        self.take_header(&line);
                    }
                }
                Some(b"-") => {
                    let text = "the headers from standard input (`-H @-`) are not in the command";
                    self.remarks.push(text.to_owned());
                }
                Some(name) => {
                    for line in file(name, load)?.split(|byte| *byte == b'\n') {
                        self.take_header(line.trim_ascii_end());
                    }
                }
            },
            OptionEffect::Agent => self.headers.push((b"User-Agent".to_vec(), value)),
            OptionEffect::Referer => self.headers.push((b"Referer".to_vec(), value)),
            OptionEffect::Cookie => self.headers.push((b"Cookie".to_vec(), value)),
            OptionEffect::User => {
                let value = format!("Basic {}", STANDARD.encode(value)).into_bytes();
                self.headers.push((b"Authorization".to_vec(), value));
            }
            OptionEffect::Data => match value.strip_prefix(b"@") {
                None => self.add(&value, b"&"),
                Some(name) => {
                    let content = file(name, load)?;
                    let is_kept = |byte: &u8| !matches!(byte, b'\r' | b'\n' | 0);
                    let sent: Vec<u8> = content.iter().copied().filter(is_kept).collect();
                    if sent != content {
                        self.remarks.push(DATA_STRIPS.to_owned());
                        self.unstripped = Some(content);
                    }
                    self.add(&sent, b"&");
                }
            },
            OptionEffect::Binary => match value.strip_prefix(b"@") {
                None => self.add(&value, b"&"),
                Some(name) => self.add(&file(name, load)?, b"&"),
            },
            OptionEffect::Raw => self.add(&value, b"&"),
            OptionEffect::Json => {
                self.json = true;
                match value.strip_prefix(b"@") {
                    None => self.add(&value, b""),
                    Some(name) => self.add(&file(name, load)?, b""),
                }
            }
            OptionEffect::Encoded => {
                let (name, content) = match value.iter().position(|byte| *byte == b'=') {
                    Some(at) => value.split_at_checked(at).unwrap_or_default(),
                    None if value.contains(&b'@') => {
                        return Err(error("--data-urlencode with a file is not supported"));
                    }
                    None => (&[][..], value.as_slice()),
                };
                let content = content.strip_prefix(b"=").unwrap_or(content);
                let mut pair = name.to_vec();
                if !name.is_empty() {
                    pair.push(b'=');
                }
                pair.extend(percent_encoded(content));
                self.add(&pair, b"&");
            }
            OptionEffect::Form => {
                return Err(error(
                    "--form is not supported: curl creates a new boundary each time; capture raw HTTP",
                ));
            }
            OptionEffect::Upload => {
                return Err(error("--upload-file is not supported: use --data-binary"));
            }
        }
        Ok(())
    }

    fn take_url(&mut self, word: &[u8]) -> Result<(), CaptureError> {
        if self.url.is_some() {
            return Err(error("it has more than one URL"));
        }
        let url = text(word);
        // curl assumes HTTP for a URL without a scheme.
        let has_no_scheme = !url.contains("://") && !url.starts_with('/');
        self.url = Some(if has_no_scheme {
            format!("http://{url}")
        } else {
            url
        });
        Ok(())
    }

    fn take_header(&mut self, value: &[u8]) {
        if value.is_empty() {
            return;
        }
        let colon = value.iter().position(|byte| *byte == b':');
        match colon.and_then(|at| value.split_at_checked(at)) {
            Some((name, [b':'])) => self.removed_headers.push(name.to_ascii_lowercase()),
            Some((name, content)) => {
                let content = content.get(1..).unwrap_or_default().trim_ascii();
                self.headers.push((name.to_vec(), content.to_vec()));
            }
            None => match value.strip_suffix(b";") {
                Some(name) => self.headers.push((name.to_vec(), Vec::new())),
                None => self
                    .remarks
                    .push("curl does not send the header without a colon".to_owned()),
            },
        }
    }

    fn add(&mut self, bytes: &[u8], separator: &[u8]) {
        match &mut self.data {
            None => self.data = Some(bytes.to_vec()),
            Some(data) => {
                data.extend_from_slice(separator);
                data.extend_from_slice(bytes);
            }
        }
    }

    fn finish(mut self) -> Result<Delivery, CaptureError> {
        let url = self.url.take().ok_or_else(|| error("it has no URL"))?;
        let has = |headers: &[(Vec<u8>, Vec<u8>)], name: &[u8]| {
            headers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name))
        };
        let mut add = |name: &[u8], value: &[u8]| {
            let is_removed = self.removed_headers.contains(&name.to_ascii_lowercase());
            if !is_removed && !has(&self.headers, name) {
                self.headers.push((name.to_vec(), value.to_vec()));
            }
        };
        if self.json {
            add(b"Content-Type", b"application/json");
            add(b"Accept", b"application/json");
        } else if self.data.is_some() && !self.get {
            add(b"Content-Type", b"application/x-www-form-urlencoded");
        }
        let default = match (&self.data, self.get, self.head) {
            (_, _, true) => "HEAD",
            (Some(_), false, _) => "POST",
            _ => "GET",
        };
        let method = self.method.as_deref().unwrap_or(default);
        let mut body = self.data.take().unwrap_or_default();
        let mut target = url;
        if self.get && !body.is_empty() {
            let data = String::from_utf8_lossy(&body).into_owned();
            let separator = if target.contains('?') { '&' } else { '?' };
            target = format!("{target}{separator}{data}");
            body.clear();
        }
        if body.len() > MAX_CAPTURE_BYTES {
            return Err(CaptureError::TooLarge);
        }
        let mut delivery = Delivery::new(method, &target, &self.headers, body)?;
        delivery.remarks = self.remarks;
        delivery.other_bodies = self
            .unstripped
            .map(|content| ("the file with its line ends", Bytes::from(content)))
            .into_iter()
            .collect();
        Ok(delivery)
    }
}

/// Splits a line `name = "value"` of a curl configuration.
fn config_line(line: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let at = line.windows(4).position(|part| part == b" = \"")?;
    let (name, rest) = line.split_at_checked(at)?;
    let quoted = rest.strip_prefix(b" = \"")?.strip_suffix(b"\"")?;
    let mut value = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        value.push(if *byte == b'\\' {
            *bytes.next()?
        } else {
            *byte
        });
    }
    Some((name, value))
}

/// The lines that `printf` prints, in the form of `portcullis sign`; `None` if only a shell could tell.
fn printf_lines(first: &[u8], words: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    match words {
        [format, lines @ ..] if first == b"printf" && format == br"%s\n" => {
            let is_literal = lines.iter().all(|line| !contains_variable(line));
            is_literal.then(|| lines.to_vec())
        }
        _ => None,
    }
}

/// Whether a shell may have replaced a variable. The quotes are already lost, so they cannot tell.
fn contains_variable(word: &[u8]) -> bool {
    let variable = b"$PORTCULLIS_TOKEN";
    word.windows(variable.len()).any(|part| part == variable)
}

fn unknown_option(option: &str) -> CaptureError {
    let option: String = option.chars().take(40).collect();
    CaptureError::Curl(format!(
        "the option `{option}` is not supported; remove it if it does not change the request"
    ))
}

fn missing_value(option: &str) -> CaptureError {
    CaptureError::Curl(format!("the option `{option}` needs a value"))
}

fn file(name: &[u8], load: FileLoader<'_>) -> Result<Vec<u8>, CaptureError> {
    let name = text(name);
    if name == "-" {
        return Err(error(
            "the body comes from standard input (`@-`): save it to a file and name the file",
        ));
    }
    let bytes = load(&name).map_err(|why| CaptureError::Curl(format!("{name}: {why}")))?;
    if bytes.len() > MAX_CAPTURE_BYTES {
        return Err(CaptureError::TooLarge);
    }
    Ok(bytes)
}

/// Encodes like `curl_easy_escape`.
fn percent_encoded(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            encoded.push(*byte);
        } else {
            encoded.extend(format!("%{byte:02X}").into_bytes());
        }
    }
    encoded
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn error(text: &str) -> CaptureError {
    CaptureError::Curl(text.to_owned())
}

/// The words that end a command in a shell.
const ENDS: &[&[u8]] = &[b"|", b"||", b"&&", b"&", b";", b">", b">>", b"<", b"2>&1"];

/// The limit of a pasted command with its body. Larger bodies come from a file.
const MAX_COMMAND_BYTES: usize = 8 << 20;
const DATA_STRIPS: &str =
    "curl removes line ends with `--data @file`, so the body differs from the file";
