//! The parameters of a query string (`application/x-www-form-urlencoded`, WHATWG URL §5).
//!
//! A query comes from anybody, before anything is proven: it has a bounded number of parameters, and only
//! those are decoded that can have the name that is looked for.

use std::borrow::Cow;

/// Every parameter as it was sent, `name=value`; `None` if there are more than anybody sends.
pub(super) fn parameters(query: &str) -> Option<impl Iterator<Item = &str>> {
    let separators = memchr::memchr_iter(b'&', query.as_bytes()).count();
    (separators < MAX_PARAMETERS).then(|| query.split('&').filter(|it| !it.is_empty()))
}

/// The decoded values of the parameters of that name; `None` if there are too many of any name.
pub(super) fn values<'q>(query: &'q str, name: &str) -> Option<impl Iterator<Item = Cow<'q, str>>> {
    let named = parameters(query)?.filter_map(move |parameter| {
        let end = parameter.find('=').unwrap_or(parameter.len());
        // A byte is written as one or as three.
        if !(name.len()..=name.len().saturating_mul(3)).contains(&end) {
            return None;
        }
        let mut pairs = form_urlencoded::parse(parameter.as_bytes());
        pairs.next().filter(|(known, _)| known == name)
    });
    Some(named.map(|(_, value)| value))
}

/// Far more than any provider adds to a URL.
pub(super) const MAX_PARAMETERS: usize = 200;
