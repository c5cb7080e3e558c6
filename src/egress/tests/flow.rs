use super::super::fault::{Fault, Network, Rule};
use super::super::flow::{Bounds, Flowing, Outgoing, Upload};
use super::super::http::Headers;
use super::super::lead::Lead;
use super::super::stage::{Authority, Heard, caller, read_request, serve, serve_http};
use super::super::target::Target;
use super::{policy, two_seconds};
use futures_util::StreamExt;
use hyper::Method;
use hyper::body::Bytes;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn short() -> Bounds {
    Bounds { idle: Duration::from_millis(200), whole: Duration::from_millis(700), bytes: 1 << 20 }
}

fn outgoing(method: Method, address: &str, body: Upload) -> Outgoing {
    Outgoing { method, target: Target::http(address).unwrap(), headers: Headers::default(), body }
}

async fn body(mut flowing: Flowing) -> Result<Vec<u8>, Fault> {
    let mut read = Vec::new();
    while let Some(piece) = flowing.body.next().await {
        read.extend_from_slice(&piece?);
    }
    Ok(read)
}

#[tokio::test]
async fn bodies_flow_both_ways_and_no_encoding_is_asked_for() {
    let (authority, heard) = (Authority::new(), Heard::default());
    let tls = authority.acceptor(&["api.example.com"]);
    let to = serve_http(Some(tls), heard.clone(), |_| {
        b"HTTP/1.1 201 Made\r\nX-Left: yes\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
            .to_vec()
    })
    .await;
    let egress = caller(Lead::to(to), &authority, "");
    let upload = Upload::whole(Bytes::from_static(b"{\"a\":1}"));
    let sent = outgoing(Method::POST, "https://api.example.com/v1/things?x=1", upload);
    let got = egress.flow(sent, &policy(&["api.example.com"]), short(), &mut two_seconds()).await.unwrap();
    assert_eq!((got.status, got.headers["x-left"].as_bytes()), (201, b"yes".as_slice()));
    assert_eq!(body(got).await.unwrap(), b"abcde");
    let request = heard.all()[0].clone();
    let lower = request.to_lowercase();
    assert!(request.starts_with("POST /v1/things?x=1 HTTP/1.1\r\n") && request.ends_with("\r\n\r\n{\"a\":1}"));
    assert!(lower.contains("accept-encoding: identity\r\n") && lower.contains("host: api.example.com\r\n"));
    assert!(lower.contains("content-length: 7\r\n") && !lower.contains("transfer-encoding"));
}

#[tokio::test]
async fn a_body_of_unknown_length_is_sent_as_it_comes() {
    let (authority, heard) = (Authority::new(), Heard::default());
    let kept = heard.clone();
    let to = serve(Some(authority.acceptor(&["api.example.com"])), move |mut stream| {
        let kept = kept.clone();
        async move {
            let mut all = Vec::new();
            while !all.ends_with(b"0\r\n\r\n") {
                let mut piece = [0; 1024];
                match stream.read(&mut piece).await {
                    Ok(n) if n > 0 => all.extend_from_slice(&piece[..n]),
                    _ => return,
                }
            }
            kept.add(String::from_utf8_lossy(&all));
            let _ = stream.write_all(b"HTTP/1.1 204 Done\r\n\r\n").await;
        }
    })
    .await;
    let pieces = futures_util::stream::iter(["one", "two"]).then(async |piece| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(Bytes::from_static(piece.as_bytes()))
    });
    let upload = Upload { pieces: Some(Box::pin(pieces)), length: None };
    let sent = outgoing(Method::PUT, "https://api.example.com/", upload);
    let egress = caller(Lead::to(to), &authority, "");
    let got = egress.flow(sent, &policy(&["api.example.com"]), short(), &mut two_seconds()).await.unwrap();
    assert_eq!((got.status, body(got).await.unwrap().len()), (204, 0));
    let request = heard.all()[0].clone();
    assert!(request.contains("3\r\none\r\n3\r\ntwo\r\n"), "{request}");
}

#[tokio::test]
async fn silence_an_endless_trickle_and_too_much_end_it() {
    let authority = Authority::new();
    type Piece = fn(usize) -> Option<Vec<u8>>;
    let cases: [(&str, Piece, Fault); 3] = [
        ("silence", |at| (at == 0).then(|| b"x".to_vec()), Fault::Network(Network::Timeout)),
        ("trickle", |_| Some(b"x".to_vec()), Fault::Network(Network::Timeout)),
        ("too much", |_| Some(vec![b'x'; 200_000]), Fault::Protocol),
    ];
    for (what, piece, wanted) in cases {
        let to = serve(Some(authority.acceptor(&["api.example.com"])), move |mut stream| async move {
            if read_request(&mut stream).await.is_none() {
                return;
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").await;
            for at in 0.. {
                match piece(at) {
                    Some(bytes) if stream.write_all(&bytes).await.is_err() => return,
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        })
        .await;
        let egress = caller(Lead::to(to), &authority, "");
        let began = Instant::now();
        let sent = outgoing(Method::GET, "https://api.example.com/", Upload::default());
        let got = egress.flow(sent, &policy(&["api.example.com"]), short(), &mut two_seconds()).await.unwrap();
        assert_eq!(body(got).await.unwrap_err(), wanted, "{what}");
        assert!(began.elapsed() < Duration::from_secs(5), "{what}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_or_goes_away_is_given_up() {
    let authority = Authority::new();
    for (closes, wanted) in [(false, Network::Timeout), (true, Network::Reset)] {
        let to = serve(Some(authority.acceptor(&["api.example.com"])), move |mut stream| async move {
            let _ = read_request(&mut stream).await;
            if !closes {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        })
        .await;
        let egress = caller(Lead::to(to), &authority, "");
        let sent = outgoing(Method::GET, "https://api.example.com/", Upload::default());
        let got = egress.flow(sent, &policy(&["api.example.com"]), short(), &mut two_seconds()).await;
        assert_eq!(got.unwrap_err(), Fault::Network(wanted));
    }
}

#[tokio::test]
async fn other_hosts_are_not_called() {
    let authority = Authority::new();
    let egress = caller(Lead::nowhere(), &authority, "");
    for address in ["https://api.example.com.evil.example/", "https://evil.example/", "https://169.254.169.254/"] {
        let sent = outgoing(Method::GET, address, Upload::default());
        let fault = egress.flow(sent, &policy(&["api.example.com"]), short(), &mut two_seconds()).await.unwrap_err();
        assert!(matches!(fault, Fault::Refused(refusal) if refusal.rule == Rule::Host), "{address}");
    }
    assert_eq!((egress.dialer().lookups(), egress.dialer().connections()), (0, 0));
}
