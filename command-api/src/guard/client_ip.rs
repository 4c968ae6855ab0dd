//! Where a request really comes from: `X-Forwarded-For` is read from its right end and only through proxies we trust, since
//! anyone can write its left end.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use axum::http::HeaderMap;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Networks whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

/// A network in CIDR notation, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The text is no list of networks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected networks such as 10.0.0.0/8,fd00::/8 but found {0:?}")]
pub struct InvalidNetwork(String);

impl FromStr for TrustedProxies {
    type Err = InvalidNetwork;
    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries
            .map(|entry| parse_network(entry).ok_or_else(|| InvalidNetwork(entry.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn parse_network(text: &str) -> Option<Network> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address.parse::<IpAddr>().ok()?, Some(prefix.parse().ok()?)),
        None => (text.parse::<IpAddr>().ok()?, None),
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(longest);
    (prefix <= longest).then_some(Network { address, prefix })
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let (a, b, longest) = match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
            _ => return false,
        };
        let host_bits = longest - u32::from(self.prefix);
        (a ^ b).checked_shr(host_bits).unwrap_or(0) == 0
    }
}

/// Who a request is counted for: an IPv4 address, or the /64 of an IPv6 one, since a household has all of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientIp(IpAddr);

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ClientIp {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self(address),
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into()),
        }
    }
}

impl TrustedProxies {
    /// The client of a request that `peer` sent.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientIp {
        let mut client = peer.to_canonical();
        let lists = headers.get_all(FORWARDED_FOR).iter().rev();
        let hops = lists.flat_map(|list| list.to_str().unwrap_or("?").rsplit(','));
        for hop in hops {
            if !self.trusts(client) {
                break;
            }
            // What is no address was not written by a proxy of ours: the last hop that we know stands.
            let Some(address) = parse_hop(hop.trim()) else { break };
            client = address.to_canonical();
        }
        ClientIp::of(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// `address`, `address:port`, `[address]` or `[address]:port`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    hop.parse()
        .or_else(|_| hop.parse::<std::net::SocketAddr>().map(|socket| socket.ip()))
        .ok()
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn clients_by_table() {
        let table: &[(&str, &str, &[&str], &str)] = &[
            ("", "203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("10.0.0.0/8", "203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("10.0.0.0/8", "10.1.2.3", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.0/8", "10.1.2.3", &["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            (
                "10.0.0.0/8",
                "10.1.2.3",
                &["6.6.6.6, 198.51.100.1, 10.9.9.9"],
                "198.51.100.1",
            ),
            ("10.0.0.0/8", "10.1.2.3", &["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.0/8", "10.1.2.3", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.0/8", "10.1.2.3", &["nonsense, 10.9.9.9"], "10.9.9.9"),
            ("10.0.0.0/8", "10.1.2.3", &[], "10.1.2.3"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", &["198.51.100.1"], "198.51.100.1"),
            ("10.1.2.3", "10.1.2.3", &["10.1.2.4, 10.1.2.3"], "10.1.2.4"),
            ("::/0, 0.0.0.0/0", "10.1.2.3", &["198.51.100.1"], "198.51.100.1"),
            ("", "2001:db8:1:2:3:4:5:6", &[], "2001:db8:1:2::"),
            ("fd00::/8", "fd00::1", &["[2001:db8:1:2::9]:443"], "2001:db8:1:2::"),
        ];
        for (trusted, peer, forwarded, expected) in table {
            let proxies: TrustedProxies = trusted.parse().expect("networks");
            let mut headers = HeaderMap::new();
            for list in *forwarded {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(list));
            }
            let client = proxies.client(peer.parse().expect("an address"), &headers);
            assert_eq!(client.to_string(), *expected, "{trusted} {peer} {forwarded:?}");
        }
    }

    #[test]
    fn a_typo_in_the_networks_is_said() {
        for text in ["10.0.0.0/33", "ten", "::/129", "10.0.0.0/-1"] {
            assert_eq!(
                text.parse::<TrustedProxies>(),
                Err(InvalidNetwork(text.to_owned())),
                "{text}"
            );
        }
    }
}
