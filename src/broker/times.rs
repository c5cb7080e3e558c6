//! When tokens are renewed: before they end, not all at once, and before they die of disuse.

use crate::catalog::schema::{OAuth, Refresh};
use crate::clock::At;
use crate::crypto::random::Random;
use crate::error::Result;
use crate::model::oauth_grant::Times;
use chrono::TimeDelta;

/// Seconds before its end at which a token is renewed, unless the file says otherwise or it lives too short a time.
const MARGIN_S: i64 = 300;
const DAY_S: i64 = 86_400;

/// When tokens that were got `now` end and are renewed. `can_renew`: there is something to renew them with.
///
/// # Errors
/// No random bytes.
pub fn times(
    oauth: &OAuth,
    life_s: Option<u64>,
    can_renew: bool,
    connected_at: At,
    now: At,
    random: &Random,
) -> Result<Times> {
    let life = life_s.map(|s| i64::try_from(s).unwrap_or(i64::MAX).min(100 * 366 * DAY_S));
    let seconds = |s: i64| now.plus(TimeDelta::seconds(s)).micros();
    let renews = oauth.renews() && (can_renew || oauth.refresh == Refresh::ExchangeAccessToken);
    let before_end = life.map(|life| {
        let wanted = oauth.margin_s.map_or(MARGIN_S, |s| i64::try_from(s).unwrap_or(MARGIN_S));
        // A token that lives for seconds is still used for most of them.
        let margin = wanted.min(life / 2);
        life - margin
    });
    let idle = oauth.refresh_idle_days.map(|days| i64::from(days) * DAY_S / 2);
    let due = before_end.into_iter().chain(idle).min().filter(|_| renews);
    let jitter = due.map(|due| jitter(due / 20, random)).transpose()?.unwrap_or_default();
    let ends = oauth.refresh_max_days.map(|days| connected_at.plus(TimeDelta::days(days.into())).micros());
    Ok(Times { expires_at: life.map(seconds), refresh_at: due.map(|due| seconds(due - jitter)), ends_at: ends })
}

/// When to try again after `failures` in a row: growing pauses, at most an hour for what passes by itself, else a day.
///
/// # Errors
/// No random bytes.
pub(super) fn again(failures: i32, passing: bool, now: At, random: &Random) -> Result<At> {
    let most = if passing { 3600 } else { DAY_S };
    let pause = 30_i64.saturating_mul(1 << failures.clamp(0, 12)).min(most);
    Ok(now.plus(TimeDelta::seconds(pause + jitter(pause / 4, random)?)))
}

/// Until when a renewal waits that cannot even be tried: about an hour.
///
/// # Errors
/// No random bytes.
pub(super) fn pause(now: At, random: &Random) -> Result<At> {
    again(i32::MAX, true, now, random)
}

/// A random number from 0 to `most`.
fn jitter(most: i64, random: &Random) -> Result<i64> {
    let mut bytes = [0; 4];
    random.fill(&mut bytes)?;
    Ok(i64::from(u32::from_be_bytes(bytes)) % (most.max(0) + 1))
}

#[cfg(test)]
mod tests {
    use super::{again, times};
    use crate::catalog::load::Catalog;
    use crate::catalog::schema::OAuth;
    use crate::clock::{At, Clock};
    use crate::crypto::random::Random;

    fn oauth(extra: &str) -> OAuth {
        let file = format!(
            r#"
schema = 1
id = "acme"
name = "Acme"
category = "crm"
checked_on = 2026-01-02
[egress]
hosts = ["acme.example"]
[[method]]
id = "oauth"
label = "Sign in"
kind = "oauth2"
edit = "rename"
[[method.field]]
name = "client_id"
label = "Client"
kind = "text"
scope = "app"
[method.oauth]
grant = "code"
authorize_url = "https://acme.example/authorize"
token_url = "https://acme.example/token"
client_auth = "none"
{extra}
[method.check]
kind = "format"
why = "A test."
"#
        );
        let catalog = Catalog::of_files([("acme.toml", file.as_str())]).unwrap();
        catalog.method("acme", "oauth").unwrap().1.oauth.clone().unwrap()
    }

    fn at() -> At {
        Clock::system().now()
    }

    fn due(extra: &str, life: Option<u64>, can_renew: bool) -> Option<i64> {
        let now = at();
        let times = times(&oauth(extra), life, can_renew, now, now, &Random::system()).unwrap();
        times.refresh_at.map(|at| (at - now.micros()) / 1_000_000)
    }

    #[test]
    fn tokens_are_renewed_before_their_end_and_not_all_at_once() {
        for _ in 0..50 {
            assert!((3135..=3300).contains(&due("", Some(3600), true).unwrap()));
            assert!((4..=5).contains(&due("", Some(10), true).unwrap()));
            let idle = due("refresh_idle_days = 14", None, true).unwrap() / 3600;
            assert!((159..=168).contains(&idle), "{idle} hours");
        }
        assert_eq!(due("", Some(3600), false), None, "nothing renews it");
        assert_eq!(due("refresh = \"none\"", Some(3600), true), None);
        assert_eq!(due("", None, true), None, "it does not end");
    }

    #[test]
    fn pauses_grow_and_end_growing() {
        let now = at();
        let pause =
            |failures, passing| again(failures, passing, now, &Random::system()).unwrap().since(now).num_seconds();
        assert!((30..=37).contains(&pause(0, true)) && (60..=75).contains(&pause(1, true)));
        assert!((3600..=4500).contains(&pause(30, true)) && (86_400..=108_000).contains(&pause(30, false)));
    }
}
