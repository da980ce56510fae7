//! The files of the page, embedded in the program.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use rust_embed::{Embed, EmbeddedFile};

use super::problem::Problem;

#[derive(Embed)]
#[folder = "src/console/assets"]
struct Assets;

/// The page or one of its files. Every path of the page gets the same document; its script shows what the path names.
pub(super) fn answer(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<Response<Full<Bytes>>, Problem> {
    let is_page = PAGES.iter().any(|page| {
        path == *page
            || path
                .strip_prefix(page)
                .is_some_and(|rest| *page != "/" && rest.starts_with('/'))
    });
    let name = match path.strip_prefix("/assets/") {
        Some(name) => name,
        None if is_page => SHELL,
        None => return Err(Problem::not_found()),
    };
    if method != Method::GET && method != Method::HEAD {
        let detail = "the page can only be read";
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
        return Err(problem.with(header::ALLOW, HeaderValue::from_static("GET, HEAD")));
    }
    let file = Assets::get(name).ok_or_else(Problem::not_found)?;
    let tag = format!("\"{}\"", hex::encode(file.metadata.sha256_hash()));
    let is_known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if is_known {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Full::new(content(file)))
    };
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(content_type(name)),
    );
    // The browser keeps a file and asks whether it is still the same one.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

fn content(file: EmbeddedFile) -> Bytes {
    match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

const SHELL: &str = "index.html";
/// The paths of the page, each with everything below it.
const PAGES: [&str; 7] = [
    "/",
    "/sign-in",
    "/endpoints",
    "/flows",
    "/operations",
    "/audit",
    "/tokens",
];
