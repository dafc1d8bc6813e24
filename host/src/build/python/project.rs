//! What a Python project is: a folder, its name, what it requires and what it says to wasgi.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::distribution::Distribution;
use super::pyproject::{Pyproject, Settings};
use super::requirements::{self, Line};
use super::sources::{self, SOURCE, Source};

/// The files that say of a folder that it is a Python project.
const MARKS: [&str; 2] = ["pyproject.toml", "requirements.txt"];

/// A project, read and checked as far as that goes without running anything.
#[derive(Debug)]
pub(super) struct Project {
    /// Its folder, in full.
    pub(super) folder: PathBuf,
    /// Its folder as the user says it.
    shown: PathBuf,
    /// What its component is called.
    pub(super) name: String,
    /// What it requires: requirements and pip's options, in order.
    pub(super) requirements: Vec<Line>,
    /// What an installation would say of it.
    pub(super) distribution: Option<Distribution>,
    /// `[tool.wasgi]`.
    pub(super) settings: Settings,
    /// Its files, sorted by where they are staged.
    pub(super) sources: Vec<Source>,
}

/// Whether the folder (or file) that a user means is a Python project.
pub(crate) fn is_project(path: &Path) -> bool {
    MARKS.iter().any(|mark| path.join(mark).is_file() || (path.is_file() && path.ends_with(mark)))
}

impl Project {
    /// Reads the project in the folder `path`, which may also be named by a file that marks it.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let shown = if path.is_file() { path.parent().unwrap_or(path) } else { path };
        let shown = shown.strip_prefix(".").unwrap_or(shown).to_owned();
        let place = if shown == Path::new("") { Path::new(".") } else { &shown };
        let folder = place.canonicalize().with_context(|| format!("{}: cannot open this project", place.display()))?;
        let pyproject = pyproject(&folder, &shown)?;
        let listed = folder.join("requirements.txt");
        let mut requirements = pyproject.dependencies;
        if listed.is_file() {
            requirements.extend(requirements::read(&listed, &shown.join("requirements.txt"), &folder)?);
        } else if let Some(reason) = pyproject.unread {
            let place = shown.join("pyproject.toml");
            bail!(
                "{}: {reason}: list them in [project] dependencies, or in a requirements.txt beside it",
                place.display()
            );
        }
        let name = pyproject.name.or_else(|| Some(folder.file_name()?.to_string_lossy().into_owned()));
        let name = file_name(&name.unwrap_or_default());
        let sources = sources::list(&folder, &name)?;
        let Pyproject { distribution, settings, .. } = pyproject;
        Ok(Self { folder, shown, name, requirements, distribution, settings, sources })
    }

    /// Leaves out the manifest of the component that is put at `output`, which may be there before the component is.
    pub(super) fn leave_out_manifest(&mut self, output: &Path) {
        let output = if output.is_dir() { output.join(format!("{}.wasm", self.name)) } else { output.to_owned() };
        let manifest = output.with_extension("toml");
        let Some(name) = manifest.file_name() else { return };
        let beside = match output.parent() {
            Some(folder) if folder != Path::new("") => folder.canonicalize().ok(),
            _ => Path::new(".").canonicalize().ok(),
        };
        let places = [Some(self.folder.join(name)), beside.map(|folder| folder.join(name))];
        self.sources.retain(|source| places.iter().flatten().all(|place| source.file != *place));
    }

    /// A path in the project's folder, as the user would say it.
    pub(super) fn show(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.folder) {
            Ok(inside) => self.shown.join(inside),
            Err(_) => path.to_owned(),
        }
    }

    /// The project in a message, where no file of it is meant.
    pub(super) fn shown(&self) -> &Path {
        if self.shown == Path::new("") { Path::new(".") } else { &self.shown }
    }

    /// The folders that its modules are imported from.
    pub(super) fn roots(&self) -> Vec<PathBuf> {
        let source = self.has_source_folder().then(|| self.folder.join(SOURCE));
        [Some(self.folder.clone()), source].into_iter().flatten().collect()
    }

    /// Whether modules are imported from its folder `src`, too: not where that is a package.
    pub(super) fn has_source_folder(&self) -> bool {
        let source = self.folder.join(SOURCE);
        source.is_dir() && !source.join("__init__.py").exists()
    }
}

