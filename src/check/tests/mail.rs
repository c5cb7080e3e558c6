use super::super::report::{Outcome, Report, StepResult};
use super::{check, labels, values};
use crate::egress::lead::Lead;
use crate::egress::stage::{Authority, Heard, MailScript, caller, serve_mail};

async fn mail(tls: &'static str, user: &str, script: MailScript, allow: &str) -> (Report, Heard) {
    let (authority, heard) = (Authority::new(), Heard::default());
    let acceptor = authority.acceptor(&["mail.example.com"]);
    let script = MailScript { starttls: (tls == "starttls").then(|| acceptor.clone()), ..script };
    let listener = serve_mail((tls == "implicit").then_some(acceptor), heard.clone(), script).await;
    let egress = caller(Lead::to(listener), &authority, allow);
    let port = if tls == "implicit" { "465" } else { "587" };
    let plain =
        [("host", "mail.example.com"), ("port", port), ("tls", tls), ("user", user), ("helo", "bots.example.com")];
    let given = values(&plain, &[("password", "canary-password")]);
    (check(&egress, ("smtp", "password"), &given).await, heard)
}

fn script(verdict: &'static str) -> MailScript {
    MailScript { auth: "AUTH PLAIN LOGIN", verdict, ..MailScript::default() }
}

#[tokio::test]
async fn a_good_sign_in_is_told_step_by_step() {
    let (report, heard) = mail("starttls", "joe", script("235 2.7.0 ok"), "").await;
    assert_eq!((report.outcome, report.code.as_str()), (Outcome::Ok, "ok"), "{report:?}");
    let expected = [
        "Found mail.example.com",
        "Connected on port 587",
        "The mail server answered",
        "STARTTLS, certificate valid",
        "Signed in",
        "Ready to send",
    ];
    assert_eq!(labels(&report, StepResult::Ok), expected);
    let all = heard.all().join("\n");
    assert!(all.starts_with("EHLO bots.example.com") && !all.contains("MAIL FROM") && !all.contains("RCPT"));
}

#[tokio::test]
async fn t057_refusals_are_judged_by_their_code() {
    let cases = [
        ("535 5.7.139 <script>", Outcome::Forbidden, "smtp_535_5_7_139"),
        ("535 5.7.8 canary-password", Outcome::Invalid, "smtp_535"),
        ("534 5.7.9 x", Outcome::Invalid, "smtp_534"),
        ("454 4.7.0 later", Outcome::Unavailable, "smtp_4yz"),
    ];
    for (verdict, outcome, code) in cases {
        let (report, _) = mail("implicit", "joe", script(verdict), "").await;
        assert_eq!((report.outcome, report.code.as_str()), (outcome, code));
        assert_eq!(labels(&report, StepResult::Failed), ["Sign in"]);
        let text = format!("{report:?}");
        assert!(!text.contains("script") && !text.contains("canary") && text.contains(&verdict[..9]), "{text}");
    }
}

#[tokio::test]
async fn a_relay_without_sign_in_is_ready_too() {
    let (report, heard) = mail("none", "", script(""), "").await;
    assert_eq!(report.outcome, Outcome::Ok, "{report:?}");
    assert!(!labels(&report, StepResult::Ok).contains(&"Signed in"));
    assert!(!heard.all().join("\n").contains("AUTH"));
}

#[tokio::test]
async fn t099_no_password_without_encryption() {
    let (report, heard) = mail("none", "joe", script("235 ok"), "").await;
    assert_eq!((report.outcome, report.code.as_str()), (Outcome::Misconfigured, "target_denied"));
    assert!(report.hint.contains("mail.example.com:587"), "{}", report.hint);
    assert!(heard.all().is_empty());
    assert_eq!(mail("none", "joe", script("235 ok"), "mail.example.com:587").await.0.outcome, Outcome::Ok);
}

#[tokio::test]
async fn a_server_without_sign_in_or_starttls_is_told() {
    let nothing = MailScript { auth: "SIZE 1000", ..MailScript::default() };
    let (report, _) = mail("implicit", "joe", nothing, "").await;
    assert_eq!((report.outcome, report.code.as_str()), (Outcome::Misconfigured, "smtp_no_auth"));
    let (authority, heard) = (Authority::new(), Heard::default());
    let listener = serve_mail(None, heard.clone(), script("235 ok")).await;
    let egress = caller(Lead::to(listener), &authority, "");
    let plain = [("host", "mail.example.com"), ("port", "587"), ("tls", "starttls"), ("user", "joe")];
    let report = check(&egress, ("smtp", "password"), &values(&plain, &[("password", "canary")])).await;
    assert_eq!((report.outcome, report.code.as_str()), (Outcome::Misconfigured, "tls_error"));
    assert!(!heard.all().join("\n").contains("AUTH"));
    assert_eq!(labels(&report, StepResult::Failed), ["Encrypt with STARTTLS"]);
    assert_eq!(labels(&report, StepResult::Skipped), ["Sign in", "Ready to send"]);
}
