//! What a neighbour's short requests take beside another tenant's that compute for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::Result;

use crate::client;
use crate::figures::{Column, Row, Table, Unit};
use crate::load::Load;
use crate::options::Options;
use crate::prepared::Prepared;
use crate::server::Server;

const COLUMNS: &[Column] = &[
    Column::new("p99", "p99", Unit::Time),
    Column::new("p50", "p50", Unit::Time),
    Column::new("p99.9", "p99.9", Unit::Time),
    Column::new("rate", "requests/s", Unit::Rate),
];

const ROUNDS: usize = 3;
const SECONDS: u32 = 4;
/// Connections of the neighbour.
const CONNECTIONS: u32 = 8;
/// Requests of the other tenant, at one time.
const SPINNERS: [usize; 4] = [0, 2, 16, 64];

/// Measures a hello beside more and more spinners; server and load have all cores.
pub(crate) fn measure(options: &Options, prepared: &Prepared) -> Result<Table> {
    let apps = prepared.dir().join("fairness");
    std::fs::create_dir_all(apps.join("noisy"))?;
    std::fs::copy(prepared.component("hello")?, apps.join("index.wasm"))?;
    std::fs::copy(prepared.component("workloads")?, apps.join("noisy/index.wasm"))?;
    // Long enough to be one of those that compute for long, short enough to begin anew in each round.
    std::fs::write(apps.join("noisy/index.toml"), "[limits]\ncpu = \"1500ms\"\n")?;
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(SPINNERS.map(|count| Row::new(&format!("{count} spinners"), true)));
    let rounds = options.rounds.unwrap_or(ROUNDS);
    for round in 1..=rounds {
        for (count, row) in SPINNERS.into_iter().zip(&mut rows) {
            eprintln!("fairness, round {round} of {rounds}: {count} spinners");
            row.rounds.push(sample(count, &apps, options, prepared)?);
        }
    }
    let limits = vec![Some(0); rows.len()];
    Ok(Table::new("fairness", "A hello beside spinners", COLUMNS, rows, limits))
}

fn sample(spinners: usize, apps: &std::path::Path, options: &Options, prepared: &Prepared) -> Result<Vec<f64>> {
    let server = Server::wasgi(apps, &prepared.dir().join("state"), prepared)?;
    for path in ["/", "/noisy/environ"] {
        client::wait_for(server.address, path)?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let spin = |_| {
        let (stop, address) = (stop.clone(), server.address);
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let _ = client::get(address, "/noisy/spin");
            }
        })
    };
    let clients: Vec<_> = (0..spinners).map(spin).collect();
    let cores = format!("0-{}", thread::available_parallelism()?.get() - 1);
    // The policy `batch` would have the load wait for those that compute.
    let load = Load { connections: CONNECTIONS, preempts: true, ..Load::get("/") };
    let said = load.run(server.address, prepared.dir(), &cores, options.seconds.unwrap_or(SECONDS));
    stop.store(true, Ordering::Relaxed);
    drop(server); // Ends what still spins.
    for client in clients {
        let _ = client.join();
    }
    let said = said?;
    Ok(vec![said.p99, said.p50, said.p999, said.per_second])
}
