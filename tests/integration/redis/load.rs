//! Redis is held, killed and started anew while two gates have much to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

/// What a sender has delivered.
struct AcceptedDelivery {
    request: Request,
    /// The gate that took it.
    gate: usize,
}

/// Sends one delivery after the other, and each until it is taken, as providers do.
fn deliver(
    make: impl Fn(usize) -> Request,
    addresses: [std::net::SocketAddr; 2],
    stop: &AtomicBool,
    failed: &AtomicUsize,
) -> Vec<AcceptedDelivery> {
    let mut delivered = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let request = make(number);
        let mut attempt = 0;
        let gate = found("the delivery gets in", || {
            let gate = (number + attempt) % 2;
            attempt += 1;
            let answer = send(addresses[gate], &request);
            match answer.status {
                202 => return Some(gate),
                409 if answer.reason() == "in_flight" => {}
                503 => {
                    failed.fetch_add(1, Ordering::SeqCst);
                }
                _ => panic!("{}", answer.head),
            }
            None
        });
        delivered.push(AcceptedDelivery { request, gate });
    }
    delivered
}

fn total(count: &AtomicUsize) -> usize {
    count.load(Ordering::SeqCst)
}

#[test]
fn whatever_becomes_of_redis_nothing_is_lost_and_no_signature_gets_in_twice() {
    let (mut redis, backend) = (RedisServer::start(), Backend::accepting());
    let gates = [(); 2].map(|()| {
        let gate = hasty(node("slack", &backend, &redis), &redis).with("log", "access = false");
        let options = ["--duplicates", "acknowledge"];
        with_preset(gate, "workflows/ids", "github", &options).start()
    });
    let addresses = [gates[0].http(), gates[1].http()];
    let stop = Arc::new(AtomicBool::new(false));
    let refused = Arc::new(<[AtomicUsize; 2]>::default());
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let (stop, refused) = (stop.clone(), refused.clone());
            std::thread::spawn(move || {
                let signed = |number| slack(now(), &format!("token={sender}-{number}"));
                let with_id = |number| {
                    let body = format!("[{sender},{number}]");
                    Request::post("/webhooks/ai/workflows/ids")
                        .header("X-GitHub-Delivery", &format!("{sender}-{number}"))
                        .header(
                            "X-Hub-Signature-256",
                            &github_signature(SECRET, body.as_bytes()),
                        )
                        .body(body)
                };
                match sender % 2 {
                    0 => deliver(signed, addresses, &stop, &refused[0]),
                    _ => deliver(with_id, addresses, &stop, &refused[1]),
                }
            })
        })
        .collect();
    // So long that something of each kind has arrived meanwhile.
    let a_while = || {
        let (so_far, refused_so_far) = (backend.received().len(), total(&refused[0]));
        eventually("deliveries come, or are refused", || {
            backend.received().len() >= so_far + 20
                && (gates[0].metric(UP) == 1 || total(&refused[0]) > refused_so_far)
        });
    };
    let is = |up: bool| gates.iter().for_each(|gate| wait_until_up(gate, up));
    a_while();
    redis.pause();
    is(false);
    a_while();
    redis.resume();
    is(true);
    a_while();
    redis.kill();
    is(false);
    a_while();
    redis.restart(); // with an empty memory
    is(true);
    a_while();
    stop.store(true, Ordering::SeqCst);
    let mut delivered = [Vec::new(), Vec::new()];
    for (sender, thread) in senders.into_iter().enumerate() {
        delivered[sender % 2].extend(thread.join().unwrap());
    }
    let [signed, with_id] = delivered;
    println!(
        "{} signed and {} with an id were taken; {:?} times 503",
        signed.len(),
        with_id.len(),
        refused
    );
    // Closed is closed, and who can do without Redis was never refused.
    assert!(refused[0].load(Ordering::SeqCst) > 0);
    assert_eq!(refused[1].load(Ordering::SeqCst), 0);
    assert!(signed.len() > 20 && with_id.len() > 20);
    // Everything that was taken is at the backend, and once.
    let arrived = backend.received().len();
    assert_eq!(arrived, signed.len() + with_id.len());

    // Replays, to the gate that took the delivery and to the other one. Redis was told of every window
    // that was open when it had forgotten them.
    for gate in &gates {
        gate.wait_for_at_least(RETOLD, 1);
        gate.wait_for_metric(UNTOLD, 0);
    }
    for AcceptedDelivery { request, gate } in &signed {
        is_replay(&send(addresses[*gate], request));
        is_replay(&send(addresses[1 - gate], request));
    }
    for AcceptedDelivery { request, gate } in &with_id {
        is_duplicate(&send(addresses[*gate], request));
    }
    assert_eq!(backend.received().len(), arrived);
}
