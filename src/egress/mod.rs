//! The only place that opens a socket outward: every call is judged, pinned to the judged address,
//! encrypted, verified, and bounded in time and size.

pub mod address;
pub mod allow;
pub mod dial;
pub mod fault;
pub mod flow;
pub mod http;
pub mod lead;
mod line;
mod paced;
pub mod policy;
pub mod smtp;
mod smtp_talk;
pub mod sql;
#[cfg(test)]
pub(crate) mod stage;
pub mod target;
#[cfg(test)]
mod tests;
mod tls;
pub mod trace;

use allow::Allow;
use dial::Dialer;
use fault::{Fault, Network};
use policy::{Judge, Policy};
use std::net::IpAddr;
use std::time::Duration;
use target::{Host, Target};
use tokio::net::TcpStream;
use trace::{Phase, Trace};

/// Makes calls: [`Egress::http`], [`Egress::flow`], [`Egress::smtp`] and [`Egress::sql`].
pub struct Egress {
    dialer: Dialer,
    allow: Allow,
    own_port: Option<u16>,
}

/// How many addresses of one name are tried.
const TRIES: usize = 4;
/// How long one of several addresses may take to connect.
const PER_ADDRESS: Duration = Duration::from_secs(3);

impl Egress {
    /// Puts a dialer under the operator's list.
    pub fn new(dialer: Dialer, allow: Allow) -> Self {
        Self { dialer, allow, own_port: None }
    }

    /// Keeps calls from the port on which this console itself listens.
    #[must_use]
    pub fn keeping_from(mut self, own_port: u16) -> Self {
        self.own_port = Some(own_port);
        self
    }

    /// The dialer, with its counters.
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// The operator's list.
    pub fn allow(&self) -> &Allow {
        &self.allow
    }

    fn judge<'a>(&'a self, policy: &'a Policy) -> Judge<'a> {
        Judge { policy, allow: &self.allow, own_port: self.own_port }
    }

    /// Judges a target as far as can be done without looking its name up; opens nothing.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub fn judge_early(&self, target: &Target, policy: &Policy) -> Result<(), fault::Refusal> {
        self.judge(policy).before_lookup(target)
    }

    /// Judges, looks up, judges every address, and connects to one of exactly these.
    async fn open(&self, target: &Target, policy: &Policy, trace: &mut Trace) -> Result<(TcpStream, IpAddr), Fault> {
        let judge = self.judge(policy);
        judge.before_lookup(target).map_err(Fault::Refused)?;
        let addresses = match target.host() {
            Host::Ip(ip) => vec![*ip],
            Host::Name(name) => {
                trace.begin(Phase::Lookup);
                let found = self.dialer.resolve(name).await.map_err(Fault::Network)?;
                judge.addresses(target, &found).map_err(Fault::Refused)?;
                found
            }
        };
        trace.begin(Phase::Connect);
        self.connect_first(&addresses, target.port()).await.map_err(Fault::Network)
    }

    async fn connect_first(&self, addresses: &[IpAddr], port: u16) -> Result<(TcpStream, IpAddr), Network> {
        let several = addresses.len() > 1;
        let mut last = None;
        for ip in in_turns(addresses).into_iter().take(TRIES) {
            let connecting = self.dialer.connect(ip, port);
            let done = match several {
                false => connecting.await,
                true => tokio::time::timeout(PER_ADDRESS, connecting)
                    .await
                    .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())),
            };
            match done {
                Ok(stream) => return Ok((stream, ip)),
                // A family that this machine lacks says nothing of the service.
                Err(error) => match Network::from(&error) {
                    Network::Unreachable if last.is_some() => {}
                    network => last = Some(network),
                },
            }
        }
        Err(last.unwrap_or(Network::Refused))
    }
}

/// The addresses with their families in turns, that of the first in front (RFC 8305 §4): one that this machine cannot
/// reach does not use up all tries.
fn in_turns(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let is_v4 = addresses.first().is_some_and(IpAddr::is_ipv4);
    let (own, other): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().copied().partition(|ip| ip.is_ipv4() == is_v4);
    let longest = own.len().max(other.len());
    (0..longest).flat_map(|at| [own.get(at), other.get(at)]).flatten().copied().collect()
}

/// Runs a call until the trace's deadline and closes the part that was running.
async fn bounded<T>(trace: &mut Trace, call: impl AsyncFnOnce(&mut Trace) -> Result<T, Fault>) -> Result<T, Fault> {
    let deadline = trace.deadline();
    let result = tokio::time::timeout_at(deadline, call(trace)).await.unwrap_or(Err(Fault::Network(Network::Timeout)));
    trace.end(result.is_ok());
    result
}
