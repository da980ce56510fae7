//! Secrets from the pages, libraries and tests of providers. Everybody knows them, so they prove nothing.

/// Whether a provider published this secret as an example. `lower` is in lower case, without `whsec_` and padding.
pub(super) fn is_published(lower: &str) -> bool {
    PUBLISHED.binary_search(&lower).is_ok()
}

/// In lower case, without padding, and sorted. A test compares the list with the published deliveries.
const PUBLISHED: &[&str] = &[
    "0123456789abcdef",
    "12345",
    "123456",
    "30291a20-0bd1-4267-9b0f-e6e7b123c0bf",
    "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056",
    "74f490dd33f7327baecc88b2947c011fc02d014a473aaa33a8ec93e4dc069174",
    "79a3eaf309c43708726a8c284c0d72618696a12e840dfa1df3a158afa3b577da",
    "8f742231b10e8888abcd99yyyzzz85a5",
    "another-secret",
    "asdf1234",
    "c2fvsbqihrschclqimv+b5ssyspob7od",
    "channel_secret",
    "ed7d658c-d8eb-4941-948b-3973214f2d49",
    "hunter123",
    "ibxx_5akako-3qenvr61dw",
    "it's a secret to everybody",
    "key_secret",
    "ldqhscfuexukaqrnf+8xiidkz7xx3itbayzwu0tarw8ljqrnkkl2ib1ansb0z+ik",
    "mfkq9r8gkyqrtwjupd8ilpzio2lalasw",
    "my_auth_token",
    "mysecret",
    "pdl_ntf_01hbpjmytsa32fhr36nqgc3kgb_wvro0el4bj9rgyyibzy6wzhg4ehy9jzh",
    "pdl_ntfset_01hs0t3tw21j988db1pam5xg8m_growlnef+vmtjjyq4msnhnzvc8uwoj1i",
    "plj3nmycdgbkinavdok15jsl",
    "rdvayfyuxuifuebvzhwmfyfhuf7amyjycmm24+aj40c",
    "sampleprimarykey",
    "samplesecondarykey",
    "secret",
    "secret_tmrll1qk5vuqah1b6czghfchztsyjlce98v0pyn7ybl",
    "signature-key",
    "supersecret123",
    "test",
    "uzvjfb4u3n0jy4t7nz75mdvcr8zstinedjtkgcu46yw4xbyznjjxbdtjukdjpbtbmhhidi6pcl8jsasjltmtdq",
    "wu99me6jj7nxolfwz0tjymm1lpi15pzh",
    "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_in_lower_case() {
        assert!(PUBLISHED.is_sorted());
        for secret in PUBLISHED {
            assert_eq!(*secret, secret.to_lowercase());
            assert!(!secret.starts_with("whsec_"), "{secret}");
            assert!(is_published(secret), "{secret}");
        }
    }
}
