//! Which targets a service may have: judged before a name is looked up, and again for every address.

use super::address::{Kind, is_metadata_name, kind};
use super::allow::Allow;
use super::fault::{Refusal, Rule};
use super::target::{BadTarget, Host, Mode, Target};
use std::net::IpAddr;

/// A host of a service: exact, or `*.x` for one or more labels in front of `x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// This host.
    Exact(Host),
    /// Every name that ends in a dot and this.
    Below(String),
}

impl Pattern {
    /// Reads a pattern of a catalogue file.
    ///
    /// # Errors
    /// [`BadTarget::Host`] unless it is a host name, an address, or `*.` and a host name.
    pub fn parse(text: &str) -> Result<Self, BadTarget> {
        match text.strip_prefix("*.") {
            None => Host::parse(text).map(Self::Exact),
            Some(rest) => match Host::parse(rest)? {
                Host::Name(name) => Ok(Self::Below(name)),
                Host::Ip(_) => Err(BadTarget::Host),
            },
        }
    }

    /// Whether the host is one that the pattern means.
    pub fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(exact), host) => exact == host,
            (Self::Below(parent), Host::Name(name)) => name
                .strip_suffix(parent.as_str())
                .and_then(|front| front.strip_suffix('.'))
                .is_some_and(|labels| !labels.is_empty()),
            (Self::Below(_), Host::Ip(_)) => false,
        }
    }
}

/// Whether the operator may open private addresses to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Private {
    /// Nobody may.
    #[default]
    Never,
    /// By an entry of `CREDENZA_EGRESS_ALLOW`.
    Operator,
}

/// The targets that a service's file and a credential's own host allow.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Hosts of the file, and the host that a person supplied.
    pub hosts: Vec<Pattern>,
    /// Ports of the file; empty means the usual ones of the protocol.
    pub ports: Vec<u16>,
    /// Whether private addresses can be opened.
    pub private: Private,
    /// Whether a certificate may be confirmed by its fingerprint.
    pub may_pin: bool,
    /// The confirmed fingerprint (SHA-256 of the leaf certificate).
    pub pin: Option<[u8; 32]>,
    /// Whether the operator named this very target in a setting of its own: it may be private, on any port and, where
    /// its mode says so, in clear text. Metadata services stay out of reach.
    pub by_operator: bool,
}

/// What a target is judged against: the service's [`Policy`] and what this installation adds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'a> {
    pub policy: &'a Policy,
    pub allow: &'a Allow,
    pub own_port: Option<u16>,
}

impl Judge<'_> {
    /// Judges what can be known without looking a name up.
    pub fn before_lookup(&self, target: &Target) -> Result<(), Refusal> {
        let may_cover = self.policy.by_operator || self.allow.may_cover(target);
        let refuse = |rule| Err(self.refusal(rule, target));
        if target.host().name().is_some_and(is_metadata_name) {
            return refuse(Rule::Metadata);
        }
        if !self.policy.hosts.iter().any(|pattern| pattern.matches(target.host())) {
            return refuse(Rule::Host);
        }
        if target.mode() == Mode::Http && !may_cover {
            return refuse(Rule::PlainHttp);
        }
        if !may_cover && self.own_port == Some(target.port()) && target.port() != 443 {
            return refuse(Rule::Own);
        }
        if !may_cover && !self.listed(target) {
            return refuse(Rule::Port);
        }
        match target.host() {
            Host::Ip(ip) => self.address(target, *ip),
            Host::Name(name)
                if is_local_name(name)
                    && !self.policy.by_operator
                    && !(self.can_open() && self.allow.names(target)) =>
            {
                refuse(Rule::Private)
            }
            Host::Name(_) => Ok(()),
        }
    }

    /// Judges all addresses of a name: one that is not allowed refuses the name as a whole.
    pub fn addresses(&self, target: &Target, addresses: &[IpAddr]) -> Result<(), Refusal> {
        addresses.iter().try_for_each(|ip| self.address(target, *ip))
    }

    fn address(&self, target: &Target, ip: IpAddr) -> Result<(), Refusal> {
        let covered = self.policy.by_operator || self.allow.covers(target, ip);
        let rule = match kind(ip) {
            Kind::Metadata => Rule::Metadata,
            Kind::Special if !(covered && self.can_open()) => Rule::Private,
            _ if covered => return Ok(()),
            _ if target.mode() == Mode::Http => Rule::PlainHttp,
            _ if !self.listed(target) => Rule::Port,
            _ => return Ok(()),
        };
        Err(self.refusal(rule, target))
    }

    /// Whether a sign-in may go out in clear text to this address.
    pub fn plain_sign_in(&self, target: &Target, ip: IpAddr) -> Result<(), Refusal> {
        let covered = self.policy.by_operator || self.allow.covers(target, ip);
        if covered { Ok(()) } else { Err(self.refusal(Rule::PlainSignIn, target)) }
    }

    fn can_open(&self) -> bool {
        self.policy.by_operator || self.policy.private == Private::Operator
    }

    fn listed(&self, target: &Target) -> bool {
        let usual: &[u16] = match target.mode() {
            Mode::Https => &[443],
            Mode::Http => &[],
            Mode::SmtpTls | Mode::SmtpStarttls | Mode::SmtpPlain => &[465, 587, 25, 2525],
            Mode::PostgresTls | Mode::PostgresPlain => &[5432],
            Mode::MysqlTls | Mode::MysqlPlain => &[3306],
        };
        let ports = if self.policy.ports.is_empty() { usual } else { &self.policy.ports };
        ports.contains(&target.port())
    }

    fn refusal(&self, rule: Rule, target: &Target) -> Refusal {
        let helps = match rule {
            Rule::Host | Rule::Metadata => false,
            Rule::Private => self.can_open(),
            Rule::Port | Rule::PlainHttp | Rule::Own | Rule::PlainSignIn => true,
        };
        Refusal { rule, ask_for: helps.then(|| target.allow_entry()) }
    }
}

