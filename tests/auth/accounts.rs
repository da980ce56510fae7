//! Whose delivery it is: an endpoint that names its accounts takes no delivery of another one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::auth::{AccountPlace, Preset, ProofError, Recipient, Scheme};

use crate::declarations::mistakes;
use crate::delivery::{Delivery, preset};

fn bound(name: &str, accounts: &str) -> Scheme {
    let mut scheme = preset(name);
    let setting = ("account".to_owned(), accounts.to_owned());
    scheme.set(&[setting].into()).unwrap();
    scheme
}

fn verdict(scheme: &Scheme, delivery: &Delivery) -> Result<(), ProofError> {
    scheme.check_account(delivery.received())
}

/// JSON in which `pointer` leads to `value`, written as it is; `rename` is what becomes of the last name.
fn json(pointer: &str, value: &str, rename: impl Fn(&str) -> String) -> String {
    let (rest, last) = pointer.rsplit_once('/').unwrap();
    let inner = format!("{{{}}}", rename(&format!("\"{last}\":{value}")));
    let names: Vec<&str> = rest.split('/').skip(1).collect();
    names.iter().rev().fold(inner, |inner, name| match *name {
        "*" => format!("[{inner}]"),
        name => format!("{{\"{name}\":{inner}}}"),
    })
}

/// What a provider would send that names its account at `place`, whatever signs it.
fn sent(
    scheme: &Scheme,
    place: &AccountPlace,
    value: &str,
    rename: &dyn Fn(&str) -> String,
) -> Delivery {
    let text = place.to_string();
    let (kind, rest) = text.split_once(':').unwrap();
    match kind {
        "json" => Delivery::of(json(rest, value, rename)),
        "form" => {
            let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
            let written = if path.is_empty() {
                rename(&format!("\"{name}\":{value}"))
                    .split(',')
                    .map(|pair| pair.replace('"', "").replace(':', "="))
                    .collect::<Vec<_>>()
                    .join("&")
            } else {
                let inner = json(&format!("/{path}"), value, rename);
                form_urlencoded::Serializer::new(String::new())
                    .append_pair(name, &inner)
                    .finish()
            };
            Delivery::of(written).sent_as_form()
        }
        _ => {
            let claims = json(rest, value, rename);
            let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
            let token = format!("{}.{}.{}", part("{}"), part(&claims), part("x"));
            let header = scheme.signatures()[0].from.preferred().unwrap().to_string();
            match header.strip_prefix("header:") {
                Some(name) => Delivery::of("{}").header(name, token),
                None => Delivery::of(token),
            }
        }
    }
}

