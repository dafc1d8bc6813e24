//! Measures wasgi beside a bare hyper server and other servers, in one run: `cargo run --release -p bench`;
//! `host/docs/speed.md` says what is measured and how.
//!
//! Needs wrk (Debian: `apt-get install wrk`), and taskset and chrt (util-linux). What counts is the
//! server's CPU per request: it holds where the machine is busy with something else, which requests
//! per second don't.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod bare;
mod baseline;
mod chart;
mod client;
mod deploys;
mod fairness;
mod figures;
mod http;
mod instructions;
mod load;
mod options;
mod peers;
mod prepared;
mod process;
#[allow(unreachable_pub, reason = "the suites share it")]
#[path = "../../support/reference.rs"]
mod reference;
mod report;
mod server;
mod transfer;
#[allow(unreachable_pub, reason = "the guest shares it")]
#[path = "../guests/workloads/src/work.rs"]
mod work;

use std::process::ExitCode;

use anyhow::Result;

use baseline::Baseline;
use options::{Options, What};
use prepared::Prepared;

fn main() -> Result<ExitCode> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bare", port] => return bare::serve(port.parse()?).map(|()| ExitCode::SUCCESS),
        [instructions::WITHOUT_VDSO, ref program @ ..] => match instructions::without_vdso(program)? {},
        ["--help" | "-h"] => {
            print!("{}", options::USAGE);
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let mut options = Options::parse(words)?;
    let before = if options.compare { Some(Baseline::read(&options.baseline)?) } else { None };
    if let (Some(before), true) = (&before, options.what.is_empty()) {
        options.what.extend(before.tables().filter_map(What::named));
    }
    let prepared = Prepared::new(&options)?;
    let mut tables = Vec::new();
    for what in &options.what {
        let more = match what {
            What::Hello => vec![http::measure(&http::HELLO, &options, &prepared)?],
            What::Workloads => vec![http::measure(&http::WORKLOADS, &options, &prepared)?],
            What::Tenants => vec![http::measure(&http::TENANTS, &options, &prepared)?],
            What::Cores => vec![http::measure(&http::CORES, &options, &prepared)?],
            What::Instructions => vec![instructions::measure(&options, &prepared)?],
            What::Python => vec![http::measure(&http::PYTHON, &options, &prepared)?],
            What::Stream => vec![transfer::measure(&options, &prepared)?],
            What::Deploys => vec![deploys::cold(&options, &prepared)?, deploys::live(&options, &prepared)?],
            What::Many => vec![deploys::many(&options, &prepared)?],
            What::Fairness => vec![fairness::measure(&options, &prepared)?],
        };
        for table in &more {
            println!("{}", report::text(table));
        }
        tables.extend(more);
    }
    if let Some(file) = &options.json {
        std::fs::write(file, format!("{:#}\n", report::json(&tables)))?;
    }
    if let Some(file) = &options.markdown {
        let parts: Vec<String> = tables.iter().map(report::markdown).collect();
        std::fs::write(file, parts.join("\n"))?;
    }
    if let (Some(file), Some(table)) = (&options.svg, tables.first()) {
        std::fs::write(file, chart::svg(table))?;
    }
    if options.keep {
        Baseline::of(&tables).keep(&options.baseline)?;
    }
    let (lines, worse) = before.unwrap_or_default().compare(&Baseline::of(&tables));
    lines.iter().for_each(|line| println!("{line}"));
    Ok(if worse { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
