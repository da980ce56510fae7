//! Answers that break off: what the sender hears, what the log says and what is remembered are one thing.
//!
//! The rule: a delivery is accepted when the whole of a 2xx answer has arrived. Half an answer is none, so the
//! sender repeats the delivery and the backend gets it again.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::replays::{
    SECRET, ago, flight::Door, hmac, is_duplicate, now, standard, standard_secret,
};
use crate::support::*;

/// A backend that breaks its first answer off, and accepts whatever comes next.
fn that_breaks_off(first: &'static [u8]) -> Backend {
    let answers = AtomicUsize::new(0);
    Backend::scripted(move |request, stream| {
        if request.is_none() {
            return false;
        }
        if answers.fetch_add(1, Ordering::SeqCst) == 0 {
            let _ = stream.write_all(first);
            return false;
        }
        let _ = stream.write_all(ACCEPTED);
        true
    })
}

/// A gate whose endpoint remembers signed ids; `lines` are added to its declaration.
fn gate(backend: &Backend, lines: &str) -> Gate {
    let declaration = format!(
        "[[endpoints]]\nid = \"{ID}\"\norganisation = \"acme\"\nworkspace = \"main\"\n\
         auth = {{ mode = \"provider\", preset = \"standard-webhooks\" }}\n{lines}\n"
    );
    let gate = Gate::before(backend).apply(&declaration);
    gate.run_with_input(&["secret", "set", ID], standard_secret().as_bytes())
        .succeeded();
    gate
}

/// How a sender asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sender {
    Http11,
    Http10,
    InTurns,
}

impl Sender {
    const ALL: [Self; 3] = [Self::Http11, Self::Http10, Self::InTurns];

    fn gate(self, backend: &Backend) -> Gate {
        self.gate_with(backend, "")
    }

    fn gate_with(self, backend: &Backend, upstream: &str) -> Gate {
        gate(
            backend,
            match self {
                Self::InTurns => "key_field = \"key\"\nconcurrency = { per_key = 1 }",
                Self::Http11 | Self::Http10 => "",
            },
        )
        .with("upstreams.default", upstream)
        .start()
    }

    fn bytes(self, request: &Request) -> Vec<u8> {
        let bytes = String::from_utf8(request.bytes()).unwrap();
        match self {
            Self::Http10 => bytes.replacen("/1.1", "/1.0", 1),
            Self::Http11 | Self::InTurns => bytes,
        }
        .into_bytes()
    }
}

fn settled(gate: &Gate, result: &str) -> u64 {
    gate.metric(&format!(
        "portcullis_ledger_settlements_total{{result=\"{result}\"}}"
    ))
}

/// A 2xx answer that has no end.
const HALVES: [&[u8]; 6] = [
    b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n",
    b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\nonly the beginning",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
];

/// A 2xx head that no two readers understand in the same way.
const MALFORMED: [&[u8]; 3] = [
    b"HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
];

