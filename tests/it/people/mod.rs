//! People: mails, members, invitations, proofs.

#![cfg(test)]

mod account;
mod confirm;
mod invitations;
mod letters;
mod mail;
mod members;
mod passkeys;
mod reset;
mod second_factor;

use crate::support::app::{ACME, TestApp, email};
use crate::support::person::Person;
use crate::support::smtp_server::Mailbox;
use credenza::jobs;

/// A console with a mail server of its own, to which connections on port 465 are led.
async fn with_mail(mailbox: impl FnOnce(Mailbox) -> Mailbox + 'static) -> TestApp {
    TestApp::builder()
        .var("CREDENZA_MAIL_URL", "smtps://robot:a-mail-password@mail.acme.example")
        .var("CREDENZA_MAIL_FROM", "Vault <vault@acme.example>")
        .mail(move |tls| mailbox(Mailbox::implicit(tls).taking_mail()))
        .start()
        .await
}

/// Hands over what is due.
pub async fn deliver(app: &TestApp) {
    jobs::outbox::deliver(&app.state).await.expect("mails are tried");
}

/// Every line that the mail server heard, as one text.
fn heard(app: &TestApp) -> String {
    let lines = app.mail.as_ref().expect("a mail server").lines();
    lines.into_iter().map(|line| line.text).collect::<Vec<_>>().join("\n")
}

/// The last address in a text that leads to this path.
pub fn link(text: &str, path: &str) -> String {
    let at = text.rfind(path).unwrap_or_else(|| panic!("{path} is not in {text}"));
    let end = |c: char| c.is_whitespace() || matches!(c, '<' | '"');
    text[at..].split(end).next().unwrap_or_default().to_owned()
}

/// The mails that were kept as files, one after the other.
pub fn kept(app: &TestApp) -> Vec<String> {
    let mut found: Vec<_> = std::fs::read_dir(app.dir.path().join("mail"))
        .map(|entries| entries.map(|entry| entry.expect("an entry").path()).collect())
        .unwrap_or_default();
    found.sort();
    found.iter().map(|path| std::fs::read_to_string(path).expect("a mail")).collect()
}

/// Invites an address and gives the path of the link.
async fn invited(app: &TestApp, admin: &Person, address: &str, role: &str) -> String {
    admin.post("/w/acme/invitations", &[("email", address), ("role", role)]).await.expect(303);
    deliver(app).await;
    let all = if app.mail.is_some() { heard(app) } else { kept(app).pop().expect("a mail") };
    link(&all, "/invitations/")
}

/// The address of a page about a member of [`ACME`].
async fn about(app: &TestApp, role: &str) -> String {
    format!("/w/acme/members/{}", app.user(&email(role, ACME)).await)
}
