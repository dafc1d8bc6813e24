//! What was built of a project, kept in the cache folder: given again while nothing has changed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::super::cache;
use super::super::{Options, Progress, carried};
use super::project::Project;
use super::report::Report;
use super::tool;

/// Changes when a build of the same makes something else.
const FORMAT: &str = "3";

/// In a project's folder: where the project is.
const ORIGIN: &str = "origin";

/// The folder of one project.
#[derive(Debug)]
pub(super) struct Kept {
    folder: PathBuf,
    digest: String,
}

impl Kept {
    /// That of `project`, as it is now.
    pub(super) fn of(project: &Project, options: &Options) -> anyhow::Result<Self> {
        let folder = match &options.target_dir {
            Some(target) => std::path::absolute(target)?.join("python").join(&project.name),
            None => {
                let path = blake3::hash(project.folder.as_os_str().as_encoded_bytes()).to_hex();
                let all = tool::folder()?.join("projects");
                forget_the_gone(&all);
                all.join(format!("{}-{}", project.name, &path[..16]))
            }
        };
        cache::make(&folder)?;
        let origin = folder.join(ORIGIN);
        fs::write(&origin, project.folder.as_os_str().as_encoded_bytes())
            .with_context(|| format!("cannot write {}", origin.display()))?;
        Ok(Self { folder, digest: digest(project, options.app.as_deref())? })
    }

    /// One build of a project at a time.
    pub(super) fn lock(&self, progress: Progress) -> anyhow::Result<File> {
        cache::lock(&self.folder.join("lock"), "waiting for another build of this project", progress)
    }

    /// The component.
    pub(super) fn component(&self) -> PathBuf {
        self.folder.join("component.wasm")
    }

    /// Where the next component is made.
    pub(super) fn staging(&self) -> PathBuf {
        self.folder.join("staging")
    }

    /// What the component's build told, if it is still the one that would be built.
    pub(super) fn unchanged(&self) -> Option<Report> {
        let report = fs::read(self.folder.join("report.json")).ok()?;
        let digest = fs::read_to_string(self.folder.join("digest")).ok()?;
        (digest == self.digest && self.component().is_file()).then(|| serde_json::from_slice(&report).ok())?
    }

    /// Puts a new component into the old one's place.
    pub(super) fn keep(&self, component: &Path, report: &Report) -> anyhow::Result<()> {
        let failed = || format!("cannot write {}", self.folder.display());
        let digest = self.folder.join("digest");
        // An interruption must not leave one build's digest beside another's component.
        if digest.exists() {
            fs::remove_file(&digest).with_context(failed)?;
        }
        fs::rename(component, self.component()).with_context(failed)?;
        fs::write(self.folder.join("report.json"), serde_json::to_vec(report)?).with_context(failed)?;
        fs::write(&digest, &self.digest).with_context(failed)?;
        cache::clear(&self.staging())
    }
}

/// Drops what was built of projects that are no longer there: some 30 MB each.
fn forget_the_gone(all: &Path) {
    for kept in all.read_dir().into_iter().flatten().flatten() {
        let origin = fs::read(kept.path().join(ORIGIN)).unwrap_or_default();
        let gone = !origin.is_empty() && !Path::new(OsStr::from_bytes(&origin)).exists();
        if gone {
            let _ = fs::remove_dir_all(kept.path()); // else another time
        }
    }
}

/// Of all that a component is made of.
fn digest(project: &Project, typed: Option<&str>) -> anyhow::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut add = |part: &[u8]| _ = hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    add(FORMAT.as_bytes());
    for (path, text) in carried::python() {
        add(path.as_bytes());
        add(text.as_bytes());
    }
    add(project.list().digest().as_bytes());
    add(typed.unwrap_or_default().as_bytes());
    add(format!("{:?}", (&project.settings, &project.distribution)).as_bytes());
    for source in &project.sources {
        add(source.staged.as_os_str().as_encoded_bytes());
        add(&fs::read(&source.file).with_context(|| format!("cannot read {}", source.file.display()))?);
    }
    Ok(hasher.finalize().to_hex().to_string())
}
