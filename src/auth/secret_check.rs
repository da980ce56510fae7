//! Checks the value of a secret when an operator sets it, before any delivery fails because of it.
//!
//! A value that makes no key is rejected. A value that looks like a mistake is rejected unless the operator forces it.
//! An unusual value is accepted with a warning. The checks accept every secret that a provider can issue.

use std::fmt;
use std::ops::RangeInclusive;

use super::key_form::KEY_PREFIXES;
use super::key_text::is_pem;
use super::published_secrets::is_published;
use super::{Algorithm, KeyForm, SecretError};

/// Who issues the secret of a preset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no other issuer")]
pub enum SecretIssuer {
    /// No secret exists: the key is a certificate.
    Nobody,
    /// The provider generates it.
    Provider,
    /// The owner of the endpoint may choose it and enters it at the provider.
    Owner,
}

impl SecretIssuer {
    /// The issuer for a word of a preset's file.
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

/// The format of a provider's secrets, according to its documentation or source code.
#[derive(Clone, Debug, Default)]
pub struct SecretShape {
    /// The possible key lengths in bytes, if they are certain.
    pub bytes: Option<RangeInclusive<usize>>,
    /// The usual key lengths in bytes, if the provider does not guarantee them.
    pub usual_bytes: Option<RangeInclusive<usize>>,
    /// The characters that the provider allows.
    pub alphabet: Option<SecretAlphabet>,
    /// Other credentials of the provider that operators confuse with the secret.
    pub confusable: Vec<OtherCredential>,
    /// The credential to set instead of those.
    pub expected: Option<String>,
    /// The URL of the source.
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
    /// The alphabet for a word of a preset's file.
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

/// A credential of a provider that is not its webhook secret.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OtherCredential {
    /// The prefix of the credential.
    pub prefix: String,
    /// The number of hexadecimal digits after the prefix; `None` if any text may follow.
    pub hex_digits: Option<usize>,
    /// A noun phrase for messages.
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
    /// How the endpoint turns the secret into a key.
    pub form: &'a KeyForm,
    /// The format of the provider's secrets, if a preset declares it.
    pub shape: Option<&'a SecretShape>,
}

/// Checks a new value of a secret for the endpoints that use it.
///
/// `force` accepts a value that looks like a mistake. A value that makes no key is never accepted.
pub fn check_secret(
    value: &[u8],
    uses: &[SecretUse<'_>],
    force: bool,
) -> Result<Vec<SecretWarning>, SecretRefusal> {
    let mut undecodable = None;
    for it in uses {
        let Err(error) = it.form.prepare(value) else {
            continue;
        };
        let refusal = SecretRefusal::Unusable(it.endpoint.to_owned(), error);
        // A mistake in the text, reported below, explains better why the text does not decode.
        if error != SecretError::Undecodable {
            return Err(refusal);
        }
        undecodable.get_or_insert(refusal);
    }
    let is_public = |it: &SecretUse<'_>| it.form.algorithm.is_public_key();
    let is_public = !uses.is_empty() && uses.iter().all(is_public);
    if let Some(problem) = SecretProblem::about(value, is_public).filter(|_| !force) {
        return Err(SecretRefusal::Doubtful(None, problem));
    }
    for it in uses {
        if let Some(problem) = it.find_problem(value).filter(|_| !force) {
            return Err(SecretRefusal::Doubtful(
                Some(it.endpoint.to_owned()),
                problem,
            ));
        }
    }
    match undecodable {
        Some(refusal) => Err(refusal),
        None => Ok(warnings(value, uses)),
    }
}

impl SecretUse<'_> {
    /// Why `value` does not look like a secret of this provider.
    fn find_problem(&self, value: &[u8]) -> Option<SecretProblem> {
        // A token may be the whole value of the header; a key is never sent.
        let is_key = !matches!(self.form.algorithm, Algorithm::Basic | Algorithm::Token);
        let is_header = |start: &&str| {
            let found = value.get(..start.len());
            found.is_some_and(|found| found.eq_ignore_ascii_case(start.as_bytes()))
        };
        if is_key && HEADER_VALUES.iter().any(is_header) {
            return Some(SecretProblem::OtherCredential {
                noun: "the value of an `Authorization` header".to_owned(),
                expected: None,
            });
        }
        let shape = self.shape?;
        if let Some(other) = shape.confusable.iter().find(|it| it.matches(value)) {
            return Some(SecretProblem::OtherCredential {
                noun: other.noun.clone(),
                expected: shape.expected.clone(),
            });
        }
        if let (Some(lengths), Some(len)) = (&shape.bytes, self.form.key_len(value))
            && !lengths.contains(&len)
        {
            return Some(SecretProblem::Length(len, lengths.clone()));
        }
        let alphabet = shape.alphabet?;
        let at = value.iter().position(|byte| !alphabet.contains(*byte))?;
        Some(SecretProblem::Alphabet(at, alphabet))
    }

    /// A warning if the key does not have the usual length.
    fn length_warning(&self, value: &[u8]) -> Option<SecretWarning> {
        let lengths = self.shape?.usual_bytes.clone()?;
        let len = self.form.key_len(value)?;
        let endpoint = self.endpoint.to_owned();
        (!lengths.contains(&len)).then_some(SecretWarning::Length {
            endpoint,
            len,
            lengths,
        })
    }
}

fn warnings(value: &[u8], uses: &[SecretUse<'_>]) -> Vec<SecretWarning> {
    let mut warnings: Vec<SecretWarning> = uses
        .iter()
        .filter_map(|it| it.length_warning(value))
        .collect();
    let is_password = |it: &SecretUse<'_>| it.form.algorithm == Algorithm::Basic;
    if value.len() < SHORT && !uses.iter().any(is_password) {
        warnings.push(SecretWarning::Short(value.len()));
    }
    warnings
}

/// Why a value is rejected.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SecretRefusal {
    /// It looks like a mistake: for the named endpoint, or for every endpoint.
    Doubtful(Option<String>, SecretProblem),
    /// It makes no key for the named endpoint.
    Unusable(String, SecretError),
}

impl SecretRefusal {
    /// The next step for the operator.
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Doubtful(..) => "if the value is correct, repeat the command with `--force`",
            Self::Unusable(..) => "copy the secret again from the provider",
        }
    }
}

