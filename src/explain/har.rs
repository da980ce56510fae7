//! Reads HAR files (HTTP Archive 1.2), which browsers, proxies and request bins export.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;

use super::BYTE_ORDER_MARK;
use super::delivery::{CaptureError, Delivery, MAX_CAPTURE_BYTES};

/// Reads the entry `number`, from 1. Without a number, the file must have one entry.
pub fn parse(capture: &[u8], number: Option<usize>) -> Result<Delivery, CaptureError> {
    if capture.len() > MAX_CAPTURE_BYTES {
        return Err(CaptureError::TooLarge);
    }
    let capture = capture.strip_prefix(BYTE_ORDER_MARK).unwrap_or(capture);
    let har: Har = serde_json::from_slice(capture).map_err(|error| {
        // The text of the error may quote a value, so only its position is shown.
        let place = format!("line {}, column {}", error.line(), error.column());
        CaptureError::Har(match error.classify() {
            serde_json::error::Category::Data => {
                format!("{place}: expected `log.entries` with a `request` in each")
            }
            serde_json::error::Category::Eof => format!("{place}: the file is incomplete"),
            _ => format!("{place}: the file is not JSON"),
        })
    })?;
    let count = har.log.entries.len();
    let number = match (number, count) {
        (Some(number), _) => number,
        (None, 1) => 1,
        (None, _) => {
            let text = format!("it has {count} entries: choose one with --entry");
            return Err(CaptureError::Har(text));
        }
    };
    let entry = number.checked_sub(1).and_then(|at| har.log.entries.get(at));
    let entry = entry.ok_or_else(|| {
        CaptureError::Har(format!("it has {count} entries, but no entry {number}"))
    })?;
    entry.delivery()
}

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: Option<Timestamp>,
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    post_data: Option<PostData>,
    body_size: Option<i64>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct PostData {
    text: Option<String>,
    #[serde(default)]
    params: Vec<Pair>,
    /// Not in the specification, but common for binary bodies.
    #[serde(alias = "_encoding")]
    encoding: Option<String>,
}

impl Entry {
    fn delivery(&self) -> Result<Delivery, CaptureError> {
        let request = &self.request;
        // The pseudo-headers of HTTP/2 repeat `method` and `url`.
        let headers = request
            .headers
            .iter()
            .filter(|header| !header.name.starts_with(':'))
            .map(|header| (&header.name, &header.value));
        let headers: Vec<_> = headers.collect();
        let mut remarks = Vec::new();
        let body = match &request.post_data {
            None => Vec::new(),
            Some(data) => data.bytes(&mut remarks)?,
        };
        let mut delivery = Delivery::new(&request.method, &request.url, &headers, body)?;
        delivery.taken_at = self.started_date_time;
        let size = request
            .body_size
            .and_then(|bytes| usize::try_from(bytes).ok());
        if let Some(size) = size.filter(|size| *size != delivery.body.len()) {
            delivery.remarks.push(format!(
                "the archive declares a body of {size} bytes and contains {}: it does not have \
                 the exact bytes that were sent",
                delivery.body.len()
            ));
        }
        delivery.has_body = request.post_data.is_some() || size.is_none_or(|size| size == 0);
        delivery.remarks.append(&mut remarks);
        Ok(delivery)
    }
}

impl PostData {
    fn bytes(&self, remarks: &mut Vec<String>) -> Result<Vec<u8>, CaptureError> {
        let base64 = self.encoding.as_deref() == Some("base64");
        match &self.text {
            Some(text) if base64 => STANDARD.decode(text).map_err(|_| {
                CaptureError::Har("the body is declared as base64, but it is not base64".into())
            }),
            Some(text) if !text.is_empty() || self.params.is_empty() => {
                Ok(text.clone().into_bytes())
            }
            _ => {
                let text = "the archive contains the form's fields, not the bytes that were sent: the \
                            body is rebuilt from the fields";
                remarks.push(text.to_owned());
                let mut form = form_urlencoded::Serializer::new(String::new());
                for field in &self.params {
                    form.append_pair(&field.name, &field.value);
                }
                Ok(form.finish().into_bytes())
            }
        }
    }
}