fn is_local_name(name: &str) -> bool {
    ["localhost", "localdomain"].iter().any(|local| name.rsplit('.').next() == Some(local))
        || name == "ip6-localhost"
        || name == "ip6-loopback"
}

#[cfg(test)]
mod tests {
    use super::{Judge, Pattern, Policy, Private};
    use crate::egress::allow::Allow;
    use crate::egress::fault::Rule;
    use crate::egress::target::{Host, Mode, Target};

    fn policy(hosts: &[&str], private: Private) -> Policy {
        Policy { hosts: hosts.iter().map(|h| Pattern::parse(h).unwrap()).collect(), private, ..Policy::default() }
    }

    fn judge(policy: &Policy, allow: &str, address: &str, ips: &[&str]) -> Option<Rule> {
        let allow = Allow::parse(allow).unwrap();
        let judge = Judge { policy, allow: &allow, own_port: Some(8080) };
        let target = Target::http(address).unwrap();
        let ips: Vec<_> = ips.iter().map(|ip| ip.parse().unwrap()).collect();
        judge.before_lookup(&target).and_then(|()| judge.addresses(&target, &ips)).err().map(|r| r.rule)
    }

    #[test]
    fn t101_patterns_are_whole_labels() {
        let below = Pattern::parse("*.Example.com").unwrap();
        for yes in ["a.example.com", "a.b.example.com"] {
            assert!(below.matches(&Host::parse(yes).unwrap()), "{yes}");
        }
        for no in ["example.com", "evilexample.com", "example.com.evil.tld", "a.example.com.evil.tld", "1.2.3.4"] {
            assert!(!below.matches(&Host::parse(no).unwrap()), "{no}");
        }
        assert!(Pattern::parse("*.bücher.example").unwrap().matches(&Host::parse("x.xn--bcher-kva.example").unwrap()));
        assert!(
            Pattern::parse("*").is_err() && Pattern::parse("a.*.b").is_err() && Pattern::parse("*.1.2.3.4").is_err()
        );
    }

    #[test]
    fn t093_mixed_answers_are_denied() {
        let policy = policy(&["api.example.com"], Private::Operator);
        let at = |ips: &[&str]| judge(&policy, "", "https://api.example.com/", ips);
        assert_eq!(at(&["9.9.9.9", "10.0.0.1"]), Some(Rule::Private));
        assert_eq!(at(&["fd00::1", "9.9.9.9"]), Some(Rule::Private));
        assert_eq!(at(&["9.9.9.9", "2606:4700::1"]), None);
    }

