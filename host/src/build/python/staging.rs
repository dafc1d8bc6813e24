//! The folder that a component is made of: the package `wasgi`, the project's files, its
//! dependencies, and what says which application it is.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::super::cache::{self, clear};
use super::super::carried;
use super::application::Application;
use super::kept::Kept;
use super::project::Project;

/// A folder, laid out.
#[derive(Debug)]
pub(super) struct Staging {
    /// The folder itself.
    pub(super) folder: PathBuf,
    /// The contract.
    pub(super) wit: PathBuf,
    /// Where the component is to be.
    pub(super) component: PathBuf,
}

/// Lays it out anew.
pub(super) fn lay(
    project: &Project,
    application: &Application,
    packages: &[PathBuf],
    kept: &Kept,
) -> anyhow::Result<Staging> {
    let root = kept.staging();
    clear(&root)?;
    let staging = Staging { folder: root.join("files"), wit: root.join("wit"), component: root.join("component.wasm") };
    cache::make(&staging.folder)?;
    write(project, application, packages, &staging).with_context(|| format!("cannot write {}", root.display()))?;
    Ok(staging)
}

fn write(project: &Project, application: &Application, packages: &[PathBuf], staging: &Staging) -> io::Result<()> {
    carried::write_python(&staging.folder, &staging.wit)?;
    fs::write(staging.folder.join("wasgi_application.py"), description(project, application)?)?;
    fs::create_dir(staging.folder.join("app"))?;
    for source in &project.sources {
        copy(&source.file, &staging.folder.join("app").join(&source.staged))?;
    }
    let target = staging.folder.join("packages");
    fs::create_dir(&target)?;
    for folder in packages {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let target = target.join(entry.file_name());
            if !target.exists() {
                copy_all(&entry.path(), &target)?;
            }
        }
    }
    project.distribution.iter().try_for_each(|distribution| distribution.write(&target))
}

/// `wasgi_application.py`: literals of JSON are literals of Python's, where they are texts, lists and dictionaries.
fn description(project: &Project, application: &Application) -> io::Result<String> {
    let mut env: BTreeMap<&str, &str> = BTreeMap::new();
    if let Some(settings) = &application.settings {
        env.insert("DJANGO_SETTINGS_MODULE", settings);
    }
    // Modules in `src` would stand in for the standard library's, also for those that are imported as `src.…`.
    let from_source = project.has_source_folder() && !application.name.starts_with("src.");
    let path: &[&str] = if from_source { &["/app", "/app/src"] } else { &["/app"] };
    env.extend(project.settings.env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    Ok(format!(
        "APPLICATION = {}\nWARMUP = {}\nENV = {}\nPATH = {}\n",
        serde_json::to_string(&application.name)?,
        serde_json::to_string(&project.settings.warmup)?,
        serde_json::to_string(&env)?,
        serde_json::to_string(path)?
    ))
}

/// With its time: what an application makes of that, an `ETag` for instance, is the same in the next build.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(fs::metadata(from)?.modified()?)
}

/// A file, or a folder with all that is in it.
fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return copy(from, to);
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_imported_from_the_source_folder_unless_by_its_name() {
        let path = |package: bool, name: &str| {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("src")).unwrap();
            if package {
                fs::write(folder.path().join("src/__init__.py"), "").unwrap();
            }
            let application = Application { name: name.to_owned(), settings: None };
            let said = description(&Project::read(folder.path()).unwrap(), &application).unwrap();
            said.lines().last().unwrap().to_owned()
        };
        assert_eq!(path(false, "shop:app"), r#"PATH = ["/app","/app/src"]"#);
        assert_eq!(path(false, "src.shop:app"), r#"PATH = ["/app"]"#);
        assert_eq!(path(true, "src:app"), r#"PATH = ["/app"]"#);
    }
}
