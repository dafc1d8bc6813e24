//! Measures wasgi beside a bare hyper server, in one run: `cargo run --release -p bench`.
//!
//! Server and load share one core. Where a server takes more of it than the load, the system
//! switches between them at every response, and charges the server for that; with `-- apart` the
//! load has a core of its own, and the server's own work is what shows.
//!
//! Needs wrk (Debian: `apt-get install wrk`) and taskset (util-linux). What counts is the server's
//! CPU per request: it holds where the machine is busy with something else, which requests per
//! second don't.

mod bare;
mod server;

use std::process::Command;

use anyhow::{Context, Result, bail};

use server::{Kind, Server};

/// Rounds that are counted; in each, every server is measured once.
const ROUNDS: usize = 5;
/// Seconds of load before the measured ones, and those.
const WARM_UP: u32 = 1;
const MEASURED: u32 = 4;
/// Connections that are kept alive.
const CONNECTIONS: u32 = 32;

/// What one measurement gives.
struct Sample {
    cpu_us: f64,
    per_second: f64,
    p99: String,
}

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("bare") {
        return bare::serve();
    }
    let load_core = if std::env::args().nth(1).as_deref() == Some("apart") { "1" } else { "0" };
    let prepared = server::prepare()?;
    let mut samples: Vec<(Kind, Vec<Sample>)> = Kind::ALL.iter().map(|kind| (*kind, Vec::new())).collect();
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for (kind, samples) in &mut samples {
            samples.push(measure(&Server::start(*kind, &prepared)?, load_core)?);
        }
    }
    report(&samples);
    Ok(())
}

fn measure(server: &Server, core: &str) -> Result<Sample> {
    load(server, core, WARM_UP)?;
    let before = server.cpu_us()?;
    let said = load(server, core, MEASURED)?;
    let used = server.cpu_us()? - before;
    let field = |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let requests =
        said.lines().find(|line| line.contains(" requests in ")).and_then(|line| line.split_whitespace().next());
    let requests: f64 = requests.context("wrk told no number of requests")?.parse()?;
    if said.contains("Non-2xx") || said.contains("Socket errors") {
        bail!("{:?}: requests failed: {said}", server.kind);
    }
    Ok(Sample {
        cpu_us: used / requests,
        per_second: requests / f64::from(MEASURED),
        p99: field("99%").unwrap_or("?").to_owned(),
    })
}

fn load(server: &Server, core: &str, seconds: u32) -> Result<String> {
    let output = Command::new("taskset")
        .args(["-c", core, "wrk", "-t1", "--latency"])
        .args([format!("-c{CONNECTIONS}"), format!("-d{seconds}s"), server.url.clone()])
        .output()
        .context("running wrk under taskset (Debian: apt-get install wrk util-linux)")?;
    if !output.status.success() {
        bail!("wrk failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn report(samples: &[(Kind, Vec<Sample>)]) {
    let bare = samples.first().map_or(f64::NAN, |(_, samples)| median(samples, |sample| sample.cpu_us));
    println!(
        "{:<14} {:>14} {:>15} {:>9} {:>12} {:>10}",
        "server", "CPU µs/request", "spread", "ratio", "requests/s", "p99"
    );
    for (kind, samples) in samples {
        let cpu = median(samples, |sample| sample.cpu_us);
        let lowest = samples.iter().map(|sample| sample.cpu_us).fold(f64::INFINITY, f64::min);
        let highest = samples.iter().map(|sample| sample.cpu_us).fold(0.0, f64::max);
        let p99 = samples.get(samples.len() / 2).map_or("?", |sample| &sample.p99);
        let per_second = median(samples, |sample| sample.per_second);
        println!(
            "{:<14} {cpu:>14.2} {:>15} {:>9.2} {per_second:>12.0} {p99:>10}",
            kind.name(),
            format!("{lowest:.2}–{highest:.2}"),
            bare / cpu,
        );
    }
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
