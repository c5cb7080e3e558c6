use super::{Call, Came, HOST, PASSWORD, Peer};
use crate::egress::fault::{Fault, Network, SqlCode, SqlFault, TlsFault, TlsKind};
use crate::egress::sql::Served;
use crate::egress::stage::Authority;
use crate::egress::target::Mode;
use crate::egress::trace::Phase;
use sha2::{Digest, Sha256};
use std::time::Duration;

const SHA2: &str = "caching_sha2_password";
const NATIVE: &str = "mysql_native_password";
const NONCE: [u8; 20] = *b"twenty bytes of salt";
/// Capabilities of a server of today, as bits.
const CAN: u32 = 0xdfff_ffff;
/// Bytes of the packet that asks for encryption, with its head.
const SSL_REQUEST: usize = 36;
const CAN_TLS: u32 = 0x0800;

/// A packet with its number.
pub(super) fn packet(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], content].concat()
}

/// A greeting (protocol 10) with these capabilities.
pub(super) fn greeting(version: &str, can: u32, plugin: &str) -> Vec<u8> {
    let can = can.to_le_bytes();
    let mut content = [&[10], version.as_bytes(), &[0, 7, 0, 0, 0], &NONCE[..8], &[0], &can[..2]].concat();
    content.extend([45, 2, 0]);
    content.extend(&can[2..]);
    content.push(21);
    content.extend([0; 10]);
    content.extend(&NONCE[8..]);
    content.push(0);
    content.extend(plugin.as_bytes());
    content.push(0);
    packet(0, &content)
}

pub(super) const OK: [u8; 7] = [0, 0, 0, 2, 0, 0, 0];

fn error(code: u16, state: &str) -> Vec<u8> {
    let text = format!("{state}Access denied for {PASSWORD} <script>alert(1)</script>");
    [&[0xff][..], &code.to_le_bytes(), text.as_bytes()].concat()
}

fn switch(plugin: &str, nonce: &[u8]) -> Vec<u8> {
    [&[0xfe], plugin.as_bytes(), &[0], nonce, &[0]].concat()
}

/// The answer to the statement.
pub(super) fn one() -> Vec<u8> {
    let column = [&b"\x03def\0\0\0\x011\0\x0c\x3f\0\x01\0\0\0\x08\x81\0\0\0\0"[..]].concat();
    let end = [0xfe, 0, 0, 2, 0];
    [packet(1, &[1]), packet(2, &column), packet(3, &end), packet(4, b"\x011"), packet(5, &end)].concat()
}

/// A plain talk: greeted by `greeting`, each of our packets is answered by the next of `answers`.
async fn plain(greeting: Vec<u8>, answers: Vec<Vec<u8>>) -> (Came, Call) {
    let call = Call::new(Mode::MysqlPlain);
    let script = move |mut peer: Peer| {
        let (greeting, answers) = (greeting.clone(), answers.clone());
        async move {
            peer.say(&greeting).await;
            talk(peer, answers).await;
        }
    };
    let came = call.with(script).await;
    (came, call)
}

async fn talk(mut peer: Peer, answers: Vec<Vec<u8>>) {
    for answer in answers {
        peer.hear().await;
        peer.say(&answer).await;
    }
    peer.hear_out().await;
}

/// The same, encrypted.
async fn over_tls(plugin: &'static str, answers: Vec<Vec<u8>>) -> (Came, Call) {
    let call = Call::new(Mode::MysqlTls);
    let tls = call.acceptor();
    let script = move |mut peer: Peer| {
        let (tls, answers) = (tls.clone(), answers.clone());
        async move {
            peer.say(&greeting("8.4.3", CAN, plugin)).await;
            peer.hear_at_most(SSL_REQUEST).await;
            let Some(peer) = peer.encrypt(&tls).await else { return };
            talk(peer, answers).await;
        }
    };
    let came = call.with(script).await;
    (came, call)
}

/// XOR(SHA256(password), SHA256(SHA256(SHA256(password)) ∥ nonce)), as MySQL's manual has it.
fn sha2_answer() -> String {
    let once = Sha256::digest(PASSWORD);
    let mut mixed = Sha256::digest(once).to_vec();
    mixed.extend(NONCE);
    once.iter().zip(Sha256::digest(mixed)).map(|(a, b)| char::from(a ^ b)).collect()
}

