//! Whose delivery it is: where the signed part of a delivery names the account at the provider.
//!
//! Installations of one app share its key, so a genuine delivery to one tenant verifies at another tenant's
//! endpoint. An endpoint that is given its accounts refuses every delivery that names another one, or none.
//!
//! ```text
//! json:/PATH        a value of a JSON body, by its JSON Pointer; `*` stands for every element of an array
//! form:NAME         a field of a form
//! form:NAME/PATH    a value of the JSON text in a field of a form
//! claim:/PATH       a claim of the token that is signed, or a value of the JSON text in a claim
//! ```
//!
//! Everything that is there counts: every place, and every element of an array.

use std::fmt;
use std::str::FromStr;

use http::header::CONTENT_TYPE;

use super::envelope::signed_claims;
use super::json::{NotAPointer, Pointer, Walk};
use super::view::View;
use super::{Covers, Envelope, NoScheme, ProofError, Received, Scheme, fold, form};

/// Where deliveries name their account, and the accounts that an endpoint takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountRule {
    places: Vec<AccountPlace>,
    /// The accounts of the endpoint; none if it takes deliveries of every one.
    accounts: Vec<Box<str>>,
}

/// One place where a delivery may name its account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AccountPlace {
    /// A value of the token that is signed.
    Claim(Pointer),
    /// A field of a form, or a value of the JSON text in it.
    Form(Box<str>, Option<Pointer>),
    /// A value of a JSON body.
    Json(Pointer),
}

/// The accounts that a delivery names, as far as somebody may want to read them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NamedAccounts {
    /// The first few, each once.
    pub names: Vec<String>,
    /// Whether some part names none, or cannot be read in one way only.
    pub is_unclear: bool,
}

impl AccountRule {
    /// The setting of an endpoint that names its accounts.
    pub const SETTING: &str = "account";

    pub(super) fn at(places: Vec<AccountPlace>) -> Self {
        Self {
            places,
            accounts: Vec::new(),
        }
    }

    /// Where deliveries name their account.
    pub fn places(&self) -> &[AccountPlace] {
        &self.places
    }

    /// The accounts that the endpoint takes; none if it takes all.
    pub fn accounts(&self) -> &[Box<str>] {
        &self.accounts
    }

    /// Takes over what an endpoint says: one account, or several with commas between them.
    pub(super) fn set(&mut self, text: &str) -> Result<(), NoScheme> {
        let wrong = |why: String| NoScheme::SettingMalformed(Self::SETTING.into(), why);
        let accounts: Vec<Box<str>> = text.split(',').map(|it| it.trim().into()).collect();
        if accounts.len() > MAX_ACCOUNTS {
            return Err(wrong(format!("more than {MAX_ACCOUNTS} accounts")));
        }
        let is_account = |it: &str| {
            (1..=MAX_ACCOUNT_BYTES).contains(&it.len())
                && it.chars().all(|c| !c.is_control() && !c.is_whitespace())
        };
        if let Some(other) = accounts.iter().find(|it| !is_account(it)) {
            return Err(wrong(format!(
                "`{}` is no account: 1 to {MAX_ACCOUNT_BYTES} bytes without white space; several are separated by \
                 commas",
                other.escape_debug()
            )));
        }
        self.accounts = accounts;
        Ok(())
    }

    /// What keeps such a rule from its work.
    pub(super) fn inconsistency(&self, scheme: &Scheme) -> Option<&'static str> {
        let has_token = scheme.envelope.as_ref().is_some_and(Envelope::is_token);
        let is_signed = |place: &AccountPlace| match place {
            AccountPlace::Claim(_) => has_token,
            AccountPlace::Form(..) | AccountPlace::Json(_) => scheme.covers() == Covers::Body,
        };
        let all = !self.places.is_empty() && self.places.iter().all(is_signed);
        (!all).then_some("`account` names places that the signature covers")
    }

    /// Whether everything that the delivery is about is an account of the endpoint.
    fn check(&self, scheme: &Scheme, received: Received<'_>) -> Result<(), ProofError> {
        let mut is_named = false;
        let mut all = true;
        let clear = self.each(scheme, received, &mut |name| {
            is_named = true;
            all &= self.accounts.iter().any(|it| **it == *name);
        });
        if clear && is_named && all {
            Ok(())
        } else {
            Err(ProofError::AccountMismatch)
        }
    }

    /// Shows every account that is named; whether all of it could be read.
    fn each(&self, scheme: &Scheme, received: Received<'_>, name: &mut dyn FnMut(&str)) -> bool {
        let view = View::of(scheme, received);
        let Some(body) = received.body.filter(|_| view.is_utf8()) else {
            return false;
        };
        // The type is not signed, and another one would lead a backend to other values. So the body says itself
        // what it is, and its type has to agree.
        let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
        let is_json = matches!(first, Some(b'{' | b'['));
        let reads_body = self
            .places
            .iter()
            .any(|it| !matches!(it, AccountPlace::Claim(_)));
        if is_json && reads_body && says_form(&received) {
            return false;
        }
        let mut claims = None;
        let mut fields = None;
        self.places.iter().all(|place| match place {
            AccountPlace::Claim(pointer) => {
                let claims = claims.get_or_insert_with(|| signed_claims(scheme, &received));
                let read = claims
                    .as_deref()
                    .map(|json| Walk::in_texts(pointer).each(json, name));
                read.is_some_and(Walk::is_clear)
            }
            AccountPlace::Json(pointer) if is_json => {
                Walk::is_clear(Walk::along(pointer).each(body, name))
            }
            AccountPlace::Form(field, pointer) if !is_json => {
                let fields = fields.get_or_insert_with(|| form::sent(&received, body));
                let Some(fields) = fields else { return false };
                let mut texts = fields.iter().filter(|(key, _)| **key == **field);
                let text = texts.next().map(|(_, text)| text);
                let folds = fields
                    .iter()
                    .any(|(key, _)| fold::form_folds_onto(key, field));
                if folds || texts.next().is_some() {
                    return false;
                }
                match (text, pointer) {
                    (None, _) => true,
                    (Some(text), None) => {
                        name(text);
                        true
                    }
                    (Some(text), Some(pointer)) => {
                        Walk::is_clear(Walk::along(pointer).each(text.as_bytes(), name))
                    }
                }
            }
            AccountPlace::Json(_) | AccountPlace::Form(..) => true,
        })
    }
}

