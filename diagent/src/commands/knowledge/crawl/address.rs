//! Which addresses may be fetched: a crawl runs inside a network, on behalf of somebody who may not see into it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The address is one of this machine or of its network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is a private address; --allow-private lets a crawl begin there")]
pub(super) struct PrivateAddress(pub(super) String);

/// Refuses a literal private address in `url`. Names are looked at when they are resolved.
pub(super) fn check_literal(url: &Url) -> Result<(), PrivateAddress> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if is_public(address) {
        Ok(())
    } else {
        Err(PrivateAddress(address.to_string()))
    }
}

/// Resolves names to public addresses only. The connection is made to the address that was looked at, since this is the
/// client's only resolver.
#[derive(Debug)]
pub(super) struct PublicOnly;

impl PublicOnly {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self)
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let all: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = all.into_iter().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(Box::from(PrivateAddress(name.as_str().to_owned())));
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether the address belongs to the public internet: not to this machine, a local network, a cloud's metadata service,
/// or a range that is set aside (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(embedded) => is_public_v4(embedded),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_set_aside = a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19));
    !(is_set_aside
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast())
}

/// Only `2000::/3` is routed, and of it not the documentation's ranges nor Teredo.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    first & 0xe000 == 0x2000
        && !(first == 0x2001 && (second == 0x0db8 || second < 0x0200))
        && !(first == 0x3fff && second < 0x1000)
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64, or 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [first, second, third, _, _, _, seventh, eighth] = address.segments();
    let from = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match (first, second, third) {
        (0x0064, 0xff9b, _) => Some(from(seventh, eighth)),
        (0x2002, high, low) => Some(from(high, low)),
        _ => address.to_ipv4(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        let refused = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
        ];
        for text in refused {
            assert!(!is_public(text.parse().expect("an address")), "{text}");
        }
        for text in [
            "1.1.1.1",
            "93.184.216.34",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(text.parse().expect("an address")), "{text}");
        }
    }

    #[test]
    fn a_literal_is_refused_in_every_spelling() {
        for text in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]:80/",
            "http://[::ffff:10.0.0.1]/",
        ] {
            let url = Url::parse(text).expect("an address");
            assert!(check_literal(&url).is_err(), "{text}");
        }
        assert_eq!(
            check_literal(&Url::parse("https://shop.example/").expect("an address")),
            Ok(())
        );
    }
}
