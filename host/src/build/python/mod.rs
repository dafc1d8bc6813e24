//! From a WSGI project in Python to a component: `wasgi build` where there is a `pyproject.toml`
//! or a `requirements.txt`.
//!
//! A build is a walk through these steps, each a file here: read the project (`project`), find its
//! application (`application`), have the tools (`tool`), install its dependencies
//! (`dependencies`), lay all of it out (`staging`), take the snapshot (`snapshot`) and make objects
//! in it immortal (`immortal`). What was built is `kept`, and given again for as long as nothing of this changes.
//!
//! Knows of the guest's side only what `guest-sdk/python/README.md` says of how a component is made.

mod application;
mod complaint;
mod dependencies;
mod distribution;
mod immortal;
mod interpreter;
mod kept;
mod project;
mod pyproject;
mod report;
mod requirements;
mod snapshot;
mod sources;
mod staging;
mod tool;

use std::path::Path;

use super::{Built, Options, Progress, output};
use interpreter::Interpreter;
use kept::Kept;
use project::Project;
use tool::Tool;

pub(crate) use project::is_project;

/// The Python that guests run: what componentize-py brings.
const GUEST: &str = "3.14";

/// Whether this machine has what Python projects are built with, apart from what is fetched.
///
/// # Errors
/// What is missing, and how to install it: one line.
pub fn available() -> anyhow::Result<()> {
    Interpreter::find().map(drop)
}

/// Whether the project can be read.
pub(super) fn check_project(project: &Path) -> anyhow::Result<()> {
    Project::read(project).map(drop)
}

/// Builds the one application of `project`.
pub(super) fn build(project: &Path, options: &Options, progress: Progress) -> anyhow::Result<Built> {
    let mut project = Project::read(project)?;
    if let Some(output) = &options.output {
        project.leave_out_manifest(output);
    }
    let kept = Kept::of(&project, options)?;
    let _lock = kept.lock(progress)?;
    let report = match kept.unchanged() {
        Some(report) => report,
        None => make(&project, options, &kept, progress)?,
    };
    report.warn(&project);
    let path = match &options.output {
        Some(output) => output::place(&kept.component(), &project.name, output)?,
        None => kept.component(),
    };
    Ok(Built { bytes: output::bytes(&path)?, name: project.name, path })
}

fn make(project: &Project, options: &Options, kept: &Kept, progress: Progress) -> anyhow::Result<report::Report> {
    let python = Interpreter::find()?;
    let application = application::find(&python, project, options.app.as_deref())?;
    let tool = Tool::ready(&python, progress)?;
    let packages = dependencies::install(&tool, project, progress)?;
    let staging = staging::lay(project, &application, &packages, kept)?;
    let report = snapshot::take(&tool, project, &application, &staging, progress)?;
    immortal::mark(&staging.component, &staging.folder.join("objects"))?;
    kept.keep(&staging.component, &report)?;
    Ok(report)
}