impl fmt::Display for SecretRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Doubtful(None, problem) => write!(f, "the secret: {problem}"),
            Self::Doubtful(Some(endpoint), problem) => write!(f, "`{endpoint}`: {problem}"),
            Self::Unusable(endpoint, error) => write!(f, "`{endpoint}` cannot use it: {error}"),
        }
    }
}

impl std::error::Error for SecretRefusal {}

/// Why an accepted value is unusual.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SecretWarning {
    /// The key does not have the usual length of the provider's keys.
    Length {
        /// The endpoint that uses the secret.
        endpoint: String,
        /// The length of the key in bytes.
        len: usize,
        /// The usual lengths.
        lengths: RangeInclusive<usize>,
    },
    /// The value is short: its length in bytes.
    Short(usize),
}

impl fmt::Display for SecretWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length {
                endpoint,
                len,
                lengths,
            } => write!(
                f,
                "`{endpoint}`: the key has {len} bytes, but keys of this provider usually have {}: is it truncated?",
                range(lengths)
            ),
            Self::Short(len) => write!(
                f,
                "the value has {len} bytes, which is short for a secret: is it truncated?"
            ),
        }
    }
}

/// Why a value looks like a mistake.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SecretProblem {
    /// The byte at this position is not in the provider's alphabet.
    Alphabet(usize, SecretAlphabet),
    /// It is a `NAME=value` line of an environment file.
    Assignment,
    /// It starts with a byte order mark.
    ByteOrderMark,
    /// It has an invisible character at this position.
    Invisible(char, usize),
    /// The key does not have the length of the provider's keys, in bytes.
    Length(usize, RangeInclusive<usize>),
    /// It is another credential of the provider.
    OtherCredential {
        /// The credential that was found.
        noun: String,
        /// The credential to set instead.
        expected: Option<String>,
    },
    /// It is a placeholder from an example, so everybody knows it.
    Placeholder,
    /// It is the prefix of a secret, without the secret.
    PrefixOnly,
    /// It is in quotes.
    Quotes,
    /// It is an unexpanded variable, or a reference to a secret store.
    Template,
    /// It starts or ends with white space.
    WhiteSpace,
}

