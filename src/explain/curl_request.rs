//! The request that a curl command describes: what each option does to it, and what curl adds by itself.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::curl_options::Effect;
use super::delivery::{CaptureError, Delivery, MAX_CAPTURE_BYTES};

/// What is known of the request so far.
#[derive(Default)]
pub(super) struct Curl {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    without: Vec<Vec<u8>>,
    data: Option<Vec<u8>>,
    /// The data as they were before curl left line ends out of them.
    whole: Option<Vec<u8>>,
    json: bool,
    get: bool,
    head: bool,
    pub(super) remarks: Vec<String>,
    /// The lines of its standard input, if they are known.
    pub(super) input: Option<Vec<Vec<u8>>>,
}

/// Gives the bytes of a file that a command names.
pub(super) type Load<'l> = &'l mut dyn FnMut(&str) -> Result<Vec<u8>, String>;

/// A line `name = "value"` of a configuration of curl.
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

impl Curl {
    pub(super) fn apply(
        &mut self,
        option: Effect,
        value: Vec<u8>,
        load: Load<'_>,
    ) -> Result<(), CaptureError> {
        match option {
            Effect::Flag | Effect::Value => {}
            Effect::Config => {
                let (b"-", Some(lines)) = (value.as_slice(), self.input.take()) else {
                    return Err(error("--config is understood after `printf` only"));
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
            Effect::Get => self.get = true,
            Effect::Head => self.head = true,
            Effect::Request => self.method = Some(text(&value)),
            Effect::Url => return self.take_url(&value),
            Effect::Header => match value.strip_prefix(b"@") {
                None => self.take_header(&value),
                Some(b"-") if self.input.is_some() => {
                    for line in self.input.take().unwrap_or_default() {
                        self.take_header(&line);
                    }
                }
                Some(b"-") => {
                    let text =
                        "headers come from its standard input (`-H @-`) and are not in the command";
                    self.remarks.push(text.to_owned());
                }
                Some(name) => {
                    for line in file(name, load)?.split(|byte| *byte == b'\n') {
                        self.take_header(line.trim_ascii_end());
                    }
                }
            },
            Effect::Agent => self.headers.push((b"User-Agent".to_vec(), value)),
            Effect::Referer => self.headers.push((b"Referer".to_vec(), value)),
            Effect::Cookie => self.headers.push((b"Cookie".to_vec(), value)),
            Effect::User => {
                let value = format!("Basic {}", STANDARD.encode(value)).into_bytes();
                self.headers.push((b"Authorization".to_vec(), value));
            }
            Effect::Data => match value.strip_prefix(b"@") {
                None => self.add(&value, b"&"),
                Some(name) => {
                    let whole = file(name, load)?;
                    let stripped = |byte: &u8| !matches!(byte, b'\r' | b'\n' | 0);
                    let sent: Vec<u8> = whole.iter().copied().filter(stripped).collect();
                    if sent != whole {
                        self.remarks.push(DATA_STRIPS.to_owned());
                        self.whole = Some(whole);
                    }
                    self.add(&sent, b"&");
                }
            },
            Effect::Binary => match value.strip_prefix(b"@") {
                None => self.add(&value, b"&"),
                Some(name) => self.add(&file(name, load)?, b"&"),
            },
            Effect::Raw => self.add(&value, b"&"),
            Effect::Json => {
                self.json = true;
                match value.strip_prefix(b"@") {
                    None => self.add(&value, b""),
                    Some(name) => self.add(&file(name, load)?, b""),
                }
            }
            Effect::Encoded => {
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
            Effect::Form => {
                return Err(error(
                    "--form cannot be repeated: curl makes up a boundary each time; capture raw HTTP",
                ));
            }
            Effect::Upload => {
                return Err(error("--upload-file is not supported: use --data-binary"));
            }
        }
        Ok(())
    }

    pub(super) fn take_url(&mut self, word: &[u8]) -> Result<(), CaptureError> {
        if self.url.is_some() {
            return Err(error("it has more than one URL"));
        }
        let url = text(word);
        // curl takes what has no scheme for HTTP.
        let bare = !url.contains("://") && !url.starts_with('/');
        self.url = Some(if bare { format!("http://{url}") } else { url });
        Ok(())
    }

    fn take_header(&mut self, value: &[u8]) {
        if value.is_empty() {
            return;
        }
        let colon = value.iter().position(|byte| *byte == b':');
        match colon.and_then(|at| value.split_at_checked(at)) {
            Some((name, [b':'])) => self.without.push(name.to_ascii_lowercase()),
            Some((name, content)) => {
                let content = content.get(1..).unwrap_or_default().trim_ascii();
                self.headers.push((name.to_vec(), content.to_vec()));
            }
            None => match value.strip_suffix(b";") {
                Some(name) => self.headers.push((name.to_vec(), Vec::new())),
                None => self.remarks.push(
                    "a header without a colon is in the command; curl does not send it".to_owned(),
                ),
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

    pub(super) fn finish(mut self) -> Result<Delivery, CaptureError> {
        let url = self.url.take().ok_or_else(|| error("it has no URL"))?;
        let has = |headers: &[(Vec<u8>, Vec<u8>)], name: &[u8]| {
            headers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name))
        };
        let mut add = |name: &[u8], value: &[u8]| {
            let unwanted = self.without.contains(&name.to_ascii_lowercase());
            if !unwanted && !has(&self.headers, name) {
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
            .whole
            .map(|whole| ("the file with its line ends", Bytes::from(whole)))
            .into_iter()
            .collect();
        Ok(delivery)
    }
}

fn file(name: &[u8], load: Load<'_>) -> Result<Vec<u8>, CaptureError> {
    let name = text(name);
    if name == "-" {
        return Err(error(
            "the body comes from its standard input (`@-`): save it to a file and name that",
        ));
    }
    let bytes = load(&name).map_err(|why| CaptureError::Curl(format!("{name}: {why}")))?;
    if bytes.len() > MAX_CAPTURE_BYTES {
        return Err(CaptureError::TooLarge);
    }
    Ok(bytes)
}

/// As `curl_easy_escape` does.
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

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(super) fn error(text: &str) -> CaptureError {
    CaptureError::Curl(text.to_owned())
}

const DATA_STRIPS: &str =
    "curl leaves line ends out of `--data @file`: what it sends is not what is in the file";
