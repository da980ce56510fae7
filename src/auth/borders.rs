//! Where one value of a signed message ends and the next one begins.
//!
//! A signature covers the bytes of a message and not the way in which they were cut into values. If two
//! deliveries with different values gave the same bytes, whoever has one of them could send the other.
//! So a template is examined once, when it is compiled: one of its values is free (the body, if there is
//! one), and the values around it are read from the left and from the right. Each of those ends where
//! the bytes alone say so:
//!
//! - before a literal, because it must not hold that literal, or is a time in its exact form;
//! - a time beside another value, because it is written in one exact form;
//! - a URL or a header beside the body, because the body begins (or ends) with a byte that they cannot hold;
//! - a URL behind the body, because it holds `://` once.
//!
//! A delivery that breaks such a rule is malformed. A template without a rule for one of its borders is
//! no template.

use super::template::Part;
use super::token::Token;
use super::{Source, TimestampUnit};

/// The rules of one template.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Borders {
    /// One for each part, in their order; the body is no part.
    kinds: Box<[Border]>,
    /// Whether the time has to be in its exact form.
    exact_time: bool,
    body_begins_apart: bool,
    body_ends_apart: bool,
    unsettled: Option<Unsettled>,
}

/// What keeps a value apart from its neighbour.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Border {
    /// Nothing has to: it is free, a constant, or ends by itself.
    Open,
    /// It does not hold the text behind it.
    Before(Box<[u8]>),
    /// It does not hold the text before it.
    Behind(Box<[u8]>),
    /// No time begins inside of it, and one follows.
    BeforeTime,
    /// It does not hold `://`, and a URL follows.
    BeforeUrl,
    /// It is a URL, and holds `://` once.
    UrlBehind,
    /// It holds no byte that a body begins or ends with.
    BesideBody,
    /// It is a URL before a form. Without a query, the form must not look like one.
    BeforeForm,
}

/// Why nobody can tell two values apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Unsettled {
    /// Because the query before it comes from the sender.
    Query,
    Always,
}

enum Piece<'p> {
    Text(Vec<u8>),
    Value(&'p Token),
    Body,
}

impl Borders {
    /// The rules for a template of these parts. Without a body, `free` or the last value is the free one.
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
                // It becomes text once the endpoint has said it.
                Some(Part::Token(Token::Setting(_))) => {
                    owners.push(None);
                    pieces.push(Piece::Text(Vec::new()));
                }
                Some(Part::Token(token)) => {
                    owners.push(Some(pieces.len()));
                    pieces.push(Piece::Value(token));
                }
            }
        }
        let free = free_at(&pieces, free);
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
                        Some(borders.rule_behind(token, before))
                    }
                    _ => None,
                }
            });
            kinds.push(border.unwrap_or(Border::Open));
        }
        borders.kinds = kinds.into();
        borders
    }

    /// What ends a value that stands before the free one.
    fn rule_before(&mut self, token: &Token, next: Option<&Piece<'_>>) -> Border {
        match (token, next) {
            (_, None) | (Token::Method, Some(Piece::Value(Token::Url))) => Border::Open,
            (Token::Canonical(form), _) if form.ends_by_itself() => Border::Open,
            (_, Some(Piece::Text(text))) => Border::Before(text.as_slice().into()),
            (Token::Timestamp, _) => {
                self.exact_time = true;
                Border::Open
            }
            (Token::Source { .. } | Token::Url, Some(Piece::Value(Token::Timestamp))) => {
                self.exact_time = true;
                Border::BeforeTime
            }
            (Token::Source { .. }, Some(Piece::Value(Token::Url))) => Border::BeforeUrl,
            (Token::Source { .. } | Token::Url | Token::Method, Some(Piece::Body)) => {
                self.body_begins_apart = true;
                Border::BesideBody
            }
            (Token::Url, Some(Piece::Value(Token::Form))) => Border::BeforeForm,
            (Token::Url, Some(Piece::Value(_))) => {
                self.unsettled.get_or_insert(Unsettled::Query);
                Border::Open
            }
            _ => {
                self.unsettled = Some(Unsettled::Always);
                Border::Open
            }
        }
    }

    /// What begins a value that stands behind the free one.
    fn rule_behind(&mut self, token: &Token, before: Option<&Piece<'_>>) -> Border {
        match (token, before) {
            (_, None) => Border::Open,
            (_, Some(Piece::Text(text))) => Border::Behind(text.as_slice().into()),
            (Token::Timestamp, _) => {
                self.exact_time = true;
                Border::Open
            }
            (Token::Url, _) => Border::UrlBehind,
            (Token::Source { .. } | Token::Crc32 | Token::Method, Some(Piece::Body)) => {
                self.body_ends_apart = true;
                Border::BesideBody
            }
            _ => {
                self.unsettled = Some(Unsettled::Always);
                Border::Open
            }
        }
    }

    /// Whether every border has a rule. A URL whose query is not signed has no value of the sender's.
    pub(super) fn are_settled(&self, without_query: bool) -> bool {
        match self.unsettled {
            None => true,
            Some(Unsettled::Query) => without_query,
            Some(Unsettled::Always) => false,
        }
    }

    /// Whether the body begins and ends in a way that keeps it apart from what is signed beside it.
    pub(super) fn keep_apart(&self, body: &[u8]) -> bool {
        let is_apart = |edge: Option<&u8>| edge.is_none_or(|byte| !may_stand_beside(*byte));
        (!self.body_begins_apart || is_apart(body.first()))
            && (!self.body_ends_apart || is_apart(body.last()))
    }

    /// The part whose value breaks its rule, and the text that the value holds or borders on, if the rule has one.
    /// `values` has one value for each part, in their order.
    pub(super) fn breach<'v>(
        &self,
        values: impl Iterator<Item = (&'v Part, &'v [u8])> + Clone,
        unit: Option<TimestampUnit>,
    ) -> Option<(usize, Option<&[u8]>)> {
        let nexts = values.clone().skip(1).map(Some).chain([None]);
        let bordered = self.kinds.iter().zip(values).zip(nexts);
        for (at, ((border, (part, value)), next)) in bordered.enumerate() {
            let next = next.map(|(_, value)| value).unwrap_or_default();
            let is_url = *part == Part::Token(Token::Url);
            let is_time = *part == Part::Token(Token::Timestamp);
            let is_exact =
                is_time && unit.is_some_and(|unit| unit.exact_len(value) == Some(value.len()));
            let exact = !(self.exact_time && is_time) || is_exact;
            // A time that is written with colons may stand before one: its form says where it ends.
            let holds = (is_exact && matches!(border, Border::Before(_) | Border::Behind(_)))
                || border.holds(value, next, is_url, unit);
            if !(exact && holds) {
                return Some((at, border.text().filter(|_| exact)));
            }
        }
        None
    }
}