impl SecretProblem {
    /// The first mistake in `value` that is wrong for any provider. White space around a public key is ignored.
    pub fn about(value: &[u8], is_public_key: bool) -> Option<Self> {
        let text = String::from_utf8_lossy(value);
        let is_trimmed = value.trim_ascii().len() == value.len();
        if text.starts_with(BYTE_ORDER_MARK) {
            Some(Self::ByteOrderMark)
        } else if let Some((at, found)) = text.char_indices().find(|(_, it)| is_invisible(*it)) {
            Some(Self::Invisible(found, at))
        } else if !is_trimmed && !is_public_key && !is_pem(value) {
            Some(Self::WhiteSpace)
        } else if is_quoted(&text) {
            Some(Self::Quotes)
        } else if KEY_PREFIXES.contains(&&*text) {
            Some(Self::PrefixOnly)
        } else if is_template(&text) {
            Some(Self::Template)
        } else if is_assignment(&text) {
            Some(Self::Assignment)
        } else if let Some(noun) = foreign_credential(&text) {
            let (noun, expected) = (noun.to_owned(), None);
            Some(Self::OtherCredential { noun, expected })
        } else {
            is_placeholder(&text).then_some(Self::Placeholder)
        }
    }
}

impl fmt::Display for SecretProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alphabet(at, alphabet) => write!(
                f,
                "byte {at} is not allowed: secrets of this provider consist of {}",
                alphabet.noun()
            ),
            Self::Assignment => {
                f.write_str("it is a NAME=value line of an environment file; set only the value")
            }
            Self::ByteOrderMark => f.write_str(
                "it starts with a byte order mark (U+FEFF); save the file as UTF-8 without one",
            ),
            Self::Invisible(found, at) => write!(
                f,
                "it has an invisible character (U+{:04X}) at byte {at}; copy the secret again without it",
                u32::from(*found)
            ),
            Self::Length(len, lengths) => write!(
                f,
                "its key has {len} bytes, but keys of this scheme have {}",
                range(lengths)
            ),
            Self::OtherCredential { noun, expected } => {
                write!(f, "it is {noun}, not the webhook secret")?;
                expected
                    .as_ref()
                    .map_or(Ok(()), |expected| write!(f, "; set {expected}"))
            }
            Self::Placeholder => {
                f.write_str("it is a placeholder from an example, so everybody knows it")
            }
            Self::PrefixOnly => {
                f.write_str("it is only the prefix of a secret; copy the whole value")
            }
            Self::Quotes => {
                f.write_str("it is in quotes, which are not part of a secret; remove them")
            }
            Self::Template => f.write_str(
                "it is an unexpanded variable or reference; set the value that it stands for",
            ),
            Self::WhiteSpace => f.write_str("it starts or ends with white space; remove it"),
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

/// Whether `character` is invisible and probably a copying artefact. Line ends and tabs may be intended.
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

/// Whether the text is in matching straight quotes or in typographic ones.
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

/// Whether the whole text is a shell or template variable, or a reference to a secret store.
fn is_template(text: &str) -> bool {
    let is_between = |(start, end): &(&str, &str)| text.starts_with(*start) && text.ends_with(*end);
    let name = text
        .strip_prefix('$')
        .or_else(|| text.strip_prefix('%')?.strip_suffix('%'));
    name.is_some_and(is_variable)
        || TEMPLATES.iter().any(is_between)
        || REFERENCES.iter().any(|start| text.starts_with(start))
}

/// Whether `text` is `NAME=value`. Base64 padding does not count as a value.
fn is_assignment(text: &str) -> bool {
    let text = text.strip_prefix("export ").unwrap_or(text);
    let Some((name, value)) = text.split_once('=') else {
        return false;
    };
    is_variable(name) && !value.trim_matches('=').is_empty()
}

/// Whether `name` looks like an environment variable: `GITHUB_SECRET`.
fn is_variable(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(is_part)
}

/// The credential of GitHub that `text` is. Operators confuse it with a webhook secret at any provider.
fn foreign_credential(text: &str) -> Option<&'static str> {
    let is_token = |text: &&str| text.len() >= LEAST_TOKEN_LEN;
    let mut tokens = GITHUB_TOKENS.iter();
    let found = tokens.find(|(prefix, _)| text.strip_prefix(prefix).as_ref().is_some_and(is_token));
    found.map(|(_, noun)| *noun)
}

/// Whether everybody knows `text`: it stands for a secret in an example, or people and programs write it for none.
fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let bare = lower.strip_prefix("v1,").unwrap_or(&lower);
    let bare = bare.strip_prefix("whsec_").unwrap_or(bare);
    // Placeholders of documentation: `whsec_...` and `<your secret>`.
    let is_elided = bare.ends_with("...") || bare.ends_with('…');
    let is_bracketed = bare.starts_with('<') && bare.ends_with('>');
    let words: String = bare
        .chars()
        .filter(|it| !matches!(it, '-' | '_' | ' '))
        .collect();
    is_elided
        || is_bracketed
        || is_mask(bare)
        || is_mask(&words)
        || is_sequence(bare)
        || is_secret_name(text)
        || is_published(bare.trim_end_matches('='))
        || PLACEHOLDERS.contains(&words.as_str())
}

