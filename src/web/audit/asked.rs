//! The filters of the audit page as they stand in the address.

use crate::clock::At;
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::id::Id;
use crate::model::audit::Outcome;
use crate::model::audit_list::Filter;
use crate::model::audit_names;
use crate::model::user::User;
use crate::model::workspace::Workspace;
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use std::collections::BTreeMap;

/// The filters, in the order of the form.
const NAMES: [&str; 8] = ["person", "about", "action", "credential", "outcome", "last", "from", "to"];
/// The longest action word that is asked for.
const LONGEST: usize = 60;

/// What the address asks for.
pub struct Asked {
    params: BTreeMap<String, String>,
}

impl Asked {
    /// Reads a query. Days that were typed take the place of a span that was chosen before them.
    pub fn read(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let mut asked =
            Self { params: pairs.map(|(name, value)| (name.into_owned(), value.trim().to_owned())).collect() };
        if ["from", "to"].iter().any(|name| !asked.text(name).is_empty()) {
            asked.params.remove("last");
        }
        asked
    }

    /// A filter as it was sent; empty if it was not.
    pub fn text(&self, name: &str) -> &str {
        self.params.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Whether anything is narrowed.
    pub fn is_filtered(&self) -> bool {
        NAMES.iter().any(|name| !self.text(name).is_empty())
    }

    /// The page's address with some entries changed; empty ones are left out.
    pub fn with(&self, base: &str, changes: &[(&str, &str)]) -> String {
        let mut params: Vec<(&str, &str)> = NAMES.iter().map(|name| (*name, self.text(name))).collect();
        for (name, value) in changes {
            match params.iter_mut().find(|(known, _)| known == name) {
                Some(known) => known.1 = value,
                None => params.push((name, value)),
            }
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(params.into_iter().filter(|(_, value)| !value.is_empty()));
        match query.finish() {
            query if query.is_empty() => base.to_owned(),
            query => format!("{base}?{query}"),
        }
    }

    /// The line before which the page begins.
    pub fn before(&self) -> Result<Option<i64>> {
        match self.text("before") {
            "" => Ok(None),
            text => match text.parse::<i64>() {
                Ok(seq) if seq > 0 => Ok(Some(seq)),
                _ => Err(refused("before", "the number of an event")),
            },
        }
    }

    /// What the model is asked; the last value is what was typed for a credential that there is not.
    pub fn filter(&self, conn: &mut Conn, workspace: &Id<Workspace>, now: At) -> Result<(Filter, Option<String>)> {
        let mut filter = Filter {
            actor: match self.text("person") {
                "" => None,
                "operator" => Some(String::new()),
                id => Some(id.to_owned())
                    .filter(|id| Id::<User>::parse(id).is_some())
                    .map_or_else(|| Err(refused("person", "the id of a person, or “operator”")), |id| Ok(Some(id)))?,
            },
            action: Some(self.text("action").chars().take(LONGEST).collect()).filter(|text: &String| !text.is_empty()),
            target: match self.text("about") {
                "" => None,
                id => Some(Id::<User>::parse(id).ok_or_else(|| refused("about", "the id of a person"))?.to_string()),
            },
            outcome: match self.text("outcome") {
                "" => None,
                text => Some(Outcome::parse(text).ok_or_else(|| refused("outcome", "allow, deny or error"))?),
            },
            from: self.day("from")?,
            until: self.day("to")?.map(|day| day.plus(TimeDelta::days(1))),
        };
        if let Some(last) = self.last()? {
            filter.from = Some(now.plus(-last));
        }
        let mut unknown = None;
        if !self.text("credential").is_empty() {
            let typed = self.text("credential");
            filter.target = audit_names::credential(conn, workspace, typed)?;
            unknown = filter.target.is_none().then(|| typed.to_owned());
        }
        Ok((filter, unknown))
    }

    fn last(&self) -> Result<Option<TimeDelta>> {
        match self.text("last") {
            "" => Ok(None),
            "24h" => Ok(Some(TimeDelta::hours(24))),
            "7d" => Ok(Some(TimeDelta::days(7))),
            "30d" => Ok(Some(TimeDelta::days(30))),
            _ => Err(refused("last", "24h, 7d or 30d")),
        }
    }

    fn day(&self, name: &str) -> Result<Option<At>> {
        match self.text(name) {
            "" => Ok(None),
            text => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .ok()
                .map(|day| Some(At::new(NaiveDateTime::from(day).and_utc())))
                .ok_or_else(|| refused(name, "a day such as 2026-03-31")),
        }
    }
}

fn refused(name: &str, wanted: &str) -> Error {
    Error::BadRequest(format!("The filter “{name}” takes {wanted}. Go back to the audit and choose there."))
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn t135_numbers_that_are_none_are_refused() {
        for text in ["-1", "0", "1e18", "x", "99999999999999999999"] {
            assert_eq!(Asked::read(&format!("before={text}")).before().unwrap_err().status(), 400, "{text}");
        }
        assert_eq!(Asked::read("before=42").before().unwrap(), Some(42));
    }

    #[test]
    fn addresses_keep_the_other_filters() {
        let asked = Asked::read("action=credential.renamed&outcome=deny&before=9&x=y");
        assert_eq!(asked.with("/a", &[("outcome", "")]), "/a?action=credential.renamed");
        assert_eq!(asked.with("/a", &[("before", "7")]), "/a?action=credential.renamed&outcome=deny&before=7");
        assert!(asked.is_filtered() && !Asked::read("before=9").is_filtered());
    }
}
