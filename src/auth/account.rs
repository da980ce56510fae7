//! The account at the provider that a delivery names in its signed part.
//!
//! All installations of one app share its key, so a delivery to one tenant also verifies at another tenant's endpoint.
//! An endpoint with the setting `account` rejects deliveries that name another account, or none. The syntax of a place:
//!
//! ```text
//! json:/PATH        a value of a JSON body, by JSON Pointer; `*` means every element of an array
//! form:NAME         a field of a form
//! form:NAME/PATH    a value in the JSON text of a form field
//! claim:/PATH       a claim of the signed token, or a value in the JSON text of a claim
//! ```

use std::fmt;
use std::str::FromStr;

use super::content_type::may_be_json;
use super::envelope::signed_claims;
use super::json_walk::{Walk, WalkResult};
use super::view::View;
use super::{Covers, Envelope, PartialRequest, ProofError, Scheme, SchemeError, fold, form};
use crate::json_pointer::JsonPointer;

/// Where deliveries name their account, and the accounts that an endpoint accepts.
///
/// Every account at every place counts, and so does every element of an array.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountRule {
    places: Vec<AccountPlace>,
    /// The accounts of the endpoint; empty if it accepts every account.
    accounts: Vec<Box<str>>,
}

/// One place where a delivery may name its account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AccountPlace {
    /// A claim of the signed token.
    Claim(JsonPointer),
    /// A field of a form, or a value in its JSON text.
    Form(Box<str>, Option<JsonPointer>),
    /// A value of a JSON body.
    Json(JsonPointer),
}

/// The accounts that a delivery names, for display.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NamedAccounts {
    /// The first accounts, without duplicates.
    pub names: Vec<String>,
    /// Whether a place names no account, or can be read in more than one way.
    pub is_unclear: bool,
}

impl AccountRule {
    /// The name of the setting with the accounts of an endpoint.
    pub const SETTING: &str = "account";

    pub(super) fn new(places: Vec<AccountPlace>) -> Self {
        Self {
            places,
            accounts: Vec::new(),
        }
    }

    /// The places where deliveries name their account.
    pub fn places(&self) -> &[AccountPlace] {
        &self.places
    }

    /// The accounts that the endpoint accepts; empty if it accepts every account.
    pub fn accounts(&self) -> &[Box<str>] {
        &self.accounts
    }

    /// Sets the accounts from the text of a setting: one account, or several separated by commas.
    pub(super) fn set(&mut self, text: &str) -> Result<(), SchemeError> {
        let wrong = |why: String| SchemeError::SettingMalformed(Self::SETTING.into(), why);
        let accounts: Vec<Box<str>> = text.split(',').map(|it| it.trim().into()).collect();
        if accounts.len() > MAX_ACCOUNTS {
            return Err(wrong(format!(
                "an endpoint has at most {MAX_ACCOUNTS} accounts"
            )));
        }
        let is_account = |it: &str| {
            (1..=MAX_ACCOUNT_BYTES).contains(&it.len())
                && it.chars().all(|c| !c.is_control() && !c.is_whitespace())
        };
        if let Some(other) = accounts.iter().find(|it| !is_account(it)) {
            return Err(wrong(format!(
                "`{}` is not an account: use 1 to {MAX_ACCOUNT_BYTES} bytes without white space, and commas between \
                 accounts",
                other.escape_debug()
            )));
        }
        self.accounts = accounts;
        Ok(())
    }

