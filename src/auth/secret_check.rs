//! Checks the value of a secret when somebody sets it, before any delivery fails because of it.
//!
//! Three results: a value that makes no key is refused; a value that looks like a mistake is refused unless the
//! operator insists; a value that is only unusual gets a caution. Nothing that a provider can issue is refused.

use std::fmt;
use std::ops::RangeInclusive;

use super::key_form::KEY_PREFIXES;
use super::public_key::PublicKey;
use super::{Algorithm, KeyForm, UnusableSecret};

/// Who makes the secret of a preset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is nobody else")]
pub enum SecretIssuer {
    /// There is none: the key is a certificate.
    Nobody,
    /// Only the provider: nobody else can make one up.
    Provider,
    /// Whoever owns the endpoint may choose it, and tells the provider.
    Owner,
}

impl SecretIssuer {
    /// The issuer that the word of a preset's file means.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::Nobody),
            "provider" => Some(Self::Provider),
            "yours" => Some(Self::Owner),
            _ => None,
        }
    }

    /// The word in a preset's file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nobody => "none",
            Self::Provider => "provider",
            Self::Owner => "yours",
        }
    }
}

/// What the secrets of a provider look like, as far as the provider or its programs say so.
#[derive(Clone, Debug, Default)]
pub struct SecretShape {
    /// How many bytes the keys have, where that is certain.
    pub bytes: Option<RangeInclusive<usize>>,
    /// How many bytes the keys have where nobody promises it.
    pub usual_bytes: Option<RangeInclusive<usize>>,
    /// The characters that the provider allows.
    pub alphabet: Option<SecretAlphabet>,
    /// Other credentials of the provider, which people set by mistake.
    pub confusable: Vec<OtherCredential>,
    /// What to set in their place.
    pub expected: Option<String>,
    /// Where the provider says so.
    pub source: Option<String>,
}

/// The characters that a provider allows in a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SecretAlphabet {
    /// Printable ASCII.
    Ascii,
    /// `A-Z`, `a-z`, `0-9`, `-` and `_`.
    Base64Url,
}

impl SecretAlphabet {
    /// The alphabet that the word of a preset's file means.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        match word {
            "ascii" => Some(Self::Ascii),
            "base64url" => Some(Self::Base64Url),
            _ => None,
        }
    }

    const fn contains(self, byte: u8) -> bool {
        match self {
            Self::Ascii => byte.is_ascii_graphic() || byte == b' ',
            Self::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Ascii => "printable ASCII characters",
            Self::Base64Url => "letters, digits, `-` and `_`",
        }
    }
}

/// A credential of a provider that is not the secret of its webhooks.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OtherCredential {
    /// How it begins.
    pub prefix: String,
    /// How many hexadecimal digits follow, and nothing else; `None` if anything may follow.
    pub hex_digits: Option<usize>,
    /// What it is.
    pub noun: String,
}

impl OtherCredential {
    fn matches(&self, value: &[u8]) -> bool {
        let rest = value.strip_prefix(self.prefix.as_bytes());
        rest.is_some_and(|rest| match self.hex_digits {
            Some(digits) => rest.len() == digits && rest.iter().all(u8::is_ascii_hexdigit),
            None => true,
        })
    }
}

/// An endpoint that uses a secret.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SecretUse<'a> {
    /// The id of the endpoint.
    pub endpoint: &'a str,
    /// How it reads the secret.
    pub form: &'a KeyForm,
    /// What the provider's secrets look like.
    pub shape: Option<&'a SecretShape>,
}

