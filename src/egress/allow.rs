//! What the operator allows beyond the rules: `CREDENZA_EGRESS_ALLOW`.

use super::target::{Host, Mode, Target, parse_port};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// The operator's list of places that may be reached although private or on an unlisted port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    place: Place,
    port: u16,
    /// Written as `http://…`: lets plain HTTP through, and nothing else.
    plain_http: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Name(String),
    Net(IpNet),
}

/// An entry that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("CREDENZA_EGRESS_ALLOW: “{0}” is not host:port, [v6]:port, cidr:port or http://host:port.")]
pub struct BadEntry(pub String);

impl Allow {
    /// Reads the comma list; empty items are skipped.
    ///
    /// # Errors
    /// [`BadEntry`] with the first entry that cannot be read.
    pub fn parse(list: &str) -> Result<Self, BadEntry> {
        let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(|item| entry(item).ok_or_else(|| BadEntry(item.to_owned()))).collect::<Result<_, _>>().map(Self)
    }

    /// Whether nothing is allowed beyond the rules.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries in their canonical spelling, to be shown at start and audited.
    pub fn entries(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(ToString::to_string)
    }

    /// The entries that open more than one place or let plain HTTP through.
    pub fn broad(&self) -> impl Iterator<Item = String> {
        let many = |place: &Place| matches!(place, Place::Net(net) if net.prefix_len() < net.max_prefix_len());
        self.0.iter().filter(move |entry| entry.plain_http || many(&entry.place)).map(ToString::to_string)
    }

    /// Whether an entry may cover the target once its addresses are known.
    pub(super) fn may_cover(&self, target: &Target) -> bool {
        self.matching(target).any(|entry| match (&entry.place, target.host()) {
            (Place::Name(name), host) => host.name() == Some(name),
            (Place::Net(net), Host::Ip(ip)) => net.contains(ip),
            (Place::Net(_), Host::Name(_)) => true,
        })
    }

    /// Whether an entry covers the target at this address.
    pub(super) fn covers(&self, target: &Target, ip: IpAddr) -> bool {
        self.matching(target).any(|entry| match &entry.place {
            Place::Name(name) => target.host().name() == Some(name),
            Place::Net(net) => net.contains(&ip),
        })
    }

    /// Whether an entry names the target's host, by which a local name becomes reachable.
    pub(super) fn names(&self, target: &Target) -> bool {
        self.matching(target)
            .any(|entry| matches!(&entry.place, Place::Name(name) if target.host().name() == Some(name)))
    }

    fn matching<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a Entry> {
        let plain = target.mode() == Mode::Http;
        self.0.iter().filter(move |entry| entry.port == target.port() && entry.plain_http == plain)
    }
}

fn entry(item: &str) -> Option<Entry> {
    let (plain_http, rest) = match item.strip_prefix("http://") {
        Some(rest) => (true, rest),
        None => (false, item),
    };
    let (place, port) = rest.rsplit_once(':')?;
    Some(Entry { place: parse_place(place)?, port: parse_port(port)?, plain_http })
}

fn parse_place(text: &str) -> Option<Place> {
    if let Some((address, length)) = text.split_once('/') {
        let inside = address.strip_prefix('[').unwrap_or(address);
        let inside = inside.strip_suffix(']').unwrap_or(inside);
        let length = length.strip_suffix(']').unwrap_or(length);
        return format!("{inside}/{length}").parse::<IpNet>().ok().map(|net| Place::Net(net.trunc()));
    }
    if text.contains(':') && !text.starts_with('[') {
        return None;
    }
    match Host::parse(text).ok()? {
        Host::Name(name) => Some(Place::Name(name)),
        Host::Ip(ip) => Some(Place::Net(IpNet::from(ip))),
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.plain_http {
            f.write_str("http://")?;
        }
        match &self.place {
            Place::Name(name) => write!(f, "{name}:{}", self.port),
            Place::Net(net) if net.prefix_len() == net.max_prefix_len() => {
                write!(f, "{}:{}", Host::Ip(net.addr()), self.port)
            }
            Place::Net(IpNet::V4(net)) => write!(f, "{net}:{}", self.port),
            Place::Net(IpNet::V6(net)) => write!(f, "[{net}]:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Allow;

    #[test]
    fn entries_are_read_and_written_in_one_spelling() {
        let list = "Mail.Office.example:25, 10.0.0.0/8:587,[fd00::1]:465 , [fd12::/16]:443,http://erp.lan:8080,127.0.0.1:1025,";
        let entries: Vec<_> = Allow::parse(list).unwrap().entries().collect();
        assert_eq!(
            entries,
            [
                "mail.office.example:25",
                "10.0.0.0/8:587",
                "[fd00::1]:465",
                "[fd12::/16]:443",
                "http://erp.lan:8080",
                "127.0.0.1:1025"
            ]
        );
        assert_eq!(Allow::parse(&entries.join(",")).unwrap().entries().collect::<Vec<_>>(), entries);
        assert!(Allow::parse("").unwrap().is_empty());
    }

    #[test]
    fn a_bad_entry_is_named() {
        for bad in [
            "mail.example",
            "a.example:0",
            "a.example:x",
            "fd00::1:25",
            "10.0.0.0/40:25",
            "https://a.example:443",
            "*:25",
            "*.x:1",
            "a b:1",
            ":25",
        ] {
            let error = Allow::parse(&format!("ok.example:25,{bad}")).unwrap_err();
            assert_eq!(error.0, bad);
        }
    }
}
