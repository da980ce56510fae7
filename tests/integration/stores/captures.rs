//! Refused deliveries that are kept: few, and not for long.

use portcullis::capture::NewCapture;

use super::*;

on_both_engines! {
    the_newest_few_of_an_endpoint_are_kept_for_their_time
    what_is_kept_goes_with_its_endpoint
}

fn captured(endpoint: &str, request: &str, ends: i64, last: u16) -> NewCapture {
    NewCapture {
        endpoint: endpoint.parse().unwrap(),
        request_id: request.to_owned(),
        at: at(0),
        ends_at: at(ends),
        last,
        reason: "signature_mismatch",
        http: format!("POST / HTTP/1.1\r\n\r\n{request}\0\u{ff}").into_bytes(),
    }
}

async fn the_newest_few_of_an_endpoint_are_kept_for_their_time(Stores { one, other }: Stores) {
    let endpoints = vec![put(definition("a/a")), put(definition("a/b"))];
    one.change(endpoints, vec![]).await.unwrap();
    let several = ["1", "2", "3", "4"].map(|it| captured("a/a", it, 100, 3));
    one.keep(several.to_vec(), at(0)).await.unwrap();
    one.keep(vec![captured("a/b", "5", 50, 1)], at(0))
        .await
        .unwrap();
    let ids = async |endpoint: &str, now| {
        let kept = other.kept(endpoint, at(now)).await.unwrap();
        kept.into_iter().map(|it| it.request_id).collect::<Vec<_>>()
    };
    assert_eq!(ids("a/a", 0).await, ["4", "3", "2"]);
    assert_eq!(ids("a/b", 49).await, ["5"]);
    assert_eq!(ids("a/b", 50).await, [""; 0]);
    let (kept, http) = other.kept_one("4", at(0)).await.unwrap().unwrap();
    assert_eq!(http, captured("a/a", "4", 0, 0).http);
    assert_eq!(kept.bytes, http.len() as u64);
    assert_eq!(
        (&*kept.reason, kept.ends_at),
        ("signature_mismatch", at(100))
    );
    assert_eq!(other.kept_one("1", at(0)).await.unwrap(), None);
    // What is over is forgotten when somebody looks, even if there is nothing to keep.
    one.keep(vec![], at(60)).await.unwrap();
    assert_eq!(ids("a/b", 0).await, [""; 0]);
    assert_eq!(ids("a/a", 0).await.len(), 3);
}

async fn what_is_kept_goes_with_its_endpoint(Stores { one, other }: Stores) {
    one.change(vec![put(definition("a/a"))], vec![])
        .await
        .unwrap();
    let late = vec![
        captured("a/a", "1", 100, 9),
        captured("a/gone", "2", 100, 9),
    ];
    one.keep(late, at(0)).await.unwrap();
    assert!(other.kept_one("1", at(0)).await.unwrap().is_some());
    assert_eq!(other.kept_one("2", at(0)).await.unwrap(), None);
    other.change(vec![delete("a/a")], vec![]).await.unwrap();
    assert_eq!(one.kept_one("1", at(0)).await.unwrap(), None);
}