impl Border {
    /// The text that it keeps out of the value.
    fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Before(text) | Self::Behind(text) => Some(text),
            Self::BeforeUrl | Self::UrlBehind => Some(b"://"),
            Self::Open | Self::BeforeTime | Self::BesideBody | Self::BeforeForm => None,
        }
    }

    fn holds(&self, value: &[u8], next: &[u8], is_url: bool, unit: Option<TimestampUnit>) -> bool {
        let scheme = |value| memchr::memmem::find_iter(value, b"://").count();
        match self {
            Self::Open => true,
            Self::Before(text) => match &**text {
                [one] => memchr::memchr(*one, value).is_none(),
                // Nor may the text begin in the value and end in itself.
                text => {
                    let both = [value, text].concat();
                    memchr::memmem::find(&both, text) == Some(value.len())
                }
            },
            Self::Behind(text) => match &**text {
                [one] => memchr::memchr(*one, value).is_none(),
                text => memchr::memmem::rfind(&[text, value].concat(), text) == Some(0),
            },
            Self::BeforeTime => {
                // Of a URL only the query is the sender's.
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
            Self::BeforeUrl => scheme(value) == 0,
            Self::UrlBehind => {
                let before = memchr::memmem::find(value, b"://");
                let word = before.and_then(|end| value.get(..end));
                let is_url = word.is_some_and(|word| {
                    word.eq_ignore_ascii_case(b"https") || word.eq_ignore_ascii_case(b"http")
                });
                is_url && scheme(value) == 1
            }
            Self::BesideBody => {
                let host = if is_url { host_len(value) } else { 0 };
                let (host, rest) = value.split_at_checked(host).unwrap_or((&[], value));
                // An IPv6 address stands in brackets (RFC 3986 §3.2.2).
                let in_host = |byte: &u8| may_stand_beside(*byte) || b"[]".contains(byte);
                host.iter().all(in_host) && rest.iter().all(|byte| may_stand_beside(*byte))
            }
            Self::BeforeForm => value.contains(&b'?') || next.first() != Some(&b'?'),
        }
    }
}

/// The position of the value that may hold anything.
fn free_at(pieces: &[Piece<'_>], free: Option<&Source>) -> Option<usize> {
    let position = |is_it: &dyn Fn(&Piece<'_>) -> bool| pieces.iter().position(is_it);
    let body = position(&|piece| matches!(piece, Piece::Body));
    let named = || {
        position(&|piece| match piece {
            Piece::Value(Token::Source { source, .. }) => Some(source) == free,
            _ => false,
        })
    };
    let last = || {
        let is_value = |piece: &Piece<'_>| matches!(piece, Piece::Value(_));
        pieces.iter().rposition(is_value)
    };
    body.or_else(named).or_else(last)
}

/// How long a URL is up to its path or query; nothing if it is none.
fn host_len(url: &[u8]) -> usize {
    let Some(scheme) = memchr::memmem::find(url, b"://") else {
        return 0;
    };
    let rest = url.get(scheme + 3..).unwrap_or_default();
    let end = memchr::memchr2(b'/', b'?', rest);
    end.map_or(url.len(), |end| scheme + 3 + end)
}

/// Whether a URL or a header beside the body may hold the byte. A body that has to stand apart begins
/// and ends with another one: JSON and XML do, in whatever white space.
const fn may_stand_beside(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'<' | b'>' | b'[' | b']' | b'{' | b'}')
}

/// Longer than any id that stands before a time without text between them.
const MAX_LEN_BEFORE_TIME: usize = 1024;
