//! Recognises keys of key pairs in texts, in common formats and below common encodings.
//!
//! Everybody may know a public key, so no text of one may become a shared secret. Tools and people wrap keys in many ways:
//! they encode a PEM file in base64 for a variable, or copy a JSON document. The search removes such wrappings, one layer
//! after the other, until it finds a key or reaches a limit.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use memchr::memmem;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use subtle::ConstantTimeEq as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use super::key_form::{KEY_BASE64, KEY_BASE64_URL, KEY_PREFIXES};

/// The half of a key pair that a text contains.
#[derive(Clone, Copy)]
pub(super) enum KeyHalf {
    Private,
    Public,
}

impl KeyHalf {
    /// The first key of a key pair in `text`.
    ///
    /// The formats are PEM, OpenSSH, JWK and JWK sets, `whpk_`, and a DER key or certificate. The raw bytes of an Ed25519
    /// key or a curve point look random, so they are not recognised.
    pub(super) fn find(text: &[u8]) -> Option<Self> {
        unwrapped(text).iter().find_map(|layer| Self::of(layer))
    }

    /// The key that `text` is, without any wrapping.
    fn of(text: &[u8]) -> Option<Self> {
        let is_public = || {
            is_pem(text)
                || memmem::find(text, SSH2).is_some()
                || WEBHOOK_PREFIXES.iter().any(|it| text.starts_with(it))
                || text.split(|byte| *byte == b'\n').any(is_ssh_line)
                || is_der(text)
                || ssh_key(text).is_some()
                || JsonFindings::of(text).is_some_and(|found| found.has_key)
        };
        pem_label(text).or_else(|| is_public().then_some(Self::Public))
    }
}

/// Whether `text` contains a PEM block (RFC 7468), with or without text around it.
pub(super) fn is_pem(text: &[u8]) -> bool {
    memmem::find(text, PEM).is_some()
}

/// The key in a PEM public key (RFC 7468 §13) or a PEM certificate (§5), as `SubjectPublicKeyInfo`.
pub(super) fn from_pem(text: &[u8]) -> Option<Vec<u8>> {
    if let Ok(info) = SubjectPublicKeyInfoDer::from_pem_slice(text) {
        return Some(info.as_ref().to_vec());
    }
    let certificate = CertificateDer::from_pem_slice(text).ok()?;
    let (_, read) = X509Certificate::from_der(&certificate).ok()?;
    Some(read.public_key().raw.to_vec())
}

/// Whether two texts may encode the same key, so that knowing one of them means knowing the other.
pub fn encode_same_key(one: &[u8], other: &[u8]) -> bool {
    let others = readings(other);
    let is_other = |bytes: &[u8]| others.iter().any(|it| bool::from(it.ct_eq(bytes)));
    readings(one).iter().any(|bytes| is_other(bytes))
}

type Layer = Zeroizing<Vec<u8>>;

/// Every key that `text` may encode: the text, its layers, and the raw keys in them.
fn readings(text: &[u8]) -> Vec<Layer> {
    let mut readings = unwrapped(text);
    let mut keys = Vec::new();
    for layer in &readings {
        keys.extend(from_pem(layer).map(Zeroizing::new));
        keys.extend(ssh_key(layer).map(|key| Zeroizing::new(key.to_vec())));
    }
    readings.extend(keys);
    let mut bare = Vec::new();
    for bytes in &readings {
        if let Ok((_, info)) = SubjectPublicKeyInfo::from_der(bytes) {
            bare.push(Zeroizing::new(info.subject_public_key.data.to_vec()));
        }
    }
    readings.extend(bare);
    // A short part, such as a name beside the key, is no key. The whole text may be a short token.
    let mut is_whole = true;
    readings.retain(|bytes| std::mem::take(&mut is_whole) || bytes.len() >= LEAST_KEY_LEN);
    readings
}