/// Sends a delivery whose first answer is none, then the very same again, then once more.
fn is_repeated(sender: Sender, first: &'static [u8]) {
    let backend = that_breaks_off(first);
    let gate = sender.gate(&backend);
    let shown = format!("{sender:?}: {}", first.escape_ascii());
    let delivery = sender.bytes(&standard("evt_1", now(), "{\"key\":1}"));

    let mut connection = Connection::to(gate.http());
    let status = connection.write(&delivery).answer_without_body().status;
    if status == 502 {
        assert_eq!(connection.answer().text(), r#"{"error":"Bad gateway"}"#);
    } else {
        // The head had gone out: the end is missing, and the sender sees that.
        assert!((200..300).contains(&status), "{shown}");
        assert!(!connection.everything().ends_with(b"0\r\n\r\n"), "{shown}");
    }
    let line = &gate.log(1)[0];
    assert_eq!(line["outcome"], "failed", "{shown}");
    assert_eq!(line["reason"], "upstream_unreachable", "{shown}");
    assert_eq!(line["status"], status, "{shown}");
    assert_eq!(settled(&gate, "released"), 1, "{shown}");
    assert_eq!(settled(&gate, "committed"), 0, "{shown}");

    let answer = Connection::to(gate.http()).write(&delivery).answer();
    assert_eq!(
        (answer.status, answer.reason()),
        (202, "admitted"),
        "{shown}"
    );
    let lines = gate.log(2);
    assert_eq!(lines[1]["outcome"], "admitted", "{shown}");
    assert_eq!(settled(&gate, "committed"), 1, "{shown}");
    is_duplicate(&send(
        gate.http(),
        &standard("evt_1", ago(5), "{\"key\":1}"),
    ));
    assert_eq!(backend.received().len(), 2, "{shown}");
}

#[test]
fn a_2xx_answer_that_breaks_off_is_the_senders_to_repeat_however_it_asked() {
    for sender in Sender::ALL {
        for first in HALVES {
            is_repeated(sender, first);
        }
    }
}

#[test]
fn a_2xx_head_that_becomes_502_is_not_remembered_as_accepted() {
    for sender in Sender::ALL {
        for first in MALFORMED {
            is_repeated(sender, first);
        }
    }
}

#[test]
fn a_2xx_answer_that_stops_in_the_middle_is_a_timeout_and_not_remembered() {
    for sender in Sender::ALL {
        let door = Door::default();
        let answers = AtomicUsize::new(0);
        let behind = door.clone();
        let backend = Backend::scripted(move |request, stream| {
            if request.is_none() {
                return false;
            }
            if answers.fetch_add(1, Ordering::SeqCst) == 0 {
                let _ = stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nhalf");
                behind.pass();
                return false;
            }
            let _ = stream.write_all(ACCEPTED);
            true
        });
        let gate = sender.gate_with(&backend, "read_timeout = \"8s\"");
        let delivery = sender.bytes(&standard("evt_1", now(), "{\"key\":1}"));
        let mut connection = Connection::to(gate.http());
        let status = connection.write(&delivery).answer_without_body().status;
        let expected = if sender == Sender::InTurns { 504 } else { 202 };
        assert_eq!(status, expected, "{sender:?}");
        let line = &gate.log(1)[0];
        assert_eq!(line["reason"], "upstream_timeout", "{sender:?}");
        assert_eq!(line["outcome"], "failed", "{sender:?}");
        assert_eq!(settled(&gate, "committed"), 0, "{sender:?}");
        door.open();
        let answer = Connection::to(gate.http()).write(&delivery).answer();
        assert_eq!(answer.status, 202, "{sender:?}");
        assert_eq!(answer.reason(), "admitted", "{sender:?}");
    }
}

#[test]
fn a_whole_2xx_answer_is_remembered_however_its_end_is_told() {
    let whole: [&'static [u8]; 5] = [
        ACCEPTED,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        // It ends where its connection does, so an end is all that there can be.
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
    ];
    for sender in Sender::ALL {
        for answer in whole {
            let backend = that_breaks_off(answer);
            let gate = sender.gate(&backend);
            let shown = format!("{sender:?}: {}", answer.escape_ascii());
            let delivery = standard("evt_1", now(), "{\"key\":1}");
            let answer = Connection::to(gate.http())
                .write(&sender.bytes(&delivery))
                .answer_to("POST");
            assert!((200..300).contains(&answer.status), "{shown}");
            // At once, on another connection: it was settled before the sender could know the end.
            is_duplicate(&send(
                gate.http(),
                &standard("evt_1", ago(5), "{\"key\":1}"),
            ));
            assert_eq!(settled(&gate, "committed"), 1, "{shown}");
            let lines = gate.log(2);
            let outcomes: Vec<&str> = lines
                .iter()
                .filter_map(|it| it["outcome"].as_str())
                .collect();
            assert!(outcomes.contains(&"admitted"), "{shown}: {outcomes:?}");
        }
    }
}

#[test]
fn a_sender_that_leaves_in_the_middle_of_a_long_answer_changes_nothing() {
    for (rest, committed) in [(true, 1), (false, 0)] {
        let door = Door::default();
        let behind = door.clone();
        let backend = Backend::scripted(move |request, stream| {
            if request.is_none() {
                return false;
            }
            // More than a gate keeps to itself before it sends.
            let head = b"HTTP/1.1 202 Accepted\r\nContent-Length: 200004\r\n\r\n";
            let _ = stream.write_all(&[&head[..], &[b'x'; 200_000]].concat());
            behind.pass();
            let _ = stream.write_all(if rest { b"done" } else { b"" });
            false
        });
        let gate = gate(&backend, "").start();
        let delivery = standard("evt_1", now(), "{}");
        let mut sender = Connection::to(gate.http());
        sender.write(&delivery.bytes());
        assert_eq!(sender.answer_without_body().status, 202);
        drop(sender);
        door.open();
        let result = if rest { "committed" } else { "released" };
        gate.wait_for_metric(
            &format!("portcullis_ledger_settlements_total{{result=\"{result}\"}}"),
            1,
        );
        assert_eq!(settled(&gate, "committed"), committed);
        let outcome = if rest { "admitted" } else { "failed" };
        assert_eq!(gate.log(1)[0]["outcome"], outcome);
    }
}

#[test]
fn an_answer_that_breaks_off_resets_a_stream_of_http_2_and_is_repeated() {
    let authority = Authority::new();
    for first in HALVES {
        let backend = that_breaks_off(first);
        let gate = gate(&backend, "")
            .tls(&authority)
            .with("public", "http2 = true")
            .start();
        let at = now();
        let sender = Http2::connect(gate.https(), authority.certificate()).unwrap();
        let request = || {
            let signature = hmac(SECRET, &format!("evt_1.{}.{{}}", at.as_second()));
            let signature = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, signature);
            http::Request::post(format!("https://portal.example.com{PATH}"))
                .header("webhook-id", "evt_1")
                .header("webhook-timestamp", at.as_second().to_string())
                .header("webhook-signature", format!("v1,{signature}"))
                .body(())
                .unwrap()
        };
        let mut pending = sender.begin(request(), true);
        sender.send(&mut pending, b"{}", true);
        let answer = sender.answer(pending);
        assert!(answer.is_err(), "{answer:?}: {}", first.escape_ascii());
        assert_eq!(gate.log(1)[0]["outcome"], "failed");
        assert_eq!(settled(&gate, "committed"), 0);
        let again = sender.deliver(request(), b"{}");
        assert_eq!(again.status, 202);
        assert_eq!(again.headers["portcullis-reason"], "admitted");
    }
}

#[test]
fn an_answer_of_another_status_that_breaks_off_is_released_and_logged_as_failed() {
    let backend = that_breaks_off(b"HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\nonly");
    let gate = gate(&backend, "").start();
    let delivery = standard("evt_1", now(), "{}");
    let mut sender = Connection::to(gate.http());
    sender.write(&delivery.bytes());
    assert!(sender.ends_before_the_answer_is_whole());
    assert_eq!(gate.log(1)[0]["outcome"], "failed");
    assert_eq!(settled(&gate, "released"), 1);
    assert_eq!(send(gate.http(), &delivery).status, 202);
}
