//! Portcullis against a bare Pingora proxy from the same tree: CPU seconds of the proxy process per
//! request, in interleaved rounds.
//!
//! ```text
//! cargo bench --bench proxy               # 7 rounds of 1 KB, 8 KB, 64 KB and 1 MB
//! cargo bench --bench proxy -- 3 8192     # 3 rounds of 8 KB
//! cargo bench --bench proxy -- limits     # memory, and how soon the verdict stands; fails above the documented sum
//! ```
//!
//! The proxy under test has a core of its own; the load, the backend and this program share the
//! others. Only ratios of one run mean anything: machines differ, and so do hours on one machine. The
//! bare proxy forwards and verifies nothing; it is what any gate on Pingora starts from. It uses the
//! system's allocator, as Pingora does unless told otherwise.

mod backend;
mod bare;
mod limits;
mod load;
mod process;

use std::net::SocketAddr;
use std::process::ExitCode;

use jiff::Timestamp;
use portcullis::auth::{Message, Preset};

use self::process::Proxy;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    match arguments.next().as_deref() {
        Some("bare") => bare::serve(arguments.next().and_then(|port| port.parse().ok())),
        Some("backend") => backend::serve(),
        Some("limits") if limits::measure() => ExitCode::SUCCESS,
        Some("limits") => ExitCode::FAILURE,
        first => {
            let rounds = first.and_then(|rounds| rounds.parse().ok()).unwrap_or(7);
            let sizes: Vec<usize> = arguments.filter_map(|size| size.parse().ok()).collect();
            let sizes = if sizes.is_empty() {
                vec![1024, 8 * 1024, 64 * 1024, 1024 * 1024]
            } else {
                sizes
            };
            compare(rounds, &sizes)
        }
    }
}

fn compare(rounds: usize, sizes: &[usize]) -> ExitCode {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let backend = process::backend();
    let mut portcullis = process::portcullis(folder.path(), backend.address);
    let mut bare = process::bare(backend.address);
    println!("µs of CPU per request (median of {rounds} rounds), 64 connections");
    println!(
        "{:>10} {:>12} {:>12} {:>8}",
        "body", "bare", "portcullis", "ratio"
    );
    for size in sizes {
        let request = request(portcullis.secret(), *size);
        let count = (200_000_000 / (size + 8 * 1024)).clamp(400, 20_000);
        for proxy in [&mut bare, &mut portcullis] {
            measure(proxy, &request, count / 4);
        }
        let mut pairs: Vec<(f64, f64)> = (0..rounds)
            .map(|_| {
                (
                    measure(&mut bare, &request, count),
                    measure(&mut portcullis, &request, count),
                )
            })
            .collect();
        let bare_us = median(pairs.iter().map(|pair| pair.0).collect());
        let portcullis_us = median(pairs.iter().map(|pair| pair.1).collect());
        let ratio = median(pairs.drain(..).map(|(bare, ours)| ours / bare).collect());
        println!("{size:>10} {bare_us:>12.1} {portcullis_us:>12.1} {ratio:>8.2}");
    }
    println!(
        "resident memory now: bare {} KB, portcullis {} KB",
        bare.resident_kb(),
        portcullis.resident_kb()
    );
    ExitCode::SUCCESS
}

/// CPU microseconds of the proxy for each of `count` requests.
fn measure(proxy: &mut Proxy, request: &[u8], count: usize) -> f64 {
    let before = proxy.cpu_seconds();
    let address: SocketAddr = proxy.address;
    load::run(address, request, count);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let per_request = (proxy.cpu_seconds() - before) / count as f64;
    per_request * 1e6
}

/// A genuine delivery with a body of `size` bytes.
fn request(secret: &str, size: usize) -> Vec<u8> {
    let body: Vec<u8> = (0..size)
        .map(|i| b'a' + u8::try_from(i % 26).unwrap_or(0))
        .collect();
    let scheme = &Preset::named("github").expect("a preset").scheme;
    let message = Message {
        method: &http::Method::POST,
        url: None,
        body: &body,
        at: Timestamp::UNIX_EPOCH, // GitHub signs no time.
        id: "",
    };
    let proof = scheme.prove(secret.as_bytes(), message);
    let (_, signature) = proof.expect("a secret").remove(0);
    let mut request = format!(
        "POST /webhooks/ai/workflows/bench HTTP/1.1\r\n\
         Host: portal.example.com\r\n\
         User-Agent: GitHub-Hookshot/0f1e2d3\r\n\
         Accept: */*\r\n\
         Content-Type: application/json\r\n\
         X-GitHub-Delivery: 72d3162e-cc78-11e3-81ab-4c9367dc0958\r\n\
         X-GitHub-Event: pull_request\r\n\
         X-Hub-Signature-256: {signature}\r\n\
         Content-Length: {size}\r\n\r\n"
    )
    .into_bytes();
    request.extend_from_slice(&body);
    request
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
