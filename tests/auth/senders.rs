//! Senders behind the presets: windows that fit their retries, ids that they sign, and what ties a delivery
//! to one recipient.

use jiff::SignedDuration;
use portcullis::auth::{Preset, Recipient, Retries, Scheme, Source};
use portcullis::directory::Duplicates;

use crate::declarations::{declared, mistakes};

/// The text between braces in what a declaration says is signed.
fn signed_tokens(preset: &Preset) -> Vec<&'static str> {
    let mut lines = preset.declaration.lines();
    let signed = lines.find(|line| line.starts_with("signed = "));
    let tokens = signed.unwrap_or_default().split('{').skip(1);
    tokens
        .filter_map(|rest| rest.split('}').next())
        .map(|token| token.trim_end_matches('?'))
        .collect()
}

#[test]
fn every_preset_that_signs_a_time_has_a_window_or_the_reason_why_it_has_none() {
    for preset in Preset::all() {
        let name = preset.name;
        let signs_time = signed_tokens(preset).iter().any(|token| {
            let token = token.to_lowercase();
            token == "ts"
                || ["time", "date", "aws-sns"]
                    .iter()
                    .any(|it| token.contains(it))
        });
        let Some(rule) = preset.scheme.timestamp() else {
            assert!(!signs_time, "{name} signs a time that nobody judges");
            continue;
        };
        match rule.window {
            Some((past, future)) => {
                assert!(past.is_positive(), "{name}");
                assert!(
                    future <= SignedDuration::from_mins(10),
                    "{name} takes times that lie too far ahead"
                );
            }
            None => {
                let reason = rule.no_window_because.as_deref().unwrap_or_default();
                assert!(reason.len() > 20, "{name} gives no reason");
            }
        }
    }
}

#[test]
fn a_time_without_a_window_needs_a_reason_and_a_window_needs_a_limit() {
    let timed = |rule: &str| {
        format!(
            "algorithm = \"hmac-sha256\"\nsigned = \"{{ts}}.{{body}}\"\n\
             signatures = [{{ from = \"header:X-Signature\" }}]\n\
             timestamp = {{ from = \"header:X-Time\"{rule} }}"
        )
    };
    for rule in [
        "",
        ", window = \"none\"",
        ", reason = \"because\"",
        ", tolerance = \"1h\", reason = \"because\"",
        ", tolerance = \"1h\", window = \"none\", reason = \"because\"",
    ] {
        let told = mistakes(&timed(rule));
        assert!(
            told.contains("a timestamp needs `tolerance`"),
            "{rule}: {told}"
        );
    }
    let told = mistakes(&timed(", tolerance = \"1h\", window = \"1h\""));
    assert!(told.contains("`none`"), "{told}");
    let rule = ", window = \"none\", reason = \"the sender repeats for a year\"";
    let scheme = declared(&timed(rule));
    let rule = scheme.timestamp().unwrap();
    assert_eq!(rule.window, None);
    assert!(rule.no_window_because.is_some());
}

#[test]
fn every_window_is_open_until_the_senders_last_retry() {
    for preset in Preset::all() {
        let window = preset.scheme.timestamp().and_then(|rule| rule.window);
        let (Some((past, _)), sender) = (window, &preset.sender) else {
            continue;
        };
        let name = preset.name;
        let signs_anew = sender.fresh_signature == Some(true);
        if signs_anew || sender.retries == Retries::Never {
            continue;
        }
        // A sender whose own library refuses what is older cannot retry with an older signature. One about
        // which nothing is published gets a day: longer than most of them retry.
        let span = sender.own_window.or(sender.retry_span);
        let span = span.unwrap_or(SignedDuration::from_hours(24));
        assert!(
            past >= span,
            "{name} retries for {span:#} with one signature, and its window is {past:#}"
        );
    }
}

#[test]
fn every_preset_says_what_its_sender_does_and_where_that_is_written() {
    for preset in Preset::all() {
        let (name, sender) = (preset.name, &preset.sender);
        let is_unconfirmed = sender.retries == Retries::Unconfirmed;
        assert_eq!(sender.retries_source.is_none(), is_unconfirmed, "{name}");
        if let Some(source) = &sender.retries_source {
            assert!(source.starts_with("https://"), "{name}: {source}");
        }
        if is_unconfirmed || sender.retries == Retries::Never {
            assert_eq!(sender.retry_span, None, "{name}");
        }
    }
}

