//! One gigabyte down and one up, over a connection of its own.

use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::client;
use crate::figures::{Column, Row, Table, Unit};
use crate::options::Options;
use crate::prepared::Prepared;
use crate::server::{Kind, ONE_CORE, Server};
use crate::work;

const COLUMNS: &[Column] = &[
    Column::new("cpu", "CPU for 1 GiB", Unit::Time),
    Column::new("took", "took", Unit::Time),
    Column::new("memory", "peak memory", Unit::Size),
];

const ROUNDS: usize = 3;

/// What goes over the wire.
#[derive(Clone, Copy)]
enum Way {
    /// 64 KiB chunks, each made anew.
    Down,
    /// Hashed by SHA-256 as it comes in.
    Up,
}

struct Candidate {
    name: &'static str,
    kind: Kind,
    way: Way,
    is_limit: bool,
}

const fn wasgi(component: &'static str) -> Kind {
    Kind::Wasgi { component, reuse: false }
}

const CANDIDATES: &[Candidate] = &[
    Candidate { name: "down, bare hyper", kind: Kind::Bare, way: Way::Down, is_limit: true },
    Candidate { name: "down, wasgi", kind: wasgi("workloads"), way: Way::Down, is_limit: false },
    Candidate {
        name: "up with SHA-256, bare hyper, portable code",
        kind: Kind::Portable,
        way: Way::Up,
        is_limit: true,
    },
    Candidate {
        name: "up with SHA-256, bare hyper, SHA instructions",
        kind: Kind::Bare,
        way: Way::Up,
        is_limit: false,
    },
    Candidate { name: "up with SHA-256, wasgi", kind: wasgi("upload"), way: Way::Up, is_limit: false },
];

/// Measures them in turn.
pub(crate) fn measure(options: &Options, prepared: &Prepared) -> Result<Table> {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let mut rows: Vec<Row> =
        CANDIDATES.iter().map(|candidate| Row::new(candidate.name, candidate.kind.is_wasgi())).collect();
    let mut digest: Option<Vec<u8>> = None;
    for round in 1..=rounds {
        for (candidate, row) in CANDIDATES.iter().zip(&mut rows) {
            eprintln!("stream, round {round} of {rounds}: {}", candidate.name);
            let ready =
                if matches!(candidate.kind, Kind::Wasgi { component: "upload", .. }) { "/" } else { "/environ" };
            let server = Server::start(candidate.kind, &[ready.to_owned()], ONE_CORE, prepared)?;
            server.forget_peak()?;
            let before = server.cpu_us()?;
            let begin = Instant::now();
            let said = transfer(candidate.way, server.address, options.apart).context(candidate.name)?;
            let took = begin.elapsed().as_secs_f64() * 1e6;
            row.rounds.push(vec![server.cpu_us()? - before, took, server.peak_memory()?]);
            if let Some(said) = said {
                let digest = digest.get_or_insert_with(|| said.clone());
                ensure!(*digest == said, "{} came to another digest", candidate.name);
            }
        }
    }
    let limits = (0..CANDIDATES.len()).map(|at| (0..=at).rev().find(|at| CANDIDATES[*at].is_limit)).collect();
    Ok(Table::new("stream", "1 GiB", COLUMNS, rows, limits))
}

/// By a thread on the load's core. Gives what a server said of what went up.
fn transfer(way: Way, address: SocketAddr, apart: bool) -> Result<Option<Vec<u8>>> {
    let size = (work::CHUNK * work::CHUNKS) as u64;
    let client = thread::spawn(move || -> Result<Option<Vec<u8>>> {
        let mut core = CpuSet::new();
        core.set(usize::from(apart));
        sched_setaffinity(None, &core)?;
        match way {
            Way::Down => {
                let came = client::download(address, "/down")?;
                ensure!(came > size && came < size + size / 100, "{came} bytes came");
                Ok(None)
            }
            Way::Up => {
                let answer = client::upload(address, "/up", size)?;
                ensure!(answer.status == 200, "{answer:?}");
                Ok(Some(answer.body))
            }
        }
    });
    client.join().ok().context("the client panicked")?
}
