//! The `sql` table of a check, and rules about what databases answer.

use super::load;
use crate::catalog::destination;
use crate::catalog::lint::lint;
use crate::catalog::schema::SqlMatch;
use std::collections::BTreeMap;

const BASE: &str = r#"
schema = 1
id = "acme"
name = "Acme"
category = "databases"
checked_on = 2026-01-02

[egress]
host_field = "host"
ports = [5432]

[[method]]
id = "password"
label = "Password"
kind = "database"

  [[method.field]]
  name = "host"
  label = "Server"
  kind = "host"

  [[method.field]]
  name = "tls"
  label = "Encryption"
  kind = "select"
  default = "verify"
  options = [{ value = "verify", label = "TLS" }, { value = "none", label = "None" }]

  [[method.field]]
  name = "password"
  label = "Password"
  kind = "secret"

  [method.check]
  kind = "sql"
  sql = { engine = "postgresql", host = "{host}", port = "5432", tls = "{tls}", user = "bots", pass = "{password}", database = "shop" }
  cost = "free"
  on = [{ sql = "28P01", outcome = "invalid", hint = "Wrong password for {host} ({sql_code})." }]
"#;

fn refused(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "{from}");
    load(&BASE.replacen(from, to, 1)).expect_err(to).to_string()
}

#[test]
fn a_check_by_sql_is_held_to_its_table() {
    let catalog = load(BASE).unwrap();
    let (_, method) = catalog.method("acme", "password").unwrap();
    assert!(method.has_live_test() && method.checks_by_itself());
    assert_eq!(method.check.on[0].code(), "sql_28p01");
    assert!(refused("kind = \"sql\"", "kind = \"http\"").contains("a check by http has a request"));
    assert!(refused("kind = \"database\"", "kind = \"basic\"").contains("only a method of kind database"));
    assert!(refused("engine = \"postgresql\"", "engine = \"oracle\"").contains("unknown variant"));
    assert!(refused("value = \"none\"", "value = \"starttls\"").contains("one of verify, none"));
    assert!(refused("tls = \"{tls}\"", "tls = \"prefer\"").contains("one of verify, none"));
    assert!(refused("host = \"{host}\"", "host = \"db.evil.test\"").contains("not in egress.hosts"));
    assert!(refused("database = \"shop\"", "database = \"{shop}\"").contains("nothing gives {shop}"));
    assert!(refused("pass = \"{password}\"", "statement = \"DROP TABLE x\"").contains("unknown field"));
    assert!(
        refused("cost = \"free\"", "request = { url = \"https://{host}/x\" }\n  cost = \"free\"").contains("sql table")
    );
    let none = BASE.lines().filter(|line| !line.contains("sql = { engine")).collect::<Vec<_>>().join("\n");
    assert!(load(&none).unwrap_err().to_string().contains("a check by sql has an sql table"));
}

#[test]
fn what_names_the_server_is_the_destination() {
    let catalog = load(BASE).unwrap();
    let (_, method) = catalog.method("acme", "password").unwrap();
    let plain: BTreeMap<_, _> =
        [("host", "db.example"), ("tls", "verify")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(destination::destination(method, &plain), r#"{"host":"db.example","tls":"verify"}"#);
    assert_eq!(destination::shown(method, &plain).as_deref(), Some("db.example:5432"));
}

#[test]
fn refusals_are_matched_by_state_class_or_number() {
    let read = |text: &str| SqlMatch::try_from(text.to_owned());
    let holds = |text: &str, number, state| read(text).unwrap().holds(number, state);
    assert!(holds("28P01", None, Some("28P01")) && !holds("28P01", None, Some("28000")));
    assert!(holds("28xxx", None, Some("28P01")) && !holds("28xxx", None, Some("08P01")) && !holds("28xxx", None, None));
    assert!(holds("1045", Some(1045), Some("28000")) && !holds("1045", Some(1044), Some("28000")));
    assert!(!holds("1045", None, Some("1045")));
    for word in ["no_auth", "clear_password"] {
        assert!(!holds(word, Some(1045), Some("28000")), "{word}");
    }
    let codes = ["28P01", "53xxx", "1045", "no_auth", "clear_password"].map(|text| read(text).unwrap().code());
    assert_eq!(codes, ["sql_28p01", "sql_53xxx", "sql_1045", "sql_no_auth", "sql_clear_password"]);
    for bad in ["", "28p01", "2xxxx", "104", "104x", "10455x", "28P0é", "xxx", "28 01", "-104", "+1045"] {
        assert!(read(bad).is_err(), "{bad}");
    }
    assert!(refused("sql = \"28P01\"", "sql = \"wrong\"").starts_with("acme.toml: key \"on\""));
}

#[test]
fn rules_that_no_database_can_meet_are_found() {
    let lines = |text: &str| -> Vec<String> {
        lint(&load(text).unwrap(), "2026-01-02".parse().unwrap()).iter().map(ToString::to_string).collect()
    };
    let dead =
        |from: &str, to: &str| lines(&BASE.replacen(from, to, 1)).iter().any(|line| line.contains("no such answer"));
    assert!(!dead("", ""));
    assert!(dead("{ sql = \"28P01\"", "{ smtp = \"535\"") && dead("{ sql = \"28P01\"", "{ status = 401"));
    let twice = "{ sql = [\"28000\", \"28P01\"], outcome = \"invalid\", hint = \"Wrong.\" }, { sql = \"28P01\"";
    assert!(
        lines(&BASE.replacen("{ sql = \"28P01\"", twice, 1)).iter().any(|line| line.contains("never reached: on 1"))
    );
}
