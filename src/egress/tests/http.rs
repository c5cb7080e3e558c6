use super::super::Egress;
use super::super::fault::{Fault, Network};
use super::super::http::{Answer, BODY_LIMIT};
use super::super::lead::Lead;
use super::super::stage::{Authority, Boxed, Heard, caller, json, read_request, serve, serve_http};
use super::super::trace::Trace;
use super::{get, policy};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

const LIMIT: Duration = Duration::from_millis(600);

async fn call(egress: &Egress) -> Result<Answer, Fault> {
    get(egress, "https://a.example/v1?key=hunter2", &policy(&["a.example"]), &mut Trace::within(LIMIT)).await
}

async fn answering(bytes: impl Into<Vec<u8>>) -> (Egress, Heard) {
    let (authority, heard, bytes) = (Authority::new(), Heard::default(), bytes.into());
    let listener = serve_http(Some(authority.acceptor(&["a.example"])), heard.clone(), move |_| bytes.clone()).await;
    (caller(Lead::to(listener), &authority, ""), heard)
}

async fn talking<F: Future<Output = ()> + Send + 'static>(talk: impl Fn(Boxed) -> F + Send + Sync + 'static) -> Egress {
    let authority = Authority::new();
    let listener = serve(Some(authority.acceptor(&["a.example"])), talk).await;
    caller(Lead::to(listener), &authority, "")
}

#[tokio::test]
async fn a_request_is_what_was_asked_for() {
    let (egress, heard) = answering(json(200, r#"{"id":1}"#)).await;
    let answer = call(&egress).await.unwrap();
    assert_eq!(answer.json().unwrap()["id"], 1);
    let request = &heard.all()[0];
    assert!(request.starts_with("GET /v1?key=hunter2 HTTP/1.1\r\n"), "{request}");
    let lower = request.to_lowercase();
    assert!(lower.contains("host: a.example\r\n") && lower.contains("authorization: bearer hunter2\r\n"));
    assert!(lower.contains(concat!("user-agent: credenza/", env!("CARGO_PKG_VERSION"))));
    assert!(!lower.contains("accept-encoding"));
    assert!(!format!("{answer:?}").contains("id"));
}

#[tokio::test]
async fn t095_redirects_and_their_kin_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let head = format!(
            "HTTP/1.1 {status} x\r\nLocation: https://a.example/else\r\nRefresh: 0;url=https://b.example/\r\nAlt-Svc: h2=\"b.example:443\"\r\nLink: <https://b.example/>; rel=preload\r\nContent-Length: 0\r\n\r\n"
        );
        let (egress, heard) = answering(head).await;
        assert_eq!(call(&egress).await.unwrap().status, status);
        assert_eq!((heard.all().len(), egress.dialer().connections()), (1, 1));
    }
}

#[tokio::test]
async fn t098_a_large_body_is_cut_and_never_decoded() {
    let (egress, _) = answering(json(200, &format!("\"{}\"", "x".repeat(1_000_000)))).await;
    let answer = call(&egress).await.unwrap();
    assert_eq!((answer.body().len(), answer.cut, answer.json()), (BODY_LIMIT, true, None));
    let squeezed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0];
    let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\n".to_vec();
    bytes.extend(squeezed);
    let (egress, _) = answering(bytes).await;
    assert_eq!(call(&egress).await.unwrap().body(), squeezed);
}

#[tokio::test]
async fn t098_heads_without_end_are_refused() {
    let many: String = (0..101).map(|i| format!("X-{i}: 1\r\n")).collect();
    let long = format!("X: {}\r\n", "y".repeat(70_000));
    for headers in [many, long] {
        let (egress, _) = answering(format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n")).await;
        assert_eq!(call(&egress).await.unwrap_err(), Fault::Protocol);
    }
}

#[tokio::test]
async fn t098_drips_end_at_the_deadline() {
    let egress = talking(|mut stream| async move {
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let began = Instant::now();
    assert_eq!(call(&egress).await.unwrap_err(), Fault::Network(Network::Timeout));
    assert!(began.elapsed() >= LIMIT && began.elapsed() < LIMIT * 3);
}

#[tokio::test]
async fn t098_silence_ends_at_the_deadline() {
    let egress = talking(|mut stream| async move {
        let _ = read_request(&mut stream).await;
        tokio::time::sleep(LIMIT * 4).await;
    })
    .await;
    assert_eq!(call(&egress).await.unwrap_err(), Fault::Network(Network::Timeout));
}

#[tokio::test]
async fn t098_chunks_without_end_are_cut() {
    let egress = talking(|mut stream| async move {
        let _ = read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        while stream.write_all(b"400\r\n").await.is_ok() && stream.write_all(&[b'x'; 1024]).await.is_ok() {
            let _ = stream.write_all(b"\r\n").await;
        }
    })
    .await;
    let answer = call(&egress).await.unwrap();
    assert!(answer.cut);
}

#[tokio::test]
async fn t098_interim_answers_without_end_are_stopped() {
    let egress = talking(|mut stream| async move {
        let _ = read_request(&mut stream).await;
        while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_ok() {}
    })
    .await;
    let fault = call(&egress).await.unwrap_err();
    assert!(matches!(fault, Fault::Protocol | Fault::Network(Network::Timeout)), "{fault:?}");
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_a_fault_of_the_protocol() {
    let (egress, _) = answering("SSH-2.0-OpenSSH_9.6\r\n\r\n").await;
    assert_eq!(call(&egress).await.unwrap_err(), Fault::Protocol);
    let (egress, _) = answering("").await;
    assert_eq!(call(&egress).await.unwrap_err(), Fault::Network(Network::Reset));
}

#[tokio::test]
async fn cookies_and_headers_of_an_answer_can_be_read() {
    let (egress, _) = answering("HTTP/1.1 200 OK\r\nSet-Cookie: A=old\r\nSet-Cookie: A=\"new\"; Path=/; HttpOnly\r\nX-Next: z\r\nContent-Length: 0\r\n\r\n").await;
    let answer = call(&egress).await.unwrap();
    assert_eq!(answer.cookie("A").unwrap().expose(), "new");
    assert!(answer.cookie("B").is_none());
    assert_eq!(answer.header("x-next").unwrap().expose(), "z");
}

#[tokio::test]
async fn calls_can_be_made_on_any_thread() {
    let (egress, _) = answering(json(204, "")).await;
    let status = tokio::spawn(async move { call(&egress).await.map(|a| a.status) }).await.unwrap();
    assert_eq!(status, Ok(204));
}