#[test]
fn a_scheme_that_signs_an_id_goes_by_it() {
    for preset in Preset::all() {
        let name = preset.name;
        // Several events of one payment share its reference.
        if name == "adyen-payments" {
            continue;
        }
        for token in signed_tokens(preset) {
            let lower = token.to_lowercase();
            let is_id = ["-id", "/id", "nonce", "token", "_id"]
                .iter()
                .any(|end| lower.ends_with(end));
            if !is_id || lower.starts_with("config:") {
                continue;
            }
            let signed: Source = token.parse().unwrap();
            assert_eq!(preset.scheme.id(), Some(&signed), "{name} signs {token}");
        }
        if signed_tokens(preset).contains(&"plivo-v3") || signed_tokens(preset).contains(&"aws-sns")
        {
            assert!(preset.scheme.id_is_signed(), "{name}");
        }
    }
}

/// What sets one delivery of these presets apart from the next is a time in whole seconds, and the body.
#[test]
fn security_lists_every_preset_whose_second_delivery_within_a_second_looks_like_a_replay() {
    let page = include_str!("../../SECURITY.md");
    let (_, after) = page
        .split_once("**Two equal deliveries within one second.**")
        .expect("the statement");
    let (statement, _) = after.split_once("\n- **").expect("the next one");
    let mut listed: Vec<&str> = statement.split('`').skip(1).step_by(2).collect();
    listed.retain(|word| Preset::named(word).is_some());
    let repeating = Preset::all()
        .iter()
        .filter(|it| it.scheme.may_repeat_within_a_second());
    let expected: Vec<&str> = repeating.map(|it| it.name).collect();
    assert_eq!(listed, expected);
}

#[test]
fn what_ties_a_delivery_to_its_recipient_is_covered_by_the_signature() {
    for preset in Preset::all() {
        let (name, scheme) = (preset.name, &preset.scheme);
        match preset.sender.recipient {
            Recipient::Url => assert!(scheme.binds_url(), "{name}"),
            Recipient::Setting => assert!(scheme.settings().next().is_some(), "{name}"),
            Recipient::Key | Recipient::AppKey => {}
            _ => assert!(
                !scheme.binds_url() && scheme.settings().next().is_none(),
                "{name} is bound and does not say so"
            ),
        }
    }
}

/// Whether a key is published by the sender, so that the same one may serve all of its customers.
fn has_senders_key(scheme: &Scheme) -> bool {
    scheme.algorithm().is_public_key() || scheme.has_certificate()
}

#[test]
fn a_senders_own_key_binds_nobody_unless_the_preset_says_whose_it_is() {
    let by_key: Vec<&str> = Preset::all()
        .iter()
        .filter(|preset| has_senders_key(&preset.scheme))
        .filter(|preset| matches!(preset.sender.recipient, Recipient::Key | Recipient::AppKey))
        .map(|preset| preset.name)
        .collect();
    // Each with the page that says that the key is the application's, the account's or the endpoint's own.
    let expected = [
        "discord",
        "sendgrid",
        "standard-webhooks-v1a",
        "telnyx",
        "wix",
    ];
    assert_eq!(by_key, expected);
}

#[test]
fn the_page_of_presets_has_the_retries_of_every_preset() {
    let mut table = "| retries | `duplicates` by default | presets |\n|---|---|---|\n".to_owned();
    for retries in ["never", "same id", "new id", "unconfirmed"] {
        let with = Preset::all()
            .iter()
            .filter(|preset| preset.sender.retries.word() == retries);
        let names: Vec<String> = with
            .clone()
            .map(|preset| match preset.sender.retry_span {
                Some(span) => format!("`{}` {span:#}", preset.name),
                None => format!("`{}`", preset.name),
            })
            .collect();
        if let Some(first) = with.clone().next() {
            let usual = Duplicates::default_for(Some(&first.sender));
            let names = names.join(", ");
            table.push_str(&format!("| `{retries}` | `{usual}` | {names} |\n"));
        }
    }
    let page = include_str!("../../docs/reference/presets.md");
    assert!(
        page.contains(&table),
        "docs/reference/presets.md has another table than\n{table}"
    );
}
