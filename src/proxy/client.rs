//! The address of a sender: the peer of the socket, or the client that a trusted proxy names.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

/// The proxies whose `X-Forwarded-*` headers count.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts every peer inside `networks`.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether `peer` is a trusted proxy. An IPv4 address in IPv6 form counts as IPv4.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }

    /// The address of the sender: from the right of `X-Forwarded-For`, the first that is not a trusted proxy. Entries
    /// further left come from untrusted senders. An entry that is not an address ends the search.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        let hops = headers
            .get_all("x-forwarded-for")
            .iter()
            .rev()
            .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
        for hop in hops {
            let hop = std::str::from_utf8(hop.trim_ascii()).unwrap_or_default();
            let Ok(address) = hop.parse::<IpAddr>() else {
                break;
            };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn an_entry_that_is_no_address_hides_what_stands_left_of_it() {
        let trusted = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let cases: [(&[&[u8]], &str); 14] = [
            (&[], "10.0.0.1"),
            (&[b"192.0.2.1"], "192.0.2.1"),
            (&[b"192.0.2.1, 192.0.2.2"], "192.0.2.2"),
            (&[b"192.0.2.1", b"192.0.2.2"], "192.0.2.2"),
            (&[b"192.0.2.1 ,\t10.0.0.2"], "192.0.2.1"),
            (&[b"192.0.2.1", b"10.0.0.2,10.0.0.3"], "192.0.2.1"),
            (&[b"192.0.2.1", b"\x80, 192.0.2.2"], "192.0.2.2"),
            (&[b"192.0.2.1", b"\x80, 10.0.0.2"], "10.0.0.2"),
            (&[b"192.0.2.1", b"192.0.2.2\x80"], "10.0.0.1"),
            (&[b"192.0.2.1", b"\xa0"], "10.0.0.1"),
            (&[b"192.0.2.1", b"", b"10.0.0.2"], "10.0.0.2"),
            (&[b"192.0.2.1, junk, 10.0.0.2"], "10.0.0.2"),
            (&[b"192.0.2.1, 192.0.2.2:443"], "10.0.0.1"),
            (&[b"2001:db8::1, ::ffff:10.0.0.2"], "2001:db8::1"),
        ];
        for (lines, client) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                let value = HeaderValue::from_bytes(line).unwrap();
                headers.append("x-forwarded-for", value);
            }
            let found = trusted.client("10.0.0.1".parse().unwrap(), &headers);
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{lines:?}");
            // The header of an untrusted peer does not count.
            let peer = IpAddr::from([198, 51, 100, 1]);
            assert_eq!(trusted.client(peer, &headers), peer);
        }
    }
}
