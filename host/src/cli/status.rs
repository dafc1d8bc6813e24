//! `wasgi status`.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::existing;
use crate::{admin, state};

/// Show what a running server has deployed
#[derive(Args)]
#[command(after_help = "Examples:\n  wasgi status\n  wasgi status apps --json")]
pub(super) struct Status {
    /// The directory that it serves; not needed where one server runs
    dir: Option<PathBuf>,
    /// The server's state directory, if it isn't the default
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) fn run(self) -> Result<ExitCode> {
        self.dir.as_deref().map_or(Ok(()), existing)?;
        let root = self.state.map_or_else(state::default_root, Ok)?;
        let status = admin::status(&state::find(&root, self.dir.as_deref())?)?;
        let mut out = io::stdout().lock();
        if self.json {
            // As an error of writing, which a closed pipe is.
            serde_json::to_writer_pretty(&mut out, &status).map_err(io::Error::from)?;
            writeln!(out)?;
        } else {
            let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
            admin::write_table(&status, colour, &mut out)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
