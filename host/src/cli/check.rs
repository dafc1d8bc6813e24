//! `wasgi check`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;

use super::{Unstarted, existing, local, runtime, working};
use crate::compiler::{CompileLimits, Compiler, NotCompiled};
use crate::log::AppLog;
use crate::sandbox::{self, Engine, Refusal, Surroundings, TrustedCode};
use crate::tenants::{Account, Spender};

/// Tell what a component is, and whether it would be deployed
///
/// Exit code 1 where it would be refused.
#[derive(Args)]
#[command(after_help = "Example:\n  wasgi check apps/hello.wasm")]
pub(super) struct Check {
    /// The component; a manifest beside it counts
    file: PathBuf,
}

impl Check {
    pub(super) fn run(self) -> Result<ExitCode> {
        existing(&self.file)?;
        let bytes = std::fs::read(&self.file).with_context(|| format!("reading {}", self.file.display()));
        let bytes = bytes.map_err(|error| error.context(Unstarted))?;
        let mut out = io::stdout();
        writeln!(out, "{}: {} bytes", self.file.display(), bytes.len())?;
        match examine(&self.file, &bytes, &mut out)? {
            Ok(machine_code) => {
                writeln!(out, "accepted: {machine_code} bytes of machine code, and an instance can be made")?;
                Ok(ExitCode::SUCCESS)
            }
            Err(refusal) => {
                writeln!(out, "refused: {refusal}")?;
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

/// Does what a deploy does, short of serving.
fn examine(file: &Path, bytes: &[u8], out: &mut impl Write) -> Result<Result<usize, Refusal>> {
    let contract = match sandbox::check(bytes) {
        Ok(contract) => contract,
        Err(refusal) => return Ok(Err(refusal)),
    };
    for (word, names) in [("imports", &contract.imports), ("exports", &contract.exports)] {
        writeln!(out, "{word}:")?;
        names.iter().try_for_each(|name| writeln!(out, "  {name}"))?;
    }
    let settings = match local::manifest(file) {
        Ok(settings) => settings,
        Err(error) => return Ok(Err(Refusal::new(format!("{error:#}")))),
    };
    let env = settings.env.into_iter().collect();
    let spender = Spender::new(Account::unlimited());
    let surroundings = Arc::new(Surroundings { env, log: AppLog::none(), spender });
    let _compiling = working(&format!("compiling {}", file.display()));
    let engine = Engine::new(1)?;
    let compiler = Compiler::own(CompileLimits::default());
    let code = match compiler.compile(&engine.fingerprint(), bytes, || true) {
        Ok(code) => code,
        Err(NotCompiled::Refused(refusal)) => return Ok(Err(refusal)),
        Err(error) => return Err(error.into()),
    };
    let size = code.len();
    let code = match engine.load(&TrustedCode::vouch(code)) {
        Ok(code) => code,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let probed = runtime()?.block_on(sandbox::probe(&engine, &code, settings.limits.memory, surroundings));
    match probed {
        Ok(()) => Ok(Ok(size)),
        Err(Ok(refusal)) => Ok(Err(refusal)),
        Err(Err(no_slot)) => Err(no_slot.into()),
    }
}
