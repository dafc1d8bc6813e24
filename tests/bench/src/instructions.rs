//! Instructions of a request, as valgrind counts them: they repeat where times don't.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use serde_json::Value;

use crate::figures::{Column, Row, Table, Unit};
use crate::options::Options;
use crate::prepared::Prepared;

pub(crate) const KEY: &str = "instructions";
const COLUMNS: &[Column] = &[Column::new(KEY, "instructions a request", Unit::Count)];

/// prctl's number.
#[cfg(target_arch = "x86_64")]
const SYS_PRCTL: i64 = 157;
#[cfg(target_arch = "aarch64")]
const SYS_PRCTL: i64 = 167;
/// `PR_GET_AUXV` of linux/prctl.h.
const PR_GET_AUXV: u64 = 0x4155_5856;

/// Two runs differ by requests alone: what a start takes is in both.
const FEW: u32 = 200;
const MANY: u32 = 1_200;

/// What is counted: the row's name, what the program calls it, its component, and whether it is wasgi.
const KINDS: [(&str, &str, &str, bool); 5] = [
    ("bare hyper", "bare", "hello", false),
    ("wasgi fresh", "fresh", "hello", true),
    ("wasgi reused", "reused", "hello", true),
    ("wasgi fresh, full form", "fresh", "hello_full", true),
    ("wasgi reused, full form", "reused", "hello_full", true),
];

/// Counts what a hello executes, over a pipe of one process: neither the system's part nor a client's socket.
pub(crate) fn measure(options: &Options, prepared: &Prepared) -> Result<Table> {
    let mut table = Table::new(KEY, "Instructions of a hello", COLUMNS, Vec::new(), Vec::new());
    if Command::new("valgrind").arg("--version").output().is_err() {
        table.left_out.push("instructions are left out: no valgrind (Debian: apt-get install valgrind)".to_owned());
        return Ok(table);
    }
    let program = build(&prepared.root)?;
    let mut rows: Vec<Row> = KINDS.iter().map(|&(name, _, _, ours)| Row::new(name, ours)).collect();
    let rounds = options.rounds.unwrap_or(1);
    for round in 1..=rounds {
        for (&(name, kind, component, _), row) in KINDS.iter().zip(&mut rows) {
            eprintln!("instructions, round {round} of {rounds}: {name}");
            let component = prepared.component(component)?;
            let few = count(&program, kind, FEW, &component, prepared.dir())?;
            let many = count(&program, kind, MANY, &component, prepared.dir())?;
            row.rounds.push(vec![(many - few) / f64::from(MANY - FEW)]);
        }
    }
    table.limits = vec![Some(0); rows.len()];
    table.rows = rows;
    Ok(table)
}

/// `tests/bench/count.rs`, built as wasgi is.
fn build(root: &Path) -> Result<PathBuf> {
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "-p", "wasgi", "--bench", "count", "--message-format=json-render-diagnostics"]);
    let output = build.current_dir(root).stderr(Stdio::inherit()).output().context("running cargo")?;
    ensure!(output.status.success(), "{build:?} failed");
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut built = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let found = built.find(|message| message["target"]["name"] == "count" && message["executable"].is_string());
    found.and_then(|found| found["executable"].as_str().map(PathBuf::from)).context("cargo names no program")
}

fn count(program: &Path, kind: &str, requests: u32, component: &Path, dir: &Path) -> Result<f64> {
    let mut valgrind = Command::new(std::env::current_exe()?);
    valgrind.args([WITHOUT_VDSO, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]).current_dir(dir);
    valgrind.arg(program).arg(kind).arg(requests.to_string()).arg(component);
    let output = valgrind.output().context("running valgrind (Debian: apt-get install valgrind)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{valgrind:?} failed: {said}");
    collected(&said).with_context(|| format!("callgrind said something else: {said}"))
}

/// What this program is called with to run the rest of its arguments where nothing finds the system's vDSO: valgrind has none,
/// and a program that the kernel tells where it lies reads what isn't there.
pub(crate) const WITHOUT_VDSO: &str = "without-vdso";

/// Becomes the program that `words` say, which can't ask for its auxiliary vector by prctl; valgrind's own file has one.
pub(crate) fn without_vdso(words: &[&str]) -> Result<Infallible> {
    let get_auxv = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, PR_GET_AUXV)?;
    let refused = BTreeMap::from([(SYS_PRCTL, vec![SeccompRule::new(vec![get_auxv])?])]);
    let invalid = SeccompAction::Errno(rustix::io::Errno::INVAL.raw_os_error().cast_unsigned());
    let filter = SeccompFilter::new(refused, SeccompAction::Allow, invalid, std::env::consts::ARCH.try_into()?)?;
    seccompiler::apply_filter(&BpfProgram::try_from(filter)?)?;
    let (program, arguments) = words.split_first().context("no program")?;
    Err(Command::new(program).args(arguments).exec()).with_context(|| format!("running {program}"))
}

/// What callgrind says in the end: `==7== Collected : 4711`.
fn collected(said: &str) -> Option<f64> {
    let line = said.lines().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callgrind_says_is_read() {
        assert_eq!(collected("==7== \n==7== Collected : 3752262\n==7== \n"), Some(3_752_262.0));
        assert_eq!(collected("==7== Killed\n"), None);
    }
}
