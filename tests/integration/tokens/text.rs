//! The text of a token: one spelling, and nothing else is one.

use portcullis::auth::{TokenId, WorkspaceToken};
use proptest::prelude::*;

#[test]
fn a_token_has_the_form_that_scanners_of_secrets_look_for() {
    let (text, hash) = WorkspaceToken::write(TokenId::new([0x01; 8]), &[0xab; 32]);
    let digits = "ab".repeat(32);
    // CRC-32 as zlib has it, over everything before it.
    let check = crc32(format!("pwt_0101010101010101_{digits}").as_bytes());
    assert_eq!(*text, format!("pwt_0101010101010101_{digits}{check:08x}"));
    assert_eq!(text.len(), 93);
    assert_eq!(hash.bytes(), &crate::support::sha256(&[0xab; 32]));
}

/// The definition of CRC-32 (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc >>= 1;
            if carry == 1 {
                crc ^= 0xedb8_8320;
            }
        }
    }
    !crc
}

proptest! {
    #[test]
    fn every_token_that_is_written_is_read_back(id: [u8; 8], secret: [u8; 32]) {
        let id = TokenId::new(id);
        let (text, _) = WorkspaceToken::write(id, &secret);
        let read = WorkspaceToken::read(text.as_bytes()).map_err(|_| "no token").unwrap();
        prop_assert_eq!(*read.id(), id);
        prop_assert_eq!(id.to_string().parse::<TokenId>().unwrap(), id);
    }

    #[test]
    fn a_token_of_which_one_byte_is_another_is_none(
        id: [u8; 8], secret: [u8; 32], at in 0_usize..93, byte: u8
    ) {
        let (text, _) = WorkspaceToken::write(TokenId::new(id), &secret);
        let mut bytes = text.as_bytes().to_vec();
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        prop_assert!(WorkspaceToken::read(&bytes).is_err());
    }

    #[test]
    fn whatever_else_is_sent_is_no_token_and_no_panic(text in ".{0,120}", cut in 0_usize..93) {
        prop_assert!(WorkspaceToken::read(text.as_bytes()).is_err());
        let (token, _) = WorkspaceToken::write(TokenId::new([3; 8]), &[4; 32]);
        prop_assert!(WorkspaceToken::read(&token.as_bytes()[..cut]).is_err());
        let longer = format!("{}{text}x", *token);
        prop_assert!(WorkspaceToken::read(longer.as_bytes()).is_err());
        prop_assert!(text.parse::<TokenId>().is_err() || text.len() == 16);
    }
}
