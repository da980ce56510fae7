//! A HAR file (HTTP Archive 1.2), as browsers, proxies and request bins export it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;

use super::BYTE_ORDER_MARK;
use super::delivery::{CaptureError, Delivery, MAX_CAPTURE_BYTES};

/// Reads the entry `number`, from 1; without a number, the only one that there is.
pub fn parse(capture: &[u8], number: Option<usize>) -> Result<Delivery, CaptureError> {
    if capture.len() > MAX_CAPTURE_BYTES {
        return Err(CaptureError::TooLarge);
    }
    let capture = capture.strip_prefix(BYTE_ORDER_MARK).unwrap_or(capture);
    let har: Har = serde_json::from_slice(capture).map_err(|error| {
        // The text of the error may quote a value; its place does not.
        let place = format!("line {}, column {}", error.line(), error.column());
        CaptureError::Har(match error.classify() {
            serde_json::error::Category::Data => {
                format!("{place}: expected `log.entries` with a `request` in each")
            }
            serde_json::error::Category::Eof => format!("{place}: it ends too early"),
            _ => format!("{place}: it is no JSON"),
        })
    })?;
    let count = har.log.entries.len();
    let number = match (number, count) {
        (Some(number), _) => number,
        (None, 1) => 1,
        (None, _) => {
            let text = format!("it has {count} entries; choose one with --entry");
            return Err(CaptureError::Har(text));
        }
    };
    let entry = number.checked_sub(1).and_then(|at| har.log.entries.get(at));
    let entry = entry
        .ok_or_else(|| CaptureError::Har(format!("it has {count} entries, and no {number}")))?;
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
    /// Not in the specification, and yet written by those who archive bytes.
    #[serde(alias = "_encoding")]
    encoding: Option<String>,
}

impl Entry {
    fn delivery(&self) -> Result<Delivery, CaptureError> {
        let request = &self.request;
        // Those of HTTP/2 that begin with a colon say what `method` and `url` say.
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
        let said = request
            .body_size
            .and_then(|size| usize::try_from(size).ok());
        if let Some(said) = said.filter(|said| *said != delivery.body.len()) {
            delivery.remarks.push(format!(
                "the archive says that the body had {said} bytes and holds {} of them: it does not have \
                 the exact bytes that were sent",
                delivery.body.len()
            ));
        }
        delivery.has_body = request.post_data.is_some() || said.is_none_or(|said| said == 0);
        delivery.remarks.append(&mut remarks);
        Ok(delivery)
    }
}

impl PostData {
    fn bytes(&self, remarks: &mut Vec<String>) -> Result<Vec<u8>, CaptureError> {
        let base64 = self.encoding.as_deref() == Some("base64");
        match &self.text {
            Some(text) if base64 => STANDARD
                .decode(text)
                .map_err(|_| CaptureError::Har("the body is said to be base64 and is not".into())),
            Some(text) if !text.is_empty() || self.params.is_empty() => {
                Ok(text.clone().into_bytes())
            }
            _ => {
                let text = "the archive holds the form's fields and not the bytes that were sent: the \
                            body is put together from them";
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