/// The text, and every text and byte string that its wrappings contain, up to the limits.
fn unwrapped(text: &[u8]) -> Vec<Layer> {
    let mut layers = Vec::new();
    add(&mut layers, text);
    let mut first = 0;
    for _ in 0..MAX_LAYERS {
        let outer = layers.len();
        for at in first..outer {
            let inner = layers.get(at).map(|text| contents(text));
            for inner in inner.unwrap_or_default() {
                add(&mut layers, &inner);
            }
        }
        first = outer;
    }
    layers
}

/// Adds a new layer, and the same without the white space around it. The last byte of a key may look like white space.
fn add(layers: &mut Vec<Layer>, text: &[u8]) {
    for layer in [text.trim_ascii(), text] {
        let is_new = !layer.is_empty() && layers.iter().all(|known| **known != *layer);
        if is_new && layers.len() < MAX_TEXTS {
            layers.push(Zeroizing::new(layer.to_vec()));
        }
    }
}

/// What `text` contains if it is one of the known wrappings; nothing for bytes that are no text.
fn contents(text: &[u8]) -> Vec<Layer> {
    let is_text = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    if std::str::from_utf8(text).is_err() || !text.iter().all(is_text) {
        return Vec::new();
    }
    let copy = |part: &[u8]| Zeroizing::new(part.to_vec());
    let joined = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    let joined: Layer = Zeroizing::new(joined.copied().collect());
    let mut found: Vec<Layer> = Vec::new();
    found.extend(decoded_base64(&joined));
    found.extend(decoded_hex(&joined));
    found.extend(decoded_percent(text));
    found.extend(unescaped(text));
    found.extend(unquoted(text).map(copy));
    found.extend(unnamed(text).map(copy));
    let mut prefixes = KEY_PREFIXES.iter();
    let bare = prefixes.find_map(|prefix| text.strip_prefix(prefix.as_bytes()));
    found.extend(bare.map(copy));
    let strings = JsonFindings::of(text).map(|found| found.strings);
    found.extend(strings.unwrap_or_default());
    found.extend(longest_word(text).map(copy));
    found
}

fn decoded_base64(text: &[u8]) -> impl Iterator<Item = Layer> {
    let decoded = [
        KEY_BASE64.decode(text).ok(),
        KEY_BASE64_URL.decode(text).ok(),
    ];
    decoded.into_iter().flatten().map(Zeroizing::new)
}

/// Hexadecimal bytes without white space, with or without `:`, `,`, `-`, `0x` or `\x` between them.
fn decoded_hex(text: &[u8]) -> Option<Layer> {
    let mut digits: Layer = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let is_mark = matches!(byte, b'0' | b'\\') && matches!(bytes.peek(), Some(b'x' | b'X'));
        if is_mark {
            bytes.next();
        } else if !matches!(byte, b':' | b',' | b'-') {
            digits.push(byte);
        }
    }
    hex::decode(&*digits).ok().map(Zeroizing::new)
}

/// Text with percent-encoded bytes (RFC 3986 §2.1). A percent sign without two digits stands for itself.
fn decoded_percent(text: &[u8]) -> Option<Layer> {
    memchr::memchr(b'%', text)?;
    let mut decoded: Layer = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let mut code = [0];
        let digits = after.get(..2).filter(|_| *byte == b'%');
        if digits.is_some_and(|digits| hex::decode_to_slice(digits, &mut code).is_ok()) {
            decoded.extend_from_slice(&code);
            rest = after.get(2..).unwrap_or_default();
        } else {
            decoded.push(*byte);
            rest = after;
        }
    }
    Some(decoded)
}

/// Text in which `\n`, `\r` and `\t` stand for white space, and other characters after a backslash for themselves.
fn unescaped(text: &[u8]) -> Option<Layer> {
    memchr::memchr(b'\\', text)?;
    let mut plain: Layer = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        let escaped = (byte == b'\\').then(|| bytes.next()).flatten();
        plain.push(match escaped {
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(other) => other,
            None => byte,
        });
    }
    Some(plain)
}

