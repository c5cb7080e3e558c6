//! What only the services do that are databases.

use super::plays::databases::{PASSWORD, sql};
use super::shipped;
use super::stage::Stage;
use credenza::check::report::{Outcome, StepResult};

#[tokio::test]
async fn a_database_check_signs_in_encrypted_and_asks_one_statement() {
    let stage = Stage::new();
    for play in sql() {
        let integration = shipped().get(play.integration).expect("an integration");
        let seen = stage.good(integration, &play).await;
        let told: Vec<_> = seen.heard.iter().filter(|heard| heard.text.contains(PASSWORD)).collect();
        assert_eq!(told.len(), 1, "{:?}", seen.heard);
        let clear: String =
            seen.heard.iter().filter(|heard| !heard.encrypted).map(|heard| heard.text.as_str()).collect();
        assert!(clear.chars().count() <= 36 && !clear.contains("bots"), "{clear:?}");
        let all: String = seen.heard.iter().map(|heard| heard.text.as_str()).collect();
        assert_eq!(all.matches("SELECT").count(), 1, "{all:?}");
        assert_eq!(seen.dialled, 1);
    }
}

#[tokio::test]
async fn a_database_check_is_told_step_by_step() {
    let stage = Stage::new();
    for (play, hello) in sql().into_iter().zip([None, Some("The database server answered")]) {
        let integration = shipped().get(play.integration).expect("an integration");
        let report = stage.good(integration, &play).await.report;
        let port = format!("Connected on port {}", play.value("port"));
        let mut expected = vec!["Found db.example.test", port.as_str()];
        expected.extend(hello);
        expected.extend(["Encrypted, certificate valid", "Signed in", "Sample call SELECT 1 was answered"]);
        let labels: Vec<&str> = report.steps.iter().map(|step| step.label.as_str()).collect();
        assert_eq!(labels, expected);
        assert_eq!(report.outcome, Outcome::Ok);
    }
}

#[tokio::test]
async fn mysql_knows_no_database_too() {
    let mut play = sql().into_iter().find(|play| play.integration == "mysql").expect("a play");
    play.typed.retain(|(name, _)| *name != "database");
    let integration = shipped().get("mysql").expect("an integration");
    let seen = Stage::new().good(integration, &play).await;
    assert_eq!(seen.report.identity.as_deref(), Some("bots @ db.example.test (MySQL 8.4.3)"));
    assert!(seen.report.steps.iter().all(|step| step.result == StepResult::Ok));
}
