use super::{Call, Came, PASSWORD, Peer};
use crate::egress::fault::{Fault, Network, SqlCode, SqlFault, TlsFault, TlsKind};
use crate::egress::sql::Served;
use crate::egress::stage::Authority;
use crate::egress::target::Mode;
use crate::egress::trace::Phase;
use std::time::Duration;

/// A message of the server: tag, length, content.
pub(super) fn message(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), content].concat()
}

/// A request of the sign-in: its number, and more.
pub(super) fn auth(number: u32, more: &[u8]) -> Vec<u8> {
    message(b'R', &[&number.to_be_bytes(), more].concat())
}

pub(super) const OK: u32 = 0;
const CLEAR: u32 = 3;
const MD5: u32 = 5;
const SASL: u32 = 10;
const CONTINUE: u32 = 11;
const FINAL: u32 = 12;

fn error(code: &str) -> Vec<u8> {
    let text = format!("SFATAL\0C{code}\0Mpassword \"{PASSWORD}\" of <script>alert(1)</script>\0\0");
    message(b'E', text.as_bytes())
}

/// What comes after a good sign-in, up to the invitation to ask.
pub(super) fn ready() -> Vec<u8> {
    let version = message(b'S', b"server_version\x0015.18 (Debian)\0");
    let other = message(b'S', b"is_superuser\0off\0");
    let key = message(b'K', &[0, 0, 0, 1, 0, 0, 0, 2]);
    let notice = message(b'N', b"SNOTICE\0C00000\0Mhello\0\0");
    [version, other, notice, key, message(b'Z', b"I")].concat()
}

/// The answer to the statement.
pub(super) fn one() -> Vec<u8> {
    let column = [&b"?column?\0"[..], &[0; 18]].concat();
    let description = message(b'T', &[&[0, 1][..], &column].concat());
    let row = message(b'D', &[0, 1, 0, 0, 0, 1, b'1']);
    [description, row, message(b'C', b"SELECT 1\0"), message(b'Z', b"I")].concat()
}

/// Says what belongs after a good sign-in.
async fn serve_statement(peer: &mut Peer) {
    peer.say(&ready()).await;
    let asked = peer.hear().await;
    assert_eq!(asked, message(b'Q', b"SELECT 1\0"));
    peer.say(&one()).await;
    peer.hear_out().await;
}

/// A plain talk in which the server answers the start with these bytes.
async fn answered(bytes: Vec<u8>) -> (Came, Call) {
    let call = Call::new(Mode::PostgresPlain);
    let came = call
        .with(move |mut peer| {
            let bytes = bytes.clone();
            async move {
                peer.hear().await;
                peer.say(&bytes).await;
                peer.hear_out().await;
            }
        })
        .await;
    (came, call)
}

async fn over_tls(call: &Call, first: Vec<u8>) -> Came {
    let tls = call.acceptor();
    call.with(move |mut peer| {
        let (tls, first) = (tls.clone(), first.clone());
        async move {
            peer.hear().await;
            peer.say(b"S").await;
            let Some(mut peer) = peer.encrypt(&tls).await else { return };
            peer.hear().await;
            peer.say(&first).await;
            peer.hear().await;
            peer.say(&auth(OK, &[])).await;
            serve_statement(&mut peer).await;
        }
    })
    .await
}

#[tokio::test]
async fn it_encrypts_then_signs_in_then_asks_and_says_goodbye() {
    let call = Call::new(Mode::PostgresTls);
    let came = over_tls(&call, auth(CLEAR, &[])).await;
    let served = Served { product: "PostgreSQL", version: Some("15.18".into()), encrypted: true };
    assert_eq!(served.to_string(), "PostgreSQL 15.18");
    assert_eq!(came.result, Ok(served));
    assert_eq!(came.phases, [Phase::Lookup, Phase::Connect, Phase::Tls, Phase::SignIn, Phase::Request]);
    assert!(call.heard_in_the_end("tls:X\0\0\0\x04").await, "a goodbye");
    let heard = call.heard.all();
    assert_eq!(heard[0], "\0\0\0\x08\x04\u{d2}\x16\x2f");
    assert!(heard[1].starts_with("tls:"), "{heard:?}");
    for part in ["user\0joe\0", "database\0shop\0", "application_name\0Credenza\0"] {
        assert!(heard[1].contains(part), "{heard:?}");
    }
    // A server that must see the password sees it through the encrypted connection only.
    assert_eq!(heard[2], format!("tls:p\0\0\0\x14{PASSWORD}\0"));
}

