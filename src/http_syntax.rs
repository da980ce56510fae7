//! The characters of HTTP fields, for every parser that reads names or methods.

/// Whether `byte` may stand in a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

/// A table, because every byte of every name in a head is looked up.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::indexing_slicing,
            reason = "the loop ends at the length of the table"
        )]
        {
            table[byte] = is_listed(byte as u8);
        }
        byte += 1;
    }
    table
};

const fn is_listed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_token_characters_and_no_others() {
        let separators = br#" "(),/:;<=>?@[\]{}"#;
        for byte in 0..=u8::MAX {
            let is_separator = separators.contains(&byte);
            assert_eq!(
                is_token(byte),
                byte.is_ascii_graphic() && !is_separator,
                "{byte:#04x}"
            );
        }
    }
}
