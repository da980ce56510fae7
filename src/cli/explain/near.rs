//! Suggestions for a path that leads to no endpoint.

use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::directory::{Directory, LookupError};

/// The path of an endpoint that is similar to `path`, with the difference.
pub(super) async fn similar_path(
    session: &Session,
    directory: &Directory,
    path: &str,
) -> Result<Option<String>, Failure> {
    for (other, what) in spellings(path) {
        match directory.find(&other).await {
            Ok(found) => return Ok(Some(format!("{other} ({what}), of {}", found.endpoint.id))),
            Err(LookupError::NotConfigured(_)) => {}
            Err(LookupError::Store(error)) => return Err(error.into()),
        }
    }
    let mut nearest: Option<(usize, String)> = None;
    let mut after = None;
    for _ in 0..MAX_PAGES {
        let store = &session.backends.store;
        let page = store.names(after.as_deref(), PAGE_LEN).await?;
        for name in &page.names {
            let candidate = if name.starts_with('/') {
                Some(name.clone())
            } else {
                let id = name.parse().ok();
                id.and_then(|id| session.config.routes.path_of(&id))
            };
            let Some(candidate) = candidate else { continue };
            let distance = strsim::osa_distance(&candidate, path);
            let limit = nearest
                .as_ref()
                .map_or(MAX_DISTANCE + 1, |(least, _)| *least);
            if distance < limit {
                nearest = Some((distance, candidate));
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    Ok(nearest.map(|(_, path)| path))
}

/// Variants of a path that people and proxies often produce.
fn spellings(path: &str) -> Vec<(String, &'static str)> {
    let trimmed = path.trim_end_matches('/');
    let mut single = path.to_owned();
    while single.contains("//") {
        single = single.replace("//", "/");
    }
    let mut found = vec![
        (trimmed.to_owned(), "without the slash at the end"),
        (format!("{trimmed}/"), "with a slash at the end"),
        (single, "without the double slash"),
        (path.to_lowercase(), "in lower case"),
    ];
    found.retain(|(other, _)| other != path && other.starts_with('/'));
    found
}

/// The largest edit distance of a suggestion.
const MAX_DISTANCE: usize = 2;
/// A bound on the search, because a store can have millions of endpoints.
const MAX_PAGES: usize = 20;
const PAGE_LEN: u32 = 1000;
