//! Login links sign people in once, and sessions end.

use portcullis::operators::attempts::{RefusalQuota, SignInAttempts};
use portcullis::operators::{Principal, PrincipalKind, SignOut};

use super::*;

on_both_engines! {
    a_link_signs_in_once
    a_link_signs_nobody_in_after_five_minutes
    each_sign_in_has_a_session_of_its_own
    a_session_ends_at_every_process_when_its_person_signs_out
    a_session_ends_half_an_hour_after_its_last_use
    a_session_ends_twelve_hours_after_the_sign_in
    a_person_is_signed_out_everywhere_by_somebody_else
    a_link_needs_a_name_and_a_role
    ten_thousand_failed_sign_ins_cause_a_pause_and_few_audit_lines
    a_successful_sign_in_ends_the_count_of_failures
    denials_are_recorded_within_a_bound
}

const WRONG: &str = "0000000000000000000000000000000000000000000000000000000000000000";

async fn principal(control: &Control, id: &str) -> Option<Principal> {
    let session = control.session(id).await.unwrap();
    session.map(|session| session.principal)
}

async fn a_link_signs_in_once(stores: Stores) {
    let console = Console::over(&stores);
    let link = console.link("ana", &["admin", "revealer@acme"]).await;
    let signed_in = console.other.sign_in_by_link(&link, address(1)).await;
    let signed_in = signed_in.unwrap();
    let expected = Principal {
        subject: "ana".to_owned(),
        kind: PrincipalKind::Session {
            signed_in_at: Timestamp::from_second(1_800_000_000).unwrap(),
        },
        grants: grants(&["admin", "revealer@acme"]),
    };
    assert_eq!(signed_in.principal, expected);
    let found = principal(&console.one, &signed_in.session_id).await;
    assert_eq!(found, Some(expected));
    let again = console.one.sign_in_by_link(&link, address(2)).await;
    assert_eq!(word(again), "sign_in_refused");
    assert_eq!(
        console.audit().await,
        [
            "login_link_created by root (cli@gate): ana: \
             admin revealer@acme, until 2027-01-15T08:05:00Z",
            "signed_in by ana (console@192.0.2.1): ana: \
             admin revealer@acme, until 2027-01-15T20:00:00Z",
            "sign_in_refused by unknown (console@192.0.2.2): console: \
             the login link is unknown, used or expired",
        ]
    );
}

async fn a_link_signs_nobody_in_after_five_minutes(stores: Stores) {
    let console = Console::over(&stores);
    let in_time = console.link("ana", &["viewer"]).await;
    let late = console.link("ana", &["viewer"]).await;
    console
        .clock
        .advance(5 * MINUTE - SignedDuration::from_millis(1));
    let signed_in = console.one.sign_in_by_link(&in_time, address(1)).await;
    assert_eq!(word(signed_in), "done");
    console.clock.advance(SignedDuration::from_millis(1));
    let signed_in = console.one.sign_in_by_link(&late, address(1)).await;
    assert_eq!(word(signed_in), "sign_in_refused");
}

async fn each_sign_in_has_a_session_of_its_own(stores: Stores) {
    let console = Console::over(&stores);
    let (one, other) = (console.sign_in("ana").await, console.sign_in("ana").await);
    assert_ne!(*one.session_id, *other.session_id);
    assert_ne!(one.csrf.as_str(), other.csrf.as_str());
    let session = console.other.session(&one.session_id).await;
    let session = session.unwrap().unwrap();
    assert!(session.csrf.matches(one.csrf.as_str().as_bytes()));
    assert!(!session.csrf.matches(other.csrf.as_str().as_bytes()));
    assert!(!session.csrf.matches(one.session_id.as_bytes()));
}

async fn a_session_ends_at_every_process_when_its_person_signs_out(stores: Stores) {
    let console = Console::over(&stores);
    let (stolen, kept) = (console.sign_in("ana").await, console.sign_in("ana").await);
    let actor = stolen.principal.actor(address(1));
    let sign_out = async |id: &str| console.one.sign_out(&actor, id).await.unwrap();
    assert!(sign_out(&stolen.session_id).await);
    for control in [&console.one, &console.other] {
        assert_eq!(principal(control, &stolen.session_id).await, None);
        assert!(principal(control, &kept.session_id).await.is_some());
    }
    for id in [&**stolen.session_id, "", WRONG, "no session"] {
        assert!(!sign_out(id).await, "{id}");
        assert_eq!(principal(&console.one, id).await, None);
    }
    let last = console.audit().await.pop();
    let expected = "signed_out by ana (console@192.0.2.1): ana: this session";
    assert_eq!(last.as_deref(), Some(expected));
}

async fn a_session_ends_half_an_hour_after_its_last_use(stores: Stores) {
    let console = Console::over(&stores);
    let signed_in = console.sign_in("ana").await;
    let id = &signed_in.session_id;
    for _ in 0..3 {
        console.clock.advance(29 * MINUTE);
        // Both processes know each use.
        assert!(principal(&console.one, id).await.is_some());
        console.clock.advance(29 * MINUTE);
        assert!(principal(&console.other, id).await.is_some());
    }
    console.clock.advance(30 * MINUTE);
    assert_eq!(principal(&console.one, id).await, None);
    // The refused use does not revive it.
    assert_eq!(principal(&console.other, id).await, None);
}

