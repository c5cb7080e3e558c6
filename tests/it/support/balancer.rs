//! A balancer: each connection goes to the next process that takes it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// A running balancer; it stops when dropped.
pub struct Balancer {
    /// `http://127.0.0.1:port`.
    pub base: String,
    targets: Arc<Mutex<Vec<SocketAddr>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Balancer {
    /// Listens; nobody is behind it yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let targets = Arc::<Mutex<Vec<SocketAddr>>>::default();
        let task = tokio::spawn(balance(listener, targets.clone()));
        Self { base, targets, task }
    }

    /// Puts a process at the address `http://host:port` behind it.
    pub fn add(&self, base: &str) {
        let target = base.trim_start_matches("http://").parse().expect("an address");
        self.targets.lock().expect("targets").push(target);
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn balance(listener: TcpListener, targets: Arc<Mutex<Vec<SocketAddr>>>) {
    let turn = Arc::new(AtomicUsize::new(0));
    while let Ok((mut client, _)) = listener.accept().await {
        let (targets, turn) = (targets.lock().expect("targets").clone(), turn.clone());
        tokio::spawn(async move {
            let first = turn.fetch_add(1, Ordering::SeqCst);
            for n in 0..targets.len() {
                // Whoever does not take it is passed over.
                if let Ok(mut server) = TcpStream::connect(targets[(first + n) % targets.len()]).await {
                    drop(copy_bidirectional(&mut client, &mut server).await);
                    return;
                }
            }
        });
    }
}
