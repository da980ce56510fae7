//! The borders between the values of a signed message: bytes that can be cut in several ways are admitted
//! in one of them at most, and a digest that was lengthened in none.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use portcullis::auth::{
    Algorithm, Mode, Place, PlaceValue, Preset, ProofError, SchemeWords, Source, TimestampSource,
};
use portcullis::directory::AuthDefinition;
use proptest::prelude::*;
use proptest::sample::select;
use ring::hmac;

use crate::declarations::{declared, mistakes};
use crate::delivery::{Delivery, NOW, URL, message, preset};
use crate::providers::{Genuine, signed_with};

/// A piece of what a preset signs.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Value(String),
}

/// The pieces of every message that the preset declares; the last two are the commonest.
fn pieces(preset: &Preset) -> Option<Vec<Piece>> {
    let line = preset
        .declaration
        .lines()
        .find_map(|line| line.strip_prefix("signed = \""))?;
    let text = line.strip_suffix('"')?.replace("\\n", "\n");
    let mut rest = text.strip_prefix("{secret}").unwrap_or(&text);
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (text, value) = match rest.split_once('{') {
            None => (rest, None),
            Some((text, after)) => (text, after.split_once('}')),
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        let Some((name, after)) = value else { break };
        match name.strip_prefix("config:") {
            Some("webhook_id") => pieces.push(Piece::Text("WH-1".to_owned())),
            Some(other) => panic!("nobody knows the setting {other}"),
            None => pieces.push(Piece::Value(name.to_owned())),
        }
        rest = after;
    }
    let mut merged: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (merged.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
            (_, piece) => merged.push(piece),
        }
    }
    Some(merged)
}

/// The presets that sign at least two values which a sender can choose, with their pieces.
fn with_borders() -> Vec<(&'static Preset, Vec<Piece>)> {
    let several = |pieces: &Vec<Piece>| {
        let values = pieces.iter().filter(|it| matches!(it, Piece::Value(_)));
        let whole = |it: &Piece| {
            let forms = [
                "form",
                "contentful:headers",
                "contentful:path",
                "hook0:headers",
            ];
            matches!(it, Piece::Value(name) if forms.contains(&&**name))
        };
        values.count() > 1 && !pieces.iter().any(whole)
    };
    let all = Preset::all().iter();
    all.filter_map(|preset| Some((preset, pieces(preset).filter(several)?)))
        .collect()
}

/// A delivery under construction: its values, before it is signed.
#[derive(Clone, Debug)]
struct Cut {
    values: Vec<Vec<u8>>,
}

impl Cut {
    fn message(&self, pieces: &[Piece]) -> Vec<u8> {
        let mut values = self.values.iter();
        let bytes = pieces.iter().flat_map(|piece| match piece {
            Piece::Text(text) => text.clone().into_bytes(),
            Piece::Value(_) => values.next().unwrap().clone(),
        });
        bytes.collect()
    }

    /// Every other way to cut two values that are neighbours out of the same bytes.
    fn moved(&self, pieces: &[Piece]) -> Vec<Self> {
        let mut between = vec![String::new(); self.values.len()];
        let mut at = 0;
        for piece in pieces {
            match piece {
                Piece::Text(text) if at > 0 => between[at - 1].push_str(text),
                Piece::Text(_) => {}
                Piece::Value(_) => at += 1,
            }
        }
        let mut moved = Vec::new();
        for at in 1..self.values.len() {
            let literal = between[at - 1].as_bytes();
            let both = [&self.values[at - 1], literal, &self.values[at]].concat();
            for cut in 0..=both.len() - literal.len() {
                if cut == self.values[at - 1].len() || !both[cut..].starts_with(literal) {
                    continue;
                }
                let mut other = self.clone();
                other.values[at - 1] = both[..cut].to_vec();
                other.values[at] = both[cut + literal.len()..].to_vec();
                moved.push(other);
            }
        }
        moved
    }
}

/// Puts the values and the signature where the preset looks for them; `None` if a request cannot hold them.
fn delivered(genuine: &Genuine, pieces: &[Piece], cut: &Cut, proof: &[u8]) -> Option<Delivery> {
    let scheme = &genuine.scheme;
    let mut delivery = genuine.delivery.clone();
    let mut time = None;
    // The body first: others may stand in it.
    let names = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(_) => None,
        Piece::Value(name) => Some(name.as_str()),
    });
    let mut named: Vec<(&str, &Vec<u8>)> = names.zip(&cut.values).collect();
    named.sort_by_key(|(name, _)| *name != "body");
    for (name, value) in named {
        match name {
            "body" => delivery = delivery.with_body(value.clone()),
            "method" => {
                let method = http::Method::from_bytes(value).ok()?;
                delivery = delivery.by(method.as_str());
            }
            "url" => {
                let text = std::str::from_utf8(value).ok()?;
                let visible = text
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'#');
                let own = |url: &str| url.split('?').next() == URL.split('?').next();
                // What stands before the query is the endpoint's own, not the sender's.
                let is_url = text.starts_with("http://") || text.starts_with("https://");
                if !visible || !(is_url && (own(text) || name_is_free(genuine))) {
                    return None;
                }
                delivery = delivery.to(text);
            }
            "ts" => match &scheme.timestamp().unwrap().from {
                TimestampSource::Source(source) => {
                    delivery = put(delivery, source.preferred()?, value)?;
                }
                _ => time = Some(value),
            },
            "crc32:body" => {
                if crc32fast::hash(delivery.body()).to_string().as_bytes() != value {
                    return None;
                }
            }
            _ => {
                let source: Source = name.trim_end_matches('?').parse().unwrap();
                delivery = put(delivery, source.preferred()?, value)?;
            }
        }
    }
    let rule = &scheme.signatures()[0];
    let encoded = rule.encoding.encode(proof);
    let tagged = rule.tagged.as_ref();
    let mut value = format!(
        "{}{encoded}",
        tagged.map(ToString::to_string).unwrap_or_default()
    );
    if let Some(time) = time {
        let split = char::from(rule.split.unwrap());
        let time = String::from_utf8(time.clone()).ok()?;
        value = match &scheme.timestamp().unwrap().from {
            TimestampSource::Tag(tag) => {
                let separator = tagged.unwrap().separator;
                format!("{tag}{separator}{time}{split}{value}")
            }
            _ => format!("{time}{split}{value}"),
        };
    }
    put(delivery, rule.from.preferred()?, value.as_bytes())
}

