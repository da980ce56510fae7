//! The store holds neither tokens nor links nor sessions, in any spelling.

use portcullis::control::NewOperatorToken;
use portcullis::store::SqliteStore;

use super::*;
use crate::stores::blocking;

#[test]
fn a_copy_of_the_store_signs_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let secrets = blocking(async {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, true).await.unwrap());
        let stores = Stores {
            one: Arc::clone(&store),
            other: store,
        };
        let console = Console::over(&stores);
        let new = NewOperatorToken {
            label: "deploy".to_owned(),
            grants: grants(&["viewer"]),
            lifetime: "1h".parse().unwrap(),
        };
        let issued = console.one.create_operator_token(&admin(), new).await;
        let issued = issued.unwrap();
        assert!(console.one.operator(&issued.text).await.unwrap().is_some());
        let unused = console.link("ana", &["admin"]).await;
        let used = console.link("ana", &["admin"]).await;
        let signed_in = console.one.sign_in_by_link(&used, address(1)).await;
        let signed_in = signed_in.unwrap();
        console.clock.advance(MINUTE);
        let session = console.one.session(&signed_in.session_id).await;
        assert!(session.unwrap().is_some());
        let audit = console.audit().await.join("\n");
        // The secret of the token, without its id and its checksum.
        let token = issued.text[21..85].to_owned();
        let csrf = signed_in.csrf.as_str().to_owned();
        let secrets = [token, unused, used, signed_in.session_id.to_string(), csrf];
        for secret in &secrets {
            assert!(!audit.contains(&**secret), "{audit}");
        }
        stores.one.close().await;
        secrets
    });
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    assert!(contains(&bytes, b"deploy"), "the store was read");
    for secret in secrets {
        assert_eq!(secret.len(), 64);
        assert!(!contains(&bytes, secret.as_bytes()), "{secret}");
        assert!(
            !contains(&bytes, &hex::decode(&secret).unwrap()),
            "{secret}"
        );
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