/// Checks a new value of a secret for the endpoints that use it.
///
/// `insists` accepts what only looks like a mistake. What makes no key is never accepted.
pub fn check_secret(
    value: &[u8],
    uses: &[SecretUse<'_>],
    insists: bool,
) -> Result<Vec<Caution>, SecretRefusal> {
    let mut undecodable = None;
    for it in uses {
        let Err(error) = it.form.prepare(value) else {
            continue;
        };
        let refusal = SecretRefusal::Unusable(it.endpoint.to_owned(), error);
        // A mistake in the text explains better why it does not decode.
        if error != UnusableSecret::Undecodable {
            return Err(refusal);
        }
        undecodable.get_or_insert(refusal);
    }
    let is_public = |it: &SecretUse<'_>| it.form.algorithm.is_public_key();
    let is_public = !uses.is_empty() && uses.iter().all(is_public);
    if let Some(doubt) = Doubt::about(value, is_public).filter(|_| !insists) {
        return Err(SecretRefusal::Doubtful(None, doubt));
    }
    for it in uses {
        if let Some(doubt) = it.doubt(value).filter(|_| !insists) {
            return Err(SecretRefusal::Doubtful(Some(it.endpoint.to_owned()), doubt));
        }
    }
    match undecodable {
        Some(refusal) => Err(refusal),
        None => Ok(cautions(value, uses)),
    }
}

impl SecretUse<'_> {
    /// What speaks against `value` as a secret of this provider.
    fn doubt(&self, value: &[u8]) -> Option<Doubt> {
        let shape = self.shape?;
        if let Some(other) = shape.confusable.iter().find(|it| it.matches(value)) {
            return Some(Doubt::OtherCredential {
                noun: other.noun.clone(),
                expected: shape.expected.clone(),
            });
        }
        if let (Some(lengths), Some(len)) = (&shape.bytes, self.form.key_len(value))
            && !lengths.contains(&len)
        {
            return Some(Doubt::Length(len, lengths.clone()));
        }
        let alphabet = shape.alphabet?;
        let at = value.iter().position(|byte| !alphabet.contains(*byte))?;
        Some(Doubt::Alphabet(at, alphabet))
    }

    fn caution(&self, value: &[u8]) -> Option<Caution> {
        let lengths = self.shape?.usual_bytes.clone()?;
        let len = self.form.key_len(value)?;
        let endpoint = self.endpoint.to_owned();
        (!lengths.contains(&len)).then_some(Caution::Length {
            endpoint,
            len,
            lengths,
        })
    }
}

fn cautions(value: &[u8], uses: &[SecretUse<'_>]) -> Vec<Caution> {
    let mut cautions: Vec<Caution> = uses.iter().filter_map(|it| it.caution(value)).collect();
    let is_password = |it: &SecretUse<'_>| it.form.algorithm == Algorithm::Basic;
    if value.len() < SHORT && !uses.iter().any(is_password) {
        cautions.push(Caution::Short(value.len()));
    }
    cautions
}

/// Why a value is not accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SecretRefusal {
    /// It looks like a mistake, for every endpoint or for the one named.
    Doubtful(Option<String>, Doubt),
    /// It makes no key for the endpoint.
    Unusable(String, UnusableSecret),
}

impl SecretRefusal {
    /// The next step of the operator.
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Doubtful(..) => "if it is right all the same, say `--force`",
            Self::Unusable(..) => "copy it again as the provider shows it",
        }
    }
}

impl fmt::Display for SecretRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Doubtful(None, doubt) => write!(f, "the secret: {doubt}"),
            Self::Doubtful(Some(endpoint), doubt) => write!(f, "`{endpoint}`: {doubt}"),
            Self::Unusable(endpoint, error) => write!(f, "`{endpoint}` cannot use it: {error}"),
        }
    }
}

impl std::error::Error for SecretRefusal {}

/// A value that is accepted, although it is unusual.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Caution {
    /// The key has another length than the provider's keys usually have.
    Length {
        /// The endpoint that uses it.
        endpoint: String,
        /// The bytes of the key.
        len: usize,
        /// What is usual.
        lengths: RangeInclusive<usize>,
    },
    /// The value has few bytes.
    Short(usize),
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length {
                endpoint,
                len,
                lengths,
            } => write!(
                f,
                "`{endpoint}`: the key has {len} bytes, and keys of this provider usually have {}: was it cut off?",
                range(lengths)
            ),
            Self::Short(len) => write!(
                f,
                "the value has {len} bytes, which is short for a secret: was it cut off?"
            ),
        }
    }
}

