//! `wasgi compile`: what wasgi calls to compile a component in a process of its own.

use std::process::ExitCode;

use clap::Args;

use crate::compiler::child;

/// Compile the component on standard input; for wasgi itself
#[derive(Args)]
#[command(hide = true)]
pub(super) struct Compile {
    /// Of the engine that will run the code
    fingerprint: String,
    /// Seconds of CPU
    cpu: u64,
    /// Bytes of memory
    memory: u64,
}

impl Compile {
    pub(super) fn run(self) -> ExitCode {
        child::run(&self.fingerprint, self.cpu, self.memory)
    }
}