/// Whether the whole URL may differ: it is covered with its path.
fn name_is_free(genuine: &Genuine) -> bool {
    genuine.preset.name != "plivo-v2"
}

fn put(delivery: Delivery, place: &Place, value: &[u8]) -> Option<Delivery> {
    match place {
        Place::Header(name) => {
            HeaderValue::from_bytes(value).ok()?;
            Some(delivery.replacing(name, value.trim_ascii()))
        }
        Place::Json(pointer) => {
            let text = std::str::from_utf8(value).ok()?;
            let mut json: serde_json::Value = serde_json::from_slice(delivery.body()).ok()?;
            let mut at = &mut json;
            for name in pointer.to_string().replace('*', "0").split('/').skip(1) {
                at = match at {
                    serde_json::Value::Array(items) => {
                        items.get_mut(name.parse::<usize>().ok()?)?
                    }
                    serde_json::Value::Object(members) => {
                        members.entry(name).or_insert(serde_json::Value::Null)
                    }
                    _ => return None,
                };
            }
            *at = text.into();
            Some(delivery.with_body(json.to_string()))
        }
        Place::Form(name) => {
            let text = std::str::from_utf8(value).ok()?;
            let fields: Vec<(String, String)> = form_urlencoded::parse(delivery.body())
                .into_owned()
                .map(|(known, old)| match known == **name {
                    true => (known, text.to_owned()),
                    false => (known, old),
                })
                .collect();
            let body = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish();
            Some(delivery.with_body(body))
        }
        _ => None,
    }
}

/// The signature of anything, as its owner makes it: nothing is checked.
fn proof(genuine: &Genuine, message: &[u8]) -> Vec<u8> {
    if genuine.scheme.algorithm().is_public_key() {
        return signed_with(genuine.scheme.algorithm(), message).1;
    }
    let key = genuine
        .scheme
        .key()
        .prepare(genuine.secret.as_bytes())
        .unwrap();
    let mut code = key.begin().unwrap();
    code.update(message);
    code.sign().to_vec()
}

/// What the delivery says under the names of the pieces.
fn values(genuine: &Genuine, pieces: &[Piece]) -> Cut {
    let received = genuine.delivery.received();
    let scheme = &genuine.scheme;
    let values = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(_) => None,
        Piece::Value(name) => Some(match &**name {
            "body" => genuine.delivery.body().to_vec(),
            "crc32:body" => crc32fast::hash(genuine.delivery.body()).to_string().into(),
            "method" => b"POST".to_vec(),
            // Plivo's second version leaves the query out.
            "url" if genuine.preset.name == "plivo-v2" => URL.split('?').next().unwrap().into(),
            "url" => URL.into(),
            "ts" => match &scheme.timestamp().unwrap().from {
                TimestampSource::Source(source) => read(source, &received),
                _ => match scheme.timestamp().unwrap().unit.name() {
                    "ms" => NOW.as_millisecond().to_string().into(),
                    _ => NOW.as_second().to_string().into(),
                },
            },
            name => read(&name.trim_end_matches('?').parse().unwrap(), &received),
        }),
    });
    Cut {
        values: values.collect(),
    }
}

fn read(source: &Source, received: &portcullis::auth::PartialRequest<'_>) -> Vec<u8> {
    match source.read(received) {
        PlaceValue::Value(value) => value.into_owned(),
        _ => Vec::new(),
    }
}

#[test]
fn the_presets_with_borders_are_the_ones_that_sign_several_values() {
    let names: BTreeSet<&str> = with_borders()
        .iter()
        .map(|(preset, _)| preset.name)
        .collect();
    for name in [
        "adyen-payments",
        "box",
        "discord",
        "hubspot-v2",
        "hubspot-v3",
        "klaviyo",
        "mailgun",
        "mailgun-form",
        "paypal-pinned",
        "plivo-v2",
        "sanity",
        "slack",
        "square",
        "standard-webhooks",
        "stripe",
        "svix",
        "trello",
        "twitch",
        "zendesk",
    ] {
        assert!(names.contains(name), "{name}");
    }
    assert!(names.len() >= 40, "{names:?}");
    for (preset, pieces) in with_borders() {
        let genuine = Genuine::of(preset, b"noise");
        let cut = values(&genuine, &pieces);
        let proof = proof(&genuine, &cut.message(&pieces));
        let delivery = delivered(&genuine, &pieces, &cut, &proof).unwrap();
        assert_eq!(genuine.verdict(&delivery), Ok(()), "{}", preset.name);
    }
}