/// What makes a value look like a mistake.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Doubt {
    /// The provider does not allow the character at the position.
    Alphabet(usize, SecretAlphabet),
    /// It is a line of an environment file.
    Assignment,
    /// A byte order mark stands before it.
    ByteOrderMark,
    /// A character that nobody sees stands at the position.
    Invisible(char, usize),
    /// The key has another length than the provider's keys, in bytes.
    Length(usize, RangeInclusive<usize>),
    /// It is another credential of the provider.
    OtherCredential {
        /// What it is.
        noun: String,
        /// What to set in its place.
        expected: Option<String>,
    },
    /// Examples show it, so everybody has it.
    Placeholder,
    /// Nothing follows the prefix of a secret.
    PrefixOnly,
    /// Quotes stand around it.
    Quotes,
    /// It is a variable that nothing has expanded.
    Template,
    /// White space stands around it.
    WhiteSpace,
}

impl Doubt {
    /// What looks wrong about `value`, whatever it is for. White space around a public key does not count.
    pub fn about(value: &[u8], is_public_key: bool) -> Option<Self> {
        let text = String::from_utf8_lossy(value);
        let is_trimmed = value.trim_ascii().len() == value.len();
        if text.starts_with(BYTE_ORDER_MARK) {
            Some(Self::ByteOrderMark)
        } else if let Some((at, found)) = text.char_indices().find(|(_, it)| is_invisible(*it)) {
            Some(Self::Invisible(found, at))
        } else if !is_trimmed && !is_public_key && !PublicKey::is_pem(value) {
            Some(Self::WhiteSpace)
        } else if is_quoted(&text) {
            Some(Self::Quotes)
        } else if KEY_PREFIXES.contains(&&*text) {
            Some(Self::PrefixOnly)
        } else if is_template(&text) {
            Some(Self::Template)
        } else if is_assignment(&text) {
            Some(Self::Assignment)
        } else {
            is_placeholder(&text).then_some(Self::Placeholder)
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alphabet(at, alphabet) => write!(
                f,
                "the provider allows {} only, and byte {at} is something else",
                alphabet.noun()
            ),
            Self::Assignment => {
                f.write_str("it is a line NAME=value of an environment file; set the value alone")
            }
            Self::ByteOrderMark => f.write_str(
                "it begins with a byte order mark (U+FEFF); save the file as UTF-8 without one",
            ),
            Self::Invisible(found, at) => write!(
                f,
                "byte {at} begins an invisible character (U+{:04X}); copy the secret again without it",
                u32::from(*found)
            ),
            Self::Length(len, lengths) => write!(
                f,
                "its key has {len} bytes, and keys of this scheme have {}",
                range(lengths)
            ),
            Self::OtherCredential { noun, expected } => {
                write!(f, "it is {noun}, not the secret of webhooks")?;
                expected
                    .as_ref()
                    .map_or(Ok(()), |expected| write!(f, "; set {expected}"))
            }
            Self::Placeholder => {
                f.write_str("it is a placeholder that examples show, so everybody has it")
            }
            Self::PrefixOnly => {
                f.write_str("it is only the prefix of a secret; copy the whole value")
            }
            Self::Quotes => f.write_str("quotes stand around it, which are no part of a secret"),
            Self::Template => f.write_str(
                "it is a variable or a reference that nothing has expanded; set the value that it stands for",
            ),
            Self::WhiteSpace => f.write_str("white space stands before or after it"),
        }
    }
}

fn range(lengths: &RangeInclusive<usize>) -> String {
    if lengths.start() == lengths.end() {
        lengths.start().to_string()
    } else {
        format!("{} to {}", lengths.start(), lengths.end())
    }
}

/// Whether it is a character that copying adds and nobody sees. Line ends and tabs inside a value may be meant.
fn is_invisible(character: char) -> bool {
    let is_control = character.is_control() && !matches!(character, '\t' | '\n' | '\r');
    let is_space = character.is_whitespace() && !character.is_ascii_whitespace();
    is_control
        || is_space
        || matches!(
            character,
            '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | BYTE_ORDER_MARK
        )
}