impl Scheme {
    /// Where deliveries name their account, if that is known and signed.
    pub fn account(&self) -> Option<&AccountRule> {
        self.account.as_ref()
    }

    /// Whether the endpoint takes the deliveries of some accounts only.
    pub fn binds_account(&self) -> bool {
        self.account
            .as_ref()
            .is_some_and(|rule| !rule.accounts.is_empty())
    }

    /// Where a made-up delivery names the account of the endpoint, and which.
    pub(super) fn sample_account(&self) -> Option<(&[AccountPlace], &str)> {
        let rule = self.account.as_ref()?;
        Some((&rule.places, rule.accounts.first()?))
    }

    /// Judges whose delivery it is, once its signature was verified. It holds where an endpoint names no account.
    pub fn check_account(&self, received: Received<'_>) -> Result<(), ProofError> {
        match &self.account {
            Some(rule) if self.binds_account() => rule.check(self, received),
            _ => Ok(()),
        }
    }

    /// The accounts that a delivery names, for people. Nothing is proven by that.
    pub fn named_accounts(&self, received: Received<'_>) -> NamedAccounts {
        let mut named = NamedAccounts::default();
        let Some(rule) = &self.account else {
            return named;
        };
        let clear = rule.each(self, received, &mut |name| {
            let shown: String = name.chars().take(MAX_ACCOUNT_BYTES).collect();
            if named.names.len() < MAX_NAMES_SHOWN && !named.names.contains(&shown) {
                named.names.push(shown);
            }
        });
        named.is_unclear = !clear;
        named
    }
}

fn says_form(received: &Received<'_>) -> bool {
    let mut types = received.head.headers.get_all(CONTENT_TYPE).iter();
    types.any(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next();
        essence.is_some_and(|it| it.trim_ascii().eq_ignore_ascii_case(form::FORM.as_bytes()))
    })
}

impl fmt::Display for AccountPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim(pointer) => write!(f, "claim:{pointer}"),
            Self::Form(name, None) => write!(f, "form:{name}"),
            Self::Form(name, Some(pointer)) => write!(f, "form:{name}{pointer}"),
            Self::Json(pointer) => write!(f, "json:{pointer}"),
        }
    }
}

impl FromStr for AccountPlace {
    type Err = UnknownAccountPlace;

    fn from_str(text: &str) -> Result<Self, UnknownAccountPlace> {
        let pointer = |text: &str| text.parse().map_err(|_: NotAPointer| UnknownAccountPlace);
        match text.split_once(':') {
            Some(("claim", path)) => pointer(path).map(Self::Claim),
            Some(("json", path)) => pointer(path).map(Self::Json),
            Some(("form", field)) => {
                let end = field.find('/').unwrap_or(field.len());
                let (name, path) = field.split_at_checked(end).ok_or(UnknownAccountPlace)?;
                let path = (!path.is_empty()).then(|| pointer(path)).transpose()?;
                if name.is_empty() {
                    return Err(UnknownAccountPlace);
                }
                Ok(Self::Form(name.into(), path))
            }
            _ => Err(UnknownAccountPlace),
        }
    }
}

/// Text that names no place of an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "an account is named at `json:/POINTER`, `form:NAME`, `form:NAME/POINTER` or `claim:/POINTER`"
)]
pub struct UnknownAccountPlace;

/// More accounts than one endpoint serves.
const MAX_ACCOUNTS: usize = 64;
/// Ids of accounts have at most about 40 bytes.
const MAX_ACCOUNT_BYTES: usize = 128;
/// As many as people read.
const MAX_NAMES_SHOWN: usize = 8;
