//! The process itself, looked at when it is asked for.

use super::{MEMORY, UPTIME};
use std::time::Duration;

/// Sets what is only known by looking.
pub(super) fn look(up: Duration) {
    UPTIME.set(up.as_secs_f64());
    if let Some(bytes) = resident_bytes() {
        MEMORY.set(bytes);
    }
}

/// `VmRSS` of proc(5), which is in units of 1,024 bytes; `None` where there is no such file system.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0)
}