fn unquoted(text: &[u8]) -> Option<&[u8]> {
    let (first, rest) = text.split_first()?;
    let (last, inner) = rest.split_last()?;
    (first == last && matches!(first, b'"' | b'\'' | b'`')).then_some(inner)
}

/// The value of a line `NAME=value` or `name: value`.
fn unnamed(text: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr2(b'=', b':', text)?;
    let (name, value) = text.split_at_checked(end)?;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b" _-.".contains(byte);
    let is_name = (1..=MAX_NAME_LEN).contains(&name.len()) && name.iter().all(is_part);
    is_name.then(|| value.get(1..)).flatten()
}

/// The longest word of base64 letters in `text`, such as the data of a `data:` URL.
fn longest_word(text: &[u8]) -> Option<&[u8]> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/_-".contains(byte);
    let longest = text
        .split(|byte| !is_letter(byte))
        .max_by_key(|word| word.len());
    longest.filter(|word| word.len() >= LEAST_WORD_LEN)
}

/// The half of a key pair that the label of a PEM block names, whatever became of the dashes, spaces and case around it.
fn pem_label(text: &[u8]) -> Option<KeyHalf> {
    let words = text.split(|byte| !byte.is_ascii_alphanumeric());
    let words: Vec<&[u8]> = words.filter(|word| !word.is_empty()).collect();
    words.iter().enumerate().find_map(|(at, first)| {
        let start = first.get(..3)?.to_ascii_uppercase();
        if start != *b"BEG" && start != *b"END" {
            return None;
        }
        let label = words.iter().skip(at).take(MAX_LABEL_WORDS).copied();
        let label = label.collect::<Vec<&[u8]>>().concat().to_ascii_uppercase();
        let mut starts = [&b"BEGIN"[..], b"END"].into_iter();
        let mut rest = starts.find_map(|start| label.strip_prefix(start))?;
        while let Some(shorter) = LABEL_WORDS.iter().find_map(|word| rest.strip_prefix(*word)) {
            rest = shorter;
        }
        if rest.starts_with(b"PRIVATEKEY") {
            Some(KeyHalf::Private)
        } else {
            let is_public = rest.starts_with(b"PUBLICKEY") || rest.starts_with(b"CERTIFICATE");
            is_public.then_some(KeyHalf::Public)
        }
    })
}

/// Whether `bytes` are a `SubjectPublicKeyInfo` (RFC 5280 §4.1), an RSA key (RFC 8017 §A.1.1) or a certificate.
fn is_der(bytes: &[u8]) -> bool {
    // Cheap check first: most texts are not DER.
    if bytes.first() != Some(&DER_SEQUENCE) {
        return false;
    }
    let is_info = SubjectPublicKeyInfo::from_der(bytes).is_ok_and(|(rest, _)| rest.is_empty());
    let is_rsa = RSAPublicKey::from_der(bytes)
        .is_ok_and(|(rest, key)| rest.is_empty() && key.modulus.len() >= LEAST_RSA_LEN);
    is_info || is_rsa || X509Certificate::from_der(bytes).is_ok_and(|(rest, _)| rest.is_empty())
}

/// The last field of an SSH key (RFC 4253 §6.6), which starts with the length and the name of a known key type.
fn ssh_key(bytes: &[u8]) -> Option<&[u8]> {
    let (name, mut rest) = ssh_field(bytes)?;
    let mut last = SSH_NAMES.contains(&name).then_some(name)?;
    while let Some((field, after)) = ssh_field(rest) {
        (last, rest) = (field, after);
    }
    Some(last)
}

/// The first field of `bytes`, after its length, and the bytes behind it.
fn ssh_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)
}

/// Whether `line` is from an `authorized_keys` or `.pub` file: the name of a key type, then the key in base64.
fn is_ssh_line(line: &[u8]) -> bool {
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let is_named = words.any(|word| SSH_NAMES.contains(&word));
    is_named && words.next().is_some_and(|key| key.starts_with(b"AAAA"))
}

