//! The policies of a workspace, kept as JSON beside its name: what is not there has its default.

use super::bot_token::MOST_DAYS;
use super::permission::{Allowed, ManageSettings};
use super::workspace::{Workspace, checked_name};
use super::{Means, audit};
use crate::crypto::hex;
use crate::db::Tx;
use crate::db::schema::workspaces;
use crate::db::types::Json;
use crate::error::{Error, Result};
use chrono::TimeDelta;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ops::RangeInclusive;

/// What the admins of a workspace decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Whether admins and support need a second factor.
    pub second_factor: bool,
    /// A session ends after so many minutes without a request.
    pub idle_minutes: i64,
    /// A session ends so many hours after signing in.
    pub absolute_hours: i64,
    /// A token that is made lives for at most so many days.
    pub token_days: i64,
    /// A deleted credential can be restored for so many days.
    pub keep_deleted_days: i64,
    /// An audit event is kept for so many days; 0 for ever.
    pub keep_audit_days: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            second_factor: false,
            idle_minutes: 60,
            absolute_hours: 12,
            token_days: MOST_DAYS,
            keep_deleted_days: 30,
            keep_audit_days: 0,
        }
    }
}

impl From<Json<Settings>> for Settings {
    fn from(json: Json<Settings>) -> Self {
        json.0
    }
}

/// A number among the settings: its field, what it may be, and what it is called in a sentence.
pub struct Number {
    /// The name of its field.
    pub field: &'static str,
    /// What it may be.
    pub range: RangeInclusive<i64>,
    /// Whether it may be 0, too.
    pub or_none: bool,
    /// What to say of anything else.
    pub advice: &'static str,
}

/// Every number with its limits. Sessions can be made shorter than the program's own limits, never longer.
/// The audit is kept for three months at least: nobody makes what they did go away by a setting.
pub const NUMBERS: [Number; 5] = [
    Number { field: "idle_minutes", range: 5..=60, or_none: false, advice: "Between 5 and 60 minutes." },
    Number { field: "absolute_hours", range: 1..=12, or_none: false, advice: "Between 1 and 12 hours." },
    Number { field: "token_days", range: 1..=MOST_DAYS, or_none: false, advice: "Between 1 and 366 days." },
    Number { field: "keep_deleted_days", range: 1..=365, or_none: false, advice: "Between 1 and 365 days." },
    Number { field: "keep_audit_days", range: 90..=3650, or_none: true, advice: "Between 90 and 3650 days, or 0." },
];

impl Number {
    /// Whether it may be this.
    pub fn fits(&self, value: i64) -> bool {
        self.range.contains(&value) || self.or_none && value == 0
    }
}

impl Settings {
    /// A session ends after this long without a request.
    pub fn idle(&self) -> TimeDelta {
        TimeDelta::minutes(self.idle_minutes)
    }

    /// A session ends this long after signing in.
    pub fn absolute(&self) -> TimeDelta {
        TimeDelta::hours(self.absolute_hours)
    }

    /// A deleted credential can be restored for so long.
    pub fn keep_deleted(&self) -> TimeDelta {
        TimeDelta::days(self.keep_deleted_days)
    }

    /// An audit event is kept for so long; none: for ever.
    pub fn keep_audit(&self) -> Option<TimeDelta> {
        (self.keep_audit_days > 0).then(|| TimeDelta::days(self.keep_audit_days))
    }

    /// Each number by the name of its field, in the order of [`NUMBERS`].
    pub fn numbers(&self) -> [i64; 5] {
        [self.idle_minutes, self.absolute_hours, self.token_days, self.keep_deleted_days, self.keep_audit_days]
    }

    /// The numbers that are out of their limits.
    pub fn faults(&self) -> Vec<&'static Number> {
        let off = NUMBERS.iter().zip(self.numbers()).filter(|(number, value)| !number.fits(*value));
        off.map(|(number, _)| number).collect()
    }

    /// What `after` protects less than this does, as an alert tells it of whoever decided so.
    pub fn weakened(&self, after: &Self) -> Vec<String> {
        let second_factor = self.second_factor && !after.second_factor;
        let lifetime = |settings: &Self| settings.keep_audit().unwrap_or(TimeDelta::MAX);
        let audit = (lifetime(after) < lifetime(self))
            .then(|| format!("shortened how long audit events are kept to {} days", after.keep_audit_days));
        let second_factor =
            second_factor.then(|| "decided that admins and support need no second factor any more".to_owned());
        second_factor.into_iter().chain(audit).collect()
    }

    /// The names of the fields in which `other` differs.
    fn changed(&self, other: &Self) -> Vec<&'static str> {
        let numbers = NUMBERS.iter().zip(self.numbers()).zip(other.numbers());
        let second_factor = (self.second_factor != other.second_factor).then_some("second_factor");
        let numbers = numbers.filter(|((_, old), new)| old != new).map(|((number, _), _)| number.field);
        second_factor.into_iter().chain(numbers).collect()
    }
}

