//! The clock, the catalogue's age, the addresses, and what may be reached from here.

use super::{Findings, open};
use crate::catalog::lint::STALE_DAYS;
use crate::catalog::load::Catalog;
use crate::clock::Clock;
use crate::config::Config;
use crate::egress::allow::Allow;
use chrono::{Days, NaiveDate};

/// The catalogue loads, and is not too old; returns the newest date in it.
pub(super) fn catalogue(config: &Config, found: &mut Findings) -> Option<NaiveDate> {
    let catalog = match open::catalog(config) {
        Ok(catalog) => catalog,
        Err(failure) => {
            found.fail("catalogue", failure.text);
            return None;
        }
    };
    age(&catalog, today(), found);
    catalog.all().iter().map(|one| one.checked_on).max()
}

fn today() -> NaiveDate {
    Clock::system().now().utc().date_naive()
}

fn age(catalog: &Catalog, today: NaiveDate, found: &mut Findings) {
    let all = catalog.all();
    let stale: Vec<&str> = all
        .iter()
        .filter(|one| one.checked_on.checked_add_days(Days::new(STALE_DAYS)).is_some_and(|end| end < today))
        .map(|one| one.id.as_str())
        .collect();
    let oldest = all.iter().map(|one| one.checked_on).min().unwrap_or(today);
    if stale.is_empty() {
        found.ok("catalogue", format!("{} services, the oldest facts are of {oldest}", all.len()));
    } else {
        let named = stale.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        let more = stale.len().saturating_sub(5);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        found.warn(
            "catalogue",
            format!("facts are over a year old ({named}{more}); upgrade Credenza or your own files"),
        );
    }
}

/// The clock cannot stand before the day on which the program's own facts were looked up.
pub(super) fn clock(known: Option<NaiveDate>, found: &mut Findings) {
    let now = Clock::system().now();
    match known {
        Some(known) if now.utc().date_naive() < known => {
            found.fail("clock", format!("says {}, which is before {known}: set it, best by NTP", now.rfc3339()));
        }
        _ => found.ok("clock", format!("says {}", now.rfc3339())),
    }
}

/// Where people, proxies and Prometheus come in.
pub(super) fn addresses(config: &Config, found: &mut Findings) {
    let (public, listen) = (&config.public_url, config.listen);
    let away = !listen.ip().is_loopback();
    if config.is_https() {
        found.ok("public address", format!("{public} through a proxy that speaks TLS, to {listen}"));
        if config.trusted_proxies.is_empty() {
            found.warn(
                "trusted proxies",
                "none, so that everybody behind the proxy shares one sign-in limit and one address in the audit; \
                 name it in CREDENZA_TRUSTED_PROXIES",
            );
        } else {
            let all = config.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            found.ok("trusted proxies", all);
        }
    } else if public.host_str().is_some_and(|host| matches!(host, "localhost" | "[::1]") || host.starts_with("127.")) {
        match away {
            false => found.ok("public address", format!("{public} on this machine only")),
            true => {
                found.warn("public address", format!("{public}, but {listen} takes plain http from other machines"))
            }
        }
    } else {
        found.warn("public address", format!("{public}: passwords and cookies travel unencrypted"));
    }
    match config.metrics_listen {
        Some(metrics) if !metrics.ip().is_loopback() => {
            found.warn("metrics", format!("can be read by whoever reaches {metrics}; keep it in a closed network"));
        }
        Some(metrics) => found.ok("metrics", format!("at http://{metrics}/metrics")),
        None => found.ok("metrics", "off (CREDENZA_METRICS_LISTEN)"),
    }
}

