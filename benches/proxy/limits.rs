//! What hostile senders cost: memory at the cap, memory of half-sent uploads beside its leases, and how soon the
//! verdict stands when the last byte has come.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::process::{self, Proxy};
use super::request;

/// Measures and prints all of it. False if more memory was resident than is leased or documented.
pub(crate) fn measure() -> bool {
    let backend = process::backend();
    half_sent(&backend);
    let is_leased = leases(&backend);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let portcullis = process::portcullis(folder.path(), backend.address);
    last_byte(&portcullis);
    at_the_cap(&portcullis) && is_leased
}

/// Connections that stop in the middle, each with the memory that it takes and the memory that is leased for it.
fn leases(backend: &Proxy) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let gate = process::portcullis_with_tls(folder.path(), backend.address);
    let https = gate.https.expect("a TLS listener");
    let head = |more: &str| {
        let zeros = "0".repeat(64);
        format!(
            "POST /webhooks/ai/workflows/bench HTTP/1.1\r\nHost: portal.example.com\r\n\
             X-Hub-Signature-256: sha256={zeros}\r\n{more}"
        )
        .into_bytes()
    };
    let long = |len: usize| head(&format!("X-A: {}", "a".repeat(len)));
    let two_long = format!("X-A: {0}\r\nX-B: {0}", "a".repeat(15_000));
    let shapes = [
        ("a byte", gate.address, b"P".to_vec()),
        ("half a head of 1 KB", gate.address, long(800)),
        ("half a head of 8.1 KB", gate.address, long(8_100)),
        ("half a head of 14 KB", gate.address, long(14_000)),
        ("half a head of 30 KB", gate.address, head(&two_long)),
        (
            "a body that does not come",
            gate.address,
            head("Content-Length: 100\r\n\r\n"),
        ),
        (
            "a chunk of one byte",
            gate.address,
            head("Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n"),
        ),
        ("TLS: a byte", https, vec![22]),
        ("TLS: half a hello of 5 KB", https, half_hello(5_000)),
        ("TLS: half a hello of 20 KB", https, half_hello(20_000)),
        ("TLS: half a hello of 60 KB", https, half_hello(60_000)),
    ];
    println!("{CONNECTIONS} connections that stop in the middle, KB each");
    println!("{:>28} {:>9} {:>7}", "", "resident", "leased");
    let mut is_leased = true;
    for (name, address, bytes) in shapes {
        // The first connections pay for what all share.
        drop(uploads(address, &bytes, 50));
        std::thread::sleep(SETTLE);
        let before = (gate.resident_kb(), gate.leased_kb());
        let open = uploads(address, &bytes, CONNECTIONS);
        std::thread::sleep(SETTLE);
        let each = |after: u64, before: u64| {
            to_float(after.saturating_sub(before)) / to_float(CONNECTIONS)
        };
        let resident = each(gate.resident_kb(), before.0);
        let leased = each(gate.leased_kb(), before.1);
        println!("{name:>28} {resident:>9.1} {leased:>7.1}");
        is_leased &= resident <= leased;
        drop(open);
    }
    is_leased
}

/// The first bytes of a `ClientHello` of 65,000 bytes (RFC 8446 §4.1.2), in records.
fn half_hello(len: usize) -> Vec<u8> {
    let mut hello = vec![1, 0, 0xfd, 0xe8, 3, 3];
    hello.resize(len, b'a');
    let records = hello.chunks(MAX_RECORD).flat_map(|part| {
        let len = u16::try_from(part.len()).unwrap_or_default();
        [&[22, 3, 1][..], &len.to_be_bytes(), part].concat()
    });
    records.collect()
}

/// 1,000 uploads of 8 KB that stop in the middle.
fn half_sent(backend: &Proxy) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!("{HALF_SENT} uploads of 8 KB that stop in the middle, KB of resident memory each");
    let mut each = Vec::new();
    for (name, proxy) in [
        ("bare", process::bare(backend.address)),
        (
            "portcullis",
            process::portcullis(folder.path(), backend.address),
        ),
    ] {
        let request = request(FORGED, 8 * 1024);
        let half = request.split_at(request.len() - 4 * 1024).0;
        // The first connections pay for what all share.
        drop(uploads(proxy.address, half, 50));
        std::thread::sleep(SETTLE);
        let before = proxy.resident_kb();
        let open = uploads(proxy.address, half, HALF_SENT);
        std::thread::sleep(SETTLE);
        let kb = to_float(proxy.resident_kb().saturating_sub(before)) / to_float(HALF_SENT);
        println!("{name:>12} {kb:>8.1}");
        each.push(kb);
        drop(open);
    }
    if let [bare, portcullis] = each.as_slice() {
        println!("{:>12} {:>8.2}", "ratio", portcullis / bare);
    }
}