#[tokio::test]
async fn it_encrypts_then_signs_in_then_asks_and_says_goodbye() {
    let (came, call) = over_tls(SHA2, vec![[packet(3, &[1, 3]), packet(4, &OK)].concat(), one()]).await;
    let served = Served { product: "MySQL", version: Some("8.4.3".into()), encrypted: true };
    assert_eq!(came.result, Ok(served));
    assert_eq!(came.phases, [Phase::Lookup, Phase::Connect, Phase::Hello, Phase::Tls, Phase::SignIn, Phase::Request]);
    assert!(call.heard_in_the_end("tls:\x01\0\0\0\x01").await, "a goodbye");
    let heard = call.heard.all();
    // 32 bytes that ask for encryption, and nothing about anybody.
    assert_eq!((heard[0].chars().count(), heard[0].chars().next()), (SSL_REQUEST, Some('\x20')));
    let answer = sha2_answer();
    // Both say the same of us: some servers go by the first.
    let can = |said: &str| said.chars().skip(4).take(4).collect::<String>();
    assert_eq!(can(&heard[0]), can(heard[1].trim_start_matches("tls:")));
    assert!(heard[1].contains(&format!("joe\0\x20{answer}shop\0{SHA2}\0")), "{heard:?}");
    assert_eq!(heard[2], "tls:\x09\0\0\0\x03SELECT 1");
    call.kept_the_password();
}

#[tokio::test]
async fn we_offer_neither_files_nor_several_statements_nor_compression() {
    let (_, call) = plain(greeting("8.4.3", CAN, SHA2), vec![packet(2, &OK), one()]).await;
    let said: Vec<char> = call.heard.all()[0].chars().collect();
    let can = said[4..8].iter().rev().fold(0, |can, byte| can << 8 | u32::from(*byte));
    // CLIENT_LOCAL_FILES, CLIENT_COMPRESS, CLIENT_MULTI_STATEMENTS, CLIENT_MULTI_RESULTS.
    assert_eq!(can & (0x80 | 0x20 | 0x1_0000 | 0x2_0000), 0, "{can:x}");
}

#[tokio::test]
async fn a_server_that_does_not_remember_the_password_sees_it_encrypted_only() {
    let full = vec![packet(3, &[1, 4]), packet(5, &OK), one()];
    let (came, call) = over_tls(SHA2, full).await;
    assert!(came.result.is_ok(), "{:?}", came.result);
    assert_eq!(call.heard.all()[2], format!("tls:\x10\0\0\x04{PASSWORD}\0"));
    let (came, call) = plain(greeting("8.4.3", CAN, SHA2), vec![packet(2, &[1, 4])]).await;
    assert_eq!(came.fault(), Fault::Sql(SqlFault::ClearPassword));
    call.kept_the_password();
}

#[tokio::test]
async fn the_older_way_and_a_change_of_ways() {
    let (came, call) = plain(greeting("5.5.5-10.11.19-MariaDB", CAN, NATIVE), vec![packet(2, &OK), one()]).await;
    let served = Served { product: "MariaDB", version: Some("10.11.19".into()), encrypted: false };
    assert_eq!(came.result, Ok(served));
    assert!(call.said().contains(NATIVE));
    call.kept_the_password();
    // A server whose own way is unknown asks each user for theirs.
    let answers = vec![packet(2, &switch(NATIVE, &NONCE)), packet(4, &OK), one()];
    let (came, call) = plain(greeting("11.4.2-MariaDB", CAN, "client_ed25519"), answers).await;
    assert_eq!(came.result.unwrap().to_string(), "MariaDB 11.4.2");
    assert_eq!(call.heard.all()[1].chars().nth(3), Some('\x03'), "the packet's number");
    call.kept_the_password();
}

#[tokio::test]
async fn t099_a_server_that_asks_for_the_password_itself_gets_it_encrypted_only() {
    for plugin in ["mysql_clear_password", "sha256_password"] {
        let ask = |number| vec![packet(number, &switch(plugin, &NONCE)), packet(number + 2, &OK), one()];
        let (came, call) = plain(greeting("8.4.3", CAN, SHA2), ask(2)).await;
        assert_eq!(came.fault(), Fault::Sql(SqlFault::ClearPassword), "{plugin}");
        call.kept_the_password();
        let (came, call) = over_tls(SHA2, ask(3)).await;
        assert!(came.result.is_ok(), "{:?}", came.result);
        assert_eq!(call.heard.all()[2], format!("tls:\x10\0\0\x04{PASSWORD}\0"));
    }
    let (came, call) = plain(greeting("8.4.3", CAN, "mysql_clear_password"), vec![packet(2, &OK), one()]).await;
    assert!(came.result.is_ok(), "{:?}", came.result);
    call.kept_the_password();
}

