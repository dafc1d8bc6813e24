//! `wasgi build`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::{Unstarted, existing};
use crate::build::{self, Form, Options, Progress};

/// Compile a project to a component
#[derive(Args)]
#[command(after_help = "\
Examples:
  wasgi build .
  wasgi build hello -o apps/hello.wasm        built, and deployed at once
  wasgi build shop --app shop.wsgi:app        which of a Python project's callables is the application")]
pub(super) struct Build {
    /// The project's directory: with a Cargo.toml (Rust), or a pyproject.toml or requirements.txt (Python)
    #[arg(default_value = ".")]
    project: PathBuf,
    /// The component's file, or a directory for it [default: NAME.wasm in this directory]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A Python project's application [default: what the project says, or the one that is found]
    #[arg(long, value_name = "MODULE:NAME")]
    app: Option<String>,
    /// Compile a Rust project for the contract's full form, to compare it with the lean one
    #[arg(long)]
    full: bool,
}

impl Build {
    pub(super) fn run(self) -> Result<ExitCode> {
        existing(&self.project)?;
        let form = if self.full { Form::Full } else { Form::Lean };
        let mut options = Options { output: None, target_dir: None, form, app: self.app };
        build::check_project(&self.project, &options).map_err(|error| error.context(Unstarted))?;
        let output = match self.output {
            Some(output) => {
                if let Some(folder) = output.parent() {
                    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
                }
                output
            }
            None => std::env::current_dir().context("finding the current directory")?,
        };
        options.output = Some(output);
        let built = build::component(&self.project, &options, Progress::Shown)?;
        writeln!(std::io::stdout(), "built {} ({} KiB)", built.path.display(), built.bytes.div_ceil(1024))?;
        Ok(ExitCode::SUCCESS)
    }
}
