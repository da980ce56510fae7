//! Keeps signed messages unambiguous: the bytes alone determine where each value ends.
//!
//! A signature covers bytes, not values. If deliveries with different values produced the same bytes, an attacker with
//! one of them could forge the other. So every border between two values gets a rule when the template is compiled.
//!
//! One value is free (the body, if there is one); the rules of `Border` delimit the others from the left and from the
//! right. A delivery that breaks a rule is malformed. A template without a rule for one of its borders is rejected. So is a
//! template with a rule that every URL or an allowed method breaks.

use http::Method;

use super::placeholder::Placeholder;
use super::template::Part;
use super::{Source, TimestampUnit};

/// The border rules of one template.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Borders {
    /// One border for each part, in order. The body is not a part.
    kinds: Box<[Border]>,
    /// Whether the timestamp must have the exact length of its unit.
    exact_time: bool,
    /// Whether the first byte of the body must delimit the value before it.
    body_start_delimits: bool,
    /// Whether the last byte of the body must delimit the value after it.
    body_end_delimits: bool,
    ambiguity: Option<Ambiguity>,
}

/// The rule that delimits a value.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Border {
    /// No rule: the value is free, a constant, or has a known length.
    Open,
    /// The value does not contain the literal after it.
    Before(Box<[u8]>),
    /// The value does not contain the literal before it.
    After(Box<[u8]>),
    /// A timestamp follows, and none starts inside the value.
    BeforeTime,
    /// A URL follows, and the value does not contain `://`.
    BeforeUrl,
    /// The value is a URL after the free value, and contains `://` once.
    UrlAfter,
    /// The body is adjacent; it starts (or ends) with a byte that the value cannot contain.
    NextToBody,
    /// The value is a URL before a form. If it has no query, the form must not look like one.
    BeforeForm,
}

/// Why two adjacent values have no delimiter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ambiguity {
    /// The sender chooses the query of the URL before the other value.
    Query,
    /// No rule delimits the values.
    Always,
}

/// A part of a template with adjacent literals joined, or its body.
enum Piece<'p> {
    Text(Vec<u8>),
    Value(&'p Placeholder),
    Body,
}

impl Borders {
    /// Finds the rules of a template. Without a body, the free value is `free` or, if that is `None`, the last one.
    pub(super) fn of(before: &[Part], after: Option<&[Part]>, free: Option<&Source>) -> Self {
        let mut borders = Self::default();
        let mut kinds = Vec::new();
        let mut pieces: Vec<Piece<'_>> = Vec::new();
        let mut owners = Vec::new();
        let parts = before.iter().map(Some);
        let body = after.map(|_| None);
        let parts = parts.chain(body);
        for part in parts.chain(after.unwrap_or_default().iter().map(Some)) {
            match part {
                None => pieces.push(Piece::Body),
                Some(Part::Literal(text)) => {
                    owners.push(None);
                    if let Some(Piece::Text(before)) = pieces.last_mut() {
                        before.extend_from_slice(text);
                    } else if !text.is_empty() {
                        pieces.push(Piece::Text(text.to_vec()));
                    }
                }
                // The endpoint's setting replaces it with text later.
                Some(Part::Token(Placeholder::Setting(_))) => {
                    owners.push(None);
                    pieces.push(Piece::Text(Vec::new()));
                }
                Some(Part::Token(token)) => {
                    owners.push(Some(pieces.len()));
                    pieces.push(Piece::Value(token));
                }
            }
        }
        let free = free_position(&pieces, free);
        for owner in owners {
            let border = owner.and_then(|at| {
                let Some(Piece::Value(token)) = pieces.get(at) else {
                    return None;
                };
                match (free, at) {
                    (Some(free), at) if at < free => {
                        Some(borders.rule_before(token, pieces.get(at + 1)))
                    }
                    (Some(free), at) if at > free => {
                        let before = at.checked_sub(1).and_then(|at| pieces.get(at));
                        Some(borders.rule_after(token, before))
                    }
                    _ => None,
                }
            });
            kinds.push(border.unwrap_or(Border::Open));
        }
        borders.kinds = kinds.into();
        borders
    }

