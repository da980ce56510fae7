//! The documented example of every provider, and the same unsigned, forged or changed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use ring::signature::{Ed25519KeyPair, KeyPair};

use super::*;

/// <https://docs.slack.dev/reference/events/url_verification/>
const SLACK_ASKS: &str = "{\n    \"token\": \"Jhj5dZrVaK7ZwHHjRyZWjbDl\",\n    \"challenge\": \
    \"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P\",\n    \"type\": \"url_verification\"\n}";
/// <https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint>
const ZOOM_ASKS: &str = "{\n  \"payload\": {\n    \"plainToken\": \"qgg8vlvZRS6UYooatFL8Aw\"\n  },\n  \
    \"event_ts\": 1654503849680,\n  \"event\": \"endpoint.url_validation\"\n}";

#[test]
fn slack_hears_its_challenge() {
    let backend = Backend::accepting();
    let gate = gate("slack", SLACK, &backend);
    let challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";
    hears(&gate, &signed_at(SLACK_ASKS), "text/plain", challenge);

    let unsigned = Request::post(PATH).body(SLACK_ASKS);
    is_refused(&gate, &unsigned, 401, "signature_missing");
    let forged = signed_at(SLACK_ASKS).header("X-Slack-Signature", "v0=00");
    is_refused(&gate, &forged, 401, "signature_malformed");
    let mut other = signed_at("{}").bytes();
    let at = other.len() - 2;
    other[at..].copy_from_slice(b"[]");
    let answer = Connection::to(gate.http()).write(&other).answer();
    assert_eq!(answer.reason(), "signature_mismatch");
    backend.was_not_contacted();

    // What only mentions it is a delivery, and so is what has no challenge that Slack could have sent.
    let deliveries = [
        r#"{"type":"event_callback","event":{"type":"url_verification"},"challenge":"abc"}"#,
        r#"{"type":"url_verification","challenge":"<b>"}"#,
        r#"{"type":"url_verification","challenge":""}"#,
        r#"{"type":"url_verification","challenge":1}"#,
        r#"{"type":"url_verification"}"#,
        r#"{"type":"x","type":"url_verification","challenge":"abc"}"#,
        r#"{"type":"url_verification","challenge":"abc"} trailing"#,
        "type=url_verification&challenge=abc",
    ];
    for (sent, delivery) in deliveries.iter().enumerate() {
        let answer = send(gate.http(), &signed_at(delivery));
        assert_eq!(
            (answer.status, answer.reason()),
            (202, "admitted"),
            "{delivery}"
        );
        assert_eq!(backend.received().len(), sent + 1);
    }
    let long = format!(
        r#"{{"type":"url_verification","challenge":"abc","padding":"{}"}}"#,
        " ".repeat(64 * 1024)
    );
    assert_eq!(send(gate.http(), &signed_at(&long)).status, 202);
}

