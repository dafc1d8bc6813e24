//! `wasgi check`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;

use super::{Unstarted, existing, runtime, working};
use crate::apps::Route;
use crate::compiler::{CompileLimits, Compiler, NotCompiled};
use crate::deploy;
use crate::log::AppLog;
use crate::manifest::{Limits, Settings};
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
        if self.file.is_dir() {
            let error = anyhow::anyhow!("{} is a directory (check one NAME.wasm in it)", self.file.display());
            return Err(error.context(Unstarted));
        }
        let mut out = io::stdout();
        match examine(&self.file, &mut out) {
            Ok(machine_code) => {
                writeln!(out, "accepted: {machine_code} bytes of machine code, and an instance can be made")?;
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                let refusal = error.downcast::<Refusal>()?;
                writeln!(out, "refused: {refusal}")?;
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

/// Does what a deploy does, short of serving. Gives the size of the machine code; its error is a [`Refusal`] where a deploy
/// would refuse it.
fn examine(file: &Path, out: &mut impl Write) -> Result<usize> {
    let (key, bytes, manifest) = deploy::read(file).map_err(|error| match deploy::is_passing(&error) {
        true => error.context(Unstarted),
        false => Refusal::new(format!("{error:#}")).into(),
    })?;
    writeln!(out, "{}: {} bytes", file.display(), bytes.len())?;
    if let Ok(contract) = sandbox::read(&bytes) {
        for (word, names) in [("imports", &contract.imports), ("exports", &contract.exports)] {
            writeln!(out, "{word}:")?;
            names.iter().try_for_each(|name| writeln!(out, "  {name}"))?;
        }
    }
    sandbox::check(&bytes)?;
    let settings = Settings::parse(&manifest, &Limits::default());
    let settings = settings.map_err(|fault| Refusal::new(format!("{}.toml: {fault}", key.name)))?;
    if settings.routes.is_none() {
        Route::of(&key).map_err(|error| Refusal::new(error.to_string()))?;
    }
    let env = settings.env.into_iter().collect();
    let spender = Spender::new(Account::unlimited());
    let surroundings = Arc::new(Surroundings { env, log: AppLog::none(), spender });
    let _compiling = working(&format!("compiling {}", file.display()));
    let engine = Engine::new(1)?;
    let compiler = Compiler::own(CompileLimits::default());
    let code = compiler.compile(&engine.fingerprint(), &bytes, || true).map_err(|error| match error {
        NotCompiled::Refused(refusal) => refusal.into(),
        error => anyhow::Error::from(error),
    })?;
    let size = code.len();
    let code = engine.load(&TrustedCode::vouch(code))?;
    let probed = runtime()?.block_on(sandbox::probe(&engine, &code, settings.limits.memory, surroundings));
    match probed {
        Ok(()) => Ok(size),
        Err(Ok(refusal)) => Err(refusal.into()),
        Err(Err(no_slot)) => Err(no_slot.into()),
    }
}