    /// The rule for the end of a value before the free one.
    fn rule_before(&mut self, token: &Placeholder, next: Option<&Piece<'_>>) -> Border {
        match (token, next) {
            (_, None) | (Placeholder::Method, Some(Piece::Value(Placeholder::Url))) => Border::Open,
            (Placeholder::Canonical(form), _) if form.ends_by_itself() => Border::Open,
            (_, Some(Piece::Text(text))) => Border::Before(text.as_slice().into()),
            (Placeholder::Timestamp, _) => {
                self.exact_time = true;
                Border::Open
            }
            (
                Placeholder::Source { .. } | Placeholder::Url,
                Some(Piece::Value(Placeholder::Timestamp)),
            ) => {
                self.exact_time = true;
                Border::BeforeTime
            }
            (Placeholder::Source { .. }, Some(Piece::Value(Placeholder::Url))) => Border::BeforeUrl,
            (
                Placeholder::Source { .. } | Placeholder::Url | Placeholder::Method,
                Some(Piece::Body),
            ) => {
                self.body_start_delimits = true;
                Border::NextToBody
            }
            (Placeholder::Url, Some(Piece::Value(Placeholder::Form))) => Border::BeforeForm,
            (Placeholder::Url, Some(Piece::Value(_))) => {
                self.ambiguity.get_or_insert(Ambiguity::Query);
                Border::Open
            }
            _ => {
                self.ambiguity = Some(Ambiguity::Always);
                Border::Open
            }
        }
    }

    /// The rule for the start of a value after the free one.
    fn rule_after(&mut self, token: &Placeholder, before: Option<&Piece<'_>>) -> Border {
        match (token, before) {
            (_, None) => Border::Open,
            (_, Some(Piece::Text(text))) => Border::After(text.as_slice().into()),
            (Placeholder::Timestamp, _) => {
                self.exact_time = true;
                Border::Open
            }
            (Placeholder::Url, _) => Border::UrlAfter,
            (
                Placeholder::Source { .. } | Placeholder::Crc32 | Placeholder::Method,
                Some(Piece::Body),
            ) => {
                self.body_end_delimits = true;
                Border::NextToBody
            }
            _ => {
                self.ambiguity = Some(Ambiguity::Always);
                Border::Open
            }
        }
    }

    /// Whether every border has a rule. Without its query, the sender controls no part of a URL.
    pub(super) fn are_unambiguous(&self, without_query: bool) -> bool {
        match self.ambiguity {
            None => true,
            Some(Ambiguity::Query) => without_query,
            Some(Ambiguity::Always) => false,
        }
    }

    /// Whether a literal delimits a value that always contains it, so that no delivery could keep the rule.
    pub(super) fn reject_everything<'p>(
        &self,
        parts: impl Iterator<Item = &'p Part>,
        methods: &[Method],
    ) -> bool {
        self.kinds.iter().zip(parts).any(|(border, part)| {
            let (Border::Before(text) | Border::After(text), Part::Token(token)) = (border, part)
            else {
                return false;
            };
            let breaks = |value: &str| !border.holds(value.as_bytes(), b"", false, None);
            // A setting stands for a literal that is known later.
            !text.is_empty()
                && match token {
                    Placeholder::Method => methods.iter().any(|method| breaks(method.as_str())),
                    token if token.has_whole_url() => ANY_URL.into_iter().all(breaks),
                    token if token.has_url() => ANY_PATH.into_iter().all(breaks),
                    _ => false,
                }
        })
    }

    /// Whether the first and the last byte of the body delimit the adjacent values.
    pub(super) fn body_delimits(&self, body: &[u8]) -> bool {
        let delimits = |edge: Option<&u8>| edge.is_none_or(|byte| !may_be_adjacent(*byte));
        (!self.body_start_delimits || delimits(body.first()))
            && (!self.body_end_delimits || delimits(body.last()))
    }

    /// The position of the first part whose value breaks its rule, and the literal of the rule, if it has one.
    ///
    /// `values` has one value for each part, in order.
    pub(super) fn breach<'v>(
        &self,
        values: impl Iterator<Item = (&'v Part, &'v [u8])> + Clone,
        unit: Option<TimestampUnit>,
    ) -> Option<(usize, Option<&[u8]>)> {
        let nexts = values.clone().skip(1).map(Some).chain([None]);
        let bordered = self.kinds.iter().zip(values).zip(nexts);
        for (at, ((border, (part, value)), next)) in bordered.enumerate() {
            let next = next.map(|(_, value)| value).unwrap_or_default();
            let is_url = *part == Part::Token(Placeholder::Url);
            let is_time = *part == Part::Token(Placeholder::Timestamp);
            let is_exact =
                is_time && unit.is_some_and(|unit| unit.exact_len(value) == Some(value.len()));
            let exact = !(self.exact_time && is_time) || is_exact;
            // A timestamp may contain the literal, such as the colons of RFC 3339: its exact length delimits it.
            let holds = (is_exact && matches!(border, Border::Before(_) | Border::After(_)))
                || border.holds(value, next, is_url, unit);
            if !(exact && holds) {
                return Some((at, border.text().filter(|_| exact)));
            }
        }
        None
    }
}

