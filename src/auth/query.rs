//! The parameters of a query string (`application/x-www-form-urlencoded`, WHATWG URL §5).
//!
//! A query is unauthenticated input. So the number of parameters is limited, and only a parameter whose length fits the
//! wanted name is decoded.

use std::borrow::Cow;

/// Every parameter as it was sent, `name=value`; `None` if there are more than [`MAX_PARAMETERS`].
pub(super) fn parameters(query: &str) -> Option<impl Iterator<Item = &str>> {
    let separators = memchr::memchr_iter(b'&', query.as_bytes()).count();
    (separators < MAX_PARAMETERS).then(|| query.split('&').filter(|it| !it.is_empty()))
}

/// The decoded values of the parameters called `name`; `None` if the query has too many parameters.
pub(super) fn values<'q>(query: &'q str, name: &str) -> Option<impl Iterator<Item = Cow<'q, str>>> {
    let named = parameters(query)?.filter_map(move |parameter| {
        let end = parameter.find('=').unwrap_or(parameter.len());
        // Each byte of the name is sent as itself or as a percent-escape of three bytes.
        if !(name.len()..=name.len().saturating_mul(3)).contains(&end) {
            return None;
        }
        let mut pairs = form_urlencoded::parse(parameter.as_bytes());
        pairs.next().filter(|(known, _)| known == name)
    });
    Some(named.map(|(_, value)| value))
}

/// Providers add far fewer parameters to a URL.
pub(super) const MAX_PARAMETERS: usize = 200;