#[tokio::test]
async fn a_request_for_a_file_ends_the_call_wherever_it_comes() {
    let please = b"\xfb/etc/passwd";
    let cases = [
        (packet(0, please), vec![]),
        (greeting("8.4.3", CAN, SHA2), vec![packet(2, please)]),
        (greeting("8.4.3", CAN, SHA2), vec![packet(2, &OK), packet(1, please)]),
    ];
    for (greeting, answers) in cases {
        let (came, call) = plain(greeting, answers).await;
        assert!(came.took < Duration::from_millis(500), "{:?}", came.took);
        assert_eq!(came.fault(), Fault::Protocol);
        assert!(!call.said().contains("root:"));
        call.kept_the_password();
    }
}

#[tokio::test]
async fn other_ways_to_sign_in_are_told_and_not_tried() {
    for plugin in ["client_ed25519", "auth_gssapi_client", "dialog", "mysql_old_password"] {
        let (came, call) = plain(greeting("8.4.3", CAN, SHA2), vec![packet(2, &switch(plugin, b"x"))]).await;
        assert_eq!(came.fault(), Fault::Sql(SqlFault::NoSignIn), "{plugin}");
        call.kept_the_password();
    }
    // The way of before 4.1, asked for by a single byte.
    let (came, _) = plain(greeting("8.4.3", CAN, SHA2), vec![packet(2, &[0xfe])]).await;
    assert_eq!(came.fault(), Fault::Sql(SqlFault::NoSignIn));
}

#[tokio::test]
async fn t099_a_server_that_will_not_encrypt_hears_nothing() {
    let call = Call::new(Mode::MysqlTls);
    let script = |mut peer: Peer| async move {
        peer.say(&greeting("8.4.3", CAN & !CAN_TLS, SHA2)).await;
        peer.hear_out().await;
    };
    let came = call.with(script).await;
    assert_eq!(came.phases.last(), Some(&Phase::Tls));
    assert_eq!(came.fault(), Fault::Tls(TlsFault { kind: TlsKind::NotOffered, fingerprint: None }));
    assert_eq!(call.said(), "");
}