/// Texts that borders are made of.
fn confusing() -> impl Strategy<Value = Vec<u8>> {
    let at = NOW.as_second();
    let texts = vec![
        String::new(),
        ".".into(),
        ":".into(),
        "|".into(),
        "?".into(),
        "&".into(),
        "\n".into(),
        "a".into(),
        "{".into(),
        "{}".into(),
        "[{}]".into(),
        "1".into(),
        "POST".into(),
        "http".into(),
        "://".into(),
        "x=1".into(),
        "<a>".into(),
        "\"".into(),
        " ".into(),
        "\u{fc}".into(),
        "v0:".into(),
        "WH-1".into(),
        "WH-1|".into(),
        "|WH-1|".into(),
        at.to_string(),
        (at - 1).to_string(),
        (at * 1000).to_string(),
        (at * 1000 + 1).to_string(),
        NOW.to_string(),
        format!(".{at}."),
        format!(":{at}:"),
        format!("{at}.{{}}"),
        URL.to_owned(),
        "https://portal.example.com/hooks/orders".into(),
        "https://portal.example.com/hooks/orders?".into(),
        "2023-11-14T22:13:19.5Z".into(),
        "2023-11-14T22:13:21+00:00".into(),
        "true".into(),
        "EUR".into(),
    ];
    let one = select(texts);
    proptest::collection::vec(one, 0..5).prop_map(|texts| texts.concat().into_bytes())
}

/// A delivery of a preset whose values have confusing texts before and behind them, or in their place.
fn confused() -> impl Strategy<Value = (usize, Vec<(u8, Vec<u8>)>)> {
    let count = with_borders().len();
    (
        0..count,
        proptest::collection::vec((0..6u8, confusing()), 8),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_two_deliveries_with_different_values_and_the_same_signed_bytes_are_both_admitted(
        (which, changes) in confused(),
    ) {
        let (preset, pieces) = with_borders().swap_remove(which);
        let genuine = Genuine::of(preset, b"noise");
        let mut cut = values(&genuine, &pieces);
        for (value, (how, text)) in cut.values.iter_mut().zip(changes) {
            match how {
                0 => *value = text,
                1 => *value = [&text, value.as_slice()].concat(),
                2 => value.extend_from_slice(&text),
                _ => {}
            }
        }
        let proof = proof(&genuine, &cut.message(&pieces));
        let mut admitted = Vec::new();
        let mut seen = BTreeSet::new();
        let mut cuts = vec![cut.clone()];
        cuts.extend(cut.moved(&pieces));
        // Two borders at once.
        cuts.extend(cut.moved(&pieces).iter().take(40).flat_map(|other| other.moved(&pieces)));
        for cut in cuts {
            prop_assert_eq!(cut.message(&pieces).len(), cuts_len(&cut, &pieces));
            if !seen.insert(cut.values.clone()) {
                continue;
            }
            let Some(delivery) = delivered(&genuine, &pieces, &cut, &proof) else { continue };
            if genuine.verdict(&delivery).is_ok() {
                admitted.push(cut);
            }
        }
        prop_assert!(admitted.len() <= 1, "{}: {:?}", preset.name, texts(&admitted));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_move_between_the_path_the_headers_and_the_body_of_contentful(
        texts in proptest::collection::vec(confusing(), 4), more in 0..4_usize,
    ) {
        let scheme = preset("contentful");
        let list = "x-a,x-b,x-contentful-signed-headers,x-contentful-timestamp";
        let at = NOW.as_millisecond();
        let text = |text: &str| Piece::Text(text.to_owned());
        let value = |name: &str| Piece::Value(name.to_owned());
        let pieces = [
            text("POST\n"), value("path"), text("\nx-a:"), value("x-a"), text(";x-b:"), value("x-b"),
            text(&format!(";x-contentful-signed-headers:{list};x-contentful-timestamp:{at}\n")), value("body"),
        ];
        let mut cut = Cut { values: texts };
        cut.values[0].splice(..0, *b"/hooks");
        // The text between two values, inside one of them.
        let between = [&b"\nx-a:"[..], b";x-b:", b"\n", b""][more];
        cut.values[more].extend_from_slice(between);
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        let proof = hex::encode(hmac::sign(&key, &cut.message(&pieces)));
        let mut cuts = vec![cut.clone()];
        cuts.extend(cut.moved(&pieces));
        let mut admitted = BTreeSet::new();
        for cut in cuts {
            let [path, a, b, body] = &cut.values[..] else { unreachable!("there are four") };
            let Ok(path) = std::str::from_utf8(path) else { continue };
            let can_be_sent = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
            if !can_be_sent || [a, b].into_iter().any(|value| HeaderValue::from_bytes(value).is_err()) {
                continue;
            }
            let delivery = Delivery::of(body.clone())
                .to(&format!("https://portal.example.com{path}"))
                .header("x-contentful-signature", &proof)
                .header("x-contentful-signed-headers", list)
                .header("x-contentful-timestamp", at.to_string())
                .header("x-a", a.trim_ascii())
                .header("x-b", b.trim_ascii());
            if delivery.judged_by(&scheme, b"secret").is_ok() {
                admitted.insert(cut.values);
            }
        }
        prop_assert!(admitted.len() <= 1, "{admitted:?}");
    }

    /// Where its fields end is not signed, and `presets list` says so. Where the URL ends is settled.
    #[test]
    fn no_bytes_move_between_the_url_and_the_form_of_twilio(
        name in select(vec!["twilio", "twilio-sha256"]), query in confusing(), form in confusing(),
    ) {
        let scheme = preset(name);
        let base = "https://portal.example.com/hooks";
        let Ok(rest) = String::from_utf8([query, form].concat()) else { return Ok(()) };
        let message = format!("{base}{rest}");
        let proof = match name {
            "twilio" => {
                let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"secret");
                STANDARD.encode(hmac::sign(&key, message.as_bytes()))
            }
            _ => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
                STANDARD.encode(hmac::sign(&key, message.as_bytes()))
            }
        };
        let place = scheme.signatures()[0].from.preferred().unwrap().to_string();
        let header = place.strip_prefix("header:").unwrap();
        let mut admitted = BTreeSet::new();
        for (at, _) in rest.char_indices().chain([(rest.len(), ' ')]) {
            let (query, field) = rest.split_at(at);
            let url = format!("{base}{query}");
            let is_query = query.is_empty() || query.starts_with('?');
            if !is_query || !query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
                continue;
            }
            let form: String = form_urlencoded::byte_serialize(field.as_bytes()).collect();
            let delivery = Delivery::of(form).sent_as_form().to(&url).header(header, &proof);
            if delivery.judged_by(&scheme, b"secret").is_ok() {
                admitted.insert(url);
            }
        }
        // Nothing says where a query ends that the sender has made longer; it never begins in the form.
        let without = admitted.iter().filter(|url| !url.contains('?')).count();
        prop_assert!(without == 0 || admitted.len() == 1, "{name}: {admitted:?}");
    }
}