#[tokio::test]
async fn md5_sends_a_hash_for_this_salt_alone() {
    let call = Call::new(Mode::PostgresTls);
    assert!(over_tls(&call, auth(MD5, &[1, 2, 3, 4])).await.result.is_ok());
    let heard = call.heard.all();
    assert!(heard[2].starts_with("tls:p\0\0\0\x28md5"), "{heard:?}");
    call.kept_the_password();
    let other = Call::new(Mode::PostgresTls);
    assert!(over_tls(&other, auth(MD5, &[4, 3, 2, 1])).await.result.is_ok());
    assert_ne!(other.heard.all()[2], heard[2]);
}

#[tokio::test]
async fn t099_a_password_is_never_sent_in_clear_text_even_where_the_operator_named_the_place() {
    let (came, call) = answered(auth(CLEAR, &[])).await;
    assert_eq!(came.fault(), Fault::Sql(SqlFault::ClearPassword));
    call.kept_the_password();
}

#[tokio::test]
async fn t099_a_server_that_will_not_encrypt_hears_nothing_else() {
    let call = Call::new(Mode::PostgresTls);
    let script = |mut peer: Peer| async move {
        peer.hear().await;
        peer.say(b"N").await;
        peer.hear_out().await;
    };
    let came = call.with(script).await;
    assert_eq!(came.phases.last(), Some(&Phase::Tls));
    assert_eq!(came.fault(), Fault::Tls(TlsFault { kind: TlsKind::NotOffered, fingerprint: None }));
    assert_eq!(call.said().chars().count(), 8);
}

#[tokio::test]
async fn t099_words_before_the_encryption_are_not_believed() {
    let cases: [(Vec<u8>, Fault); 4] = [
        // A refusal that would blame the password, from somebody who has proven nothing.
        (error("28P01"), Fault::Network(Network::Reset)),
        // A sign-in that is over before it began, behind the agreement to encrypt.
        (
            [b"S".to_vec(), auth(OK, &[]), ready()].concat(),
            Fault::Tls(TlsFault { kind: TlsKind::WrongVersion, fingerprint: None }),
        ),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), Fault::Protocol),
        // A server of another kind that begins with the same letter.
        (b"SSH-2.0-x\r\n".to_vec(), Fault::Tls(TlsFault { kind: TlsKind::WrongVersion, fingerprint: None })),
    ];
    for (words, fault) in cases {
        let call = Call::new(Mode::PostgresTls);
        let script = move |mut peer: Peer| {
            let words = words.clone();
            async move {
                peer.hear().await;
                peer.say(&words).await;
                peer.hear_out().await;
            }
        };
        assert_eq!(call.with(script).await.fault(), fault);
        call.kept_still();
    }
}

#[tokio::test]
async fn t099_a_bad_certificate_ends_the_call() {
    let call = Call::new(Mode::PostgresTls);
    let tls = Authority::new().acceptor(&[super::HOST]);
    let script = move |mut peer: Peer| {
        let tls = tls.clone();
        async move {
            peer.hear().await;
            peer.say(b"S").await;
            if let Some(mut peer) = peer.encrypt(&tls).await {
                peer.hear_out().await;
            }
        }
    };
    assert_eq!(call.with(script).await.fault(), Fault::Tls(TlsFault { kind: TlsKind::Untrusted, fingerprint: None }));
    call.kept_still();
}

