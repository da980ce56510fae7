//! Reads the TOML declaration of a challenge. Every error has its position in the text.

use std::str::FromStr;

use http::{HeaderName, Method, StatusCode};
use toml_span::de_helpers::TableHelper;
use toml_span::value::{Key, Value, ValueInner};
use toml_span::{DeserError, Deserialize, Error, Spanned};

use super::ValueForm;
use super::answer::{BodyTemplate, MemberRule, ResponseTemplate};
use super::rule::{Condition, ExpectedValue, Rule, ValueRule};
use crate::auth::Place;
use crate::auth::declaration::{error_at, parse_text};
use crate::json_pointer::JsonPointer;

/// One declaration file.
pub(super) struct Declaration {
    pub(super) title: String,
    pub(super) source: String,
    pub(super) next: Option<String>,
    pub(super) rules: Vec<Rule>,
}

impl Declaration {
    pub(super) fn read(text: &str) -> Result<Self, DeserError> {
        toml_span::parse(text)
            .map_err(DeserError::from)
            .and_then(|mut value| Self::deserialize(&mut value))
    }
}

impl<'de> Deserialize<'de> for Declaration {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let title = table.required("title");
        let source = table.required("source");
        let next = table.optional("next");
        let rules = table.required("rules");
        table.finalize(None)?;
        Ok(Self {
            title: title?,
            source: source?,
            next,
            rules: rules?,
        })
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let span = value.span;
        let mut table = TableHelper::new(value)?;
        let signed = table.optional("signed").unwrap_or(false);
        let verify_token = table.optional_s::<String>("verify_token");
        let verify_token = parse_text(&mut table.errors, verify_token);
        let binds_secret = table.optional("binds_secret").unwrap_or(false);
        let visits = table.optional("visits").unwrap_or(false);
        let when = table.required::<Condition>("when");
        let value = table.optional::<ValueRule>("value");
        let respond = table.required::<ResponseTemplate>("respond");
        table.finalize(None)?;
        let rule = Self {
            signed,
            verify_token,
            binds_secret,
            visits,
            when: when?,
            value,
            respond: respond?,
        };
        if rule.respond.echoes() && rule.value.is_none() {
            return Err(
                error_at("a response that contains the value needs a `value`", span).into(),
            );
        }
        let uses = [
            rule.verify_token.is_some(),
            rule.binds_secret,
            rule.visits,
            rule.respond.signs(),
        ];
        if uses.into_iter().filter(|used| *used).count() > 1 {
            let text = "use only one of `verify_token`, `binds_secret`, `visits` and a MAC in the response";
            return Err(error_at(text, span).into());
        }
        let is_url = rule.value.as_ref().is_some_and(|value| value.form.is_url());
        if rule.visits != is_url || rule.visits && (!rule.signed || rule.respond.echoes()) {
            let text = "`visits` needs `signed`, the form of a provider's URL, and a response without the value";
            return Err(error_at(text, span).into());
        }
        let may_lose_members = rule.reads_body() && !rule.when.alone;
        if rule.binds_secret && (may_lose_members || rule.value.is_none()) {
            let text =
                "`binds_secret` needs a value from the head, or `alone` for a value from the body";
            return Err(error_at(text, span).into());
        }
        Ok(rule)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let method = table.required_s::<String>("method")?;
        let method = parse_text::<Method>(&mut table.errors, Some(method));
        let mut head = Vec::new();
        for (name, value) in members(&mut table, "header") {
            match (HeaderName::from_str(&name.value), &value.value) {
                (Ok(header), ExpectedValue::Text(text)) => {
                    head.push((Place::Header(header), text.clone()));
                }
                _ => table
                    .errors
                    .push(error_at("expected a header name and a string", name.span)),
            }
        }
        for (name, value) in members(&mut table, "query") {
            match value.value {
                ExpectedValue::Text(text) => head.push((Place::Query(name.value.into()), text)),
                ExpectedValue::Number(_) => {
                    table.errors.push(error_at("expected a string", value.span));
                }
            }
        }
        let mut json = Vec::new();
        for (name, value) in members(&mut table, "json") {
            let pointer = parse_text::<JsonPointer>(&mut table.errors, Some(name));
            json.extend(pointer.map(|pointer| (pointer, value.value)));
        }
        let absent = table.optional::<Vec<Spanned<String>>>("absent");
        let absent = absent
            .unwrap_or_default()
            .into_iter()
            .filter_map(|text| parse_text(&mut table.errors, Some(text)))
            .collect();
        let alone = table.optional("alone").unwrap_or(false);
        table.finalize(None)?;
        Ok(Self {
            method: method.unwrap_or_default(),
            head,
            json,
            absent,
            alone,
        })
    }
}

