//! What a key is made of.

use std::collections::HashSet;

use portcullis::ledger::{EntryKind, Key};

#[test]
fn a_key_tells_endpoints_kinds_and_material_apart() {
    let kinds = [
        EntryKind::Signature,
        EntryKind::SignedId,
        EntryKind::HintedId,
    ];
    let parts: [&[&[u8]]; 7] = [
        &[],
        &[b""],
        &[b"", b""],
        &[b"ab"],
        &[b"a", b"b"],
        &[b"", b"ab"],
        &[b"ab", b""],
    ];
    let mut keys = HashSet::new();
    for endpoint in ["workflows/a", "workflows/ab", "workflows/", ""] {
        for kind in kinds {
            for material in parts {
                let key = Key::of(endpoint, kind, material);
                assert_eq!(key, Key::of(endpoint, kind, material));
                assert!(keys.insert(key), "{endpoint} {kind:?} {material:?}");
            }
        }
    }
}

#[test]
fn a_key_is_the_same_in_every_version_of_the_program() {
    // Nodes of a fleet share their ledger while they are upgraded. Computed with sha256sum over
    //   "workflows/ab"                                   (its first two bytes, and then those of)
    //   12 0.. "workflows/ab"  1 0.. 02  5 0.. "evt_1"   (each length as eight bytes, the lowest first)
    let key = Key::of("workflows/ab", EntryKind::SignedId, &[b"evt_1"]);
    assert_eq!(hex::encode(key.bytes()), "35d611c08377d46433a934a236de0745");
}
