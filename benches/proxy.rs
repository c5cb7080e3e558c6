//! What a call through `proxy` costs beside the same call made directly, and whether a long answer is held in memory.
//!
//! `cargo bench -- proxy`; with `--short` behind it a run of seconds that shows whether it works, not how fast.

use crate::stand::bot;
use crate::stand::client::Client;
use crate::stand::console::{Console, Ground};
use crate::stand::sample::{self, judge};
use anyhow::{Context, Result, ensure};
use credenza::model::bot_token::Scope;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Bytes of the long answer.
const LONG: usize = 100 << 20;
/// Bytes that the service writes at once.
const PIECE: usize = 64 << 10;
/// The most that a call may take longer than a direct one, at p50, in milliseconds.
const ADDED: f64 = 2.0;
/// What memory may grow by while the long answer passes, in MiB.
const GROWN: f64 = 16.0;

/// Measures and prints.
pub fn run() -> Result<()> {
    let short = std::env::args().any(|arg| arg == "--short");
    let samples = if short { 50 } else { 2_000 };
    println!("machine: {}", sample::machine());
    println!(
        "database: SQLite as it is shipped (WAL, synchronous=FULL); each call is in the audit log before it goes\n"
    );
    let service = serve()?;
    let ground = Ground { allow: format!("http://{service}"), ..Ground::default() };
    let console = Console::start_on(1_000, ground)?;
    let base = format!("http://{service}");
    let token =
        bot::token(&console, ("http", "bearer"), &[("base_url", &base), ("check_path", "/")], "token", Scope::Use)?;
    let authorization = format!("Authorization: Bearer {token}\r\n");
    let through = |path: &str| console.request(&format!("{}/proxy{path}", bot::CREDENTIAL), &authorization);
    let mut met = small(&console, service, &through("/small"), samples)?;
    met &= long(&console, &through("/long"))?;
    println!("{}", if met { "all targets met" } else { "targets missed" });
    Ok(())
}

/// One small call after the other, directly over a new connection, directly over a kept one, and through the console.
fn small(console: &Console, service: SocketAddr, through: &[u8], samples: usize) -> Result<bool> {
    let direct = format!("GET /small HTTP/1.1\r\nHost: {service}\r\n\r\n").into_bytes();
    let (mut kept, mut client) = (Client::connect(service)?, Client::connect(console.addr)?);
    let (mut fresh_times, mut kept_times, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..samples {
        let begun = Instant::now();
        sample::once(&mut Client::connect(service)?, &direct)?;
        fresh_times.push(begun.elapsed().as_secs_f64() * 1e6);
        kept_times.push(sample::once(&mut kept, &direct)?);
        times.push(sample::once(&mut client, through)?);
    }
    let fresh = sample::quantile(&mut fresh_times, 0.5)?;
    let kept = sample::quantile(&mut kept_times, 0.5)?;
    let (middle, slow) = (sample::quantile(&mut times, 0.5)?, sample::quantile(&mut times, 0.99)?);
    println!("p50 of a small call: {fresh:.0} µs over a new connection, {kept:.0} µs over a kept one");
    println!("through the console: p50 {middle:.0} µs, p99 {slow:.0} µs");
    Ok(judge("added to a call over a new connection, p50", (middle - fresh) / 1e3, ADDED, "ms")
        & judge("added to a call over a kept one, p50", (middle - kept) / 1e3, ADDED, "ms"))
}

/// A long answer through the console, thrown away as it comes. Service, console and client are this one process.
fn long(console: &Console, through: &[u8]) -> Result<bool> {
    let (before, _) = sample::memory()?;
    let mut stream = TcpStream::connect(console.addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let begun = Instant::now();
    stream.write_all(through)?;
    let mut read = BufReader::with_capacity(PIECE, stream);
    let (mut line, mut chunked) = (String::new(), false);
    read.read_line(&mut line)?;
    ensure!(line.contains(" 200 "), "the service's answer is {line}");
    while !line.trim().is_empty() {
        chunked |= line.to_ascii_lowercase().starts_with("transfer-encoding: chunked");
        line.clear();
        read.read_line(&mut line)?;
    }
    let (mut highest, mut came) = (before, 0);
    while came < LONG {
        let length = if chunked { chunk(&mut read)? } else { (LONG - came).min(PIECE) };
        std::io::copy(&mut read.by_ref().take(length as u64), &mut std::io::sink())?;
        came += length;
        highest = highest.max(sample::memory()?.0);
        if chunked {
            line.clear();
            read.read_line(&mut line)?;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} MiB in {seconds:.2} s, {:.0} MiB/s", LONG >> 20, (LONG >> 20) as f64 / seconds);
    Ok(judge("memory grew while it passed by", highest - before, GROWN, "MiB"))
}

/// The length of the next chunk (RFC 9112 §7.1).
fn chunk(read: &mut impl BufRead) -> Result<usize> {
    let mut line = String::new();
    read.read_line(&mut line)?;
    let length = usize::from_str_radix(line.trim(), 16)?;
    ensure!(length > 0, "the answer ended too early");
    Ok(length)
}

/// A service on loopback: a thread for each connection, `/long` is made while it is sent.
fn serve() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let addr = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || drop(answer(stream)));
        }
    });
    Ok(addr)
}

fn answer(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut read = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while read.read_line(&mut line)? > 0 {
        let path = line.split(' ').nth(1).context("no path")?.to_owned();
        while !line.trim().is_empty() {
            line.clear();
            read.read_line(&mut line)?;
        }
        if path == "/long" {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {LONG}\r\n\r\n"
            )?;
            let piece = vec![b'x'; PIECE];
            (0..LONG / PIECE).try_for_each(|_| stream.write_all(&piece))?;
        } else {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}",
            )?;
        }
        line.clear();
    }
    Ok(())
}
