//! Measures wasgi beside a bare hyper server, in one run: `cargo run --release -p bench`; or
//! applications in Python beside gunicorn with one sync worker: `… -p bench -- python`.
//!
//! Server and load share one core. Where a server takes more of it than the load, the system
//! switches between them at every response, and charges the server for that; with `-- apart` the
//! load has a core of its own, and the server's own work is what shows.
//!
//! Needs wrk (Debian: `apt-get install wrk`) and taskset (util-linux). What counts is the server's
//! CPU per request: it holds where the machine is busy with something else, which requests per
//! second don't.

mod bare;
#[allow(unreachable_pub, reason = "the suites share it")]
#[path = "../../support/reference.rs"]
mod reference;
mod server;

use std::process::Command;

use anyhow::{Context, Result, bail};

use server::{Candidate, HELLO, PYTHON, Prepared, Server, Table};

/// Seconds of load before the measured ones.
const WARM_UP: u32 = 1;
/// Connections that are kept alive.
const CONNECTIONS: u32 = 32;

/// What one measurement gives.
struct Sample {
    cpu_us: f64,
    per_second: f64,
    p99: String,
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let said = |word: &str| words.iter().any(|said| said == word);
    if said("bare") {
        return bare::serve();
    }
    let load_core = if said("apart") { "1" } else { "0" };
    let table: &Table = if said("python") { &PYTHON } else { &HELLO };
    let prepared = Prepared::new(table)?;
    let mut samples: Vec<(&Candidate, Vec<Sample>)> = table.candidates.iter().map(|each| (each, Vec::new())).collect();
    for round in 1..=table.rounds {
        eprintln!("round {round} of {}", table.rounds);
        for (candidate, samples) in &mut samples {
            samples.push(measure(candidate, &Server::start(candidate, &prepared)?, load_core, table.seconds)?);
        }
    }
    report(&samples);
    Ok(())
}

fn measure(candidate: &Candidate, server: &Server, core: &str, seconds: u32) -> Result<Sample> {
    load(candidate, server, core, WARM_UP)?;
    let before = server.cpu_us()?;
    let said = load(candidate, server, core, seconds)?;
    let used = server.cpu_us()? - before;
    let field = |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let requests =
        said.lines().find(|line| line.contains(" requests in ")).and_then(|line| line.split_whitespace().next());
    let requests: f64 = requests.context("wrk told no number of requests")?.parse()?;
    if said.contains("Non-2xx") || said.contains("Socket errors") {
        bail!("{}: requests failed: {said}", candidate.name);
    }
    Ok(Sample {
        cpu_us: used / requests,
        per_second: requests / f64::from(seconds),
        p99: field("99%").unwrap_or("?").to_owned(),
    })
}

fn load(candidate: &Candidate, server: &Server, core: &str, seconds: u32) -> Result<String> {
    let closing: &[&str] = if candidate.keeps_alive { &[] } else { &["-H", "Connection: close"] };
    let output = Command::new("taskset")
        .args(["-c", core, "wrk", "-t1", "--latency"])
        .args(closing)
        .args([format!("-c{CONNECTIONS}"), format!("-d{seconds}s"), server.url.clone()])
        .output()
        .context("running wrk under taskset (Debian: apt-get install wrk util-linux)")?;
    if !output.status.success() {
        bail!("wrk failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn report(samples: &[(&Candidate, Vec<Sample>)]) {
    let mut base = f64::NAN;
    println!(
        "{:<24} {:>14} {:>17} {:>9} {:>12} {:>10}",
        "server", "CPU µs/request", "spread", "ratio", "requests/s", "p99"
    );
    for (candidate, samples) in samples {
        let cpu = median(samples, |sample| sample.cpu_us);
        if candidate.is_base() {
            base = cpu;
        }
        let lowest = samples.iter().map(|sample| sample.cpu_us).fold(f64::INFINITY, f64::min);
        let highest = samples.iter().map(|sample| sample.cpu_us).fold(0.0, f64::max);
        let p99 = samples.get(samples.len() / 2).map_or("?", |sample| &sample.p99);
        let per_second = median(samples, |sample| sample.per_second);
        println!(
            "{:<24} {cpu:>14.2} {:>17} {:>9.2} {per_second:>12.0} {p99:>10}",
            candidate.name,
            format!("{lowest:.2}–{highest:.2}"),
            base / cpu,
        );
    }
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
