//! `wasgi logs`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::{Unstarted, existing};
use crate::apps::AppKey;
use crate::{admin, state};

/// Show what an application logged
#[derive(Args)]
#[command(after_help = "Examples:\n  wasgi logs hello\n  wasgi logs hello -f --dir apps\n  wasgi logs acme/shop")]
pub(super) struct Logs {
    /// The application: NAME, or TENANT/NAME where it lies in a tenant's folder
    name: String,
    /// Go on as more is logged
    #[arg(short, long)]
    follow: bool,
    /// The directory that is served; not needed where one server runs
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The server's state directory, if it isn't the default
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl Logs {
    pub(super) fn run(self) -> Result<ExitCode> {
        let app = self.name.parse::<AppKey>().with_context(|| format!("{:?} is no application's name", self.name));
        let app = app.map_err(|error| error.context(Unstarted))?;
        self.dir.as_deref().map_or(Ok(()), existing)?;
        let root = self.state.map_or_else(state::default_root, Ok)?;
        let folder = state::find(&root, self.dir.as_deref())?;
        admin::logs(&folder, &app, self.follow, std::io::stdout().lock())?;
        Ok(ExitCode::SUCCESS)
    }
}
