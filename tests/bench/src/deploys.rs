//! Starts and deploys: until a server answers, until a new application does, and what thousands of them cost.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::client;
use crate::figures::{Column, Row, Spread, Table, Unit};
use crate::options::Options;
use crate::prepared::{Prepared, greeting, numbered};
use crate::server::{Kind, ONE_CORE, Server};

const ROUNDS: usize = 10;
const TOOK: &[Column] = &[Column::new("took", "took", Unit::Time)];

/// From the start of a server to its first answer.
pub(crate) fn cold(options: &Options, prepared: &Prepared) -> Result<Table> {
    let kinds = [
        ("bare hyper", Kind::Bare),
        ("wasgi, compiled before", Kind::Wasgi { component: "hello", reuse: false }),
        ("wasmtime serve", Kind::Wasmtime(&[])),
        ("workerd", Kind::Workerd),
    ];
    let mut kinds = kinds.to_vec();
    let mut left_out = Vec::new();
    kinds.retain(|(name, kind)| {
        let missing = Server::missing(*kind, prepared);
        left_out.extend(missing.iter().map(|why| format!("{name} is left out: {why}")));
        missing.is_none()
    });
    let mut rows: Vec<Row> = kinds.iter().map(|(name, kind)| Row::new(name, kind.is_wasgi())).collect();
    for (_, kind) in &kinds {
        Server::start(*kind, &["/".to_owned()], ONE_CORE, prepared)?; // It compiles now.
    }
    for _ in 0..options.rounds.unwrap_or(ROUNDS) {
        for ((_, kind), row) in kinds.iter().zip(&mut rows) {
            let server = Server::start(*kind, &["/".to_owned()], ONE_CORE, prepared)?;
            row.rounds.push(vec![micros(server.ready_after)]);
        }
    }
    let limits = vec![Some(0); rows.len()];
    Ok(Table { key: "cold", title: "From the start to the first answer".into(), columns: TOOK, rows, limits, left_out })
}

/// From the moment that a component is moved into the directory to its first answer.
pub(crate) fn live(options: &Options, prepared: &Prepared) -> Result<Table> {
    let hello = std::fs::read(prepared.component("hello")?)?;
    let (apps, aside) = (prepared.dir().join("live"), prepared.dir().join("next.wasm"));
    std::fs::create_dir_all(&apps)?;
    let server = Server::wasgi(&apps, &prepared.dir().join("state"), prepared)?;
    let mut row = Row::new("a component in Rust", true);
    for number in 0..options.rounds.unwrap_or(ROUNDS) {
        std::fs::write(&aside, numbered(&hello, number)?)?;
        let begin = Instant::now();
        std::fs::rename(&aside, apps.join(format!("a{number}.wasm")))?;
        let answer = client::wait_for(server.address, &format!("/a{number}"))?;
        row.rounds.push(vec![micros(begin.elapsed())]);
        ensure!(answer.body == greeting(number).as_bytes(), "another application answered");
    }
    Ok(Table::new("live", "From mv to the first answer", TOOK, vec![row], vec![None]))
}

const MANY: &[Column] = &[
    Column::new("start", "start to an answer", Unit::Time),
    Column::new("memory", "memory", Unit::Size),
    Column::new("each", "memory each", Unit::Size),
    Column::new("idle", "CPU of an idle minute", Unit::Time),
    Column::new("p50", "first requests, p50", Unit::Time),
    Column::new("p99", "p99", Unit::Time),
    Column::new("slowest", "slowest", Unit::Time),
];

/// Thousands of applications, no two alike. They are compiled once, in the target directory, which takes its time.
pub(crate) fn many(options: &Options, prepared: &Prepared) -> Result<Table> {
    let mut rows = Vec::new();
    for &count in &options.applications {
        let (apps, state) = ready(count, prepared)?;
        let mut row = Row::new(&format!("{count} applications"), true);
        for round in 1..=options.rounds.unwrap_or(1) {
            eprintln!("many, round {round}: {count} applications");
            // The multiplier spreads the picks, and has no part in what is measured.
            let figures = many_once(count, round * 7919 % count, &apps, &state, options, prepared)?;
            row.rounds.push(figures);
        }
        rows.push(row);
    }
    let limits = vec![None; rows.len()];
    Ok(Table::new("many", "Thousands of applications", MANY, rows, limits))
}

fn many_once(
    count: usize,
    picked: usize,
    apps: &Path,
    state: &Path,
    options: &Options,
    prepared: &Prepared,
) -> Result<Vec<f64>> {
    let begin = Instant::now();
    let server = Server::wasgi(apps, state, prepared)?;
    let answer = client::wait_for(server.address, &format!("/a{picked}"))?;
    let start = micros(begin.elapsed());
    ensure!(answer.body == greeting(picked).as_bytes(), "another application answered");
    let memory = server.memory()?;
    let before = server.cpu_us()?;
    thread::sleep(options.idle);
    let idle = (server.cpu_us()? - before) * 60.0 / options.idle.as_secs_f64();
    let mut first = Vec::with_capacity(count);
    for number in 0..count {
        let begin = Instant::now();
        let answer = client::get(server.address, &format!("/a{number}"))?;
        first.push(micros(begin.elapsed()));
        ensure!(answer.status == 200 && answer.body == greeting(number).as_bytes(), "/a{number}: {answer:?}");
    }
    first.sort_by(f64::total_cmp);
    let p99 = first.get(first.len() * 99 / 100).copied().unwrap_or(f64::NAN);
    let Spread { median, highest, .. } = Spread::of(first);
    Ok(vec![start, memory, memory / count as f64, idle, median, p99, highest])
}

/// A directory of so many applications and a state in which all are compiled; from an earlier run where there was one.
fn ready(count: usize, prepared: &Prepared) -> Result<(PathBuf, PathBuf)> {
    let folder = prepared.kept(&format!("many-{count}"))?;
    let (apps, state) = (folder.join("apps"), folder.join("state"));
    std::fs::create_dir_all(&apps)?;
    let hello = std::fs::read(prepared.component("hello")?)?;
    for number in 0..count {
        let (file, component) = (apps.join(format!("a{number}.wasm")), numbered(&hello, number)?);
        // What is there already stays: another time of change would have it looked at anew.
        if std::fs::read(&file).ok().as_ref() != Some(&component) {
            std::fs::write(&file, &component)?;
        }
    }
    eprintln!("compiling what isn't yet of {count} applications");
    let server = Server::wasgi(&apps, &state, prepared)?;
    for number in 0..count {
        client::wait_for(server.address, &format!("/a{number}")).context("compiling")?;
    }
    Ok((apps, state))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
