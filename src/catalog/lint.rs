//! What could be better in a catalogue that loads: lines for `credenza catalog lint`, and its list.

use crate::catalog::load::Catalog;
use crate::catalog::schema::{
    CheckKind, Field, FieldKind, Grant, Integration, Many, Method, MethodKind, Refresh, Rule, StatusMatch, StatusRange,
};
use chrono::{Days, NaiveDate};
use std::fmt;

/// Days after which facts should be looked up again.
pub const STALE_DAYS: u64 = 365;

/// One thing to look at; never a reason not to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The integration's id.
    pub integration: String,
    /// Where in its file; empty for the file as a whole.
    pub place: String,
    /// What to look at.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.is_empty() {
            true => write!(f, "{}.toml: {}", self.integration, self.text),
            false => write!(f, "{}.toml: {}: {}", self.integration, self.place, self.text),
        }
    }
}

/// Everything to look at, in the order of the catalogue; `today` comes from the clock.
pub fn lint(catalog: &Catalog, today: NaiveDate) -> Vec<Finding> {
    catalog.all().iter().flat_map(|one| integration(one, today)).collect()
}

/// One line a method: integration, method, and how it is verified.
pub fn list(catalog: &Catalog) -> Vec<String> {
    let line = |one: &Integration, method: &Method| {
        let check = match method.check.kind {
            CheckKind::Http => "checked by a call",
            CheckKind::Smtp => "checked by a mail sign-in",
            CheckKind::Steps => "checked by its sign-in",
            CheckKind::Sql => "checked by a database sign-in",
            CheckKind::Imap | CheckKind::Tcp => "checked by a connection",
            CheckKind::Format => "format only",
            CheckKind::None => "not checked",
        };
        let own = if one.own { " (own)" } else { "" };
        format!("{}{own}\t{}\t{}\t{}\t{check}", one.id, method.id, one.name, method.label)
    };
    catalog.all().iter().flat_map(|one| one.methods.iter().map(move |method| line(one, method))).collect()
}

/// Collects findings of one file.
struct Notes {
    integration: String,
    findings: Vec<Finding>,
}

impl Notes {
    fn add(&mut self, when: bool, place: &str, text: impl Into<String>) {
        if when {
            let integration = self.integration.clone();
            self.findings.push(Finding { integration, place: place.to_owned(), text: text.into() });
        }
    }
}

fn integration(one: &Integration, today: NaiveDate) -> Vec<Finding> {
    let mut notes = Notes { integration: one.id.clone(), findings: Vec::new() };
    let stale = one.checked_on.checked_add_days(Days::new(STALE_DAYS)).is_some_and(|end| end < today);
    notes.add(stale, "checked_on", format!("looked up on {}, over a year ago", one.checked_on));
    notes.add(one.checked_on > today, "checked_on", format!("{} is in the future", one.checked_on));
    notes.add(one.docs.is_none() && !one.own, "docs", "no link to the vendor's page");
    notes.add(one.icon.is_none() && one.tile.is_none(), "icon", "neither an icon nor a tile");
    if let Some(notice) = &one.notice {
        notes.add(notice.date < today, "notice", format!("its date, {}, has passed", notice.date));
    }
    for method in &one.methods {
        self::method(method, one, &mut notes);
    }
    notes.findings
}

fn method(method: &Method, of: &Integration, notes: &mut Notes) {
    let place = format!("method \"{}\"", method.id);
    let keyed = method.secret_fields().next().is_some();
    let how = method.rotation.as_ref().and_then(|r| r.how.as_ref());
    notes.add(keyed && how.is_none(), &place, "no [method.rotation] that says how to change the secret");
    let permits = matches!(method.kind, MethodKind::ApiKey | MethodKind::Oauth2 | MethodKind::Jwt);
    notes.add(permits && method.permissions.is_none(), &place, "no permissions: what must the key be allowed to do?");
    for one in method.form_fields().chain(method.app_fields()) {
        field(one, &format!("{place}, field \"{}\"", one.name), notes);
    }
    if let Some(oauth) = method.oauth.as_ref().filter(|o| o.grant == Grant::Code) {
        let linked = method.docs.is_some() || of.docs.is_some();
        notes.add(!linked, &place, "no link to the vendor's page on its sign-in");
        let life = oauth.refresh == Refresh::ExchangeAccessToken || oauth.margin_s.is_none_or(|margin| margin < 86_400);
        notes.add(!life, &place, "oauth.margin_s is longer than a day");
        let named = oauth.scopes.iter().chain(&oauth.optional_scopes).all(|s| !s.contains(char::is_whitespace));
        notes.add(!named, &place, "a scope holds white space");
    }
    for (at, rule) in method.check.on.iter().enumerate() {
        let place = format!("{place}, check, on {}", at + 1);
        let earlier = method.check.on.iter().take(at).position(|earlier| covers(earlier, rule));
        if let Some(earlier) = earlier {
            notes.add(true, &place, format!("never reached: on {} comes first and says the same or more", earlier + 1));
        }
        // A check of the whole file has rules for each of its methods.
        let dead = !of.methods.iter().any(|other| can_occur(rule, other));
        notes.add(dead, &place, "never reached: this kind of check gives no such answer");
    }
}

