//! Operator tokens sign scripts in until they end.

use portcullis::auth::{TokenId, TokenKind, TokenText};
use portcullis::control::{IssuedOperatorToken, NewOperatorToken};
use portcullis::operators::PrincipalKind;

use super::*;

on_both_engines! {
    a_token_signs_its_user_in_until_it_is_revoked_at_another_process
    a_token_signs_nobody_in_after_its_end
    a_token_that_was_not_issued_signs_nobody_in
    the_last_use_of_a_token_is_written_once_a_minute
    a_token_needs_a_name_and_a_few_roles
}

fn new(label: &str, roles: &[&str], lifetime: &str) -> NewOperatorToken {
    NewOperatorToken {
        label: label.to_owned(),
        grants: grants(roles),
        lifetime: lifetime.parse().unwrap(),
    }
}

async fn issue(console: &Console, lifetime: &str) -> IssuedOperatorToken {
    let new = new("deploy", &["operator@acme", "viewer"], lifetime);
    let issued = console.one.create_operator_token(&admin(), new).await;
    issued.unwrap()
}

async fn a_token_signs_its_user_in_until_it_is_revoked_at_another_process(stores: Stores) {
    let console = Console::over(&stores);
    let issued = issue(&console, "1h").await;
    let id = issued.token.id;
    assert!(issued.text.starts_with(&format!("pop_{id}_")));
    let principal = console.other.operator(&issued.text).await.unwrap().unwrap();
    assert_eq!(principal.subject, "deploy");
    assert_eq!(principal.kind, PrincipalKind::Token { id: id.to_string() });
    assert_eq!(principal.grants, grants(&["operator@acme", "viewer"]));
    let revoke = async || console.one.revoke_operator_token(&admin(), &id).await;
    assert!(revoke().await.unwrap());
    assert!(
        console
            .other
            .operator(&issued.text)
            .await
            .unwrap()
            .is_none()
    );
    assert!(!revoke().await.unwrap());
    let unknown = TokenId::new([1; 8]);
    let unknown = console.one.revoke_operator_token(&admin(), &unknown).await;
    assert_eq!(word(unknown), "operator_token_not_found");
    let audit = console.audit().await;
    assert_eq!(
        audit,
        [
            format!(
                "operator_token_created by root (cli@gate): {id}: \
                 deploy, operator@acme viewer, until 2027-01-15T09:00:00Z"
            ),
            format!(
                "operator_token_revoked by root (cli@gate): {id}: deploy, operator@acme viewer"
            ),
        ]
    );
}

async fn a_token_signs_nobody_in_after_its_end(stores: Stores) {
    let console = Console::over(&stores);
    let issued = issue(&console, "2m").await;
    console.clock.advance(MINUTE);
    assert!(console.one.operator(&issued.text).await.unwrap().is_some());
    console.clock.advance(MINUTE);
    assert!(console.one.operator(&issued.text).await.unwrap().is_none());
    let listed = console.one.operator_tokens().await.unwrap();
    assert_eq!(listed[0].id, issued.token.id);
}

async fn a_token_that_was_not_issued_signs_nobody_in(stores: Stores) {
    let console = Console::over(&stores);
    let issued = issue(&console, "1h").await;
    let (id, secret) = (issued.token.id, [7; 32]);
    let other_secret = TokenText::write(TokenKind::Operator, id, &secret).0;
    let other_id = TokenText::write(TokenKind::Operator, TokenId::new([1; 8]), &secret).0;
    let workspace_token = TokenText::write(TokenKind::Workspace, id, &secret).0;
    let upper_case = issued.text.to_uppercase();
    let cut = &issued.text[..issued.text.len() - 1];
    let long = format!("{}0", *issued.text);
    for text in [
        "",
        "pop_",
        &other_secret,
        &other_id,
        &workspace_token,
        &upper_case,
        cut,
        &long,
        &"0".repeat(1 << 20),
    ] {
        assert!(
            console.one.operator(text).await.unwrap().is_none(),
            "{text}"
        );
    }
    assert!(console.one.operator(&issued.text).await.unwrap().is_some());
    let refused = console.audit().await.split_off(1);
    assert_eq!(refused, [""; 0]);
    for _ in 0..100 {
        console.one.record_refused_token(address(1)).await;
    }
    let refused = console.audit().await.split_off(1);
    assert_eq!(refused.len(), 10);
    let line = "sign_in_refused by unknown (api@192.0.2.1): admin API: \
                the operator token is unknown, expired or revoked";
    assert!(refused.iter().all(|found| found == line), "{refused:#?}");
}

async fn the_last_use_of_a_token_is_written_once_a_minute(stores: Stores) {
    let console = Console::over(&stores);
    let issued = issue(&console, "1h").await;
    let created = issued.token.created_at;
    let used_after = async |time: SignedDuration| {
        console.clock.advance(time);
        assert!(console.one.operator(&issued.text).await.unwrap().is_some());
        let token = console.other.operator_token(&issued.token.id).await;
        token.unwrap().last_used_at.unwrap().duration_since(created)
    };
    let seconds = SignedDuration::from_secs;
    assert_eq!(used_after(seconds(10)).await, seconds(10));
    assert_eq!(used_after(seconds(59)).await, seconds(10));
    assert_eq!(used_after(seconds(1)).await, seconds(70));
}

async fn a_token_needs_a_name_and_a_few_roles(stores: Stores) {
    let console = Console::over(&stores);
    let many: Vec<String> = (0..33).map(|it| format!("viewer@o{it}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = "x".repeat(129);
    for (label, roles, expected) in [
        ("", &["viewer"][..], "operator_unnamed"),
        ("  ", &["viewer"], "operator_unnamed"),
        ("two\nlines", &["viewer"], "token_invalid"),
        (&long, &["viewer"], "token_invalid"),
        ("deploy", &[], "no_role"),
        ("deploy", &many, "too_many_roles"),
        ("deploy", &many[1..], "done"),
        ("deploy", &["viewer"; 40], "done"),
    ] {
        let new = new(label, roles, "1h");
        let created = console.one.create_operator_token(&admin(), new).await;
        assert_eq!(word(created), expected, "{label} {roles:?}");
    }
    let listed = console.one.operator_tokens().await.unwrap();
    let roles: Vec<usize> = listed.iter().map(|token| token.grants.len()).collect();
    assert_eq!(listed.len(), 2);
    assert!(roles.contains(&32) && roles.contains(&1), "{roles:?}");
    assert_eq!(console.audit().await.len(), 2);
}