    /// Why `scheme` cannot check the account, if it cannot.
    pub(super) fn inconsistency(&self, scheme: &Scheme) -> Option<&'static str> {
        let has_token = scheme.envelope.as_ref().is_some_and(Envelope::is_token);
        let is_signed = |place: &AccountPlace| match place {
            AccountPlace::Claim(_) => has_token,
            AccountPlace::Form(..) | AccountPlace::Json(_) => scheme.covers() == Covers::Body,
        };
        let are_signed = !self.places.is_empty() && self.places.iter().all(is_signed);
        (!are_signed).then_some("every place in `account` must be covered by the signature")
    }

    /// Accepts the delivery if it names accounts, and only accounts of the endpoint.
    pub(super) fn check(
        &self,
        scheme: &Scheme,
        received: PartialRequest<'_>,
    ) -> Result<(), ProofError> {
        let mut is_named = false;
        let mut are_accepted = true;
        let is_clear = self.each(scheme, received, &mut |name| {
            is_named = true;
            are_accepted &= self.accounts.iter().any(|it| **it == *name);
        });
        if is_clear && is_named && are_accepted {
            Ok(())
        } else {
            Err(ProofError::AccountMismatch)
        }
    }

    /// The accounts that a delivery names.
    pub(super) fn named(&self, scheme: &Scheme, received: PartialRequest<'_>) -> NamedAccounts {
        let mut accounts = NamedAccounts::default();
        let is_clear = self.each(scheme, received, &mut |name| {
            let shown: String = name.chars().take(MAX_ACCOUNT_BYTES).collect();
            if accounts.names.len() < MAX_NAMES_SHOWN && !accounts.names.contains(&shown) {
                accounts.names.push(shown);
            }
        });
        accounts.is_unclear = !is_clear;
        accounts
    }

    /// Passes every account to `name`. `false` if a place cannot be read in exactly one way.
    fn each(
        &self,
        scheme: &Scheme,
        received: PartialRequest<'_>,
        name: &mut dyn FnMut(&str),
    ) -> bool {
        let view = View::of(scheme, received);
        let Some(body) = received.body.filter(|_| view.is_utf8()) else {
            return false;
        };
        // The `Content-Type` is not signed, and a changed one could make the backend read other values. So the body
        // determines the type, and the header must not contradict it.
        let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
        let is_json = matches!(first, Some(b'{' | b'['));
        let reads_body = self
            .places
            .iter()
            .any(|it| !matches!(it, AccountPlace::Claim(_)));
        if is_json && reads_body && !may_be_json(received.head.headers) {
            return false;
        }
        let mut claims = None;
        let mut fields = None;
        self.places.iter().all(|place| match place {
            AccountPlace::Claim(pointer) => {
                let claims = claims.get_or_insert_with(|| signed_claims(scheme, &received));
                let result = claims
                    .as_deref()
                    .and_then(|json| Walk::through_strings(pointer).each(json, name));
                result.is_some_and(WalkResult::is_consistent)
            }
            AccountPlace::Json(pointer) if is_json => {
                let result = Walk::along(pointer).each(body, name);
                result.is_some_and(WalkResult::is_consistent)
            }
            AccountPlace::Form(field, pointer) if !is_json => {
                let fields = fields.get_or_insert_with(|| form::sent_fields(&received, body));
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
                        let result = Walk::along(pointer).each(text.as_bytes(), name);
                        result.is_some_and(WalkResult::is_consistent)
                    }
                }
            }
            AccountPlace::Json(_) | AccountPlace::Form(..) => true,
        })
    }
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
    type Err = ParseAccountPlaceError;

    fn from_str(text: &str) -> Result<Self, ParseAccountPlaceError> {
        // An account is one value, never the whole document.
        let pointer = |text: &str| {
            let parsed = text.parse::<JsonPointer>().ok();
            parsed
                .filter(|pointer| !pointer.segments().is_empty())
                .ok_or(ParseAccountPlaceError)
        };
        match text.split_once(':') {
            Some(("claim", path)) => pointer(path).map(Self::Claim),
            Some(("json", path)) => pointer(path).map(Self::Json),
            Some(("form", field)) => {
                let end = field.find('/').unwrap_or(field.len());
                let (name, path) = field.split_at_checked(end).ok_or(ParseAccountPlaceError)?;
                let path = (!path.is_empty()).then(|| pointer(path)).transpose()?;
                if name.is_empty() {
                    return Err(ParseAccountPlaceError);
                }
                Ok(Self::Form(name.into(), path))
            }
            _ => Err(ParseAccountPlaceError),
        }
    }
}

/// Text that is not a place of an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a place of an account is `json:/POINTER`, `form:NAME`, `form:NAME/POINTER` or `claim:/POINTER`"
)]
pub struct ParseAccountPlaceError;

/// The limit of the setting `account`.
const MAX_ACCOUNTS: usize = 64;
/// Providers' account ids have at most about 40 bytes.
const MAX_ACCOUNT_BYTES: usize = 128;
/// The limit of [`NamedAccounts::names`].
const MAX_NAMES_SHOWN: usize = 8;
