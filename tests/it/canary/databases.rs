//! The same for databases, which quote the password in whatever they say.

use super::sinks::Watched;
use super::{Form, website, with};
use crate::support::app::TestApp;
use crate::support::sql_server::{Behaviour, Engine, Verdict};

/// Stored, verified, refused and thrown back by a server that quotes the password.
async fn quoted(engine: Engine, form: &[(&str, &str)], port: u16, refusals: [(u16, &str); 2]) {
    let mut verdicts = vec![Verdict::Welcome, Verdict::Cut, Verdict::OtherWay];
    verdicts.extend(refusals.map(|(number, state)| Verdict::Refusal(Some(number), state.to_owned())));
    for verdict in verdicts {
        let mut secret = String::new();
        let mut watched = Watched::start(async |canaries| {
            secret = canaries.plant("database password");
            let (text, verdict) = (format!("for {secret}"), verdict.clone());
            TestApp::builder()
                .sql(port, move |tls| Behaviour { text, verdict, ..Behaviour::good(engine, tls) })
                .start()
                .await
        })
        .await;
        let host = [("f.host", "db.example"), ("f.database", "shop"), ("f.user", "bots")];
        let form = with(&[form, &host].concat(), &[("f.password", &secret)]);
        if verdict == Verdict::Welcome {
            let path = watched.create(&form).await;
            watched.post(&format!("{path}/checks"), &Form::new(), 303).await;
        } else {
            let mut refused = form.clone();
            refused.push(("name".to_owned(), "Refused".to_owned()));
            watched.post("/w/acme/credentials", &refused, 422).await;
            // Something must be there to look at.
            watched.create(&website("a signing secret of no interest")).await;
        }
        let heard = watched.app.sql.as_ref().expect("a database server").heard();
        let told = heard.iter().any(|heard| heard.encrypted && heard.text.contains(&secret));
        assert_eq!(told, verdict != Verdict::OtherWay, "{verdict:?}");
        assert!(heard.iter().all(|heard| heard.encrypted || !heard.text.contains(&secret)), "{verdict:?}");
        watched.inspect().await;
    }
}

#[tokio::test]
async fn t068_t073_postgresql_that_quotes_the_password() {
    let form = [("integration", "postgresql"), ("method", "password")];
    quoted(Engine::Postgres, &form, 5432, [(0, "28P01"), (0, "XX000")]).await;
}

#[tokio::test]
async fn t068_t073_mysql_that_quotes_the_password() {
    let form = [("integration", "mysql"), ("method", "password")];
    quoted(Engine::Mysql, &form, 3306, [(1045, "28000"), (1105, "HY000")]).await;
}
