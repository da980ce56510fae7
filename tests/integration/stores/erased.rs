//! What a file holds no more: SQLite overwrites what was replaced or deleted.

use portcullis::secrets::{CiphertextReplacement, SecretStore as _, VersionRef};

use super::*;

/// Bytes that stand nowhere else: long enough to need pages of their own.
fn old(number: u32) -> Vec<u8> {
    let word = format!("the sealed bytes of version {number:03} | ");
    word.repeat(300).into_bytes()
}

/// How often the file and what SQLite keeps beside it hold a part of such bytes.
fn remains(folder: &std::path::Path) -> usize {
    let part = b"the sealed bytes of version ";
    let entries = std::fs::read_dir(folder).unwrap();
    let files = entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let count = |file: Vec<u8>| memchr::memmem::find_iter(&file, part).count();
    files.map(count).sum()
}

#[test]
fn a_ciphertext_that_was_replaced_is_in_no_file_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    // The last one to close the store moves what its log holds into the file.
    let versions = || (1..=20).map(|number| (number, version("s#k", number, 0, 0)));
    blocking(async {
        let store = SqliteStore::open(&path, true).await.unwrap();
        for (number, mut new) in versions() {
            new.sealed.ciphertext = old(number);
            store.install(new).await.unwrap();
        }
        Store::close(&store).await;
    });
    assert!(remains(folder.path()) > 0, "versions that ended stay");
    blocking(async {
        let store = SqliteStore::open(&path, true).await.unwrap();
        for (number, new) in versions() {
            let from = EncryptedSecret {
                ciphertext: old(number),
                ..new.sealed.clone()
            };
            let secret = secret("s#k");
            let resealing = CiphertextReplacement {
                of: VersionRef {
                    secret,
                    version: number,
                },
                from,
                to: new.sealed,
                audit: entry(Action::SecretRotated, "s#k"),
            };
            store.reseal(resealing).await.unwrap();
        }
        Store::close(&store).await;
    });
    assert_eq!(remains(folder.path()), 0);
}