impl<'de> Deserialize<'de> for ValueRule {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let span = value.span;
        let mut table = TableHelper::new(value)?;
        let from = table.required_s::<String>("from").ok();
        let from = parse_text(&mut table.errors, from);
        let form = table.required_s::<String>("form").ok().and_then(|name| {
            let form = ValueForm::from_name(&name.value);
            if form.is_none() {
                let names = ValueForm::ALL.map(ValueForm::name).join("`, `");
                let error = error_at(format!("expected one of `{names}`"), name.span);
                table.errors.push(error);
            }
            form
        });
        table.finalize(None)?;
        match (from, form) {
            (Some(from), Some(form)) => Ok(Self { from, form }),
            _ => Err(error_at("`value` needs `from` and `form`", span).into()),
        }
    }
}

impl<'de> Deserialize<'de> for ResponseTemplate {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let span = value.span;
        let mut table = TableHelper::new(value)?;
        let status = table.optional::<u16>("status").unwrap_or(200);
        let status = StatusCode::from_u16(status)
            .ok()
            .filter(StatusCode::is_success);
        let text = table.optional_s::<String>("text");
        let text = parse_text(&mut table.errors, text);
        let mut headers = Vec::new();
        for (name, value) in members(&mut table, "headers") {
            let name = parse_text(&mut table.errors, Some(name));
            if let (Some(name), Some(MemberRule::Text(text))) =
                (name, member(&mut table.errors, value))
            {
                headers.push((name, text));
            }
        }
        let mut json = Vec::new();
        for (name, value) in members(&mut table, "json") {
            json.extend(member(&mut table.errors, value).map(|it| (name.value.into(), it)));
        }
        table.finalize(None)?;
        let body = match (text, json.is_empty()) {
            (Some(text), true) => BodyTemplate::Plain(text),
            (None, false) => BodyTemplate::Json(json),
            (None, true) => BodyTemplate::Empty,
            (Some(_), false) => return Err(error_at("use either `text` or `json`", span).into()),
        };
        Ok(Self {
            status: status.ok_or_else(|| error_at("expected a status from 200 to 299", span))?,
            headers,
            body,
        })
    }
}

fn member(errors: &mut Vec<Error>, value: Spanned<ExpectedValue>) -> Option<MemberRule> {
    match value.value {
        ExpectedValue::Number(number) => Some(MemberRule::Number(number)),
        ExpectedValue::Text(text) => {
            let text = Spanned::with_span(text.into_string(), value.span);
            parse_text(errors, Some(text)).map(MemberRule::Text)
        }
    }
}

/// Takes the members of the table at `key`, in the order of the text.
fn members(
    table: &mut TableHelper<'_>,
    key: &'static str,
) -> Vec<(Spanned<String>, Spanned<ExpectedValue>)> {
    let Some((_, mut value)) = table.take(key) else {
        return Vec::new();
    };
    let ValueInner::Table(entries) = value.take() else {
        table.errors.push(error_at("expected a table", value.span));
        return Vec::new();
    };
    let mut entries: Vec<(Key<'_>, Value<'_>)> = entries.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span.start);
    let mut members = Vec::new();
    for (key, mut value) in entries {
        let expected = match value.take() {
            ValueInner::String(text) => ExpectedValue::Text(text.into()),
            ValueInner::Integer(number) => ExpectedValue::Number(number),
            _ => {
                let error = error_at("expected a string or an integer", value.span);
                table.errors.push(error);
                continue;
            }
        };
        members.push((
            Spanned::with_span(key.name.into_owned(), key.span),
            Spanned::with_span(expected, value.span),
        ));
    }
    members
}