/// From the last byte of 50 MB to the refusal, beside the time that hashing at the end would take.
fn last_byte(portcullis: &Proxy) {
    let forged = request(FORGED, AT_THE_CAP);
    let times = (0..ROUNDS).map(|_| {
        let mut sender = TcpStream::connect(portcullis.address).expect("a connection");
        sender.set_nodelay(true).expect("a socket option");
        let (most, last) = forged.split_at(forged.len() - 1);
        sender.write_all(most).expect("the body to be taken");
        // Until everything before it has been read and hashed.
        std::thread::sleep(Duration::from_millis(300));
        let begun = Instant::now();
        sender.write_all(last).expect("the last byte to be taken");
        assert!(answer(&mut sender).starts_with("HTTP/1.1 401"));
        begun.elapsed().as_secs_f64() * 1e3
    });
    let ours = super::median(times.collect());
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key");
    let times = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        std::hint::black_box(ring::hmac::sign(&key, &forged));
        begun.elapsed().as_secs_f64() * 1e3
    });
    let at_the_end = super::median(times.collect());
    println!("50 MB, from the last byte to 401, in ms");
    println!("{:>12} {at_the_end:>8.2}", "hash at end");
    println!("{:>12} {ours:>8.2}", "portcullis");
    println!("{:>12} {:>8.3}", "ratio", ours / at_the_end);
}

/// 64 uploads of 49 MiB in step, so that all buffers grow at the same time, that stop before their last byte.
fn at_the_cap(portcullis: &Proxy) -> bool {
    let forged = request(FORGED, IN_STEP);
    let idle = portcullis.resident_kb();
    let (most, last) = forged.split_at(forged.len() - 1);
    let step = std::sync::Barrier::new(SENDERS);
    let statuses: Vec<String> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut sender = TcpStream::connect(portcullis.address).expect("a connection");
                    for part in most.chunks(STEP) {
                        // A gate without memory for it refuses in the middle.
                        let _ = sender.write_all(part);
                        step.wait();
                    }
                    let _ = sender.write_all(last);
                    answer(&mut sender).chars().skip(9).take(3).collect()
                })
            })
            .collect();
        let finish = |sender: std::thread::ScopedJoinHandle<'_, String>| sender.join();
        senders
            .into_iter()
            .filter_map(|it| finish(it).ok())
            .collect()
    });
    let count = |status: &str| statuses.iter().filter(|it| *it == status).count();
    let (peak, documented) = (portcullis.peak_kb() / 1024, BUDGET_MB + PROCESS_MB);
    println!("{SENDERS} forged uploads of 49 MiB in step, budget 1 GiB, MB of resident memory");
    println!("{:>12} {:>8}", "idle", idle / 1024);
    println!("{:>12} {peak:>8}", "peak");
    println!("{:>12} {documented:>8}", "documented");
    std::thread::sleep(LATER);
    println!(
        "{:>12} {:>8}",
        "10 s later",
        portcullis.resident_kb() / 1024
    );
    println!("answers: {} × 401, {} × 503", count("401"), count("503"));
    peak <= documented
}

fn uploads(address: SocketAddr, bytes: &[u8], count: u32) -> Vec<TcpStream> {
    (0..count)
        .map(|_| {
            let mut sender = TcpStream::connect(address).expect("a connection");
            sender.write_all(bytes).expect("the bytes to be taken");
            sender
        })
        .collect()
}

fn answer(sender: &mut TcpStream) -> String {
    let mut buffer = [0; 64];
    let read = sender.read(&mut buffer).unwrap_or(0);
    String::from_utf8_lossy(buffer.get(..read).unwrap_or_default()).into_owned()
}

fn to_float(number: impl TryInto<u32>) -> f64 {
    f64::from(number.try_into().unwrap_or(u32::MAX))
}

const AT_THE_CAP: usize = 50 * 1024 * 1024;
/// The default of `bodies.budget`.
const BUDGET_MB: u64 = 1024;
/// Fewer than one client address may have of the budget.
const CONNECTIONS: u32 = 400;
const FORGED: &str = "a secret that is not the endpoint's";
const HALF_SENT: u32 = 1000;
const IN_STEP: usize = 49 * 1024 * 1024;
const LATER: Duration = Duration::from_secs(10);
/// What docs/operate/limits.md says of the process itself.
const PROCESS_MB: u64 = 64;
/// The payload of a TLS record (RFC 8446 §5.1).
const MAX_RECORD: usize = 16_384;
const ROUNDS: usize = 7;
const SENDERS: usize = 64;
const SETTLE: Duration = Duration::from_secs(2);
const STEP: usize = 1024 * 1024;
