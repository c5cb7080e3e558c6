//! Samples: running a load for a time, medians, memory.

use super::client::Client;
use anyhow::{Context, Result, ensure};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What one round came to.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// Requests a second.
    pub rate: f64,
    /// The middle latency in microseconds.
    pub p50: f64,
    /// The latency that one in a hundred exceeds, in microseconds.
    pub p99: f64,
    /// Processor time of server and client together, in microseconds a request.
    pub processor: f64,
}

/// Sends the same request over `connections` connections for a time.
pub fn load(addr: SocketAddr, request: &[u8], connections: usize, time: Duration) -> Result<Round> {
    let (begun, used) = (Instant::now(), processor_time()?);
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let request = request.to_vec();
            std::thread::spawn(move || hammer(addr, &request, begun + time))
        })
        .collect();
    let mut taken: Vec<f64> = Vec::new();
    for thread in threads {
        taken.extend(thread.join().map_err(|_| anyhow::anyhow!("a client panicked"))??);
    }
    let (seconds, used) = (begun.elapsed().as_secs_f64(), processor_time()? - used);
    let count = taken.len() as f64;
    Ok(Round {
        rate: count / seconds,
        p50: quantile(&mut taken, 0.5)?,
        p99: quantile(&mut taken, 0.99)?,
        processor: used * 1e6 / count,
    })
}

fn hammer(addr: SocketAddr, request: &[u8], until: Instant) -> Result<Vec<f64>> {
    let mut client = Client::connect(addr)?;
    let mut taken = Vec::new();
    while Instant::now() < until {
        taken.push(once(&mut client, request)?);
    }
    Ok(taken)
}

/// One request that must succeed; microseconds.
pub fn once(client: &mut Client, request: &[u8]) -> Result<f64> {
    let begun = Instant::now();
    let reply = client.send(request)?;
    let taken = begun.elapsed().as_secs_f64() * 1e6;
    ensure!(matches!(reply.status, 200 | 304), "status {}", reply.status);
    Ok(taken)
}

/// A quantile of samples.
pub fn quantile(samples: &mut [f64], at: f64) -> Result<f64> {
    samples.sort_unstable_by(f64::total_cmp);
    let last = samples.len().checked_sub(1).context("no sample")?;
    samples.get((last as f64 * at).round() as usize).copied().context("no sample")
}

/// The middle of one figure over rounds.
pub fn median(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> Result<f64> {
    quantile(&mut rounds.iter().map(figure).collect::<Vec<_>>(), 0.5)
}

/// Prints a figure beside the most that it may be, and says whether it is no more.
pub fn judge(name: &str, figure: f64, most: f64, unit: &str) -> bool {
    println!("{name}: {figure:.2} {unit} (≤ {most}) {}", verdict(figure <= most));
    figure <= most
}

/// The word for a target that was met or was not.
pub fn verdict(met: bool) -> &'static str {
    if met { "PASS" } else { "FAIL" }
}

/// Seconds of processor time that this process has used (`/proc/self/stat`, in hundredths).
pub fn processor_time() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let behind = stat.rsplit(')').next().context("no fields")?;
    let fields: Vec<&str> = behind.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64> { Ok(fields.get(at).context("no field")?.parse::<f64>()?) };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// Resident memory of this process in MiB, now and at its highest (`/proc/self/status`).
pub fn memory() -> Result<(f64, f64)> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let mib = |name: &str| -> Result<f64> {
        let line = status.lines().find(|line| line.starts_with(name)).context("no such line")?;
        Ok(line.split_whitespace().nth(1).context("no number")?.parse::<f64>()? / 1024.0)
    };
    Ok((mib("VmRSS:")?, mib("VmHWM:")?))
}

/// What machine this is, in a line.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let total = read("/proc/meminfo");
    let memory = total.lines().next().and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse().ok());
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    format!(
        "{cores} × {}, {:.0} GiB, Linux {}, load at the start {}",
        model.trim_start_matches([':', ' ', '\t']),
        memory.unwrap_or(0.0_f64) / 1_048_576.0,
        kernel.trim(),
        load.split_whitespace().next().unwrap_or("unknown")
    )
}
