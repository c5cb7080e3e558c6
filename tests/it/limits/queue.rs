//! T132: when as many passwords wait as may, who comes then is told at once, and nothing counts against them.

use crate::support::app::{ACME, TestApp, email};
use credenza::crypto::hasher::{RETRY_AFTER_S, Settings};
use credenza::crypto::random::Random;
use credenza::secret::Secret;
use futures_util::future::poll_immediate;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Holds the hashing threads where they take a salt, while it is closed.
#[derive(Default)]
struct Gate {
    /// Whether it is closed, and how many came to it.
    state: Mutex<(bool, usize)>,
    moved: Condvar,
}

impl Gate {
    fn pass(&self) {
        let mut state = self.state.lock().expect("the gate");
        state.1 += 1;
        drop(self.moved.wait_while(state, |state| state.0).expect("the gate"));
    }

    fn close(&self, closed: bool) {
        self.state.lock().expect("the gate").0 = closed;
        self.moved.notify_all();
    }

    fn came(&self) -> usize {
        self.state.lock().expect("the gate").1
    }
}

/// The system's random bytes; a hashing thread waits for the gate first.
fn random(gate: &Arc<Gate>) -> Random {
    let gate = gate.clone();
    Random::from_fn(move |buffer| {
        if std::thread::current().name().is_some_and(|name| name.starts_with("password-")) {
            gate.pass();
        }
        Random::system().fill(buffer)
    })
}

#[tokio::test]
async fn t132_who_comes_when_the_queue_is_full_is_told_at_once() {
    let gate = Arc::new(Gate::default());
    let hashing = Settings { queue: 1, ..Settings::for_testing() };
    let app = TestApp::builder().random(random(&gate)).hashing(hashing).start().await;
    let before = gate.came();
    gate.close(true);
    let hash = || Box::pin(app.hasher.hash(Secret::new("a password that takes its time".to_owned())));
    let (mut hashed, mut waits) = (hash(), hash());
    assert!(poll_immediate(&mut hashed).await.is_none());
    while gate.came() == before {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(poll_immediate(&mut waits).await.is_none());
    // More of them than failures would be let through.
    let address = email("admin", ACME);
    for _ in 0..10 {
        let reply = app.anon().sign_in(&address).await.expect(503);
        assert_eq!(reply.header("retry-after"), Some(RETRY_AFTER_S.to_string().as_str()));
    }
    gate.close(false);
    for done in [hashed.await, waits.await] {
        assert!(done.is_ok(), "who was let in is not turned away: {done:?}");
    }
    app.anon().sign_in(&address).await.expect(303);
}
