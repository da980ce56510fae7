//! What contracts take of the memory that there is for endpoints.

use super::*;

const MISSES: &str = r#"portcullis_endpoint_lookups_total{result="miss"}"#;
const ENDPOINTS: usize = 20;

fn endpoint(number: usize, contract: &str) -> String {
    format!(
        "[[endpoints]]\nid = \"workflows/w{number}\"\norganisation = \"acme\"\n\
         workspace = \"main\"\nauth = {{ mode = \"none\" }}\n{contract}\n"
    )
}

fn to(number: usize) -> Request {
    Request::post(&format!("/webhooks/ai/workflows/w{number}"))
        .header("Content-Type", "application/json")
        .body("{}")
}

/// How often the store was read when each of some endpoints had two deliveries, all in turn.
fn reads(contract: &str) -> u64 {
    let backend = Backend::accepting();
    let declared: String = (0..ENDPOINTS)
        .map(|number| endpoint(number, contract))
        .collect();
    let gate = Gate::before(&backend)
        .with("auth", "allow_unauthenticated = true")
        .with("directory", "cache_capacity = 200")
        .apply(&declared)
        .start();
    for _ in 0..2 {
        for number in 0..ENDPOINTS {
            assert_eq!(send(gate.http(), &to(number)).status, 202);
        }
        // The cache tidies itself up with the next look-up after 300 ms of its own clock.
        let_pass(std::time::Duration::from_millis(500));
    }
    gate.metric(MISSES)
}

#[test]
fn an_endpoint_with_a_large_contract_takes_the_room_of_many_without_one() {
    assert_eq!(reads(""), 20, "all of them were kept");
    let inputs: Vec<String> = (0..200)
        .map(|number| format!("{{ name = \"input-{number}\", type = \"text\" }}"))
        .collect();
    let contract = format!("contract = {{ inputs = [{}] }}", inputs.join(", "));
    let many = reads(&contract);
    assert!(many > 30, "{many}");
}

#[test]
fn one_with_a_large_contract_is_kept_while_deliveries_come_to_it() {
    let backend = Backend::accepting();
    let inputs: Vec<String> = (0..50)
        .map(|number| format!("{{ name = \"input-{number}\", type = \"text\" }}"))
        .collect();
    let large = format!("contract = {{ inputs = [{}] }}", inputs.join(", "));
    let declared: String = (0..=ENDPOINTS)
        .map(|number| endpoint(number, if number == 0 { &large } else { "" }))
        .collect();
    let gate = Gate::before(&backend)
        .with("auth", "allow_unauthenticated = true")
        .with("directory", "cache_capacity = 60")
        .apply(&declared)
        .start();
    let send_to = |number: usize| assert_eq!(send(gate.http(), &to(number)).status, 202);
    // The room is full before it comes.
    (1..=ENDPOINTS).for_each(send_to);
    for number in (1..=ENDPOINTS).chain(1..=ENDPOINTS) {
        send_to(0);
        send_to(number);
    }
    // Others may have to make room for it; it does so for none.
    let misses = gate.metric(MISSES);
    assert!(misses <= 3 * ENDPOINTS as u64 + 1, "{misses}");
    for _ in 0..10 {
        send_to(0);
    }
    assert_eq!(gate.metric(MISSES), misses);
}