/// The deliveries of Coinbase that are admitted among those with the signed bytes of `cut`: the event's id and type and
/// the body of each. Of the older version only the body is signed.
fn admitted_of_coinbase(cut: &Cut) -> BTreeSet<Vec<Vec<u8>>> {
    let scheme = preset("coinbase-cdp");
    let at = NOW.as_second();
    let list = "x-event-id x-event-type";
    let text = |text: &str| Piece::Text(text.to_owned());
    let value = |name: &str| Piece::Value(name.to_owned());
    let pieces = [
        text(&format!("{at}.{list}.")),
        value("id"),
        text("."),
        value("type"),
        text("."),
        value("body"),
    ];
    let message = cut.message(&pieces);
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
    let proof = hex::encode(hmac::sign(&key, &message));
    let mut cuts = vec![cut.clone()];
    cuts.extend(cut.moved(&pieces));
    let twice: Vec<Cut> = cuts
        .iter()
        .take(40)
        .flat_map(|cut| cut.moved(&pieces))
        .collect();
    cuts.extend(twice);
    let mut admitted = BTreeSet::new();
    for cut in cuts {
        let [id, event, body] = &cut.values[..] else {
            unreachable!("there are three")
        };
        if [id, event]
            .into_iter()
            .any(|value| HeaderValue::from_bytes(value).is_err())
        {
            continue;
        }
        let delivery = Delivery::of(body.clone())
            .header("x-hook0-signature", format!("t={at},h={list},v1={proof}"))
            .header("x-event-id", id.trim_ascii())
            .header("x-event-type", event.trim_ascii());
        if delivery.judged_by(&scheme, b"secret").is_ok() {
            admitted.insert(cut.values);
        }
    }
    let body = &message[format!("{at}.").len()..];
    let older = Delivery::of(body).header("x-hook0-signature", format!("t={at},v0={proof}"));
    if older.judged_by(&scheme, b"secret").is_ok() {
        admitted.insert(vec![body.to_vec()]);
    }
    admitted
}