#[tokio::test]
async fn t057_refusals_keep_the_code_and_lose_the_text() {
    for code in ["28P01", "3D000", "57P03"] {
        let (came, _) = answered(error(code)).await;
        let fault = came.fault();
        let state = SqlCode::read_state(code.as_bytes());
        assert_eq!(fault, Fault::Sql(SqlFault::Refused(SqlCode { number: None, state })));
        let text = format!("{fault:?}");
        assert!(!text.contains("canary") && !text.contains("script"), "{text}");
    }
    for odd in ["", "28p01", "28P0", "28P011", "<b>28"] {
        assert_eq!(answered(error(odd)).await.0.fault(), Fault::Protocol, "{odd}");
    }
    assert_eq!(answered(message(b'E', b"\0")).await.0.fault(), Fault::Protocol);
}

#[tokio::test]
async fn other_ways_to_sign_in_are_told_and_not_tried() {
    for (number, more) in [(2, &b""[..]), (6, b""), (7, b""), (9, b""), (SASL, b"SCRAM-SHA-1\0OAUTHBEARER\0\0")] {
        let (came, call) = answered(auth(number, more)).await;
        assert_eq!(came.phases.last(), Some(&Phase::SignIn));
        assert_eq!(came.fault(), Fault::Sql(SqlFault::NoSignIn), "{number}");
        call.kept_the_password();
    }
    assert_eq!(answered(auth(99, &[])).await.0.fault(), Fault::Protocol);
}

/// A SCRAM dialogue in which the server answers our nonce with `first`, and our proof with `last`.
async fn scram(first: fn(&str) -> String, last: Vec<u8>) -> (Came, Call) {
    let call = Call::new(Mode::PostgresPlain);
    let script = move |mut peer: Peer| {
        let last = last.clone();
        async move {
            peer.hear().await;
            peer.say(&auth(SASL, b"SCRAM-SHA-256\0\0")).await;
            let hello = String::from_utf8(peer.hear().await).unwrap();
            let nonce = hello.split_once("r=").unwrap().1;
            peer.say(&auth(CONTINUE, first(nonce).as_bytes())).await;
            peer.hear().await;
            peer.say(&last).await;
            peer.hear_out().await;
        }
    };
    let came = call.with(script).await;
    (came, call)
}

/// Our first message of SCRAM to a server that offers these.
async fn first_of_scram(call: &Call, offers: &'static [u8]) -> String {
    let tls = (call.mode == Mode::PostgresTls).then(|| call.acceptor());
    let script = move |mut peer: Peer| {
        let tls = tls.clone();
        async move {
            if let Some(tls) = tls {
                peer.hear().await;
                peer.say(b"S").await;
                let Some(encrypted) = peer.encrypt(&tls).await else { return };
                peer = encrypted;
            }
            peer.hear().await;
            peer.say(&auth(SASL, offers)).await;
            peer.hear().await;
        }
    };
    call.with(script).await.fault();
    call.heard.all().pop().unwrap_or_default()
}

#[tokio::test]
async fn a_sign_in_is_bound_to_the_encryption_where_the_server_can() {
    let both = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
    let bound = first_of_scram(&Call::new(Mode::PostgresTls), both).await;
    assert!(bound.contains("SCRAM-SHA-256-PLUS\0") && bound.contains("p=tls-server-end-point,,n=,r="), "{bound}");
    // A server that does not offer it hears that we could have: somebody in between may have struck it out.
    let struck = first_of_scram(&Call::new(Mode::PostgresTls), b"SCRAM-SHA-256\0\0").await;
    assert!(struck.contains("SCRAM-SHA-256\0") && struck.contains("y,,n=,r="), "{struck}");
    let plain = first_of_scram(&Call::new(Mode::PostgresPlain), both).await;
    assert!(plain.contains("SCRAM-SHA-256\0") && plain.contains("n,,n=,r="), "{plain}");
}

