//! What a head says beside its proof: the id of the delivery, the name of the event.

use portcullis::auth::{Claim, EventName, Source};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::delivery::{Delivery, preset};
use crate::inputs::header_byte;

proptest! {
    #[test]
    fn a_hint_is_visible_text_that_fits_into_a_header_or_none(
        value in prop_oneof![vec(header_byte(), 0..20), vec(b'!'..=b'~', 0..300)],
    ) {
        let fit = (1..=256).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
        let expected = fit.then(|| String::from_utf8(value.clone()).unwrap());
        let delivery = Delivery::default().header("X-Id", &value);
        prop_assert_eq!(hint(&delivery, "header:X-Id"), expected);
    }
}

#[test]
fn github_tells_the_id_and_the_event_of_a_delivery() {
    let delivery = Delivery::default()
        .header("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
        .header("X-GitHub-Event", "pull_request");
    for name in ["github", "github-sha1"] {
        let scheme = preset(name);
        let told = |source: Option<&Source>| {
            Claim::hint(source.unwrap(), &delivery.head().into()).map(|hint| hint.into_owned())
        };
        let id = told(scheme.id());
        assert_eq!(id.as_deref(), Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"));
        let event = EventName::read(scheme.event().unwrap(), &delivery.head().into());
        assert_eq!(event, EventName::Named("pull_request".into()));
    }
}

#[test]
fn two_hints_that_differ_are_none_and_two_that_agree_are_one() {
    for (second, expected) in [("a", Some("a".to_owned())), ("b", None)] {
        let sent = Delivery::default()
            .header("X-Id", "a")
            .header("X-Id", second);
        assert_eq!(hint(&sent, "header:X-Id"), expected);
        let asked = Delivery::default().query(&format!("id=a&id={second}"));
        assert_eq!(hint(&asked, "query:id"), expected);
    }
    assert_eq!(hint(&Delivery::default(), "header:X-Id"), None);
}

#[test]
fn an_event_is_told_from_none_and_from_one_that_nobody_can_make_out() {
    let source: Source = "header:X-Event".parse().unwrap();
    for (values, expected) in [
        (&[][..], EventName::Absent),
        (&[""], EventName::Absent),
        (&["Push Hook"], EventName::Named("Push Hook".into())),
        (&["köln"], EventName::Named("köln".into())),
        (&["a", "a"], EventName::Named("a".into())),
        (&["a", "b"], EventName::Unreadable),
        (&["a\tb"], EventName::Unreadable),
        (&[&"e".repeat(257)], EventName::Unreadable),
    ] {
        let mut delivery = Delivery::default();
        for value in values {
            delivery = delivery.header("X-Event", value);
        }
        let event = EventName::read(&source, &delivery.head().into());
        assert_eq!(event, expected, "{values:?}");
    }
}

#[test]
fn a_source_that_picks_one_element_of_a_batch_is_known() {
    for (source, picks) in [
        ("json:/0/event", true),
        ("header:X-Event|json:/items/10/event", true),
        ("json:/*/event", false),
        ("json:/v1/event", false),
        ("json:/", false),
        ("header:0", false),
    ] {
        let read: Source = source.parse().unwrap();
        assert_eq!(read.picks_element(), picks, "{source}");
    }
}

fn hint(delivery: &Delivery, source: &str) -> Option<String> {
    let source: Source = source.parse().unwrap();
    Claim::hint(&source, &delivery.head().into()).map(|hint| hint.into_owned())
}