#[tokio::test]
async fn t099_words_before_the_encryption_are_not_believed() {
    let early = [greeting("8.4.3", CAN, SHA2), packet(2, &OK)].concat();
    let cases = [
        // A refusal of a password that was not sent.
        (packet(0, &error(1045, "#28000")), Fault::Protocol),
        // A welcome before the encryption.
        (early, Fault::Tls(TlsFault { kind: TlsKind::WrongVersion, fingerprint: None })),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), Fault::Protocol),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), Fault::Protocol),
        (packet(0, &error(1040, "")), refused(1040, None)),
        (packet(0, &error(1130, "#HY000")), refused(1130, Some("HY000"))),
    ];
    for (words, fault) in cases {
        let call = Call::new(Mode::MysqlTls);
        let script = move |mut peer: Peer| {
            let words = words.clone();
            async move {
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
    let call = Call::new(Mode::MysqlTls);
    let tls = Authority::new().acceptor(&[HOST]);
    let script = move |mut peer: Peer| {
        let tls = tls.clone();
        async move {
            peer.say(&greeting("8.4.3", CAN, SHA2)).await;
            peer.hear_at_most(SSL_REQUEST).await;
            if let Some(mut peer) = peer.encrypt(&tls).await {
                peer.hear_out().await;
            }
        }
    };
    assert_eq!(call.with(script).await.fault(), Fault::Tls(TlsFault { kind: TlsKind::Untrusted, fingerprint: None }));
    call.kept_still();
}

fn refused(number: u16, state: Option<&str>) -> Fault {
    let state = state.and_then(|state| SqlCode::read_state(state.as_bytes()));
    Fault::Sql(SqlFault::Refused(SqlCode { number: Some(number), state }))
}

#[tokio::test]
async fn t057_refusals_keep_the_code_and_lose_the_text() {
    let cases = [(1045, "#28000", Some("28000")), (1049, "#42000", Some("42000")), (1053, "", None), (1, "#<b>", None)];
    for (number, written, state) in cases {
        let (came, _) = plain(greeting("8.4.3", CAN, SHA2), vec![packet(2, &error(number, written))]).await;
        assert_eq!(came.phases.last(), Some(&Phase::SignIn));
        let fault = came.fault();
        assert_eq!(fault, refused(number, state));
        let text = format!("{fault:?}");
        assert!(!text.contains("canary") && !text.contains("script"), "{text}");
    }
    // A password that must be changed first is refused at the statement.
    let answers = vec![packet(2, &OK), packet(1, &error(1820, "#HY000"))];
    let (came, _) = plain(greeting("8.4.3", CAN, SHA2), answers).await;
    assert_eq!(came.phases.last(), Some(&Phase::Request));
    assert_eq!(came.fault(), refused(1820, Some("HY000")));
}

#[tokio::test]
async fn t098_silence_floods_and_false_lengths_end() {
    let call = Call::new(Mode::MysqlTls);
    let came = call.with(Peer::stay).await;
    assert_eq!(came.phases.last(), Some(&Phase::Hello));
    assert!(came.took < Duration::from_secs(2), "{:?}", came.took);
    assert_eq!(came.fault(), Fault::Network(Network::Timeout));
    let hello = greeting("8.4.3", CAN, SHA2);
    let (came, _) = plain(hello.clone(), vec![]).await;
    assert_eq!(came.fault(), Fault::Network(Network::Timeout));
    // One way after the other, without end.
    let switches = (0..40_u8).map(|at| packet(2 * at + 2, &switch(NATIVE, &NONCE))).collect();
    let (came, call) = plain(hello.clone(), switches).await;
    assert_eq!(came.fault(), Fault::Protocol);
    assert!(call.heard.all().len() < 10);
    let more = (2..=255).map(|number| packet(number, &[1, 3])).collect::<Vec<_>>().concat();
    assert_eq!(plain(hello.clone(), vec![more]).await.0.fault(), Fault::Protocol);
    let huge = [&[0xff, 0xff, 0xff, 2][..], &[0; 4096]].concat();
    for odd in [huge, packet(2, &[]), packet(9, &OK)] {
        let (came, _) = plain(hello.clone(), vec![odd]).await;
        assert!(came.took < Duration::from_millis(500), "{:?}", came.took);
        assert_eq!(came.fault(), Fault::Protocol);
    }
}

#[tokio::test]
async fn greetings_that_cannot_be_are_refused() {
    let good = greeting("8.4.3", CAN, SHA2);
    let length_at = 4 + 1 + "8.4.3".len() + 1 + 20;
    assert_eq!(good[length_at], 21);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    // Protocol 9; lengths of the scramble that a signed byte cannot hold; one that is longer than the packet.
    let mut odd = vec![with(4, 9), with(length_at, 128), with(length_at, 135), with(length_at, 255)];
    odd.push(with(length_at, 127));
    odd.push(greeting("8.4.3", 0, SHA2));
    odd.push(packet(0, &[10]));
    odd.push(packet(0, b"\x0a8.4.3\0"));
    for greeting in odd {
        let (came, call) = plain(greeting.clone(), vec![packet(2, &OK)]).await;
        assert_eq!(came.fault(), Fault::Protocol, "{greeting:?}");
        call.kept_still();
    }
}

#[tokio::test]
async fn only_the_right_answer_counts() {
    let end = [0xfe, 0, 0, 2, 0];
    let column = b"\x03def";
    let row =
        |row: &[u8]| [packet(1, &[1]), packet(2, column), packet(3, &end), packet(4, row), packet(5, &end)].concat();
    assert!(plain(greeting("8.4.3", CAN, SHA2), vec![packet(2, &OK), row(b"\x011")]).await.0.result.is_ok());
    let wrong = [row(b"\x012"), row(b"\xfb"), row(b""), packet(1, &OK), packet(1, &[2]), packet(1, &end)];
    for answer in wrong {
        let (came, _) = plain(greeting("8.4.3", CAN, SHA2), vec![packet(2, &OK), answer]).await;
        assert_eq!(came.phases.last(), Some(&Phase::Request));
        assert_eq!(came.fault(), Fault::Protocol);
    }
}