#[tokio::test]
async fn a_server_must_prove_that_it_knows_the_password() {
    let fair: fn(&str) -> String = |nonce| format!("r={nonce}server,s=c2FsdHNhbHQ=,i=4096");
    let lies = [
        // A made-up proof, none at all, and a welcome in its place.
        auth(FINAL, b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        auth(FINAL, b"v="),
        auth(OK, &[]),
    ];
    for lie in lies {
        let (came, call) = scram(fair, [lie, auth(OK, &[]), ready(), one()].concat()).await;
        assert_eq!(came.fault(), Fault::Protocol);
        assert!(!call.said().contains("SELECT"), "nothing was asked of somebody who did not prove it");
        call.kept_the_password();
    }
    let (came, _) = scram(fair, error("28P01")).await;
    assert!(matches!(came.fault(), Fault::Sql(SqlFault::Refused(_))));
}

#[tokio::test]
async fn a_server_cannot_make_us_hash_for_ever_or_with_a_nonce_of_its_own() {
    let odd: [fn(&str) -> String; 5] = [
        |nonce| format!("r={nonce}server,s=c2FsdHNhbHQ=,i=4294967295"),
        |nonce| format!("r={nonce}server,s=c2FsdHNhbHQ=,i=100000000"),
        |_| "r=quite-another,s=c2FsdHNhbHQ=,i=4096".to_owned(),
        |nonce| format!("r={nonce}server,s=?,i=4096"),
        |_| "e=other-error".to_owned(),
    ];
    for first in odd {
        let (came, call) = scram(first, Vec::new()).await;
        assert!(came.took < Duration::from_millis(500), "{:?}", came.took);
        assert_eq!(came.fault(), Fault::Protocol);
        call.kept_the_password();
    }
}

#[tokio::test]
async fn t098_silence_floods_and_false_lengths_end() {
    let (came, _) = answered(Vec::new()).await;
    assert_eq!(came.phases.last(), Some(&Phase::SignIn));
    assert!(came.took < Duration::from_secs(2), "{:?}", came.took);
    assert_eq!(came.fault(), Fault::Network(Network::Timeout));
    let call = Call::new(Mode::PostgresTls);
    assert_eq!(call.with(Peer::stay).await.fault(), Fault::Network(Network::Timeout));
    let call = Call::new(Mode::PostgresPlain);
    let flood = |mut peer: Peer| async move {
        let notice = message(b'N', b"SNOTICE\0C00000\0Mmore and more\0\0").repeat(100);
        while tokio::io::AsyncWriteExt::write_all(&mut peer.stream, &notice).await.is_ok() {}
    };
    assert_eq!(call.with(flood).await.fault(), Fault::Protocol);
    for length in [[0x7f, 0xff, 0xff, 0xff], [0xff; 4], [0, 1, 0, 1], [0; 4], [0, 0, 0, 3]] {
        let (came, _) = answered([&b"R"[..], &length, &[0; 64]].concat()).await;
        assert!(came.took < Duration::from_millis(500), "{length:?}: {:?}", came.took);
        assert_eq!(came.fault(), Fault::Protocol, "{length:?}");
    }
    let call = Call::new(Mode::PostgresPlain);
    assert_eq!(call.with(|peer| async move { drop(peer) }).await.fault(), Fault::Network(Network::Reset));
}

#[tokio::test]
async fn one_question_for_the_password_is_answered_and_no_second() {
    let call = Call::new(Mode::PostgresPlain);
    let script = |mut peer: Peer| async move {
        peer.hear().await;
        for salt in [[1; 4], [2; 4], [3; 4]] {
            peer.say(&auth(MD5, &salt)).await;
            peer.hear().await;
        }
    };
    assert_eq!(call.with(script).await.fault(), Fault::Protocol);
    assert_eq!(call.said().matches("md5").count(), 1);
}

#[tokio::test]
async fn only_the_right_answer_counts_and_no_file_is_given() {
    let row = |text: &[u8]| message(b'D', &[&[0, 1, 0, 0, 0, 1][..], text].concat());
    let complete = message(b'C', b"SELECT 1\0");
    let answers = [
        // COPY … FROM STDIN: please send.
        message(b'G', &[0, 0, 0]),
        message(b'W', &[0, 0, 0]),
        [row(b"2"), complete.clone(), message(b'Z', b"I")].concat(),
        [complete, message(b'Z', b"I")].concat(),
        message(b'I', b""),
    ];
    for answer in answers {
        let (came, call) = answered([auth(OK, &[]), ready(), answer].concat()).await;
        assert_eq!(came.phases.last(), Some(&Phase::Request));
        assert_eq!(came.fault(), Fault::Protocol);
        assert!(call.heard_in_the_end("Q\0\0\0\x0dSELECT 1\0").await);
    }
}
