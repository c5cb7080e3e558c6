use super::super::fault::{Fault, Network, Rule, TlsFault, TlsKind};
use super::super::lead::{Found, Lead};
use super::super::smtp::{Login, Mechanism, Welcome, parse_code};
use super::super::stage::{Authority, Heard, MailScript, caller, serve, serve_mail};
use super::super::target::{Mode, Target};
use super::super::trace::{Phase, Trace};
use super::policy;
use crate::secret::Secret;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const ACCEPTED: &str = "235 2.7.0 fine";

struct Mail {
    authority: Authority,
    heard: Heard,
    allow: &'static str,
    mode: Mode,
    mechanism: Mechanism,
}

impl Mail {
    fn new(mode: Mode) -> Self {
        Self { authority: Authority::new(), heard: Heard::default(), allow: "", mode, mechanism: Mechanism::Auto }
    }

    async fn call(&self, script: MailScript) -> (Result<Welcome, Fault>, Vec<Phase>) {
        let tls = (self.mode == Mode::SmtpTls).then(|| self.authority.acceptor(&["mail.example"]));
        let listener = serve_mail(tls, self.heard.clone(), script).await;
        self.at(Lead::to(listener)).await
    }

    async fn at(&self, lead: Lead) -> (Result<Welcome, Fault>, Vec<Phase>) {
        let egress = caller(lead, &self.authority, self.allow);
        let target = Target::smtp("mail.example", 587, self.mode).unwrap();
        let login =
            Login::new(target, "", Secret::new("joe".into()), Secret::new("hunter2".into()), self.mechanism).unwrap();
        let mut trace = Trace::within(Duration::from_millis(900));
        let result = egress.smtp(&login, &policy(&["mail.example"]), &mut trace).await;
        (result, trace.timed().iter().map(|t| t.phase).collect())
    }

    /// That neither password nor sender nor recipient was said.
    fn kept_still(&self) {
        let all = self.heard.all().join("\n");
        assert!(!all.contains("AUTH") && !all.contains("aHVudGVyMg"), "{all}");
    }
}

#[tokio::test]
async fn starttls_then_plain_then_goodbye() {
    let mail = Mail::new(Mode::SmtpStarttls);
    let starttls = Some(mail.authority.acceptor(&["mail.example"]));
    let (result, phases) =
        mail.call(MailScript { starttls, auth: "AUTH LOGIN PLAIN", verdict: ACCEPTED, ..Default::default() }).await;
    assert_eq!(result, Ok(Welcome { signed_in: true, encrypted: true }));
    assert_eq!(phases, [Phase::Lookup, Phase::Connect, Phase::Hello, Phase::Tls, Phase::SignIn]);
    let heard = mail.heard.all();
    assert_eq!(heard[1..], ["STARTTLS", "tls:EHLO [127.0.0.1]", "tls:AUTH PLAIN AGpvZQBodW50ZXIy", "tls:QUIT"]);
}

#[tokio::test]
async fn tls_from_the_first_byte_and_login() {
    let mail = Mail::new(Mode::SmtpTls);
    let (result, _) = mail.call(MailScript { auth: "AUTH=LOGIN", verdict: ACCEPTED, ..Default::default() }).await;
    assert!(result.unwrap().signed_in);
    assert_eq!(mail.heard.all()[1..], ["AUTH LOGIN", "am9l/aHVudGVyMg==", "QUIT"]);
}

#[tokio::test]
async fn xoauth2_carries_the_token() {
    let mail = Mail { mechanism: Mechanism::Xoauth2, ..Mail::new(Mode::SmtpTls) };
    let script = MailScript { auth: "AUTH XOAUTH2", verdict: ACCEPTED, ..Default::default() };
    assert!(mail.call(script.clone()).await.0.unwrap().signed_in);
    assert!(mail.heard.all().contains(&"AUTH XOAUTH2 dXNlcj1qb2UBYXV0aD1CZWFyZXIgaHVudGVyMgEB".to_owned()));
    let (result, _) = mail.call(MailScript { verdict: "535 5.7.8 no", ..script }).await;
    assert_eq!(result, Err(Fault::Smtp(parse_code("535 5.7.8").unwrap())));
}

