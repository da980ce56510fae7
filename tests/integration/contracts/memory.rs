//! What contracts take of the memory that there is for endpoints.

use super::*;

const MISSES: &str = r#"portcullis_endpoint_lookups_total{result="miss"}"#;
const ENDPOINTS: usize = 20;

/// How often the store was read when each of some endpoints had two deliveries, all in turn.
fn reads(contract: &str) -> u64 {
    let backend = Backend::accepting();
    let declared: String = (0..ENDPOINTS)
        .map(|number| {
            format!(
                "[[endpoints]]\nid = \"workflows/w{number}\"\norganisation = \"acme\"\n\
                 workspace = \"main\"\nauth = {{ mode = \"none\" }}\n{contract}\n"
            )
        })
        .collect();
    let gate = Gate::before(&backend)
        .with("auth", "allow_unauthenticated = true")
        .with("directory", "cache_capacity = 200")
        .apply(&declared)
        .start();
    for number in (0..ENDPOINTS).chain(0..ENDPOINTS) {
        let path = format!("/webhooks/ai/workflows/w{number}");
        let request = Request::post(&path)
            .header("Content-Type", "application/json")
            .body("{}");
        assert_eq!(send(gate.http(), &request).status, 202);
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