/// Whether straight quotes of one kind, or typographic ones, stand around the text.
fn is_quoted(text: &str) -> bool {
    let mut letters = text.chars();
    let (Some(first), Some(last)) = (letters.next(), letters.next_back()) else {
        return false;
    };
    match first {
        '"' | '\'' | '`' => last == first,
        '“' | '”' | '„' | '‟' | '«' | '»' => matches!(last, '“' | '”' | '«' | '»'),
        '‘' | '’' | '‚' | '‛' | '‹' | '›' => matches!(last, '‘' | '’' | '‹' | '›'),
        _ => false,
    }
}

/// Whether the whole text is a variable of a shell or a template, or a reference into a secret store.
fn is_template(text: &str) -> bool {
    let is_between = |(start, end): &(&str, &str)| text.starts_with(*start) && text.ends_with(*end);
    let name = text
        .strip_prefix('$')
        .or_else(|| text.strip_prefix('%')?.strip_suffix('%'));
    name.is_some_and(is_variable)
        || TEMPLATES.iter().any(is_between)
        || REFERENCES.iter().any(|start| text.starts_with(start))
}

/// Whether it is `NAME=value`. The end of a base64 text is no assignment.
fn is_assignment(text: &str) -> bool {
    let text = text.strip_prefix("export ").unwrap_or(text);
    let Some((name, value)) = text.split_once('=') else {
        return false;
    };
    is_variable(name) && !value.trim_matches('=').is_empty()
}

/// Whether it is the name of an environment variable, as people write them: `GITHUB_SECRET`.
fn is_variable(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(is_part)
}

fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let bare = lower.strip_prefix("whsec_").unwrap_or(&lower);
    // `whsec_...` and `<your secret>`, as documentation writes them.
    let is_left_out = lower.ends_with("...") || lower.ends_with('…');
    let is_bracketed = lower.starts_with('<') && lower.ends_with('>');
    // `xxxxxxxx` and `********`.
    let mut letters = bare.chars();
    let first = letters.next();
    let is_mask = (MASK_LEN.contains(&bare.len()))
        && matches!(first, Some('x' | '*' | '.' | '0'))
        && letters.all(|letter| Some(letter) == first);
    let words: String = bare
        .chars()
        .filter(|it| !matches!(it, '-' | '_' | ' '))
        .collect();
    is_left_out || is_bracketed || is_mask || PLACEHOLDERS.contains(&words.as_str())
}

/// In bytes: 128 bits are written with 22 characters at least.
const SHORT: usize = 16;
const BYTE_ORDER_MARK: char = '\u{feff}';
/// What shells and template engines put around a name.
const TEMPLATES: &[(&str, &str)] = &[("${", "}"), ("$(", ")"), ("{{", "}}"), ("#{", "}")];
/// References of 1Password, Vault and AWS Secrets Manager.
const REFERENCES: &[&str] = &["op://", "vault://", "arn:aws:secretsmanager:"];
/// A mask is as long as a secret; what is longer was made by somebody.
const MASK_LEN: RangeInclusive<usize> = 3..=128;
/// Without the signs between their words.
const PLACEHOLDERS: &[&str] = &[
    "changeit",
    "changeme",
    "example",
    "foobar",
    "it'sasecrettoeverybody",
    "mysecret",
    "mywebhooksecret",
    "none",
    "null",
    "password",
    "placeholder",
    "replaceme",
    "secret",
    "secretkey",
    "signingsecret",
    "supersecret",
    "test",
    "todo",
    "token",
    "undefined",
    "webhooksecret",
    "yourapikey",
    "yoursecret",
    "yoursecrethere",
    "yoursecretkey",
    "yoursigningsecret",
    "yoursigningsecrethere",
    "yourtoken",
    "yourtokenhere",
    "yourwebhooksecret",
    "yourwebhooksecrethere",
];
