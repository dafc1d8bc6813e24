//! Taking the snapshot: componentize-py imports the application in the guest's Python and keeps
//! the interpreter as it is then.

use std::fs;
use std::time::Duration;

use anyhow::{Context, bail};

use super::super::{Progress, child};
use super::application::Application;
use super::project::Project;
use super::report::Report;
use super::staging::Staging;
use super::tool::{COMPONENTIZE, Tool};

/// Takes some ten seconds, and as long as the application takes to be imported and warmed up.
const LIMIT: Duration = Duration::from_secs(600);

/// The module that is imported, in the package `wasgi`.
const ENTRY: &str = "wasgi.component";

/// Makes the component, and gives what the guest's side told.
pub(super) fn take(
    tool: &Tool,
    project: &Project,
    application: &Application,
    staging: &Staging,
    progress: Progress,
) -> anyhow::Result<Report> {
    let step = progress.step(&format!("importing {} and taking the snapshot", application.name));
    let mut componentize = tool.componentize();
    // Otherwise the packages of the Python that runs it would be the guest's, too.
    componentize.env("VIRTUAL_ENV", &staging.wit);
    componentize.args(["-q", "-w", "app", "-d"]).arg(&staging.wit).args(["componentize", "-p"]).arg(&staging.folder);
    componentize.arg("-o").arg(&staging.component).arg(ENTRY);
    let ended = child::output(&mut componentize, LIMIT, || ())
        .with_context(|| format!("{}: importing {}", project.shown().display(), application.name))?;
    drop(step);
    let report = fs::read(staging.folder.join("report.json")).ok();
    let report: Option<Report> = report.and_then(|report| serde_json::from_slice(&report).ok());
    if let Some(failure) = report.as_ref().and_then(|report| report.error.as_ref()) {
        eprint!("{}", failure.traced(project));
        bail!("{}", failure.said(project, &application.name));
    }
    if !ended.status.success() {
        eprint!("{}", ended.err);
        bail!(
            "{}: {COMPONENTIZE} made no component of {} (its messages are above)",
            project.shown().display(),
            application.name
        );
    }
    report.context("the snapshot left no report")
}