#[tokio::test]
async fn t057_refusals_keep_the_code_and_lose_the_text() {
    let mail = Mail::new(Mode::SmtpTls);
    let verdict = "535-5.7.139 <script>alert(1)</script>\r\n535 5.7.139 hunter2";
    let (result, phases) = mail.call(MailScript { auth: "AUTH PLAIN", verdict, ..Default::default() }).await;
    let fault = result.unwrap_err();
    assert_eq!(fault, Fault::Smtp(parse_code("535 5.7.139").unwrap()));
    assert!(!format!("{fault:?}").contains("hunter2") && !format!("{fault:?}").contains("script"));
    assert_eq!(phases.last(), Some(&Phase::SignIn));
}

#[tokio::test]
async fn t099_stripped_starttls_sends_nothing() {
    let mail = Mail::new(Mode::SmtpStarttls);
    let (result, _) = mail.call(MailScript { auth: "AUTH PLAIN", verdict: ACCEPTED, ..Default::default() }).await;
    assert_eq!(result, Err(Fault::Tls(TlsFault { kind: TlsKind::NoStarttls, fingerprint: None })));
    mail.kept_still();
}

#[tokio::test]
async fn t099_bad_certificate_after_starttls_sends_nothing() {
    let mail = Mail::new(Mode::SmtpStarttls);
    let starttls = Some(Authority::new().acceptor(&["mail.example"]));
    let (result, _) =
        mail.call(MailScript { starttls, auth: "AUTH PLAIN", verdict: ACCEPTED, ..Default::default() }).await;
    assert_eq!(result, Err(Fault::Tls(TlsFault { kind: TlsKind::Untrusted, fingerprint: None })));
    mail.kept_still();
}

#[tokio::test]
async fn t099_words_smuggled_in_before_encryption_end_the_call() {
    let mail = Mail::new(Mode::SmtpStarttls);
    let starttls = Some(mail.authority.acceptor(&["mail.example"]));
    let early = "250-evil\r\n250 AUTH PLAIN\r\n";
    let (result, _) = mail.call(MailScript { starttls, auth: "AUTH PLAIN", verdict: ACCEPTED, early }).await;
    assert_eq!(result, Err(Fault::Protocol));
    mail.kept_still();
}

#[tokio::test]
async fn t099_a_sign_in_that_is_not_offered_is_not_tried() {
    let mail = Mail::new(Mode::SmtpTls);
    let (result, _) = mail.call(MailScript { auth: "AUTH GSSAPI", verdict: ACCEPTED, ..Default::default() }).await;
    assert_eq!(result, Err(Fault::NoSignIn));
    mail.kept_still();
}

#[tokio::test]
async fn t099_no_password_in_clear_text_unless_the_operator_named_the_place() {
    let script = MailScript { auth: "AUTH PLAIN LOGIN", verdict: ACCEPTED, ..Default::default() };
    let mail = Mail::new(Mode::SmtpPlain);
    match mail.call(script.clone()).await.0 {
        Err(Fault::Refused(refusal)) => {
            assert_eq!((refusal.rule, refusal.ask_for.as_deref()), (Rule::PlainSignIn, Some("mail.example:587")));
        }
        other => panic!("{other:?}"),
    }
    mail.kept_still();
    let mail = Mail { allow: "mail.example:587", ..Mail::new(Mode::SmtpPlain) };
    assert_eq!(mail.call(script).await.0, Ok(Welcome { signed_in: true, encrypted: false }));
}

#[tokio::test]
async fn t098_endless_replies_and_silence_end() {
    let mail = Mail { allow: "mail.example:587", ..Mail::new(Mode::SmtpPlain) };
    let listener =
        serve(None, |mut stream| async move { while stream.write_all(b"220-more\r\n").await.is_ok() {} }).await;
    assert_eq!(mail.at(Lead::to(listener)).await.0, Err(Fault::Protocol));
    let listener = serve(None, |mut stream| async move { while stream.write_all(&[b'2'; 512]).await.is_ok() {} }).await;
    assert_eq!(mail.at(Lead::to(listener)).await.0, Err(Fault::Protocol));
    let listener = serve(None, |stream| async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        drop(stream);
    })
    .await;
    assert_eq!(mail.at(Lead::to(listener)).await.0, Err(Fault::Network(Network::Timeout)));
}

#[tokio::test]
async fn private_relays_need_an_entry() {
    let inside = Found::Addresses(vec!["10.0.0.25".parse().unwrap()]);
    let mail = Mail::new(Mode::SmtpStarttls);
    match mail.at(Lead::nowhere().name("mail.example", [inside])).await.0 {
        Err(Fault::Refused(refusal)) => assert_eq!(refusal.ask_for.as_deref(), Some("mail.example:587")),
        other => panic!("{other:?}"),
    }
}