#[test]
fn every_preset_that_names_an_account_takes_the_endpoints_own_and_no_other() {
    let refused = Err(ProofError::AccountMismatch);
    let mut count = 0;
    for preset in Preset::all() {
        let Some(rule) = preset.scheme.account() else {
            continue;
        };
        let scheme = bound(preset.name, "T1,77");
        for place in rule.places() {
            count += 1;
            let judged = |value: &str, rename: &dyn Fn(&str) -> String| {
                verdict(&scheme, &sent(&scheme, place, value, rename))
            };
            let same = |it: &str| it.to_owned();
            let what = format!("{} {place}", preset.name);
            assert_eq!(judged("\"T1\"", &same), Ok(()), "{what}");
            assert_eq!(judged("\"77\"", &same), Ok(()), "{what}: one of several");
            assert_eq!(judged("\"T2\"", &same), refused, "{what}: another");
            assert_eq!(judged("\"\"", &same), refused, "{what}: empty");
            let absent = |it: &str| it.replacen('"', "\"not_", 1);
            assert_eq!(judged("\"T1\"", &absent), refused, "{what}: absent");
            let doubled = |it: &str| format!("{it},{it}");
            assert_eq!(judged("\"T1\"", &doubled), refused, "{what}: doubled");
            let folded = |it: &str| {
                let (name, value) = it.split_once(':').unwrap();
                format!("{it},{}:{value}", name.to_uppercase())
            };
            assert_eq!(judged("\"T1\"", &folded), refused, "{what}: folded");
            if !place.to_string().starts_with("form:") {
                assert_eq!(judged("77", &same), Ok(()), "{what}: a number");
                assert_eq!(judged("[\"T1\"]", &same), refused, "{what}: a list");
                assert_eq!(judged("null", &same), refused, "{what}: null");
            }
            let unbound = preset.scheme.clone();
            assert_eq!(
                verdict(&unbound, &Delivery::of("{}")),
                Ok(()),
                "{what}: unbound"
            );
        }
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn every_element_of_an_array_counts_and_every_place() {
    let hubspot = bound("hubspot-v1", "1,2");
    for (body, is_own) in [
        (r#"[{"portalId":1},{"portalId":2}]"#, true),
        (r#"[{"portalId":1},{"portalId":3}]"#, false),
        (r#"[{"portalId":1},{"objectId":3}]"#, false),
        (r#"[{"portalId":1},7]"#, false),
        ("[]", false),
        ("", false),
        (r#"{"portalId":1}"#, false),
        (r#"[{"portalId":1}"#, false),
    ] {
        assert_eq!(
            verdict(&hubspot, &Delivery::of(body)).is_ok(),
            is_own,
            "{body}"
        );
    }
    let slack = bound("slack", "T1");
    let form = |body: &str| verdict(&slack, &Delivery::of(body).sent_as_form()).is_ok();
    assert!(form(
        "team_id=T1&payload=%7B%22team%22%3A%7B%22id%22%3A%22T1%22%7D%7D"
    ));
    assert!(!form(
        "team_id=T1&payload=%7B%22team%22%3A%7B%22id%22%3A%22T2%22%7D%7D"
    ));
    assert!(!form("team_id=T1&team_id%5B%5D=T2"));
    // The type of a body is not signed: another one makes it no form, and the text of a message no field.
    assert!(!form(r#"{"team_id":"T2","text":"x&team_id=T1&y"}"#));
    assert!(!form(r#"{"team_id":"T1"}"#));
    assert!(verdict(&slack, &Delivery::of("team_id=T1")).is_err());
    let wide = Delivery::of(r#"{"team_id":"T1"}"#)
        .header("Content-Type", "application/json; charset=utf-16");
    assert!(verdict(&slack, &wide).is_err());
}

#[test]
fn a_wix_instance_is_named_in_the_text_of_a_claim() {
    let scheme = bound("wix", "i-1");
    let token = |instance: &str| {
        let data = serde_json::json!({ "instanceId": instance, "data": "{}" }).to_string();
        let claims = serde_json::json!({ "data": data }).to_string();
        Delivery::of(format!("e30.{}.eA", URL_SAFE_NO_PAD.encode(claims)))
    };
    assert_eq!(verdict(&scheme, &token("i-1")), Ok(()));
    assert_eq!(
        verdict(&scheme, &token("i-2")),
        Err(ProofError::AccountMismatch)
    );
}

#[test]
fn every_app_key_names_an_account_or_the_reason_why_it_cannot() {
    for preset in Preset::all() {
        let (name, sender) = (preset.name, &preset.sender);
        let has_place = preset.scheme.account().is_some();
        assert_eq!(has_place, sender.account_source.is_some(), "{name}");
        if let Some(source) = &sender.account_source {
            assert!(source.starts_with("https://"), "{name}: {source}");
        }
        let reason = sender.no_account.as_deref();
        assert!(!(has_place && reason.is_some()), "{name} says both");
        if matches!(sender.recipient, Recipient::AppKey | Recipient::None) {
            assert!(
                has_place || reason.is_some_and(|it| it.len() > 20),
                "{name}"
            );
        }
    }
}

#[test]
fn an_account_is_set_within_bounds_and_only_where_it_is_judged() {
    let set = |name: &str, accounts: &str| {
        let setting = ("account".to_owned(), accounts.to_owned());
        preset(name).set(&[setting].into()).is_ok()
    };
    assert!(set("slack", "T1") && set("slack", "T1, T2"));
    let (long, many) = ("x".repeat(129), vec!["T1"; 65].join(","));
    for wrong in ["", "T1,", "T 1", "T1\u{7}", &long, &many] {
        assert!(!set("slack", wrong), "{wrong:?}");
    }
    assert!(!set("shopify", "T1"), "nothing would judge it");
    let told = mistakes(
        "algorithm = \"hmac-sha256\"\nsigned = \"{header:X-Id}\"\ncovers = \"head\"\n\
         signatures = [{ from = \"header:X-Signature\" }]\naccount = [\"json:/id\"]",
    );
    assert!(told.contains("every place in `account`"), "{told}");
}

#[test]
fn a_member_named_star_does_not_stand_for_the_elements_of_an_array() {
    let mut count = 0;
    for preset in Preset::all() {
        let Some(rule) = preset.scheme.account() else {
            continue;
        };
        let scheme = bound(preset.name, "T1");
        let places = rule.places().iter().map(ToString::to_string);
        for place in places.filter(|place| place.contains("/*")) {
            count += 1;
            let path = place.strip_prefix("json:").unwrap();
            let array = json(path, "\"T1\"", str::to_owned);
            assert_eq!(verdict(&scheme, &Delivery::of(array)), Ok(()), "{place}");
            let names: Vec<&str> = path.split('/').skip(1).collect();
            let inner = "\"T1\"".to_owned();
            let object = names
                .iter()
                .rev()
                .fold(inner, |inner, name| format!("{{\"{name}\":{inner}}}"));
            let refused = Err(ProofError::AccountMismatch);
            assert_eq!(
                verdict(&scheme, &Delivery::of(object.clone())),
                refused,
                "{object}"
            );
        }
    }
    assert!(count >= 4, "{count}");
}

#[test]
fn an_account_in_json_is_read_only_from_a_body_that_is_sent_as_json() {
    let slack = bound("slack", "T1");
    let sent = |kind: &str| {
        let delivery = Delivery::of(r#"{"team_id":"T1"}"#).header("Content-Type", kind);
        verdict(&slack, &delivery)
    };
    assert_eq!(sent("application/json"), Ok(()));
    assert_eq!(sent("text/plain"), Ok(()));
    for wrong in [
        "multipart/form-data; boundary=x",
        "text/xml",
        "application/yaml",
        "application/json, text/plain",
    ] {
        assert_eq!(sent(wrong), Err(ProofError::AccountMismatch), "{wrong}");
    }
    let twice = Delivery::of(r#"{"team_id":"T1"}"#)
        .header("Content-Type", "application/json")
        .header("Content-Type", "text/plain");
    assert!(verdict(&slack, &twice).is_err());
}