/// What checks may reach beyond public addresses and listed ports, and whom they trust.
pub(super) fn egress(config: &Config, found: &mut Findings) {
    match Allow::parse(&config.egress_allow.join(",")) {
        Err(error) => found.fail("egress", error.to_string()),
        Ok(allow) if allow.is_empty() => found.ok("egress", "public addresses and usual ports only"),
        Ok(allow) => {
            let broad = allow.broad().collect::<Vec<_>>().join(", ");
            let all = allow.entries().collect::<Vec<_>>().join(", ");
            match broad.is_empty() {
                true => found.ok("egress", format!("may also reach {all}")),
                false => found.warn("egress", format!("may also reach {all}; whole networks or plain HTTP: {broad}")),
            }
        }
    }
    match (&config.egress_ca_file, open::egress(config)) {
        (Some(file), Ok(_)) => found.ok("authorities", format!("the machine's and those of {}", file.display())),
        (None, Ok(_)) => found.ok("authorities", "the machine's"),
        // An entry that cannot be read was told above.
        (_, Err(failure)) if !failure.text.starts_with("CREDENZA_EGRESS_ALLOW") => {
            found.fail("authorities", failure.text)
        }
        (_, Err(_)) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{Findings, addresses, age, clock, egress, today};
    use crate::catalog::load::Catalog;
    use crate::cli::doctor::Level::{self, Fail, Ok, Warn};
    use crate::config::Config;
    use chrono::Days;

    fn levels(f: impl FnOnce(&mut Findings)) -> Vec<(Level, String)> {
        let mut found = Findings::default();
        f(&mut found);
        found.0.iter().map(|finding| (finding.level, finding.text.clone())).collect()
    }

    fn config(vars: &[(&str, &str)]) -> Config {
        let key = [("CREDENZA_ROOT_KEY_FILE", "/keys/root.key")];
        Config::from(key.iter().chain(vars).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap()
    }

    #[test]
    fn a_clock_before_the_programs_own_facts_is_wrong() {
        assert_eq!(levels(|found| clock(Some(today()), found))[0].0, Ok);
        assert_eq!(levels(|found| clock(today().checked_add_days(Days::new(1)), found))[0].0, Fail);
    }

    #[test]
    fn a_catalogue_ages() {
        let catalog = Catalog::load(None).unwrap();
        assert_eq!(levels(|found| age(&catalog, today(), found))[0].0, Ok);
        let later = today().checked_add_days(Days::new(800)).unwrap();
        let (level, text) = levels(|found| age(&catalog, later, found)).remove(0);
        assert!(level == Warn && text.contains(" more)"), "{text}");
    }

    #[test]
    fn addresses_are_judged() {
        let of = |vars: &[(&str, &str)]| {
            levels(|found| addresses(&config(vars), found)).into_iter().map(|(level, _)| level).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), [Ok, Ok]);
        assert_eq!(of(&[("CREDENZA_PUBLIC_URL", "https://a.example")]), [Ok, Warn, Ok]);
        let behind = [("CREDENZA_PUBLIC_URL", "https://a.example"), ("CREDENZA_TRUSTED_PROXIES", "10.0.0.1")];
        assert_eq!(of(&behind), [Ok, Ok, Ok]);
        assert_eq!(of(&[("CREDENZA_PUBLIC_URL", "http://a.example"), ("CREDENZA_INSECURE_HTTP", "1")])[0], Warn);
        assert_eq!(of(&[("CREDENZA_PUBLIC_URL", "http://localhost:1"), ("CREDENZA_LISTEN", "0.0.0.0:1")])[0], Warn);
        assert_eq!(of(&[("CREDENZA_METRICS_LISTEN", "127.0.0.1:9")])[1], Ok);
        assert_eq!(of(&[("CREDENZA_METRICS_LISTEN", "0.0.0.0:9")])[1], Warn);
    }

    #[test]
    fn what_may_be_reached_is_judged() {
        let of = |allow: &str| levels(|found| egress(&config(&[("CREDENZA_EGRESS_ALLOW", allow)]), found)).remove(0);
        assert_eq!(of("").0, Ok);
        assert_eq!(of("db.internal:5432,10.0.0.1:25").0, Ok);
        for broad in ["10.0.0.0/8:443", "http://intranet.example:80"] {
            let (level, text) = of(&format!("db.internal:5432,{broad}"));
            assert!(level == Warn && text.ends_with(broad), "{text}");
        }
        assert_eq!(of("no-port").0, Fail);
    }
}
