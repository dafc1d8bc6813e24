//! `wasgi new`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

/// Begin an application in Rust
#[derive(Args)]
#[command(after_help = "\
Example:
  wasgi new hello && wasgi build hello && wasgi serve hello.wasm")]
pub(super) struct New {
    /// The new directory; its last part is the application's name
    name: PathBuf,
}

impl New {
    pub(super) fn run(self) -> Result<ExitCode> {
        crate::build::new_project(&self.name)?;
        let path = self.name.display();
        writeln!(std::io::stdout(), "made {path}. Next:\n  wasgi build {path}\n  wasgi serve {}.wasm", self.file())?;
        Ok(ExitCode::SUCCESS)
    }

    fn file(&self) -> String {
        self.name.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}