    #[test]
    fn t088_no_entry_opens_metadata() {
        let policy = policy(&["*.example.com", "metadata.google.internal", "169.254.169.254"], Private::Operator);
        let allow = "a.example.com:443,0.0.0.0/0:443,[::/0]:443,metadata.google.internal:443";
        for ip in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "168.63.129.16"] {
            assert_eq!(judge(&policy, allow, "https://a.example.com/", &[ip]), Some(Rule::Metadata), "{ip}");
        }
        assert_eq!(judge(&policy, allow, "https://169.254.169.254/", &[]), Some(Rule::Metadata));
        assert_eq!(judge(&policy, allow, "https://metadata.google.internal/", &["9.9.9.9"]), Some(Rule::Metadata));
    }

    #[test]
    fn private_addresses_need_an_entry_and_a_file_that_agrees() {
        let open = policy(&["erp.example.com", "10.0.0.5"], Private::Operator);
        let never = policy(&["erp.example.com"], Private::Never);
        let to = "https://erp.example.com/";
        assert_eq!(judge(&open, "erp.example.com:443", to, &["10.0.0.5"]), None);
        assert_eq!(judge(&open, "10.0.0.0/8:443", to, &["10.0.0.5"]), None);
        assert_eq!(judge(&open, "10.0.0.0/8:443", "https://10.0.0.5/", &[]), None);
        assert_eq!(judge(&open, "10.0.0.0/8:444", to, &["10.0.0.5"]), Some(Rule::Private));
        assert_eq!(judge(&open, "10.0.0.0/8:443", to, &["192.168.0.1"]), Some(Rule::Private));
        assert_eq!(judge(&never, "erp.example.com:443,10.0.0.0/8:443", to, &["10.0.0.5"]), Some(Rule::Private));
    }

    #[test]
    fn t094_local_names_are_denied_unless_named() {
        let policy = policy(&["localhost", "x.localhost", "localtest.me"], Private::Operator);
        assert_eq!(judge(&policy, "", "https://localhost/", &[]), Some(Rule::Private));
        assert_eq!(judge(&policy, "127.0.0.0/8:443", "https://x.localhost/", &[]), Some(Rule::Private));
        assert_eq!(judge(&policy, "", "https://localtest.me/", &["127.0.0.1"]), Some(Rule::Private));
        assert_eq!(judge(&policy, "localhost:443", "https://localhost/", &["127.0.0.1", "::1"]), None);
    }

    #[test]
    fn t096_plain_http_needs_its_own_entry() {
        let policy = policy(&["erp.example.com"], Private::Operator);
        let to = "http://erp.example.com/";
        assert_eq!(judge(&policy, "", to, &[]), Some(Rule::PlainHttp));
        assert_eq!(judge(&policy, "erp.example.com:80", to, &[]), Some(Rule::PlainHttp));
        assert_eq!(judge(&policy, "http://erp.example.com:80", to, &["10.0.0.1"]), None);
        assert_eq!(judge(&policy, "http://10.0.0.0/8:80", to, &["9.9.9.9"]), Some(Rule::PlainHttp));
        assert_eq!(
            judge(&policy, "http://erp.example.com:443", "https://erp.example.com/", &["10.0.0.1"]),
            Some(Rule::Private)
        );
    }

    #[test]
    fn t097_ports_that_are_not_listed_are_denied() {
        let mut policy = policy(&["erp.example.com"], Private::Operator);
        for port in [22, 6379, 5432, 80] {
            assert_eq!(judge(&policy, "", &format!("https://erp.example.com:{port}/"), &[]), Some(Rule::Port));
        }
        assert_eq!(judge(&policy, "erp.example.com:9443", "https://erp.example.com:9443/", &["9.9.9.9"]), None);
        assert_eq!(judge(&policy, "10.0.0.0/8:9443", "https://erp.example.com:9443/", &["9.9.9.9"]), Some(Rule::Port));
        policy.ports = vec![443, 8080, 50000];
        assert_eq!(judge(&policy, "", "https://erp.example.com:50000/", &["9.9.9.9"]), None);
        assert_eq!(judge(&policy, "", "https://erp.example.com:8080/", &["9.9.9.9"]), Some(Rule::Own));
        assert_eq!(judge(&policy, "erp.example.com:8080", "https://erp.example.com:8080/", &["9.9.9.9"]), None);
    }

    #[test]
    fn a_refusal_says_which_entry_to_ask_for() {
        let policy = policy(&["mail.example.com"], Private::Operator);
        let allow = Allow::default();
        let judge = Judge { policy: &policy, allow: &allow, own_port: None };
        let target = Target::smtp("mail.example.com", 587, Mode::SmtpStarttls).unwrap();
        let refusal = judge.addresses(&target, &["10.1.1.1".parse().unwrap()]).unwrap_err();
        assert_eq!(refusal.ask_for.as_deref(), Some("mail.example.com:587"));
        assert!(
            refusal
                .to_string()
                .ends_with("ask the operator of this console to add mail.example.com:587 to CREDENZA_EGRESS_ALLOW.")
        );
    }
}
