//! Bytes on a connection, past every client that would mend them.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No answer takes longer than this.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to the console at `http://host:port`.
pub async fn connect(base: &str) -> TcpStream {
    TcpStream::connect(base.trim_start_matches("http://")).await.expect("a connection")
}

/// Everything that comes back until the other side closes, or until `limit` has passed.
pub async fn rest(stream: &mut TcpStream, limit: Duration) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset after the answer is as good as an end.
    drop(tokio::time::timeout(limit, stream.read_to_end(&mut bytes)).await);
    bytes
}

/// Sends bytes and returns the status and all of the answer. The request must ask to close the connection.
pub async fn ask(base: &str, request: &[u8]) -> (u16, String) {
    let mut stream = connect(base).await;
    // An answer that comes before all was sent closes the connection under the rest.
    drop(stream.write_all(request).await);
    let bytes = rest(&mut stream, PATIENCE).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (status(&text), text)
}

/// The status in an answer; 0 if there is none.
pub fn status(answer: &str) -> u16 {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// A port of 127.0.0.1 that nobody listens on at this moment.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}