/// Tells one state of a workspace's name and policies from another: a form says so which one it was drawn from.
pub fn state(workspace: &Workspace) -> Result<String> {
    let json = serde_json::to_string(&(&workspace.name, &workspace.settings)).map_err(Error::internal)?;
    Ok(hex(&Sha256::digest(json.as_bytes())))
}

/// What became of new settings.
#[derive(Debug)]
pub enum Saved {
    /// Stored.
    Done,
    /// Somebody else was first: the workspace as it is now.
    Stale(Box<Workspace>),
}

/// Gives the workspace another name (its slug stays) and other policies; a line of the audit for each. Where `drawn` is
/// there, it must be the [`state`] that is stored.
pub fn save(
    tx: &mut Tx<'_>,
    means: &Means,
    allowed: &Allowed<ManageSettings>,
    drawn: Option<&str>,
    name: &str,
    settings: &Settings,
) -> Result<Saved> {
    allowed.begin(tx, means.now())?;
    let name = checked_name(name)?;
    if let Some(number) = settings.faults().first() {
        return Err(Error::Unprocessable(format!("{}: {}", number.field, number.advice)));
    }
    let id = allowed.workspace();
    let before: Workspace =
        workspaces::table.filter(workspaces::id.eq(id)).select(Workspace::as_select()).first(tx.conn())?;
    if let Some(drawn) = drawn
        && drawn != state(&before)?
    {
        return Ok(Saved::Stale(Box::new(before)));
    }
    diesel::update(workspaces::table.filter(workspaces::id.eq(id)))
        .set((workspaces::name.eq(&name), workspaces::settings.eq(Json(settings.clone()))))
        .execute(tx.conn())?;
    if before.name != name {
        let entry = audit::Entry::allow("workspace.renamed", audit::Target::workspace(id))
            .detail("from", before.name.clone())
            .detail("to", name);
        audit::record_allowed(tx, means, allowed, entry)?;
    }
    let changed = before.settings.changed(settings);
    if !changed.is_empty() {
        let entry =
            audit::Entry::allow("workspace.settings_changed", audit::Target::workspace(id)).detail("fields", changed);
        audit::record_allowed(tx, means, allowed, entry)?;
    }
    Ok(Saved::Done)
}

#[cfg(test)]
mod tests {
    use super::{NUMBERS, Settings};

    #[test]
    fn what_is_not_stored_has_its_default() {
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
        let some: Settings = serde_json::from_str(r#"{"idle_minutes":15,"of_a_later_version":1}"#).unwrap();
        assert_eq!(some, Settings { idle_minutes: 15, ..Settings::default() });
        assert!(Settings::default().faults().is_empty());
    }

    #[test]
    fn other_admins_hear_of_less_protection_only() {
        let settings =
            |second_factor, keep_audit_days| Settings { second_factor, keep_audit_days, ..Settings::default() };
        let count = |before: Settings, after: Settings| before.weakened(&after).len();
        assert_eq!(count(settings(true, 0), settings(false, 90)), 2);
        assert_eq!(count(settings(false, 365), settings(false, 364)), 1);
        assert_eq!(count(settings(false, 365), settings(true, 0)), 0);
        assert_eq!(count(settings(true, 90), settings(true, 90)), 0);
    }

    #[test]
    fn each_number_has_its_limits() {
        let names: Vec<&str> = NUMBERS.iter().map(|number| number.field).collect();
        let json = serde_json::to_value(Settings::default()).unwrap();
        for (name, number) in names.iter().zip(&NUMBERS) {
            for (value, sound) in [
                (*number.range.start(), true),
                (*number.range.end(), true),
                (number.range.end() + 1, false),
                (number.range.start() - 1, false),
                (-1, false),
            ] {
                let mut json = json.clone();
                json[name] = value.into();
                let settings: Settings = serde_json::from_value(json).unwrap();
                assert_eq!(settings.faults().is_empty(), sound, "{name} = {value}");
            }
        }
        assert_eq!(
            Settings::default().changed(&Settings { second_factor: true, token_days: 3, ..Settings::default() }),
            ["second_factor", "token_days"]
        );
    }
}