/// Whether `text` repeats one character: `xxxxxxxx` and `••••••••`.
fn is_mask(text: &str) -> bool {
    let mut letters = text.chars();
    let first = letters.next();
    MASK_LEN.contains(&text.len()) && letters.all(|letter| Some(letter) == first)
}

/// Whether `text` counts: `12345678`, `abcdefgh` and `0123456789abcdef`.
fn is_sequence(text: &str) -> bool {
    let bytes = text.as_bytes();
    let follows = |one: u8, next: u8| match one {
        b'9' => matches!(next, b'0' | b'a'),
        _ => one.is_ascii_alphanumeric() && one.checked_add(1) == Some(next),
    };
    let mut pairs = bytes.iter().zip(bytes.iter().skip(1));
    bytes.len() >= *MASK_LEN.start() && pairs.all(|(one, next)| follows(*one, *next))
}

/// Whether `text` is the name of a variable for a secret: `STRIPE_WEBHOOK_SECRET`.
fn is_secret_name(text: &str) -> bool {
    let mut words = text.split('_').skip(1);
    is_variable(text) && words.any(|word| matches!(word, "KEY" | "PASSWORD" | "SECRET" | "TOKEN"))
}

/// In bytes. A secret with 128 bits has at least 22 characters as text.
const SHORT: usize = 16;
const BYTE_ORDER_MARK: char = '\u{feff}';
/// The delimiters of variables in shells and template engines.
const TEMPLATES: &[(&str, &str)] = &[("${", "}"), ("$(", ")"), ("{{", "}}"), ("#{", "}")];
/// The prefixes of references to 1Password, Vault and AWS Secrets Manager.
const REFERENCES: &[&str] = &["op://", "vault://", "arn:aws:secretsmanager:"];
/// The starts of values of `Authorization`, and of the header itself.
const HEADER_VALUES: &[&str] = &["authorization:", "basic ", "bearer "];
/// The prefixes of GitHub's tokens.
const GITHUB_TOKENS: &[(&str, &str)] = &[
    ("ghp_", "a personal access token of GitHub"),
    ("github_pat_", "a personal access token of GitHub"),
    ("gho_", "an OAuth token of GitHub"),
    ("ghr_", "a refresh token of GitHub"),
    ("ghs_", "an installation token of GitHub"),
    ("ghu_", "a user token of GitHub"),
];
/// In characters, without the prefix. GitHub's tokens are longer.
const LEAST_TOKEN_LEN: usize = 16;
/// The lengths of a mask. A longer run of one character is not a placeholder.
const MASK_LEN: RangeInclusive<usize> = 3..=128;
/// In lower case, without the separators between words.
const PLACEHOLDERS: &[&str] = &[
    "[objectobject]",
    "abc123",
    "abcd1234",
    "admin",
    "changeit",
    "changeme",
    "changethis",
    "deadbeef",
    "default",
    "dummy",
    "enabled",
    "example",
    "exampleapikey",
    "examplekey",
    "examplesecret",
    "examplesecretkey",
    "false",
    "foo",
    "foobar",
    "helloworld",
    "it'sasecrettoeverybody",
    "key",
    "letmein",
    "mysecret",
    "mywebhooksecret",
    "nan",
    "nil",
    "none",
    "null",
    "p@ssw0rd",
    "passw0rd",
    "password",
    "password1",
    "password123",
    "placeholder",
    "qwerty",
    "replaceme",
    "sample",
    "samplesecret",
    "secret",
    "secret123",
    "secretkey",
    "sharedsecret",
    "signingsecret",
    "string",
    "supersecret",
    "test",
    "testing",
    "testkey",
    "testsecret",
    "testsigningsecret",
    "testtoken",
    "testwebhooksecret",
    "todo",
    "token",
    "true",
    "undefined",
    "webhook",
    "webhooksecret",
    "webhooksigningkey",
    "webhooksigningsecret",
    "yourapikey",
    "yourkey",
    "yourpassword",
    "yoursecret",
    "yoursecrethere",
    "yoursecretkey",
    "yoursharedsecret",
    "yoursigningkey",
    "yoursigningsecret",
    "yoursigningsecrethere",
    "yourtoken",
    "yourtokenhere",
    "yourwebhooksecret",
    "yourwebhooksecrethere",
    "yourwebhooksigningkey",
    "yourwebhooksigningsecret",
];
