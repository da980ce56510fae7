//! Amazon SNS as a gate sees it: a server with the certificate of its region, behind the proxy that leads
//! outside, and messages that are signed with the key of the certificate that it serves.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::support::{Authority, eventually, tls};

pub(super) const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:orders";
const HOST: &str = "sns.eu-central-1.amazonaws.com";
const RSA_KEY: &[u8] = include_bytes!("../../auth/keys/rsa-2048.pk8.der");

/// What the server does with a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manner {
    Answering,
    Endless,
    Garbled,
    Hanging,
    Redirecting,
    Refusing,
}

/// A server of SNS, and the proxy in front of it.
pub(super) struct Amazon {
    authority: Authority,
    proxy: SocketAddr,
    state: Arc<State>,
}

struct State {
    tls: Arc<ServerConfig>,
    certificate: Mutex<String>,
    manner: Mutex<Manner>,
    /// The hosts that the proxy was asked for.
    hosts: Mutex<Vec<String>>,
    /// The request lines that came to the server.
    requests: Mutex<Vec<String>>,
}

impl Amazon {
    pub(super) fn new() -> Self {
        Self::called(HOST)
    }

    /// A server whose own certificate has this name.
    pub(super) fn called(name: &str) -> Self {
        let authority = Authority::new();
        let state = Arc::new(State {
            tls: tls::server_config(&authority.sign(name), None),
            certificate: Mutex::new(certificate(2026, 2027)),
            manner: Mutex::new(Manner::Answering),
            hosts: Mutex::default(),
            requests: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                thread::spawn(move || state.connected(stream));
            }
        });
        Self {
            authority,
            proxy,
            state,
        }
    }

    pub(super) fn authority(&self) -> &str {
        self.authority.certificate()
    }

    /// The configuration that leads to it.
    pub(super) fn outbound(&self) -> String {
        format!("ca = \"amazon.pem\"\nproxy = \"http://{}\"", self.proxy)
    }

    pub(super) fn is_now(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    /// It serves a certificate that is valid from one year to another.
    pub(super) fn serves_certificate_of(&self, from: i32, to: i32) {
        *self.state.certificate.lock().unwrap() = certificate(from, to);
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    pub(super) fn hosts(&self) -> Vec<String> {
        self.state.hosts.lock().unwrap().clone()
    }
}

impl State {
    fn connected(&self, mut stream: TcpStream) {
        let Some(connect) = head(&mut stream) else {
            return;
        };
        let host = connect.split(' ').nth(1).unwrap_or_default().to_owned();
        self.hosts.lock().unwrap().push(host);
        let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
        let session = ServerConnection::new(Arc::clone(&self.tls)).unwrap();
        let mut stream = StreamOwned::new(session, stream);
        while let Some(text) = head(&mut stream) {
            let line = text.lines().next().unwrap_or_default().to_owned();
            let is_certificate = line.contains(".pem ");
            self.requests.lock().unwrap().push(line);
            let manner = *self.manner.lock().unwrap();
            let certificate = self.certificate.lock().unwrap().clone();
            let answer = match manner {
                Manner::Answering if is_certificate => answer("200 OK", &certificate),
                Manner::Answering => answer("200 OK", "<ConfirmSubscriptionResponse/>"),
                Manner::Endless => answer("200 OK", &"a".repeat(1 << 20)),
                Manner::Garbled => answer("200 OK", "<html>log in first</html>"),
                Manner::Hanging => {
                    eventually("the test ends the silence", || {
                        *self.manner.lock().unwrap() != Manner::Hanging
                    });
                    return;
                }
                Manner::Redirecting => format!(
                    "HTTP/1.1 302 Found\r\nLocation: https://{HOST}/other.pem\r\nContent-Length: 0\r\n\r\n"
                ),
                Manner::Refusing => answer("503 Service Unavailable", ""),
            };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

fn certificate(from: i32, to: i32) -> String {
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(RSA_KEY);
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_RSA_SHA256).unwrap();
    let mut params = CertificateParams::new(vec!["sns.amazonaws.com".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(to, 1, 1);
    params.self_signed(&key).unwrap().pem()
}

/// One time for all messages of a test, so that the same message is signed the same.
fn sent_at() -> &'static str {
    static SENT_AT: OnceLock<String> = OnceLock::new();
    SENT_AT.get_or_init(|| format!("{:.3}", jiff::Timestamp::now()))
}

/// A notification with this text, as Amazon signs it.
pub(super) fn notification(id: &str, text: &str) -> Value {
    sign(json!({
        "Type": "Notification",
        "MessageId": id,
        "TopicArn": TOPIC,
        "Message": text,
        "Timestamp": sent_at(),
        "SignatureVersion": "2",
        "SigningCertURL": certificate_url("a"),
        "UnsubscribeURL": format!("https://{HOST}/?Action=Unsubscribe"),
    }))
}

/// The message that asks for a confirmation.
pub(super) fn confirmation(url: &str) -> Value {
    sign(json!({
        "Type": "SubscriptionConfirmation",
        "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        "Token": "2336412f37",
        "TopicArn": TOPIC,
        "Message": "You have chosen to subscribe to the topic.",
        "SubscribeURL": url,
        "Timestamp": sent_at(),
        "SignatureVersion": "2",
        "SigningCertURL": certificate_url("a"),
    }))
}

pub(super) fn subscribe_url() -> String {
    format!("https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37")
}

pub(super) fn certificate_url(name: &str) -> String {
    format!("https://{HOST}/SimpleNotificationService-{name}.pem")
}

/// Signs whatever it says.
pub(super) fn sign(mut message: Value) -> Value {
    let names = match message["Type"].as_str().unwrap() {
        "Notification" => "Message MessageId Subject Timestamp TopicArn Type",
        _ => "Message MessageId SubscribeURL Timestamp Token TopicArn Type",
    };
    let lines = names.split(' ').filter_map(|name| {
        let value = message[name].as_str()?;
        Some(format!("{name}\n{value}\n"))
    });
    let signed: String = lines.collect();
    let key = RsaKeyPair::from_pkcs8(RSA_KEY).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    key.sign(
        &RSA_PKCS1_SHA256,
        &random,
        signed.as_bytes(),
        &mut signature,
    )
    .unwrap();
    message["Signature"] = BASE64_STANDARD.encode(signature).into();
    message
}
