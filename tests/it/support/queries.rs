//! How many queries each database was asked, by whatever opened it.

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use std::collections::BTreeMap;
use std::sync::{Mutex, Once};

static ASKED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());
static START: Once = Once::new();

/// Counts from now on; connections that are open already are not seen.
pub fn watch() {
    START.call_once(|| {
        set_default_instrumentation(|| Some(Box::<Counter>::default())).expect("nobody else counts");
    });
}

/// How many queries the database of this address has been asked so far.
pub fn asked(url: &str) -> u64 {
    let asked = ASKED.lock().expect("counts");
    asked.get(url.trim_start_matches("sqlite://")).copied().unwrap_or(0)
}

#[derive(Default)]
struct Counter {
    url: String,
}

impl Instrumentation for Counter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => self.url = url.to_owned(),
            InstrumentationEvent::StartQuery { .. } => {
                *ASKED.lock().expect("counts").entry(self.url.clone()).or_default() += 1;
            }
            _ => {}
        }
    }
}
