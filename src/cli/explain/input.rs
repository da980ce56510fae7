//! The delivery to explain: read from a file, from standard input or from options.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use http::Method;

use crate::cli::failure::Failure;
use crate::explain::{
    CaptureError, CaptureFormat, Delivery, MAX_CAPTURE_BYTES, parse_curl, parse_har, parse_raw_http,
};

/// Options that describe the delivery.
#[derive(Args, Debug)]
pub(super) struct Input {
    /// The capture: raw HTTP, a curl command or a HAR file; `-` reads standard input.
    #[arg(value_name = "FILE", required_unless_present_any = ["body", "headers", "url", "kept"])]
    capture: Option<PathBuf>,

    /// The format of the capture. Default: detected from its first characters.
    #[arg(long, value_enum, requires = "capture")]
    format: Option<Format>,

    /// The entry of a HAR file, counted from 1.
    #[arg(long, value_name = "N", requires = "capture")]
    entry: Option<usize>,

    /// The method. Default: that of the capture, or POST.
    #[arg(long)]
    method: Option<String>,

    /// The URL or the path of the request.
    #[arg(long)]
    url: Option<String>,

    /// A header, such as 'X-GitHub-Event: ping'. Repeatable. It replaces the headers of that name in the capture.
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,

    /// A file with the exact bytes of the body; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Curl,
    Har,
    Http,
}

impl Input {
    pub(super) fn takes_standard_input(&self) -> bool {
        let files = [&self.capture, &self.body];
        files
            .into_iter()
            .flatten()
            .any(|path| is_standard_input(path))
    }

    /// Whether `--url` is a whole URL and not only a path.
    pub(super) fn names_url(&self) -> bool {
        let url = self.url.as_deref();
        url.is_some_and(|url| url.contains("://"))
    }

    pub(super) fn read(&self) -> Result<Delivery, Failure> {
        let both =
            [&self.capture, &self.body].map(|it| it.as_deref().is_some_and(is_standard_input));
        if both == [true, true] {
            let text = "standard input: cannot hold both the capture and the body. Put one of them into a file";
            return Err(Failure::Usage(text.to_owned()));
        }
        let (mut delivery, place) = match &self.capture {
            None => {
                let headers: [(&str, &str); 0] = [];
                let empty = Delivery::new("POST", "/", &headers, Vec::new());
                let mut empty = empty.map_err(other)?;
                empty.has_target = false;
                (empty, None)
            }
            Some(path) => (self.parse(path)?, Some(path)),
        };
        if self.method.is_some() || self.url.is_some() || !self.headers.is_empty() {
            delivery = self
                .with_flags(&delivery)
                .map_err(|error| capture_error(place, &error))?;
        }
        // Options alone do not show the body that such a request may have.
        if self.capture.is_none() && delivery.method != Method::GET {
            delivery.has_body = false;
        }
        if let Some(path) = &self.body {
            delivery.body = load(path).map_err(other)?.into();
            delivery.has_body = true;
        }
        Ok(delivery)
    }

    fn parse(&self, path: &Path) -> Result<Delivery, Failure> {
        let capture = load(path).map_err(other)?;
        let form = match self.format {
            None => CaptureFormat::of(&capture),
            Some(Format::Curl) => CaptureFormat::Curl,
            Some(Format::Har) => CaptureFormat::Har,
            Some(Format::Http) => CaptureFormat::Http,
        };
        if self.entry.is_some() && form != CaptureFormat::Har {
            return Err(Failure::Usage(
                "--entry: the capture is not a HAR file. Leave the option out".to_owned(),
            ));
        }
        let read = match form {
            CaptureFormat::Curl => parse_curl(&capture, &mut |name| load(Path::new(name))),
            CaptureFormat::Har => parse_har(&capture, self.entry),
            _ => parse_raw_http(&capture),
        };
        read.map_err(|error| capture_error(Some(&path.to_path_buf()), &error))
    }

    fn with_flags(&self, captured: &Delivery) -> Result<Delivery, CaptureError> {
        let mut given = Vec::new();
        for (number, header) in self.headers.iter().enumerate() {
            let (name, value) = header
                .split_once(':')
                .ok_or(CaptureError::HeaderLine(number + 1))?;
            given.push((name.trim().to_owned(), value.as_bytes().to_vec()));
        }
        let kept = captured.headers.iter().filter(|(name, _)| {
            !given
                .iter()
                .any(|(it, _)| it.eq_ignore_ascii_case(name.as_str()))
        });
        let mut headers: Vec<(String, Vec<u8>)> = kept
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect();
        headers.append(&mut given);
        let method = self.method.as_deref().unwrap_or(captured.method.as_str());
        let target = match (&self.url, &captured.query) {
            (Some(url), _) => url.clone(),
            (None, None) => captured.path.clone(),
            (None, Some(query)) => format!("{}?{query}", captured.path),
        };
        let mut delivery = Delivery::new(method, &target, &headers, captured.body.clone())?;
        delivery.url = delivery.url.take().or_else(|| captured.url.clone());
        delivery.seen_url = delivery
            .seen_url
            .take()
            .or_else(|| captured.seen_url.clone());
        delivery.has_target = captured.has_target || self.url.is_some();
        delivery.has_body = captured.has_body;
        delivery.taken_at = captured.taken_at;
        delivery.other_bodies.clone_from(&captured.other_bodies);
        delivery.remarks.clone_from(&captured.remarks);
        Ok(delivery)
    }
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads a file or standard input, up to [`MAX_CAPTURE_BYTES`].
pub(in crate::cli) fn load(path: &Path) -> Result<Vec<u8>, String> {
    let source: Result<Box<dyn Read>, std::io::Error> = if is_standard_input(path) {
        Ok(Box::new(std::io::stdin()))
    } else {
        File::open(path).map(|file| Box::new(file) as _)
    };
    let mut bytes = Vec::new();
    let read = source.and_then(|source| {
        let most = MAX_CAPTURE_BYTES as u64 + 1;
        source.take(most).read_to_end(&mut bytes)
    });
    match read {
        Err(error) => Err(format!("{}: {error}", path.display())),
        Ok(_) if bytes.len() > MAX_CAPTURE_BYTES => Err(format!(
            "{}: larger than {MAX_CAPTURE_BYTES} bytes",
            path.display()
        )),
        Ok(_) => Ok(bytes),
    }
}

fn other(error: impl std::fmt::Display) -> Failure {
    Failure::Other(error.to_string())
}

fn capture_error(place: Option<&PathBuf>, error: &CaptureError) -> Failure {
    other(match place {
        None => error.to_string(),
        Some(path) => format!("{}: {error}", path.display()),
    })
}