async fn a_session_ends_twelve_hours_after_the_sign_in(stores: Stores) {
    let console = Console::over(&stores);
    let signed_in = console.sign_in("ana").await;
    let id = &signed_in.session_id;
    for minute in (15..12 * 60).step_by(15) {
        console.clock.advance(15 * MINUTE);
        assert!(principal(&console.one, id).await.is_some(), "{minute}");
    }
    console.clock.advance(15 * MINUTE);
    assert_eq!(principal(&console.one, id).await, None);
}

async fn a_person_is_signed_out_everywhere_by_somebody_else(stores: Stores) {
    let console = Console::over(&stores);
    let sessions = [console.sign_in("ana").await, console.sign_in("ana").await];
    let link = console.link("ana", &["admin"]).await;
    let ben = console.sign_in("ben").await;
    let ended = console.other.end_sessions(&admin(), "ana").await.unwrap();
    let expected = SignOut {
        sessions: 2,
        links: 1,
    };
    assert_eq!(ended, expected);
    for session in sessions {
        assert_eq!(principal(&console.one, &session.session_id).await, None);
    }
    let late = console.one.sign_in_by_link(&link, address(1)).await;
    assert_eq!(word(late), "sign_in_refused");
    assert!(principal(&console.one, &ben.session_id).await.is_some());
    let again = console.one.end_sessions(&admin(), "ana").await.unwrap();
    assert_eq!(again, SignOut::default());
}

async fn a_link_needs_a_name_and_a_role(stores: Stores) {
    let console = Console::over(&stores);
    for (subject, roles, expected) in [
        ("", &["viewer"][..], "operator_unnamed"),
        ("a\u{1b}[31m", &["viewer"], "token_invalid"),
        ("ana", &[], "no_role"),
        ("ana", &["viewer"], "done"),
    ] {
        let (admin, grants) = (admin(), grants(roles));
        let created = console
            .one
            .create_login_link(&admin, subject.to_owned(), grants);
        assert_eq!(word(created.await), expected, "{subject:?}");
    }
}

async fn ten_thousand_failed_sign_ins_cause_a_pause_and_few_audit_lines(stores: Stores) {
    let console = Console::over(&stores);
    let mut words = BTreeMap::new();
    for number in 0..10_000 {
        let link = format!("{number:064x}");
        let attempt = console.one.sign_in_by_link(&link, address(1)).await;
        *words.entry(word(attempt)).or_insert(0) += 1;
    }
    let free = SignInAttempts::FREE;
    let expected = [("sign_in_paused", 10_000 - free), ("sign_in_refused", free)];
    assert_eq!(words, BTreeMap::from(expected));
    // A person at another address signs in, and one at this address after the pause.
    let link = console.link("ana", &["viewer"]).await;
    let paused = console.one.sign_in_by_link(&link, address(1)).await;
    let Err(ControlError::SignInPaused { seconds }) = paused else {
        panic!("{}", word(paused));
    };
    let elsewhere = console.link("ben", &["viewer"]).await;
    let elsewhere = console.one.sign_in_by_link(&elsewhere, address(2)).await;
    assert_eq!(word(elsewhere), "done");
    console
        .clock
        .advance(SignedDuration::from_secs(seconds.try_into().unwrap()));
    let signed_in = console.one.sign_in_by_link(&link, address(1)).await;
    assert_eq!(word(signed_in), "done");
    let audit = console.audit().await;
    let refused = audit.iter().filter(|it| it.starts_with("sign_in_refused"));
    assert_eq!(refused.count(), usize::try_from(free).unwrap());
}

async fn a_successful_sign_in_ends_the_count_of_failures(stores: Stores) {
    let console = Console::over(&stores);
    for _ in 0..3 {
        for link in [WRONG, "", "no link", &"f".repeat(1 << 20)] {
            let attempt = console.one.sign_in_by_link(link, address(1)).await;
            assert_eq!(word(attempt), "sign_in_refused");
        }
        console.sign_in("ana").await;
    }
}

async fn denials_are_recorded_within_a_bound(stores: Stores) {
    let console = Console::over(&stores);
    let signed_in = console.sign_in("ana").await;
    let ana = signed_in.principal.actor(address(1));
    let before = console.audit().await.len();
    let deny = async |times: u32| {
        for _ in 0..times {
            let subject = "workflows/a\u{1b}[31m\n";
            console.one.record_denied(&ana, subject, "change").await;
        }
    };
    deny(1000).await;
    console.clock.advance(MINUTE);
    deny(1).await;
    let audit = console.audit().await.split_off(before);
    let max = usize::try_from(RefusalQuota::MAX_PER_ADDRESS).unwrap();
    assert_eq!(audit.len(), max + 1);
    let line = "denied by ana (console@192.0.2.1): workflows/a[31m: change";
    assert_eq!(audit[0], line);
    let last = format!("{line}; {} earlier refusals are not recorded", 1000 - max);
    assert_eq!(audit[max], last);
}