#[test]
fn zoom_hears_its_token_and_the_mac_of_it_once_its_own_signature_holds() {
    let backend = Backend::accepting();
    let gate = gate("zoom", SLACK, &backend);
    let code = hex::encode(mac(SECRET, b"qgg8vlvZRS6UYooatFL8Aw"));
    let expected =
        format!(r#"{{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"{code}"}}"#);
    hears(&gate, &signed_at(ZOOM_ASKS), "application/json", &expected);
    // Again every 72 hours.
    hears(&gate, &signed_at(ZOOM_ASKS), "application/json", &expected);
    backend.was_not_contacted();

    let unsigned = Request::post(PATH).body(ZOOM_ASKS);
    is_refused(&gate, &unsigned, 401, "signature_missing");
    let code = hex::encode(mac(
        "another secret",
        format!("v0:1:{ZOOM_ASKS}").as_bytes(),
    ));
    let forged = Request::post(PATH)
        .header("X-Slack-Request-Timestamp", "1")
        .header("X-Slack-Signature", &format!("v0={code}"))
        .body(ZOOM_ASKS);
    is_refused(&gate, &forged, 401, "signature_mismatch");
    backend.was_not_contacted();
}

#[test]
fn zoom_hears_the_mac_of_the_secret_that_it_uses_itself_while_two_are_valid() {
    let backend = Backend::accepting();
    let gate = gate("zoom", HMAC, &backend);
    gate.run_with_input(&["secret", "set", ID, "--overlap", "1h"], b"a newer secret")
        .succeeded();
    gate.catch_up();
    for secret in [SECRET, "a newer secret"] {
        let code = hex::encode(mac(secret, b"qgg8vlvZRS6UYooatFL8Aw"));
        let expected =
            format!(r#"{{"plainToken":"qgg8vlvZRS6UYooatFL8Aw","encryptedToken":"{code}"}}"#);
        let question = signed_with(secret, ZOOM_ASKS);
        hears(&gate, &question, "application/json", &expected);
    }
    backend.was_not_contacted();
}

#[test]
fn meta_hears_its_challenge_if_it_knows_the_verify_token() {
    let backend = Backend::accepting();
    let gate = gate("meta", HMAC, &backend);
    let shown = gate.run(&["endpoint", "show", ID]).succeeded();
    assert!(
        shown.contains("verify token  workflows/pr-bot#handshake (bound)"),
        "{shown}"
    );
    let token = gate.secret(&format!("{ID}#handshake"));
    // https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    let asks = |mode: &str, token: &str| {
        get(&format!(
            "hub.mode={mode}&hub.challenge=1158201444&hub.verify_token={token}"
        ))
    };
    hears(
        &gate,
        &asks("subscribe", &token),
        "text/plain",
        "1158201444",
    );
    is_refused(&gate, &asks("subscribe", "guessed"), 401, "token_mismatch");
    is_refused(&gate, &asks("subscribe", ""), 401, "token_mismatch");
    is_refused(
        &gate,
        &asks("unsubscribe", &token),
        401,
        "method_not_signed",
    );
    is_refused(
        &gate,
        &get("hub.mode=subscribe&hub.challenge=1"),
        401,
        "method_not_signed",
    );
    // The secret of deliveries is another one.
    is_refused(&gate, &asks("subscribe", SECRET), 401, "token_mismatch");

    gate.run_with_input(
        &["secret", "set", &format!("{ID}#handshake")],
        b"meatyhamhock",
    )
    .succeeded();
    gate.catch_up();
    hears(
        &gate,
        &asks("subscribe", "meatyhamhock"),
        "text/plain",
        "1158201444",
    );
    is_refused(&gate, &asks("subscribe", &token), 401, "token_mismatch");
    backend.was_not_contacted();

    let written = gate.everything_written();
    assert!(!written.contains("meatyhamhock") && !written.contains(&token));
    assert_eq!(send(gate.http(), &signed("{}")).status, 202);
}

#[test]
fn strava_hears_its_challenge_as_json() {
    let backend = Backend::refusing();
    let gate = gate("strava", HMAC, &backend);
    let token = gate.secret(&format!("{ID}#handshake"));
    // https://developers.strava.com/docs/webhooks/
    let challenge = "15f7d1a91c1f40f8a748fd134752feb3";
    let asks = get(&format!(
        "hub.verify_token={token}&hub.challenge={challenge}&hub.mode=subscribe"
    ));
    let expected = format!(r#"{{"hub.challenge":"{challenge}"}}"#);
    hears(&gate, &asks, "application/json", &expected);
}

#[test]
fn x_hears_the_mac_of_its_token() {
    let backend = Backend::accepting();
    let gate = gate("x", HMAC, &backend);
    // https://docs.x.com/x-api/webhooks/introduction
    let token = "ZmU5MTdiNzYtNzk4YS00NDBlLWFkZWYtNTVjOWNiZTRhMzA2";
    let code = STANDARD.encode(mac(SECRET, token.as_bytes()));
    let expected = format!(r#"{{"response_token":"sha256={code}"}}"#);
    let asks = get(&format!("crc_token={token}"));
    hears(&gate, &asks, "application/json", &expected);
    hears(
        &gate,
        &get(&format!("crc_token={token}&nonce=MTY4")),
        "application/json",
        &expected,
    );
    backend.was_not_contacted();
    assert_eq!(
        send(gate.http(), &signed(r#"{"for_user_id":"1"}"#)).status,
        202
    );
}

#[test]
fn linkedin_hears_its_code_and_the_mac_of_it() {
    let backend = Backend::accepting();
    let gate = gate("linkedin", HMAC, &backend);
    // https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation
    let code = "890e4665-4dfe-4ab1-b689-ed553bceeed0";
    let response = hex::encode(mac(SECRET, code.as_bytes()));
    let expected = format!(r#"{{"challengeCode":"{code}","challengeResponse":"{response}"}}"#);
    for query in [
        format!("challengeCode={code}"),
        format!("challengeCode={code}&applicationId=123"),
    ] {
        hears(&gate, &get(&query), "application/json", &expected);
    }
    backend.was_not_contacted();
}

#[test]
fn dropbox_and_nylas_hear_their_challenge() {
    // https://www.dropbox.com/developers/reference/webhooks
    for name in ["dropbox", "nylas"] {
        let backend = Backend::accepting();
        let gate = gate(name, HMAC, &backend);
        hears(&gate, &get("challenge=abc123"), "text/plain", "abc123");
        backend.was_not_contacted();
        is_refused(&gate, &get("challenges=abc123"), 401, "method_not_signed");
        let unsigned = Request::post(&format!("{PATH}?challenge=abc123")).body("{}");
        is_refused(&gate, &unsigned, 401, "signature_missing");
        assert_eq!(send(gate.http(), &signed("{}")).status, 202);
    }
}

#[test]
fn okta_hears_the_value_of_its_header() {
    let backend = Backend::accepting();
    let gate = gate("okta", &["--mode", "api-key"], &backend);
    // https://developer.okta.com/docs/concepts/event-hooks/
    let challenge = "X4W1rCd0Zb2Yy8vNfT3kq5aPmJ7uLs9Q";
    let asks = Request::new("GET", PATH).header("X-Okta-Verification-Challenge", challenge);
    let expected = format!(r#"{{"verification":"{challenge}"}}"#);
    hears(&gate, &asks, "application/json", &expected);
    let twice = asks.header("X-Okta-Verification-Challenge", "another");
    is_refused(&gate, &twice, 405, "method_not_allowed");
    is_refused(&gate, &Request::new("GET", PATH), 405, "method_not_allowed");
    backend.was_not_contacted();
}

#[test]
fn microsoft_graph_hears_its_token_decoded() {
    let backend = Backend::accepting();
    let gate = gate("microsoft-graph", &["--mode", "secret"], &backend);
    // https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks
    let token = "Validation: Testing client application reachability for subscription Request-Id: \
        522a8e7e-096a-494c-aaf1-ac0dcfca45b7";
    for spelling in [
        token.replace(' ', "+").replace(':', "%3a"),
        token.replace(' ', "%20").replace(':', "%3A"),
    ] {
        let asks = Request::post(&format!("{PATH}?validationToken={spelling}"))
            .header("Content-Type", "text/plain; charset=utf-8");
        hears(&gate, &asks, "text/plain", token);
    }
    let page = "validationToken=%3Cscript%3Ealert(1)%3C/script%3E";
    let asks = Request::post(&format!("{PATH}?{page}"));
    is_refused(&gate, &asks, 401, "token_missing");
    backend.was_not_contacted();
    let notification = Request::post(&format!("{PATH}?token={SECRET}")).body(r#"{"value":[]}"#);
    assert_eq!(send(gate.http(), &notification).status, 202);
}

#[test]
fn twitch_hears_its_challenge_once_its_signature_holds() {
    let backend = Backend::accepting();
    let gate = gate("twitch", HMAC, &backend);
    // https://dev.twitch.tv/docs/eventsub/handling-webhook-events/
    let body = r#"{"challenge":"pogchamp-kappa-360noscope-vohiyo","subscription":{"id":"f1c2a387-161a-49f9-a165-0f21d7a4e1c4","status":"webhook_callback_verification_pending","type":"channel.follow","version":"1","cost":1,"condition":{"broadcaster_user_id":"12826"},"transport":{"method":"webhook","callback":"https://example.com/webhooks/callback"},"created_at":"2019-11-16T10:11:12.634234626Z"}}"#;
    const TYPE: &str = "Twitch-Eventsub-Message-Type";
    const ASKS: &str = "webhook_callback_verification";
    let asks = signed(body).header(TYPE, ASKS);
    hears(
        &gate,
        &asks,
        "text/plain",
        "pogchamp-kappa-360noscope-vohiyo",
    );
    let unsigned = Request::post(PATH).header(TYPE, ASKS).body(body);
    is_refused(&gate, &unsigned, 401, "signature_missing");
    let forged = signed_with("guessed", body).header(TYPE, ASKS);
    is_refused(&gate, &forged, 401, "signature_mismatch");
    backend.was_not_contacted();
    for other in ["notification", "revocation"] {
        assert_eq!(
            send(gate.http(), &signed(body).header(TYPE, other)).status,
            202
        );
    }
}

#[test]
fn monday_hears_what_it_said() {
    let backend = Backend::accepting();
    // https://developer.monday.com/api-reference/reference/webhooks
    let challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";
    let body = format!(r#"{{"challenge":"{challenge}"}}"#);
    let gate = gate("monday", &["--mode", "secret"], &backend);
    let spaced = format!("{{\n  \"challenge\": \"{challenge}\"\n}}");
    for question in [&body, &spaced] {
        let asks = Request::post(PATH).body(question);
        hears(&gate, &asks, "application/json", &body);
        let chunked = Request::post(PATH).chunked(question.as_bytes(), 7);
        hears(&gate, &chunked, "application/json", &body);
        let with_token = Request::post(&format!("{PATH}?token={SECRET}")).body(question);
        hears(&gate, &with_token, "application/json", &body);
    }
    let long = format!(r#"{{"challenge":"{}"}}"#, "a".repeat(70_000));
    let with_more = format!(r#"{{"challenge":"{challenge}","event":{{}}}}"#);
    for other in [
        &*long,
        &*with_more,
        r#"{"event":{"challenge":"abc"}}"#,
        r#"{"challenge":"<b>"}"#,
        r#"{"challenge":"a","challenge":"b"}"#,
        r#"["challenge"]"#,
        r#"{"challenge":"abc""#,
        "",
    ] {
        let asks = Request::post(PATH).body(other);
        is_refused(&gate, &asks, 401, "token_missing");
        let chunked = Request::post(PATH).chunked(other.as_bytes(), 4096);
        is_refused(&gate, &chunked, 401, "token_missing");
    }
    backend.was_not_contacted();
    // With the token, an event is a delivery, even one that has a challenge beside it.
    for event in [&*with_more, r#"{"event":{"userId":1}}"#] {
        let event = Request::post(&format!("{PATH}?token={SECRET}")).body(event);
        assert_eq!(send(gate.http(), &event).status, 202);
    }
}

#[test]
fn discord_hears_its_pong_to_what_it_has_signed_with_its_own_key() {
    let random = ring::rand::SystemRandom::new();
    let key = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap();
    let backend = Backend::accepting();
    let options = ["--mode", "provider", "--preset", "discord"];
    let gate = Gate::before(&backend)
        .endpoint_with(ID, &[&options[..], &["--handshake", "discord"]].concat());
    let public = hex::encode(key.public_key());
    gate.run_with_input(&["secret", "set", ID], public.as_bytes())
        .succeeded();
    let gate = gate.start();
    let now = jiff::Timestamp::now().as_second();
    let signed = |sent: &str, body: &str| {
        let signature = key.sign(format!("{now}{body}").as_bytes());
        Request::post(PATH)
            .header("X-Signature-Ed25519", &hex::encode(signature))
            .header("X-Signature-Timestamp", &now.to_string())
            .body(sent)
    };
    let ping = r#"{"type":1}"#;
    hears(
        &gate,
        &signed(ping, ping),
        "application/json",
        r#"{"type":1}"#,
    );
    // Discord tries wrong signatures on purpose, and takes an endpoint away that answers them.
    let probe = signed(ping, r#"{"type":2}"#);
    is_refused(&gate, &probe, 401, "signature_mismatch");
    backend.was_not_contacted();
    let command = r#"{"type":2,"id":"9"}"#;
    assert_eq!(send(gate.http(), &signed(command, command)).status, 202);
}

/// The rules do not depend on how it is signed.
#[test]
fn discord_hears_its_pong_and_its_events_go_on() {
    let backend = Backend::accepting();
    let gate = gate("discord", HMAC, &backend);
    // https://discord.com/developers/docs/interactions/overview
    let ping = r#"{"app_permissions":"562949953601536","application_id":"1","entitlements":[],"id":"2","token":"aW50","type":1,"user":{"id":"3"},"version":1}"#;
    hears(&gate, &signed(ping), "application/json", r#"{"type":1}"#);
    // https://discord.com/developers/docs/events/webhook-events
    let event_ping = r#"{"version":1,"application_id":"1234560123453231555","type":0}"#;
    let bytes = signed(event_ping).bytes();
    let answer = Connection::to(gate.http()).write(&bytes).answer_to("POST");
    assert_eq!((answer.status, answer.reason()), (204, "handshake"));
    assert!(answer.try_header("content-length").is_none());
    is_refused(
        &gate,
        &Request::post(PATH).body(ping),
        401,
        "signature_missing",
    );
    is_refused(
        &gate,
        &signed_with("guessed", ping),
        401,
        "signature_mismatch",
    );
    backend.was_not_contacted();
    // An event is of type 1 like a ping of interactions: it must not be taken for one and lost.
    let event = r#"{"version":1,"application_id":"1","type":1,"event":{"type":"APPLICATION_AUTHORIZED","timestamp":"2024-10-18T14:42:53.064834","data":{}}}"#;
    let command = r#"{"type":2,"data":{"name":"hello"},"token":"aW50","version":1}"#;
    for delivery in [event, command, r#"{"type":"1"}"#, r#"{"type":1.0}"#] {
        assert_eq!(
            send(gate.http(), &signed(delivery)).status,
            202,
            "{delivery}"
        );
    }
    assert_eq!(backend.received().len(), 4);
}

#[test]
fn a_handshake_has_its_own_word_in_log_and_metrics() {
    let backend = Backend::accepting();
    let gate = gate("dropbox", HMAC, &backend);
    hears(&gate, &get("challenge=abc123"), "text/plain", "abc123");
    let line = &gate.log(1)[0];
    assert_eq!(
        (&line["outcome"], &line["reason"], &line["status"]),
        (&"handshake".into(), &"handshake".into(), &200.into())
    );
    assert_eq!(line["endpoint"], ID);
    assert!(line.get("upstream").is_none());
    let metrics = send(gate.admin(), &admin_get("/metrics"));
    let counted = r#"portcullis_deliveries_total{mode="hmac",outcome="handshake",reason="handshake",route="workflows"} 1"#;
    assert!(metrics.text().contains(counted), "{}", metrics.text());
    assert!(!gate.everything_written().contains("abc123"));
}

#[test]
fn a_connection_goes_on_after_a_handshake() {
    let backend = Backend::accepting();
    let gate = gate("dropbox", HMAC, &backend);
    let mut connection = Connection::to(gate.http());
    let asks = get("challenge=abc123").bytes();
    for _ in 0..2 {
        assert_eq!(connection.write(&asks).answer().text(), "abc123");
    }
    assert_eq!(connection.write(&signed("{}").bytes()).answer().status, 202);
    backend.only();
}

#[test]
fn over_http2_it_is_the_same() {
    let authority = Authority::new();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend)
        .tls(&authority)
        .with("public", "http2 = true")
        .endpoint_with(ID, &["--mode", "hmac", "--handshake", "discord"])
        .start();
    let connection = Http2::connect(gate.https(), authority.certificate()).unwrap();
    for (body, status, text) in [
        (&br#"{"type":1}"#[..], 200, r#"{"type":1}"#),
        (br#"{"type":0}"#, 204, ""),
    ] {
        let answer = connection.deliver(http2_request(&gate, body), body);
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["portcullis-reason"], "handshake");
        assert_eq!(answer.body, text.as_bytes());
    }
    backend.was_not_contacted();
}
