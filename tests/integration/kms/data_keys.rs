//! Data keys: one call for many secrets.

use super::custody::declared;
use super::*;

fn ids(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("workflows/w{number}"))
        .collect()
}

#[test]
fn thirty_secrets_cost_a_call_each_without_data_keys() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let ids = ids(30);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let gate = kms.gate(&backend, "").apply(&declared(&ids)).start();
    assert_eq!(kms.proxy.calls(), vec!["Encrypt"; 30]);
    for id in ids {
        assert_eq!(signed(&gate, id, "a guess"), mismatch());
    }
    assert_eq!(kms.proxy.count("Decrypt"), 30);
}

#[test]
fn thirty_secrets_cost_a_call_for_each_data_key_of_ten() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let ids = ids(30);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let gate = kms
        .gate(&backend, "")
        .with(
            "secrets.aws",
            "data_keys = \"shared\"\ndata_key_max_secrets = 10",
        )
        .apply(&declared(&ids))
        .start();
    assert_eq!(kms.proxy.calls(), ["GenerateDataKey"; 3]);
    for id in &ids {
        assert_eq!(signed(&gate, id, "a guess"), mismatch());
    }
    assert_eq!(kms.proxy.count("Decrypt"), 3);
    assert_eq!(kms.proxy.calls().len(), 6);
    let secret = gate.secret(ids[7]);
    assert_eq!(signed(&gate, ids[7], &secret), admitted());
}

#[test]
fn every_process_that_encrypts_makes_a_data_key_of_its_own() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let gate = kms
        .gate(&backend, "")
        .with("secrets.aws", "data_keys = \"shared\"")
        .apply(&declared(&[ID, OTHER]));
    assert_eq!(kms.proxy.calls(), ["GenerateDataKey"]);
    // A process has its own: what another one has made is not asked for.
    for id in [ID, OTHER] {
        gate.run(&["secret", "rotate", "--yes", id]).succeeded();
    }
    assert_eq!(kms.proxy.count("GenerateDataKey"), 3);
}

#[test]
fn a_row_of_a_data_key_that_was_wrapped_by_another_key_does_not_open() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let other = kms.moto.key();
    let gate = kms
        .gate(&backend, "")
        .with("secrets.aws", "data_keys = \"shared\"")
        .apply(&declared(&[ID, OTHER]));
    let secret = gate.secret(ID);
    sqlite(
        &gate,
        &format!("UPDATE secret_versions SET key_id = '{other}' WHERE scope = '{ID}'"),
    );
    let gate = gate.start();
    // That the same data key was opened for another secret does not help.
    assert_eq!(signed(&gate, OTHER, "a guess"), mismatch());
    assert_eq!(signed(&gate, ID, &secret), undecryptable());
}

#[test]
fn a_data_key_is_as_old_as_it_may_be_and_then_another_one_is_made() {
    let (kms, backend) = (Kms::start(), Backend::accepting());
    let ids = ids(20);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let gate = kms
        .gate(&backend, "")
        .with("secrets.aws", "max_calls_in_flight = 1")
        .apply(&declared(&ids))
        .with(
            "secrets.aws",
            "data_keys = \"shared\"\ndata_key_max_age = \"1s\"",
        );
    // One after the other, for four seconds at least.
    kms.proxy.set(Fault::Delay(Duration::from_millis(200)));
    let begun = Instant::now();
    gate.run(&["secret", "rewrap"]).succeeded();
    let made = kms.proxy.count("GenerateDataKey");
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!((3..=seconds + 1).contains(&made), "{made} data keys");
}