impl Border {
    /// The text that the value must not contain, or not contain twice.
    fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Before(text) | Self::After(text) => Some(text),
            Self::BeforeUrl | Self::UrlAfter => Some(b"://"),
            Self::Open | Self::BeforeTime | Self::NextToBody | Self::BeforeForm => None,
        }
    }

    fn holds(&self, value: &[u8], next: &[u8], is_url: bool, unit: Option<TimestampUnit>) -> bool {
        let url_count = |value| memchr::memmem::find_iter(value, b"://").count();
        match self {
            Self::Open => true,
            Self::Before(text) => match &**text {
                [one] => memchr::memchr(*one, value).is_none(),
                // The literal must not start inside the value and overlap its real position either.
                text => {
                    let both = [value, text].concat();
                    memchr::memmem::find(&both, text) == Some(value.len())
                }
            },
            Self::After(text) => match &**text {
                [one] => memchr::memchr(*one, value).is_none(),
                text => memchr::memmem::rfind(&[text, value].concat(), text) == Some(0),
            },
            Self::BeforeTime => {
                // The sender controls only the query of a URL.
                let from = is_url.then(|| memchr::memchr(b'?', value).unwrap_or(value.len()));
                let both = [value, next].concat();
                let mut places = from.unwrap_or(0)..value.len();
                let is_short = is_url || value.len() <= MAX_LEN_BEFORE_TIME;
                is_short
                    && unit.is_some_and(|unit| {
                        places.all(|at| {
                            both.get(at..)
                                .and_then(|rest| unit.exact_len(rest))
                                .is_none()
                        })
                    })
            }
            Self::BeforeUrl => url_count(value) == 0,
            Self::UrlAfter => {
                let before = memchr::memmem::find(value, b"://");
                let word = before.and_then(|end| value.get(..end));
                let is_url = word.is_some_and(|word| {
                    word.eq_ignore_ascii_case(b"https") || word.eq_ignore_ascii_case(b"http")
                });
                is_url && url_count(value) == 1
            }
            Self::NextToBody => {
                let host = if is_url { host_len(value) } else { 0 };
                let (host, rest) = value.split_at_checked(host).unwrap_or((&[], value));
                // An IPv6 address is in brackets (RFC 3986 §3.2.2).
                let in_host = |byte: &u8| may_be_adjacent(*byte) || b"[]".contains(byte);
                host.iter().all(in_host) && rest.iter().all(|byte| may_be_adjacent(*byte))
            }
            Self::BeforeForm => value.contains(&b'?') || next.first() != Some(&b'?'),
        }
    }
}

/// The position of the free value, which may contain anything.
fn free_position(pieces: &[Piece<'_>], free: Option<&Source>) -> Option<usize> {
    let position = |is_it: &dyn Fn(&Piece<'_>) -> bool| pieces.iter().position(is_it);
    let body = position(&|piece| matches!(piece, Piece::Body));
    let declared = || {
        position(&|piece| match piece {
            Piece::Value(Placeholder::Source { source, .. }) => Some(source) == free,
            _ => false,
        })
    };
    let last = || {
        let is_value = |piece: &Piece<'_>| matches!(piece, Piece::Value(_));
        pieces.iter().rposition(is_value)
    };
    body.or_else(declared).or_else(last)
}

/// The length of a URL up to its path or query; 0 if it is not a URL.
fn host_len(url: &[u8]) -> usize {
    let Some(scheme) = memchr::memmem::find(url, b"://") else {
        return 0;
    };
    let rest = url.get(scheme + 3..).unwrap_or_default();
    let end = memchr::memchr2(b'/', b'?', rest);
    end.map_or(url.len(), |end| scheme + 3 + end)
}

/// Whether a URL or a header next to the body may contain `byte`.
///
/// A body that must delimit its neighbours starts and ends with another byte. JSON and XML do, with any white space.
const fn may_be_adjacent(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'<' | b'>' | b'[' | b']' | b'{' | b'}')
}

/// Two URLs that share only the parts of every public URL: the scheme, its separators, a dot and a slash.
const ANY_URL: [&str; 2] = ["http://0.a/0", "https://1.b/1"];
/// Two paths that share only the slash of every path.
const ANY_PATH: [&str; 2] = ["/0", "/1"];
/// Ids that providers sign directly before a timestamp are shorter.
const MAX_LEN_BEFORE_TIME: usize = 1024;
