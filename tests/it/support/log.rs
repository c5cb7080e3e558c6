//! What the program logs, at its finest, while somebody listens.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, filter};

static LISTENERS: AtomicUsize = AtomicUsize::new(0);
static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static START: Once = Once::new();

/// Keeps everything that is logged at TRACE, by whichever test runs meanwhile, until it is dropped.
pub struct Capture {
    from: usize,
}

impl Capture {
    /// Begins to listen.
    pub fn start() -> Self {
        START.call_once(|| {
            let dynamic = filter::dynamic_filter_fn(|_, _| LISTENERS.load(Ordering::SeqCst) > 0);
            let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| Sink).with_filter(dynamic);
            tracing_subscriber::registry().with(layer).init();
        });
        let lines = LINES.lock().expect("lines");
        LISTENERS.fetch_add(1, Ordering::SeqCst);
        Self { from: lines.len() }
    }

    /// What was logged since.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(LINES.lock().expect("lines").get(self.from..).unwrap_or_default()).into_owned()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let mut lines = LINES.lock().expect("lines");
        if LISTENERS.fetch_sub(1, Ordering::SeqCst) == 1 {
            lines.clear();
        }
    }
}

struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().expect("lines").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
