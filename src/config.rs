//! Typed settings, read once from the environment and the files it names; read from nowhere else.

mod parse;
mod variables;

pub use variables::Origin;

use crate::secret::Secret;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use url::Url;
use variables::{Given, VARIABLES};

/// The exit code of a configuration that is refused.
pub const EXIT_CODE: u8 = 2;

/// Where the rows are.
#[derive(Debug)]
pub enum Database {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// A server; the address has its password in it.
    Postgres(Secret),
}

/// Where the root key is.
#[derive(Debug)]
pub enum RootKeySource {
    /// The one that is created in the data directory together with a new database.
    Created(PathBuf),
    /// A file that the operator provides.
    File(PathBuf),
    /// The value of the variable itself.
    Value(Secret),
    /// What a command prints: the program and its arguments.
    Command(Vec<String>),
}

/// The operator's mail server.
#[derive(Debug)]
pub struct MailServer {
    /// Whether it encrypts from the first byte (`smtps`) rather than by STARTTLS.
    pub implicit: bool,
    /// Its host, an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who signs in; empty for nobody.
    pub user: Secret,
    /// Their password.
    pub password: Secret,
}

/// Whom mails come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The name; may be empty.
    pub name: String,
    /// The address.
    pub address: String,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The settings of one process.
#[derive(Debug)]
pub struct Config {
    /// Where to listen (`CREDENZA_LISTEN`); port 0 takes a free one, see [`Config::listening_on`].
    pub listen: SocketAddr,
    /// The address that people use (`CREDENZA_PUBLIC_URL`): scheme, host and port only.
    pub public_url: Url,
    /// The data directory (`CREDENZA_DATA_DIR`).
    pub data_dir: PathBuf,
    /// The database (`DATABASE_URL`).
    pub database: Database,
    /// The root key (`CREDENZA_ROOT_KEY_FILE`, `CREDENZA_ROOT_KEY`, `CREDENZA_ROOT_KEY_COMMAND`).
    pub root_key: RootKeySource,
    /// The mail server (`CREDENZA_MAIL_URL`); without one, mails are kept as files in `{data}/mail`.
    pub mail_server: Option<MailServer>,
    /// Whom mails come from (`CREDENZA_MAIL_FROM`); see [`Config::sender`].
    mail_from: Option<Sender>,
    /// Private targets that may be reached (`CREDENZA_EGRESS_ALLOW`), as written; `egress` parses them.
    pub egress_allow: Vec<String>,
    /// Further authorities for outbound TLS (`CREDENZA_EGRESS_CA_FILE`).
    pub egress_ca_file: Option<PathBuf>,
    /// The operator's own integrations (`CREDENZA_CATALOG_DIR`).
    pub catalog_dir: Option<PathBuf>,
    /// Proxies whose word on the client's address counts (`CREDENZA_TRUSTED_PROXIES`).
    pub trusted_proxies: Vec<IpNet>,
    /// Whom people may ask (`CREDENZA_SUPPORT_CONTACT`).
    pub support_contact: Option<String>,
    /// Where metrics may be read (`CREDENZA_METRICS_LISTEN`); nowhere if not set. Port 0 takes a free one.
    pub metrics_listen: Option<SocketAddr>,
    /// Where signed checkpoints of the audit are appended (`CREDENZA_CHECKPOINT_FILE`).
    pub checkpoint_file: PathBuf,
    /// Where signed checkpoints of the audit are sent (`CREDENZA_CHECKPOINT_URL`); nowhere if not set.
    pub checkpoint_url: Option<Url>,
    /// The log filter (`CREDENZA_LOG`).
    pub log: String,
    /// The log format (`CREDENZA_LOG_FORMAT`).
    pub log_format: LogFormat,
    insecure_http: bool,
    /// Whether the program ends when a flush to the disk fails, rather than going on without writing.
    pub exit_on_disk_fault: bool,
    origins: BTreeMap<&'static str, Origin>,
}

/// One variable that is not acceptable, and what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub variable: String,
    /// What is wrong and what to do; never a secret.
    pub text: String,
}

/// Everything that is wrong with the configuration; the exit code is [`EXIT_CODE`].
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The configuration is not usable:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {} {}", problem.variable, problem.text))
    }
}

impl std::error::Error for ConfigError {}

/// One line of `credenza config explain`.
#[derive(Debug, PartialEq, Eq)]
pub struct Explained {
    /// The variable.
    pub name: &'static str,
    /// The value in force; a secret is never shown.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it is for.
    pub meaning: &'static str,
    /// What holds when it is not set.
    pub unset: &'static str,
}

