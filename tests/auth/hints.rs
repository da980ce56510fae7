//! What a head says beside its proof: the id of the delivery, the name of the event.

use portcullis::auth::{Claim, Source};
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
        assert_eq!(told(scheme.event()).as_deref(), Some("pull_request"));
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

fn hint(delivery: &Delivery, source: &str) -> Option<String> {
    let source: Source = source.parse().unwrap();
    Claim::hint(&source, &delivery.head().into()).map(|hint| hint.into_owned())
}