/// The strings of a JSON document, and whether an object in it is a JSON Web Key of a key pair (RFC 7517 §4.1).
#[derive(Default)]
struct JsonFindings {
    strings: Vec<Layer>,
    has_key: bool,
}

impl JsonFindings {
    fn of(text: &[u8]) -> Option<Self> {
        if !matches!(text.first(), Some(b'{' | b'[' | b'"')) {
            return None;
        }
        let mut found = Self::default();
        let mut reader = serde_json::Deserializer::from_slice(text);
        JsonSearch(&mut found).deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        Some(found)
    }
}

/// Reads one value of a document; the result is the text of a string.
struct JsonSearch<'f>(&'f mut JsonFindings);

impl<'de> DeserializeSeed<'de> for JsonSearch<'_> {
    type Value = Option<Zeroizing<String>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonSearch<'_> {
    type Value = Option<Zeroizing<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<String> = Vec::new();
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            let name = name.to_ascii_lowercase();
            let Some(text) = map.next_value_seed(JsonSearch(&mut *self.0))? else {
                continue;
            };
            // A repeated member counts each time: parsers disagree about the one that they read.
            self.0.has_key |= name == "kty" && !text.eq_ignore_ascii_case("oct");
            if KEY_MEMBERS.contains(&name.as_str()) && !members.contains(&name) {
                members.push(name);
            }
        }
        let has = |name: &str| members.iter().any(|it| it == name);
        self.0.has_key |= (has("n") && has("e")) || (has("crv") && has("x"));
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element_seed(JsonSearch(&mut *self.0))?.is_some() {}
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        if self.0.strings.len() < MAX_TEXTS {
            self.0
                .strings
                .push(Zeroizing::new(text.as_bytes().to_vec()));
        }
        Ok(Some(Zeroizing::new(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

const PEM: &[u8] = b"-----BEGIN ";
/// The start of an SSH public key file (RFC 4716 §3).
const SSH2: &[u8] = b"---- BEGIN SSH2 ";
/// The prefixes of Standard Webhooks public keys, with and without the signature version.
const WEBHOOK_PREFIXES: [&[u8]; 2] = [b"whpk_", b"v1a,whpk_"];
/// The key types that `ssh-keygen` creates.
const SSH_NAMES: [&[u8]; 8] = [
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
    b"sk-ecdsa-sha2-nistp256@openssh.com",
    b"sk-ssh-ed25519@openssh.com",
    b"ssh-dss",
    b"ssh-ed25519",
    b"ssh-rsa",
];
/// The words before `PUBLIC KEY` or `PRIVATE KEY` in the label of a PEM block.
const LABEL_WORDS: [&[u8]; 9] = [
    b"DSA",
    b"EC",
    b"ED25519",
    b"ENCRYPTED",
    b"OPENSSH",
    b"RSA",
    b"SSH2",
    b"TRUSTED",
    b"X509",
];
/// The members of a JSON Web Key that make a key pair, in lower case (RFC 7518 §6).
const KEY_MEMBERS: [&str; 4] = ["crv", "e", "n", "x"];
const DER_SEQUENCE: u8 = 0x30;
/// In bytes (512 bits). A random secret of a usual length does not parse as a key this long.
const LEAST_RSA_LEN: usize = 64;
/// In bytes. Keys are longer.
const LEAST_KEY_LEN: usize = 16;
/// In letters. Keys in base64 are longer.
const LEAST_WORD_LEN: usize = 40;
const MAX_NAME_LEN: usize = 40;
/// `BEGIN`, two words, and `PUBLIC KEY`.
const MAX_LABEL_WORDS: usize = 5;
/// The limit of wrappings around each other. Some need two layers: a `data:` URL, and the base64 in it.
const MAX_LAYERS: usize = 6;
/// The limit of texts in one search.
const MAX_TEXTS: usize = 256;
