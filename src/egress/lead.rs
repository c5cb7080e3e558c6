//! A map that keeps every call on this machine: names answer as written down, connections go to loopback.

use super::fault::Network;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

/// What a led look-up answers.
#[derive(Debug, Clone)]
pub enum Found {
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// No such name.
    Nothing,
    /// The name servers fail.
    Failure,
}

/// Where a led dialer goes instead of the network. Rules judge the addresses that names answer with;
/// only then is the connection led to a listener on loopback.
#[derive(Debug, Default)]
pub struct Lead {
    to: Option<SocketAddr>,
    ports: HashMap<u16, SocketAddr>,
    names: Mutex<HashMap<String, VecDeque<Found>>>,
    dialled: Mutex<Vec<SocketAddr>>,
    cut_off: bool,
}

/// The public address that every name has which was not given another.
const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(45, 0, 0, 1));

impl Lead {
    /// Leads nowhere: every connection is refused.
    pub fn nowhere() -> Self {
        Self::default()
    }

    /// Leads nowhere: every address is out of reach, as on a machine without a network.
    pub fn cut_off() -> Self {
        Self { cut_off: true, ..Self::default() }
    }

    /// Leads every connection to one listener.
    pub fn to(listener: SocketAddr) -> Self {
        Self { to: Some(listener), ..Self::default() }
    }

    /// Leads connections on a port to a listener of their own.
    #[must_use]
    pub fn port(mut self, port: u16, listener: SocketAddr) -> Self {
        self.ports.insert(port, listener);
        self
    }

    /// Says what a name answers, one look-up after the other; the last one stays.
    #[must_use]
    pub fn name(self, name: &str, answers: impl IntoIterator<Item = Found>) -> Self {
        self.names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), answers.into_iter().collect());
        self
    }

    /// The addresses that were dialled, as the rules saw them.
    pub fn dialled(&self) -> Vec<SocketAddr> {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Network> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match names.get_mut(name) {
            // RFC 6761 §6.4: no name server has such a name.
            None if name.ends_with(".invalid") => return Err(Network::Dns),
            None => return Ok(vec![SOMEWHERE]),
            Some(answers) if answers.len() > 1 => answers.pop_front(),
            Some(answers) => answers.front().cloned(),
        };
        match answer {
            Some(Found::Addresses(addresses)) => Ok(addresses),
            Some(Found::Failure) => Err(Network::DnsFailed),
            Some(Found::Nothing) | None => Err(Network::Dns),
        }
    }

    pub(super) fn route(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner).push(address);
        if self.cut_off {
            return Err(io::ErrorKind::HostUnreachable.into());
        }
        let listener = self.ports.get(&address.port()).copied().or(self.to);
        listener.filter(|to| to.ip().is_loopback()).ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }
}
