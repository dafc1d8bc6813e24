//! `wasgi new`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::Unstarted;
use crate::build::{self, Language};

/// Begin an application, in Rust or in Python
#[derive(Args)]
#[command(after_help = "\
Examples:
  wasgi new hello && wasgi build hello && wasgi serve hello.wasm
  wasgi new --python shop")]
pub(super) struct New {
    /// The new directory; its last part is the application's name
    name: PathBuf,
    /// Python (WSGI, PEP 3333) instead of Rust
    #[arg(long)]
    python: bool,
}

impl New {
    pub(super) fn run(self) -> Result<ExitCode> {
        let language = if self.python { Language::Python } else { Language::Rust };
        build::check_new_project(&self.name, language).map_err(|error| error.context(Unstarted))?;
        build::new_project(&self.name, language)?;
        let path = self.name.display();
        writeln!(std::io::stdout(), "made {path}. Next:\n  wasgi build {path}\n  wasgi serve {}.wasm", self.file())?;
        Ok(ExitCode::SUCCESS)
    }

    fn file(&self) -> String {
        self.name.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}