fn field(field: &Field, place: &str, notes: &mut Notes) {
    let explained = field.help.is_some() || field.find.is_some() || field.kind == FieldKind::Switch;
    notes.add(!explained, place, "no help: where does a person find this?");
    let hard = field.pattern.is_some() && field.pattern_hint.is_none() && field.placeholder.is_none();
    notes.add(hard, place, "a pattern without pattern_hint: what does it look like?");
    let choice = field.kind == FieldKind::Select && field.required && field.default.is_none();
    notes.add(choice, place, "a choice without a default");
}

/// Whether an earlier rule takes every answer that a later one is for.
fn covers(earlier: &Rule, later: &Rule) -> bool {
    let bare = |rule: &Rule| rule.json.is_none() && rule.contains.is_none() && rule.expect_failed.is_none();
    if !bare(earlier) {
        return false;
    }
    let statuses = match (&earlier.status, &later.status) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => narrow.0.iter().all(|range| takes(wide, *range)),
    };
    statuses
        && within(&earlier.smtp, &later.smtp)
        && within(&earlier.sql, &later.sql)
        && within(&earlier.tls, &later.tls)
        && within(&earlier.network, &later.network)
        && within(&earlier.oauth_error, &later.oauth_error)
}

fn takes(wide: &StatusMatch, range: StatusRange) -> bool {
    wide.0.contains(&range) || matches!(range, StatusRange::One(status) if wide.holds(status))
}

/// Whether a condition of an earlier rule holds whenever that of a later one does.
fn within<T: PartialEq>(wide: &Many<T>, narrow: &Many<T>) -> bool {
    wide.0.is_empty() || !narrow.0.is_empty() && narrow.0.iter().all(|one| wide.0.contains(one))
}

/// Whether the check can give the answer that a rule is for.
fn can_occur(rule: &Rule, method: &Method) -> bool {
    let (mail, database) = (method.check.kind == CheckKind::Smtp, method.check.kind == CheckKind::Sql);
    let calls = matches!(method.check.kind, CheckKind::Http | CheckKind::Steps) || method.oauth.is_some();
    let silent = matches!(method.check.kind, CheckKind::Format | CheckKind::None);
    let http = rule.status.is_some() || rule.json.is_some() || rule.contains.is_some() || rule.expect_failed.is_some();
    let token = !rule.oauth_error.0.is_empty();
    let signs_in = method.oauth.is_some() || !method.steps.is_empty();
    let reply = (rule.smtp.0.is_empty() || mail) && (rule.sql.0.is_empty() || database);
    !silent && reply && (!http || calls) && (!token || signs_in)
}

#[cfg(test)]
mod tests {
    use super::{lint, list};
    use crate::catalog::Catalog;
    use crate::catalog::tests::{ACME, load};
    use chrono::NaiveDate;

    fn lines(text: &str, today: &str) -> Vec<String> {
        let today: NaiveDate = today.parse().unwrap();
        lint(&load(text).unwrap(), today).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn stale_facts_and_missing_texts_are_found() {
        let found = lines(ACME, "2027-06-01");
        assert!(found.contains(&"acme.toml: checked_on: looked up on 2026-01-02, over a year ago".to_owned()));
        assert!(found.iter().any(|l| l.contains("field \"key\": no help")), "{found:?}");
        assert!(found.iter().any(|l| l.contains("no [method.rotation]")), "{found:?}");
        assert!(!lines(ACME, "2026-06-01").iter().any(|l| l.contains("over a year")));
    }

    #[test]
    fn rules_that_are_never_reached_are_found() {
        let rule = "{ status = 402, outcome = \"blocked\"";
        let wide = ACME.replace(rule, &format!("{{ status = \"4xx\", outcome = \"invalid\", hint = \"x\" }}, {rule}"));
        let found = lines(&wide, "2026-06-01");
        assert!(found.iter().any(|l| l.contains("on 2: never reached: on 1")), "{found:?}");
        let smtp = ACME.replace(rule, "{ smtp = \"535\", outcome = \"blocked\"");
        assert!(lines(&smtp, "2026-06-01").iter().any(|l| l.contains("no such answer")));
        assert!(!lines(ACME, "2026-06-01").iter().any(|l| l.contains("never reached")));
    }

    #[test]
    fn every_shipped_method_is_listed() {
        let catalog = Catalog::load(None).unwrap();
        let methods: usize = catalog.all().iter().map(|one| one.methods.len()).sum();
        assert_eq!(list(&catalog).len(), methods);
        assert!(list(&catalog).iter().any(|line| line.starts_with("smtp\tpassword\t")));
    }
}