fn pyproject(folder: &Path, shown: &Path) -> anyhow::Result<Pyproject> {
    let (path, shown) = (folder.join("pyproject.toml"), shown.join("pyproject.toml"));
    if !path.is_file() {
        return Ok(Pyproject::default());
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", shown.display()))?;
    Pyproject::parse(&text, &shown)
}

/// A name that can be an application's, as near to the project's as may be.
fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "application".to_owned() } else { name.chars().take(200).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, anyhow::Result<Project>) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            fs::write(folder.path().join(path), text).unwrap();
        }
        let read = Project::read(folder.path());
        (folder, read)
    }

    #[test]
    fn both_files_count() {
        let pyproject = "[project]\nname = 'my.shop'\ndependencies = ['flask']\n[tool.wasgi]\napp = 'a:b'";
        let (folder, read) = project(&[("pyproject.toml", pyproject), ("requirements.txt", "jinja2==3")]);
        let read = read.unwrap();
        assert_eq!((read.name.as_str(), read.settings.app.as_deref()), ("my.shop", Some("a:b")));
        let texts: Vec<_> = read.requirements.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["flask", "jinja2==3"]);
        assert!(is_project(folder.path()) && is_project(&folder.path().join("pyproject.toml")));
        assert_eq!(read.show(&read.folder.join("a/b.py")), folder.path().join("a/b.py"));
    }

    #[test]
    fn the_manifest_is_named_after_the_component() {
        let texts = [("requirements.txt", ""), ("shop.toml", ""), ("data.toml", "")];
        let left = |output: &str| {
            let (folder, read) = project(&texts);
            fs::create_dir(folder.path().join("apps")).unwrap();
            fs::write(folder.path().join("apps/shop.toml"), "").unwrap();
            let mut read = Project::read(&read.unwrap().folder).unwrap();
            read.leave_out_manifest(&folder.path().join(output));
            read.sources.iter().map(|source| source.staged.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(left("shop.wasm"), ["apps/shop.toml", "data.toml", "requirements.txt"]);
        assert_eq!(left("apps/shop.wasm"), ["data.toml", "requirements.txt"]);
        assert_eq!(left("../shop.wasm"), ["apps/shop.toml", "data.toml", "requirements.txt"]);
        assert_eq!(left("apps"), ["apps/shop.toml", "data.toml", "requirements.txt", "shop.toml"]);

        let (folder, read) = project(&[("pyproject.toml", "[project]\nname = 'data'"), ("data.toml", "")]);
        let mut read = read.unwrap();
        read.leave_out_manifest(folder.path());
        assert_eq!(read.sources.len(), 1);
    }

    #[test]
    fn a_folder_gives_its_name() {
        let (folder, read) = project(&[("requirements.txt", "")]);
        let own = folder.path().file_name().unwrap().to_string_lossy().trim_start_matches('.').to_owned();
        assert_eq!(read.unwrap().name, own);
        assert_eq!((file_name("Mein Laden"), file_name("...")), ("Mein-Laden".into(), "application".into()));
    }

    #[test]
    fn dependencies_that_nobody_reads_are_an_error() {
        let text = "[tool.poetry.dependencies]\nflask = '3'";
        let error = project(&[("pyproject.toml", text)]).1.unwrap_err().to_string();
        assert!(error.contains("pyproject.toml: its dependencies are listed for Poetry"), "{error}");
        assert!(project(&[("pyproject.toml", text), ("requirements.txt", "flask")]).1.is_ok());
    }
}
