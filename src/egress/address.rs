//! What an address is: reachable by everybody, special, or a cloud's metadata service.

use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Globally reachable.
    Global,
    /// Private, local, reserved, or an IPv4 address inside IPv6.
    Special,
    /// A metadata service of a cloud: never reached, whatever is allowed.
    Metadata,
}

/// Sorts an address by the special-purpose registries (RFC 6890, as kept by IANA).
pub fn kind(ip: IpAddr) -> Kind {
    match ip {
        IpAddr::V4(ip) => kind_v4(ip),
        IpAddr::V6(ip) => kind_v6(ip),
    }
}

/// Names that lead to a metadata service.
pub fn is_metadata_name(name: &str) -> bool {
    ["metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"]
        .contains(&name)
}

fn kind_v4(ip: Ipv4Addr) -> Kind {
    if METADATA_V4.contains(&ip) {
        Kind::Metadata
    } else if SPECIAL_V4.iter().any(|net| net.contains(&ip)) {
        Kind::Special
    } else {
        Kind::Global
    }
}

fn kind_v6(ip: Ipv6Addr) -> Kind {
    if METADATA_V6.contains(&ip) || hidden(ip).iter().any(|v4| METADATA_V4.contains(v4)) {
        Kind::Metadata
    } else if !GLOBAL_V6.contains(&ip) || SPECIAL_V6.iter().any(|net| net.contains(&ip)) {
        Kind::Special
    } else {
        Kind::Global
    }
}

/// Every IPv4 address that an IPv6 address may be turned into on its way.
fn hidden(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let bits = ip.to_bits();
    let at = |shift: u32| Ipv4Addr::from_bits(((bits >> shift) & 0xffff_ffff) as u32);
    let [a, b, ..] = ip.segments();
    match (a, b) {
        // Mapped (::ffff:0:0/96), translated and compatible (::/96): the last 32 bits.
        (0, 0) => vec![at(0)],
        // NAT64, RFC 6052: the well-known prefix is a /96; a local one may be a /48, /56, /64 or /96.
        (0x64, 0xff9b) => vec![at(0), at(16), split_at_64(bits, 48), split_at_64(bits, 56)],
        // Teredo, RFC 4380: the server, and the client with its bits turned.
        (0x2001, 0) => vec![at(64), Ipv4Addr::from_bits(!(bits as u32))],
        // 6to4, RFC 3056.
        (0x2002, _) => vec![at(80)],
        _ => Vec::new(),
    }
}

/// An IPv4 address behind a prefix of `length` bits that skips the reserved octet 64..72 (RFC 6052 §2.2).
fn split_at_64(bits: u128, length: u32) -> Ipv4Addr {
    let octets = bits.to_be_bytes();
    let start = (length / 8) as usize;
    let mut found = [0; 4];
    let places = (start..16).filter(|i| *i != 8).take(4);
    for (slot, place) in found.iter_mut().zip(places) {
        *slot = octets[place];
    }
    Ipv4Addr::from(found)
}

const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

const fn v4(a: u8, b: u8, c: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), length)
}

const fn v6(a: u16, b: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), length)
}

const SPECIAL_V4: [Ipv4Net; 17] = [
    v4(0, 0, 0, 8),
    v4(10, 0, 0, 8),
    v4(100, 64, 0, 10),
    v4(127, 0, 0, 8),
    v4(169, 254, 0, 16),
    v4(172, 16, 0, 12),
    v4(192, 0, 0, 24),
    v4(192, 0, 2, 24),
    v4(192, 31, 196, 24),
    v4(192, 52, 193, 24),
    v4(192, 88, 99, 24),
    v4(192, 168, 0, 16),
    v4(198, 18, 0, 15),
    v4(198, 51, 100, 24),
    v4(203, 0, 113, 24),
    v4(224, 0, 0, 4),
    v4(240, 0, 0, 4),
];

/// All that is given out for general use; everything beside it is special.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// Special ranges inside [`GLOBAL_V6`]: protocol assignments with Teredo, documentation, 6to4.
const SPECIAL_V6: [Ipv6Net; 5] =
    [v6(0x2001, 0, 23), v6(0x2001, 0xdb8, 32), v6(0x2002, 0, 16), v6(0x2620, 0x4f, 32), v6(0x3fff, 0, 20)];

#[cfg(test)]
mod tests {
    use super::{Kind, kind};

    #[track_caller]
    fn all(expected: Kind, addresses: &[&str]) {
        for text in addresses {
            assert_eq!(kind(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn t086_ipv4_that_is_not_global() {
        all(
            Kind::Special,
            &[
                "0.0.0.0",
                "0.1.2.3",
                "10.0.0.1",
                "100.64.0.1",
                "100.127.255.255",
                "127.0.0.1",
                "127.0.0.2",
                "169.254.0.1",
                "172.16.0.1",
                "172.31.255.255",
                "192.0.0.1",
                "192.0.2.1",
                "192.88.99.1",
                "192.168.0.1",
                "198.18.0.1",
                "198.19.255.255",
                "198.51.100.1",
                "203.0.113.1",
                "224.0.0.1",
                "239.255.255.255",
                "240.0.0.1",
                "255.255.255.255",
            ],
        );
        all(
            Kind::Global,
            &[
                "1.1.1.1",
                "8.8.8.8",
                "100.63.255.255",
                "100.128.0.0",
                "172.15.0.1",
                "172.32.0.1",
                "11.0.0.0",
                "198.20.0.0",
            ],
        );
    }

    #[test]
    fn t088_metadata_in_every_dress() {
        all(
            Kind::Metadata,
            &[
                "169.254.169.254",
                "169.254.170.2",
                "100.100.100.200",
                "168.63.129.16",
                "fd00:ec2::254",
                "::ffff:169.254.169.254",
                "::169.254.169.254",
                "64:ff9b::a9fe:a9fe",
                "64:ff9b:1:a9fe:a9:fe00::",
                "2002:a9fe:a9fe::1",
                "2001:0:a9fe:a9fe::",
                "2001::5601:5601",
            ],
        );
    }

    #[test]
    fn t089_ipv6_that_is_not_global() {
        all(
            Kind::Special,
            &[
                "::",
                "::1",
                "::127.0.0.1",
                "::ffff:10.0.0.1",
                "::ffff:8.8.8.8",
                "64:ff9b::808:808",
                "64:ff9b:1::1",
                "100::1",
                "2001::1",
                "2001:db8::1",
                "2002:7f00:1::",
                "3fff::1",
                "5f00::1",
                "fc00::1",
                "fd12::1",
                "fe80::1",
                "fec0::1",
                "ff02::1",
            ],
        );
        all(Kind::Global, &["2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "2400:cb00::1"]);
    }
}