#[test]
fn what_coinbase_sends_is_among_what_the_property_admits() {
    let values = ["e-1", "wallet.activity", "{}"].map(|text| text.as_bytes().to_vec());
    let values = values.to_vec();
    let admitted = admitted_of_coinbase(&Cut {
        values: values.clone(),
    });
    assert_eq!(admitted, BTreeSet::from([values]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_move_between_the_headers_and_the_body_of_coinbase(
        values in proptest::collection::vec(confusing(), 3),
    ) {
        let admitted = admitted_of_coinbase(&Cut { values });
        prop_assert!(admitted.len() <= 1, "{admitted:?}");
    }
}

/// The property that holds for what a preset signs, and the source that has it.
fn property(preset: &Preset) -> Option<(&'static str, &'static str)> {
    let scheme = &preset.scheme;
    let is = |names: &[&str]| names.contains(&preset.name);
    let jws = include_str!("jws.rs");
    let providers = include_str!("providers.rs");
    let borders = include_str!("borders.rs");
    let has_borders = with_borders().iter().any(|(it, _)| it.name == preset.name);
    let values = |pieces: &[Piece]| {
        pieces
            .iter()
            .filter(|it| matches!(it, Piece::Value(_)))
            .count()
    };
    Some(if has_borders {
        (
            "no_two_deliveries_with_different_values_and_the_same_signed_bytes_are_both_admitted",
            borders,
        )
    } else if is(&["contentful"]) {
        (
            "no_bytes_move_between_the_path_the_headers_and_the_body_of_contentful",
            borders,
        )
    } else if is(&["coinbase-cdp"]) {
        (
            "no_bytes_move_between_the_headers_and_the_body_of_coinbase",
            borders,
        )
    } else if is(&["twilio", "twilio-sha256"]) {
        (
            "no_bytes_move_between_the_url_and_the_form_of_twilio",
            borders,
        )
    } else if is(&["plivo-v3"]) {
        ("what_plivo_signs_decoded_has_no_separator_in_it", borders)
    } else if crate::jws::claims(preset.name, b"").is_some() {
        ("a_token_has_one_spelling", jws)
    } else if scheme.has_certificate() {
        (
            "what_was_signed_can_be_read_in_one_way_only",
            include_str!("sns.rs"),
        )
    } else if preset.name.starts_with("rfc9421") {
        (
            "every_part_of_a_request_is_signed_as_the_standard_says",
            include_str!("message_signatures.rs"),
        )
    } else if matches!(scheme.algorithm(), Algorithm::Basic | Algorithm::Token) {
        (
            "tokens_are_equal_byte_for_byte_or_not_at_all",
            include_str!("tokens.rs"),
        )
    } else if pieces(preset).is_none_or(|pieces| values(&pieces) == 1) {
        // One value has no border inside.
        (
            "whatever_is_changed_by_one_bit_is_refused_by_every_preset",
            providers,
        )
    } else {
        return None;
    })
}

#[test]
fn every_preset_of_the_catalogue_is_in_a_property_of_what_it_signs() {
    for preset in Preset::all() {
        let found = property(preset);
        let (test, source) = found.unwrap_or_else(|| panic!("{} is in none", preset.name));
        assert!(
            source.contains(&format!("fn {test}(")),
            "{}: {test}",
            preset.name
        );
    }
}

fn cuts_len(cut: &Cut, pieces: &[Piece]) -> usize {
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => text.len(),
        Piece::Value(_) => 0,
    };
    cut.values.iter().map(Vec::len).sum::<usize>() + pieces.iter().map(text).sum::<usize>()
}

fn texts(cuts: &[Cut]) -> Vec<Vec<String>> {
    let text = |value: &Vec<u8>| String::from_utf8_lossy(value).into_owned();
    cuts.iter()
        .map(|cut| cut.values.iter().map(text).collect())
        .collect()
}

#[test]
fn an_id_with_the_separator_in_it_does_not_move_the_time() {
    // An hour ago `msg_1.1700000000` was no id: the time of the twin is the one in the body.
    let scheme = preset("svix");
    let old = NOW.as_second() - 3600;
    let body = format!("{}.{{}}", NOW.as_second());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode("c2VjcmV0").unwrap());
    let code = STANDARD.encode(hmac::sign(&key, format!("msg_1.{old}.{body}").as_bytes()));
    let twin = Delivery::of("{}")
        .header("svix-id", format!("msg_1.{old}"))
        .header("svix-timestamp", NOW.as_second().to_string())
        .header("svix-signature", format!("v1,{code}"));
    let verdict = twin.judged_by(&scheme, b"whsec_c2VjcmV0");
    assert_eq!(verdict.err(), Some(ProofError::SignatureMalformed));
}

