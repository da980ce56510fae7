//! A token of a workspace as a proof: who gets in, and whom it does not help.

use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use portcullis::auth::{
    Grant, Head, Owner, Place, ProofError, TokenHash, TokenId, WorkspaceClaim, WorkspaceRefusal,
    WorkspaceToken,
};

use crate::delivery::preset;

const SHOP: Owner<'static> = Owner {
    organisation: "acme",
    workspace: "shop",
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A token, and what is known of it.
fn token(id: u8) -> (String, Grant) {
    let (text, hash) = WorkspaceToken::write(TokenId::new([id; 8]), &[id; 32]);
    let grant = Grant {
        hash,
        organisation: "acme".into(),
        workspace: "shop".into(),
        expires_at: at(100),
        revoked_at: None,
    };
    (text.to_string(), grant)
}

fn claim(values: &[&str]) -> Result<WorkspaceClaim, ProofError> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append("authorization", HeaderValue::from_str(value).unwrap());
    }
    WorkspaceClaim::read(&Head {
        method: &Method::POST,
        headers: &headers,
        query: Some("token=pwt_"),
        url: None,
    })
}

fn refusal(text: &str, known: Option<&Grant>, owner: Owner<'_>, now: i64) -> WorkspaceRefusal {
    let claim = claim(&[&format!("Bearer {text}")])
        .map_err(|_| "a claim")
        .unwrap();
    match claim.judge(known, owner, at(now)) {
        Ok(_) => panic!("it got in"),
        Err(refusal) => refusal,
    }
}

#[test]
fn a_token_that_counts_proves_the_call_of_its_own_workspace_and_of_no_other() {
    let (text, grant) = token(1);
    let read = claim(&[&format!("bEARER   {text}")])
        .map_err(|_| "a claim")
        .unwrap();
    let proof = read
        .judge(Some(&grant), SHOP, at(99))
        .unwrap_or_else(|it| panic!("{it}"));
    let verified = proof.as_sole_proof(None);
    let place = Place::Header(http::header::AUTHORIZATION);
    assert_eq!(verified.withheld(false), [place]);
    assert_eq!((verified.version(), verified.signature()), (None, None));
    let read = claim(&[&format!("Bearer {text}")])
        .map_err(|_| "a claim")
        .unwrap();
    let proof = read
        .judge(Some(&grant), SHOP, at(99))
        .unwrap_or_else(|it| panic!("{it}"));
    let verified = proof.as_sole_proof(Some(&preset("secret")));
    let told = |places: &[Place]| places.iter().map(Place::to_string).collect::<Vec<_>>();
    let all = [
        "header:authorization",
        "header:authorization",
        "query:token",
    ];
    assert_eq!(told(verified.withheld(false)), all);
    assert_eq!(told(verified.withheld(true)), all[..1]);
    for (organisation, workspace) in [
        ("acme", "shop2"),
        ("acme", "Shop"),
        ("acme", ""),
        ("umbrella", "shop"),
        ("shop", "acme"),
    ] {
        let owner = Owner {
            organisation,
            workspace,
        };
        let other = refusal(&text, Some(&grant), owner, 99);
        assert_eq!(other, WorkspaceRefusal::OtherWorkspace, "{owner:?}");
    }
}

#[test]
fn whatever_is_wrong_with_it_the_refusal_is_the_same_whosever_endpoint_it_is() {
    let (text, grant) = token(1);
    let (other, other_grant) = token(2);
    let revoked = Grant {
        revoked_at: Some(at(1_000_000)),
        ..grant.clone()
    };
    let zero = Grant {
        hash: TokenHash::from_bytes(&[0; 32]).unwrap(),
        ..grant.clone()
    };
    let elsewhere = Owner {
        organisation: "a",
        workspace: "b",
    };
    for (text, known, now) in [
        (&text, None, 0),
        (&text, Some(&other_grant), 0),
        (&other, Some(&grant), 0),
        (&text, Some(&zero), 0),
        (&text, Some(&grant), 100),
        (&text, Some(&grant), 101),
        (&text, Some(&revoked), 0),
    ] {
        for owner in [SHOP, elsewhere] {
            assert_eq!(refusal(text, known, owner, now), WorkspaceRefusal::Unproven);
        }
    }
}

#[test]
fn a_head_without_a_bearer_has_no_token_and_one_that_cannot_be_a_token_is_a_wrong_one() {
    let (text, _) = token(1);
    let (other, _) = token(2);
    let bearer = format!("Bearer {text}");
    let error = |values: &[&str]| claim(values).err();
    for values in [
        &[][..],
        &["Basic dTpw"],
        &["Bearer"],
        &["Bearer "],
        &[&text],
        &["Bearertoken"],
    ] {
        assert_eq!(error(values), Some(ProofError::TokenMissing), "{values:?}");
    }
    for values in [
        &["Bearer secret"][..],
        &["Bearer pwt_"],
        &[&format!("{bearer}x")],
        &[&format!("{bearer}, {bearer}")],
        &[&bearer, &format!("Bearer {other}")],
    ] {
        assert_eq!(error(values), Some(ProofError::TokenMismatch), "{values:?}");
    }
    assert_eq!(
        error(&[&bearer, &bearer]),
        None,
        "twice the same is no other"
    );
}