impl Config {
    /// Reads the environment of this process. Fails with every problem at once.
    pub fn from_env() -> Result<Self, ConfigError> {
        // A name or value that is not UTF-8 is kept lossily: among ours it is then unknown or malformed.
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        Self::from(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    /// Reads settings from pairs of name and value; names that are not ours are ignored, unknown ones that
    /// begin with `CREDENZA_` are refused.
    pub fn from(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut given = Given::read(vars);
        let listen = given.get("CREDENZA_LISTEN", parse::listen);
        let listen = listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
        let public_url = given.get("CREDENZA_PUBLIC_URL", parse::public_url);
        let data_dir = given.get("CREDENZA_DATA_DIR", parse::path).unwrap_or_else(|| PathBuf::from("./data"));
        let database = given.get("DATABASE_URL", parse::database);
        let database = database.unwrap_or_else(|| Database::Sqlite(data_dir.join("credenza.db")));
        let config = Self {
            listen,
            public_url: public_url.map_or_else(|| url_of(listen), Ok).map_err(|p| ConfigError(vec![p]))?,
            root_key: root_key(&mut given, &data_dir),
            checkpoint_file: given
                .get("CREDENZA_CHECKPOINT_FILE", parse::path)
                .unwrap_or_else(|| data_dir.join("checkpoints")),
            checkpoint_url: given.get("CREDENZA_CHECKPOINT_URL", parse::address),
            data_dir,
            database,
            mail_server: given.get("CREDENZA_MAIL_URL", parse::mail_url),
            mail_from: given.get("CREDENZA_MAIL_FROM", parse::sender),
            egress_allow: given.get("CREDENZA_EGRESS_ALLOW", parse::list).unwrap_or_default(),
            egress_ca_file: given.get("CREDENZA_EGRESS_CA_FILE", parse::path),
            catalog_dir: given.get("CREDENZA_CATALOG_DIR", parse::path),
            trusted_proxies: given.get("CREDENZA_TRUSTED_PROXIES", parse::networks).unwrap_or_default(),
            support_contact: given.get("CREDENZA_SUPPORT_CONTACT", parse::contact),
            metrics_listen: given.get("CREDENZA_METRICS_LISTEN", parse::optional_listen).flatten(),
            log: given.get("CREDENZA_LOG", parse::log).unwrap_or_else(|| "info".to_owned()),
            log_format: given.get("CREDENZA_LOG_FORMAT", parse::log_format).unwrap_or(LogFormat::Text),
            exit_on_disk_fault: given.get("CREDENZA_EXIT_ON_DISK_FAULT", parse::flag).unwrap_or(false),
            insecure_http: given.get("CREDENZA_INSECURE_HTTP", parse::flag).unwrap_or(false),
            origins: given.origins.clone(),
        };
        config.judge_transport(&mut given);
        if config.metrics_listen.is_some_and(|metrics| metrics == listen && metrics.port() != 0) {
            given.problem("CREDENZA_METRICS_LISTEN", "must be another address or port than CREDENZA_LISTEN");
        }
        given.finish()?;
        Ok(config)
    }

    /// Settings for a test: a free loopback port, everything in the given directory.
    pub fn for_testing(data_dir: &Path) -> Result<Self, ConfigError> {
        let data_dir = data_dir.to_string_lossy().into_owned();
        let vars = [("CREDENZA_LISTEN", "127.0.0.1:0"), ("CREDENZA_DATA_DIR", &data_dir)];
        Self::from(vars.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    /// Takes over the address that listening really got; a public address that was not given follows it.
    pub fn listening_on(&mut self, listen: SocketAddr) {
        self.listen = listen;
        if !self.origins.contains_key("CREDENZA_PUBLIC_URL")
            && let Ok(url) = url_of(listen)
        {
            self.public_url = url;
        }
    }

    /// Whether people reach us by https; turns on secure cookies and HSTS.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Whom mails come from: as set, or `credenza@` and the host of the public address.
    pub fn sender(&self) -> Sender {
        let host = || match self.public_url.host() {
            Some(url::Host::Domain(name)) => name.to_owned(),
            _ => "localhost".to_owned(),
        };
        let own = || Sender { name: "Credenza".to_owned(), address: format!("credenza@{}", host()) };
        self.mail_from.clone().unwrap_or_else(own)
    }

    /// Whether the mail server is spoken to in clear text: one on this machine, or one that
    /// `CREDENZA_EGRESS_ALLOW` names by host and port.
    pub fn mail_in_clear(&self) -> bool {
        self.mail_server.as_ref().is_some_and(|server| {
            let here =
                server.host == "localhost" || server.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
            let place = match server.host.contains(':') {
                true => format!("[{}]:{}", server.host, server.port),
                false => format!("{}:{}", server.host, server.port),
            };
            !server.implicit && (here || self.egress_allow.contains(&place))
        })
    }

    /// Whether whoever takes the data directory takes the root key with it.
    pub fn key_lies_with_data(&self) -> bool {
        match &self.root_key {
            RootKeySource::Created(_) => true,
            RootKeySource::File(path) => lies_within(path, &self.data_dir),
            RootKeySource::Value(_) | RootKeySource::Command(_) => false,
        }
    }

    /// Settings that take away protection, in words for the start and for the audit.
    pub fn dangers(&self) -> Vec<String> {
        let mut dangers = Vec::new();
        if !self.is_https() && !parse::is_loopback(&self.public_url) {
            dangers.push("CREDENZA_INSECURE_HTTP: passwords and cookies travel unencrypted".to_owned());
        } else if !self.is_https() && !self.listen.ip().is_loopback() {
            dangers.push(format!("CREDENZA_LISTEN: plain http can be reached from other machines at {}", self.listen));
        }
        if let Some(metrics) = self.metrics_listen.filter(|metrics| !metrics.ip().is_loopback()) {
            dangers.push(format!("CREDENZA_METRICS_LISTEN: metrics can be read by whoever reaches {metrics}"));
        }
        match &self.root_key {
            RootKeySource::Created(path) => {
                dangers.push(format!("the root key lies beside the data, at {}; keep it elsewhere", path.display()));
            }
            RootKeySource::File(_) if self.key_lies_with_data() => {
                dangers.push("CREDENZA_ROOT_KEY_FILE: the root key lies beside the data; keep it elsewhere".to_owned());
            }
            RootKeySource::File(_) | RootKeySource::Command(_) => {}
            RootKeySource::Value(_) => dangers.push(
                "CREDENZA_ROOT_KEY: other processes of this user can read the environment; prefer a file".to_owned(),
            ),
        }
        if let Some(server) = self.mail_server.as_ref().filter(|_| self.mail_in_clear()) {
            dangers.push(format!("CREDENZA_MAIL_URL: mails go to {} in clear text", server.host));
        }
        if !self.egress_allow.is_empty() {
            let allowed = self.egress_allow.join(", ");
            dangers.push(format!("CREDENZA_EGRESS_ALLOW: checks may reach {allowed}"));
        }
        if self.trusted_proxies.iter().any(|network| network.prefix_len() == 0) {
            dangers.push("CREDENZA_TRUSTED_PROXIES: anyone may claim any address".to_owned());
        }
        dangers
    }

    /// Every variable with the value in force; secrets are only said to be set.
    pub fn explain(&self) -> Vec<Explained> {
        let explained = |v: &'static variables::Variable| Explained {
            name: v.name,
            value: self.shown(v.name),
            origin: self.origins.get(v.name).cloned().unwrap_or(Origin::Default),
            meaning: v.meaning,
            unset: v.unset,
        };
        VARIABLES.iter().map(explained).collect()
    }

    fn shown(&self, name: &str) -> String {
        let path = |path: &Option<PathBuf>| path.as_ref().map_or_else(String::new, |p| p.display().to_string());
        match (name, &self.root_key, &self.database) {
            ("CREDENZA_LISTEN", ..) => self.listen.to_string(),
            ("CREDENZA_PUBLIC_URL", ..) => self.public_url.to_string(),
            ("CREDENZA_EXIT_ON_DISK_FAULT", ..) => u8::from(self.exit_on_disk_fault).to_string(),
            ("CREDENZA_INSECURE_HTTP", ..) => u8::from(self.insecure_http).to_string(),
            ("CREDENZA_CHECKPOINT_FILE", ..) => self.checkpoint_file.display().to_string(),
            ("CREDENZA_CHECKPOINT_URL", ..) => self.checkpoint_url.as_ref().map_or_else(String::new, Url::to_string),
            ("CREDENZA_DATA_DIR", ..) => self.data_dir.display().to_string(),
            ("DATABASE_URL", _, Database::Sqlite(file)) => format!("sqlite://{}", file.display()),
            ("DATABASE_URL", _, Database::Postgres(url)) => server_of(url),
            ("CREDENZA_ROOT_KEY_FILE", RootKeySource::Created(p) | RootKeySource::File(p), _) => {
                p.display().to_string()
            }
            ("CREDENZA_ROOT_KEY", RootKeySource::Value(_), _) => "(hidden)".to_owned(),
            // Its arguments may lead to more than the program's name does.
            ("CREDENZA_ROOT_KEY_COMMAND", RootKeySource::Command(argv), _) => argv.first().cloned().unwrap_or_default(),
            ("CREDENZA_MAIL_URL", ..) => self.mail_server.as_ref().map_or_else(String::new, |server| {
                let scheme = if server.implicit { "smtps" } else { "smtp" };
                format!("{scheme}://{}:{} (user and password hidden)", server.host, server.port)
            }),
            ("CREDENZA_MAIL_FROM", ..) => {
                let Sender { name, address } = self.sender();
                if name.is_empty() { address } else { format!("{name} <{address}>") }
            }
            ("CREDENZA_EGRESS_ALLOW", ..) => self.egress_allow.join(","),
            ("CREDENZA_EGRESS_CA_FILE", ..) => path(&self.egress_ca_file),
            ("CREDENZA_CATALOG_DIR", ..) => path(&self.catalog_dir),
            ("CREDENZA_TRUSTED_PROXIES", ..) => {
                self.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
            }
            ("CREDENZA_SUPPORT_CONTACT", ..) => self.support_contact.clone().unwrap_or_default(),
            ("CREDENZA_METRICS_LISTEN", ..) => self.metrics_listen.map(|listen| listen.to_string()).unwrap_or_default(),
            ("CREDENZA_LOG", ..) => self.log.clone(),
            ("CREDENZA_LOG_FORMAT", ..) => format!("{:?}", self.log_format).to_lowercase(),
            _ => String::new(),
        }
    }

    /// Rules that span several variables.
    fn judge_transport(&self, given: &mut Given) {
        if !self.is_https() && !parse::is_loopback(&self.public_url) && !self.insecure_http {
            given.problem(
                "CREDENZA_PUBLIC_URL",
                "must be https off this machine: put a TLS proxy in front and give its https:// address, or accept \
                 that passwords travel unencrypted with CREDENZA_INSECURE_HTTP=1",
            );
        }
        if self.is_https() && self.key_lies_with_data() {
            given.problem(
                "CREDENZA_ROOT_KEY_FILE",
                "must name a file outside CREDENZA_DATA_DIR when the public address is https; make one with: \
                 (umask 077; openssl rand -base64 32 > /path/to/root.key)",
            );
        }
    }
}

fn root_key(given: &mut Given, data_dir: &Path) -> RootKeySource {
    let file = given.get("CREDENZA_ROOT_KEY_FILE", parse::path).map(RootKeySource::File);
    let value = given.get("CREDENZA_ROOT_KEY", parse::secret).map(RootKeySource::Value);
    let command = given.get("CREDENZA_ROOT_KEY_COMMAND", parse::command).map(RootKeySource::Command);
    let mut sources = [file, value, command].into_iter().flatten();
    let source = sources.next().unwrap_or_else(|| RootKeySource::Created(data_dir.join("root.key")));
    if sources.next().is_some() {
        let names = "CREDENZA_ROOT_KEY_FILE and CREDENZA_ROOT_KEY_COMMAND";
        given.problem("CREDENZA_ROOT_KEY", format!("{names}: more than one of them is set; keep one"));
    }
    source
}

/// Reads a command as a variable or an option gives it: see `CREDENZA_ROOT_KEY_COMMAND`.
pub fn command(text: &str) -> Result<Vec<String>, String> {
    parse::command(text)
}

fn url_of(listen: SocketAddr) -> Result<Url, Problem> {
    Url::parse(&format!("http://{listen}"))
        .map_err(|e| Problem { variable: "CREDENZA_LISTEN".to_owned(), text: e.to_string() })
}

/// Where a PostgreSQL server is, without who signs in and how.
fn server_of(url: &Secret) -> String {
    let Ok(url) = Url::parse(url.expose()) else { return "(hidden)".to_owned() };
    let host = url.query_pairs().find(|(name, _)| name == "host").map(|(_, host)| host.into_owned());
    let host = host.or_else(|| url.host_str().map(str::to_owned)).unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{} (user, password and options hidden)", url.scheme(), url.path())
}

/// Whether a file lies in a directory, as far as the two exist also by their real paths.
fn lies_within(file: &Path, dir: &Path) -> bool {
    let real = |path: &Path| {
        let known = path.canonicalize().ok();
        let parent = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
        known.or_else(parent).or_else(|| std::path::absolute(path).ok()).unwrap_or_else(|| path.to_owned())
    };
    real(file).starts_with(real(dir))
}

#[cfg(test)]
mod tests;