#[test]
fn the_start_of_a_body_does_not_move_into_the_query() {
    for name in ["square", "hubspot-v2", "hubspot-v3"] {
        let scheme = preset(name);
        let base = "https://portal.example.com/hooks/orders";
        let sent = |url: &str, body: &str| {
            let message = portcullis::auth::Message {
                url: Some(url),
                ..message(body.as_bytes())
            };
            let added = match scheme.prove(b"secret", message) {
                Ok(added) => added,
                Err(_) => return Err(ProofError::SignatureMalformed),
            };
            Delivery::of(body)
                .with(added)
                .to(url)
                .judged_by(&scheme, b"secret")
                .map(drop)
        };
        let malformed = Err(ProofError::SignatureMalformed);
        for (query, body, expected) in [
            ("", r#"{"a":1}"#, Ok(())),
            ("?from=a+b", r#"[{"a":1}]"#, Ok(())),
            ("?from=a+b&x=%7B", "\r\n{}", Ok(())),
            ("?from=a+b", "", Ok(())),
            ("?from=a", "+b&c={}", malformed),
            ("", "?from=a{}", malformed),
            ("", "s{}", malformed),
            (r#"?from=a{"b":"#, "1}", malformed),
            (r#"?from=a[1]"#, "{}", malformed),
        ] {
            assert_eq!(
                sent(&format!("{base}{query}"), body),
                expected,
                "{name} {query} {body}"
            );
        }
    }
}

#[test]
fn a_time_in_its_exact_form_may_hold_the_text_beside_it() {
    for unit in ["rfc3339", "http-date"] {
        for signed in ["{ts}:{body}", "v1:{ts}:{body}", "{body}:{ts}"] {
            let scheme = declared(&format!(
                "algorithm = \"hmac-sha256\"\nsigned = \"{signed}\"\n\
                 signatures = [{{ from = \"header:S\" }}]\n\
                 timestamp = {{ from = \"header:T\", unit = \"{unit}\", tolerance = \"5m\" }}"
            ));
            let delivery = Delivery::proven(&scheme, b"6f2b9d1e", "{}");
            let verdict = delivery.judged_by(&scheme, b"6f2b9d1e");
            assert!(verdict.is_ok(), "{unit} {signed}: {verdict:?}");
        }
    }
}

#[test]
fn values_that_nobody_can_tell_apart_are_no_scheme() {
    let of = |signed: &str| {
        format!(
            "algorithm = \"hmac-sha256\"\nsigned = \"{signed}\"\n\
             signatures = [{{ from = \"header:S\" }}]\ntimestamp = {{ from = \"header:T\", tolerance = \"5m\" }}"
        )
    };
    for signed in [
        "{header:A}{header:B}.{ts}.{body}",
        "{ts}.{header:A}{method}{body}",
        "{ts}{url}{header:A}{body}",
        "{body}{header:A}{header:B}{ts}",
        "{ts}{body}{url}{header:A}",
    ] {
        let mistakes = mistakes(&of(signed));
        assert!(mistakes.contains("is ambiguous"), "{signed}: {mistakes}");
    }
    for signed in [
        "{header:A}.{header:B}.{ts}.{body}",
        "{header:A}{ts}{body}",
        "{ts}{header:A}{body}",
        "{method}{url}{ts}{body}",
        "{body}{url}{ts}",
        "{ts}{body}{header:A}",
    ] {
        declared(&of(signed));
    }
    let none = mistakes(&format!(
        "{}\nfree = \"header:C\"",
        of("{header:A}.{ts}.{body}")
    ));
    assert!(none.contains("`free`"), "{none}");
}

#[test]
fn a_time_beside_another_value_has_one_form() {
    for (name, right, wrong) in [
        ("discord", None, "01700000000"),
        (
            "zendesk",
            Some("2023-11-14T22:13:20Z"),
            "2023-11-14T22:13:20z",
        ),
        (
            "box",
            Some("2023-11-14T22:13:20+00:00"),
            "2023-11-14T22:13:20+00:00[UTC]",
        ),
        (
            "box",
            Some("2023-11-14T22:13:20.123-00:00"),
            "2023-11-14 22:13:20Z",
        ),
    ] {
        let preset = Preset::named(name).unwrap();
        let genuine = Genuine::of(preset, b"{}");
        let pieces = pieces(preset).unwrap();
        let judged = |time: &str| {
            let mut cut = values(&genuine, &pieces);
            let at = pieces.iter().filter(|it| matches!(it, Piece::Value(_)));
            let at = at
                .into_iter()
                .position(|it| *it == Piece::Value("ts".to_owned()))
                .unwrap();
            cut.values[at] = time.into();
            let proof = proof(&genuine, &cut.message(&pieces));
            genuine.verdict(&delivered(&genuine, &pieces, &cut, &proof).unwrap())
        };
        if let Some(right) = right {
            assert_eq!(judged(right), Ok(()), "{name}");
        }
        assert_eq!(judged(wrong), Err(ProofError::SignatureMalformed), "{name}");
    }
}

#[test]
fn a_header_that_contentful_signs_cannot_hold_another_one() {
    let scheme = preset("contentful");
    let list = "x-a,x-b,x-contentful-signed-headers,x-contentful-timestamp";
    let judged = |a: &str| {
        let at = NOW.as_millisecond();
        let text = format!(
            "POST\n/hooks\nx-a:{a};x-b:2;x-contentful-signed-headers:{list};x-contentful-timestamp:{at}\n{{}}"
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        Delivery::of("{}")
            .to("https://portal.example.com/hooks")
            .header(
                "x-contentful-signature",
                hex::encode(hmac::sign(&key, text.as_bytes())),
            )
            .header("x-contentful-signed-headers", list)
            .header("x-contentful-timestamp", at.to_string())
            .header("x-a", a)
            .header("x-b", "2")
            .judged_by(&scheme, b"secret")
            .map(drop)
    };
    assert_eq!(judged("text/html; charset=utf-8;;"), Ok(()));
    for value in ["1;x-b:2", "1;a:", ";;x:1"] {
        assert_eq!(
            judged(value),
            Err(ProofError::SignatureMalformed),
            "{value}"
        );
    }
}

#[test]
fn what_plivo_signs_decoded_has_no_separator_in_it() {
    let scheme = preset("plivo-v3");
    let judged = |query: &str, nonce: &str| {
        let url = format!("https://portal.example.com/hooks{query}");
        let message = portcullis::auth::Message {
            url: Some(&url),
            id: nonce,
            ..message(b"")
        };
        let added = scheme.prove(b"secret", message).ok()?;
        Delivery::of("")
            .with(added)
            .sent_as_form()
            .to(&url)
            .judged_by(&scheme, b"secret")
            .ok()
    };
    assert!(judged("?a=1&b=2%2B3.4", "12345").is_some());
    for (query, nonce) in [
        ("?a=1%26b=2", "12345"),
        ("?a%3D1=b", "12345"),
        ("?a%26b=1", "12345"),
        ("?", "12345"),
        ("", "1.2345"),
    ] {
        assert!(judged(query, nonce).is_none(), "{query} {nonce}");
    }
}

#[test]
fn fields_that_twilio_signed_do_not_pose_as_the_rest_of_the_url() {
    let scheme = preset("twilio");
    let base = "https://portal.example.com/hooks";
    let signed = |text: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"secret");
        STANDARD.encode(hmac::sign(&key, text.as_bytes()))
    };
    let digest = hex::encode(ring::digest::digest(&ring::digest::SHA256, b"{\"evil\":1}"));
    let judged = |url: &str, body: &str, text: &str| {
        let delivery = Delivery::of(body)
            .to(url)
            .header("X-Twilio-Signature", signed(text));
        delivery
            .sent_as_form()
            .judged_by(&scheme, b"secret")
            .map(drop)
    };
    let text = format!("{base}?a=bBody1&bodySHA256={digest}&To2");
    assert_eq!(
        judged(
            &format!("{base}?a=b"),
            &format!("Body=1%26bodySHA256%3D{digest}%26&To=2"),
            &text
        ),
        Ok(())
    );
    let malformed = Err(ProofError::SignatureMalformed);
    assert_eq!(
        judged(&text, "{\"evil\":1}", &text),
        Err(ProofError::SignatureMismatch)
    );
    let last = format!("{base}?a=b&bodySHA256={digest}");
    assert_eq!(judged(&last, "{\"evil\":1}", &last), Ok(()));
    // A form whose first name looks like a query.
    assert_eq!(judged(base, "%3Fa=1", &format!("{base}?a1")), malformed);
}

#[test]
fn a_digest_that_was_lengthened_is_refused() {
    for name in ["hubspot-v1", "hubspot-v2"] {
        let genuine = Genuine::of(Preset::named(name).unwrap(), b"noise");
        let secret = genuine.secret.as_bytes();
        let head = match name {
            "hubspot-v1" => String::new(),
            _ => format!("POST{URL}"),
        };
        let body = br#"[{"eventId":1}]"#;
        let message = [secret, head.as_bytes(), body].concat();
        // What SHA-256 appends (FIPS 180-4 §5.1.1), and then what the attacker wants.
        let mut padded = message.clone();
        padded.push(0x80);
        padded.resize((message.len() + 9).div_ceil(64) * 64 - 8, 0);
        padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
        padded.extend_from_slice(br#"[{"eventId":2}]"#);
        let code = ring::digest::digest(&ring::digest::SHA256, &padded);
        let longer = padded.split_off(secret.len() + head.len());
        let version = name.strip_prefix("hubspot-").unwrap();
        let sent = |body: &[u8], code: &[u8]| {
            let delivery = Delivery::of(body)
                .header("X-HubSpot-Signature", hex::encode(code))
                .header("X-HubSpot-Signature-Version", version);
            genuine.verdict(&delivery)
        };
        assert_eq!(
            sent(&longer, code.as_ref()),
            Err(ProofError::SignatureMalformed),
            "{name}"
        );
        let code = ring::digest::digest(&ring::digest::SHA256, &message);
        assert_eq!(sent(body, code.as_ref()), Ok(()), "{name}");
        // What is no text is refused, however it is signed.
        for other in [&b"{\x00}"[..], b"{\x80}", b"{\xc3}"] {
            let message = [secret, head.as_bytes(), other].concat();
            let code = ring::digest::digest(&ring::digest::SHA256, &message);
            assert_eq!(
                sent(other, code.as_ref()),
                Err(ProofError::SignatureMalformed),
                "{name}"
            );
        }
    }
}

#[test]
fn no_endpoint_chooses_a_plain_digest() {
    let mut words = SchemeWords::default();
    for (key, value) in [
        ("algorithm", "sha256"),
        ("signature_header", "X-S"),
        ("signed_message", "{secret}{body}"),
    ] {
        words.set(key, value);
    }
    for mode in [Mode::Signature, Mode::Provider] {
        let auth = AuthDefinition {
            scheme: words.clone(),
            preset: (mode == Mode::Provider).then(|| "hubspot-v1".to_owned()),
            ..AuthDefinition::of(mode)
        };
        let error = auth.compiled().unwrap_err().to_string();
        assert!(error.contains("length extension"), "{error}");
    }
    assert_eq!(preset("hubspot-v1").algorithm(), Algorithm::Sha256);
}

#[test]
fn no_endpoint_changes_the_message_of_a_plain_digest() {
    let compiled = |preset: &str, set: &[(&'static str, &str)]| {
        let mut words = SchemeWords::default();
        for (key, value) in set {
            words.set(key, *value);
        }
        let auth = AuthDefinition {
            scheme: words,
            preset: Some(preset.to_owned()),
            ..AuthDefinition::of(Mode::Provider)
        };
        auth.compiled().map_err(|error| error.to_string())
    };
    let digests = Preset::all()
        .iter()
        .filter(|it| it.scheme.algorithm() == Algorithm::Sha256);
    let names: Vec<&str> = digests.map(|preset| preset.name).collect();
    assert!(names.contains(&"hubspot-v2"), "{names:?}");
    for name in names {
        for message in [
            "{secret}{header:X}{body}",
            "{secret}{body}",
            "{secret}{method}{url}{body}",
        ] {
            let refused = compiled(name, &[("signed_message", message)]).unwrap_err();
            assert!(
                refused.contains("signed_message"),
                "{name} {message}: {refused}"
            );
            assert!(
                refused.contains("length extension"),
                "{name} {message}: {refused}"
            );
        }
        // Other settings of the preset can change, and so can the algorithm together with its message.
        let event = compiled(name, &[("event", "json:/0/subscriptionType")]);
        assert!(event.is_ok(), "{name}: {event:?}");
        let hmac = [("algorithm", "hmac-sha256"), ("signed_message", "{body}")];
        let scheme = compiled(name, &hmac).unwrap().unwrap();
        assert_eq!(scheme.algorithm(), Algorithm::HmacSha256);
    }
}

/// Whether a genuine delivery to one of two URLs verifies. The URLs share no more than all URLs do.
fn verifies(scheme: &portcullis::auth::Scheme) -> bool {
    ["http://x.zy/1", "https://q.cw/2?k=3"]
        .into_iter()
        .any(|url| {
            let body = r#"{"v":1}"#;
            let message = portcullis::auth::Message {
                url: Some(url),
                ..message(body.as_bytes())
            };
            let Ok(added) = scheme.prove(b"6f2b9d1e", message) else {
                return false;
            };
            let delivery = Delivery::of(body).with(added).to(url);
            delivery.judged_by(scheme, b"6f2b9d1e").is_ok()
        })
}

fn of_words(signed: &str) -> Result<portcullis::auth::Scheme, String> {
    let mut words = SchemeWords::default();
    for (key, value) in [
        ("algorithm", "hmac-sha256"),
        ("signature_header", "X-Sig"),
        ("signed_message", signed),
    ] {
        words.set(key, value);
    }
    words.scheme(None).map_err(|errors| errors[0].to_string())
}

#[test]
fn a_separator_that_every_value_contains_is_no_scheme() {
    for signed in [
        "{url}.{body}",
        "{url}/{body}",
        "{url}:{body}",
        "{url}://{body}",
        "{url}t{body}",
        "{body}.{url}",
        "{body}/{url}",
        "{body}http{url}",
        "{method}P{body}",
        "{method}TT{body}",
        "{body}OST{method}",
        "{url}/{header:X-Id}:{body}",
    ] {
        let refused = of_words(signed).expect_err(signed);
        assert!(refused.contains("no delivery"), "{signed}: {refused}");
        assert!(!mistakes(&format!(
            "algorithm = \"hmac-sha256\"\nsigned = \"{signed}\"\nsignatures = [{{ from = \"header:S\" }}]"
        )).is_empty(), "{signed}");
    }
    for signed in [
        "{url} {body}",
        "{url}\n{body}",
        "{url}|{body}",
        "{url}?{body}",
        "{body}\n{url}",
        "{method} {url} {body}",
        "{method}{url}{body}",
        "{method}.{body}",
        "{header:X-Id}.{body}",
        "{header:X-Id}/{url}{body}",
    ] {
        let scheme = of_words(signed);
        assert!(scheme.is_ok(), "{signed}: {scheme:?}");
    }
}

#[test]
fn a_setting_is_no_separator_that_leaves_a_scheme_unusable() {
    let compiled = |signed: &str, separator: &str| {
        let mut words = SchemeWords::default();
        words.set("algorithm", "hmac-sha256");
        words.set("signature_header", "X-Sig");
        words.set("signed_message", signed);
        let auth = AuthDefinition {
            scheme: words,
            settings: [("separator".to_owned(), separator.to_owned())].into(),
            ..AuthDefinition::of(Mode::Signature)
        };
        auth.compiled().map_err(|error| error.to_string())
    };
    let adjacent = "{header:A}{config:separator}{header:B}.{body}";
    for (signed, separator, fault) in [
        ("{url}{config:separator}{body}", ".", "no delivery"),
        ("{method}{config:separator}{body}", "O", "no delivery"),
        (adjacent, "", "is ambiguous"),
    ] {
        let refused = compiled(signed, separator).unwrap_err();
        assert!(
            refused.contains("`separator`"),
            "{signed} {separator}: {refused}"
        );
        assert!(refused.contains(fault), "{signed} {separator}: {refused}");
    }
    for (signed, separator) in [
        ("{url}{config:separator}{body}", "\n"),
        ("{method}{config:separator}{body}", " "),
        (adjacent, ";"),
    ] {
        let scheme = compiled(signed, separator);
        assert!(scheme.is_ok(), "{signed} {separator}: {scheme:?}");
    }
}

proptest! {
    #[test]
    fn a_scheme_that_compiles_verifies_a_genuine_delivery(
        literal in "[a-zA-Z0-9:/.?&=#| \n-]{1,4}",
        shape in select(vec!["{url}L{body}", "{body}L{url}", "{method}L{body}", "{body}L{method}", "{method}L{url}\n{body}"]),
    ) {
        let signed = shape.replace('L', &literal);
        if let Ok(scheme) = of_words(&signed) {
            prop_assert!(verifies(&scheme), "{:?}", signed);
        }
    }
}
