//! The packages that a project requires, and those that the package `wasgi` does, installed for the
//! guest: once for each list of requirements, in the cache folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};

use super::super::Progress;
use super::super::cache::{self, clear};
use super::super::child::{self, Ended};
use super::project::Project;
use super::pyproject::Pyproject;
use super::requirements::{Line, normal};
use super::tool::{self, COMPONENTIZE, PIP, Tool};
use super::{GUEST, complaint, sources};

/// A project may require a lot, over a slow line.
const LIMIT: Duration = Duration::from_secs(1800);

/// Programs that would build native code, for the wrong machine. Without them packages whose
/// native parts are optional are built without those, and others fail.
const COMPILERS: &[&str] = &["CC", "CXX", "FC", "LD", "CARGO", "RUSTC"];

/// Where the package `wasgi` says what it requires.
const OWN: &str = include_str!("../../../../guest-sdk/python/pyproject.toml");

/// What nothing was built with for so long is removed.
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What would send packages elsewhere.
const LEAKS: &[&str] =
    &["PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_NO_BINARY", "PIP_ONLY_BINARY"];

/// A list of requirements, and the folder that relative paths in it count from.
#[derive(Debug, Clone, Copy)]
pub(super) struct List<'a> {
    /// Requirements and pip's options.
    pub(super) lines: &'a [Line],
    folder: &'a Path,
}

impl Project {
    /// What it requires.
    pub(super) fn list(&self) -> List<'_> {
        List { lines: &self.requirements, folder: &self.folder }
    }
}

/// The folders with the packages that go into the project's component, those that go first first. Installs them where
/// the same list was not installed before.
pub(super) fn install(tool: &Tool, project: &Project, progress: Progress) -> anyhow::Result<[PathBuf; 2]> {
    let shown = project.shown().display().to_string();
    let first = project.list().install(tool, &shown, progress)?;
    let ours = Pyproject::parse(OWN, Path::new("wasgi's own pyproject.toml"))?.dependencies;
    let ours = List { lines: &ours, folder: &project.folder };
    Ok([first, ours.install(tool, "wasgi's own package", progress)?])
}

impl List<'_> {
    /// What an installation depends on, as far as it is known before.
    pub(super) fn digest(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for part in [COMPONENTIZE, PIP, GUEST] {
            hasher.update(part.as_bytes()).update(b"\n");
        }
        for line in self.lines {
            hasher.update(line.text.as_bytes()).update(b"\n");
            if let Some(path) = self.local(&line.text) {
                hash(&mut hasher, &path);
            }
        }
        hasher.finalize()
    }

    /// What a line names in the file system: a list of constraints, an archive, or the folder of a package.
    fn local(&self, text: &str) -> Option<PathBuf> {
        let constraints = text.strip_prefix("-c ");
        let named = constraints.unwrap_or(text);
        let named = named.rsplit_once("file://").map_or(named, |(_, path)| path);
        // A requirement may go on with extras, a marker or a fragment.
        let named = if constraints.is_some() { named } else { named.split([';', '[', '#']).next()?.trim() };
        let path = self.folder.join(named);
        (path.is_file() || named.starts_with('.') || named.contains('/')).then_some(path)
    }

    fn install(&self, tool: &Tool, who: &str, progress: Progress) -> anyhow::Result<PathBuf> {
        let all = tool::folder()?.join("packages");
        cache::make(&all)?;
        let folder = all.join(&self.digest().to_hex()[..32]);
        let waiting = "waiting for another build that installs the same packages";
        let _lock = cache::lock(&folder.with_extension("lock"), waiting, progress)?;
        if folder.is_dir() {
            // Its time says when it was used last; that it can't be set is no reason not to build.
            let _ = File::open(&folder).and_then(|used| used.set_modified(SystemTime::now()));
            return Ok(folder);
        }
        forget_the_old(&all, KEPT);
        let work = folder.with_extension("new");
        clear(&work)?;
        cache::make(&work.join("packages"))?;
        if self.lines.iter().any(|line| line.asks()) {
            let step = progress.step(&format!("installing what {who} requires"));
            let installed = self.run(tool, &work);
            drop(step);
            installed.and_then(|pip| self.check(&pip, &work)).inspect_err(|_| _ = clear(&work))?;
        }
        fs::rename(work.join("packages"), &folder).with_context(|| format!("cannot create {}", folder.display()))?;
        clear(&work)?;
        Ok(folder)
    }

    fn run(&self, tool: &Tool, work: &Path) -> anyhow::Result<Ended> {
        let list = work.join("requirements.txt");
        let lines: String = self.lines.iter().map(|line| format!("{}\n", line.text)).collect();
        fs::write(&list, lines).with_context(|| format!("cannot write {}", list.display()))?;
        child::output(pip(tool, &list, &work.join("packages"))?.current_dir(self.folder), LIMIT, || ())
    }

    /// Whether packages were installed, and all of them for the guest.
    fn check(&self, pip: &Ended, work: &Path) -> anyhow::Result<()> {
        if !pip.status.success() {
            eprint!("{}{}", pip.out, pip.err);
            bail!("{}", complaint::of(&format!("{}\n{}", pip.out, pip.err), self.lines));
        }
        let packages = work.join("packages");
        match native(&packages, &packages)? {
            Some(file) => bail!("{}", complaint::native(&owner(&packages, &file), &pip.out, self.lines)),
            None => Ok(()),
        }
    }
}

/// Takes in a file, or the files of a folder. What can't be read is for pip to complain of.
fn hash(hasher: &mut blake3::Hasher, path: &Path) {
    let files = if path.is_dir() { sources::below(path).sources } else { Vec::new() };
    for source in files {
        // What setuptools builds of a folder, it leaves there.
        if !source.staged.starts_with("build") {
            hasher.update(source.staged.as_os_str().as_encoded_bytes()).update(b"\n");
            hash(hasher, &source.file);
        }
    }
    let content = fs::read(path).unwrap_or_default();
    hasher.update(&content.len().to_le_bytes()).update(&content);
}

fn pip(tool: &Tool, list: &Path, packages: &Path) -> anyhow::Result<Command> {
    let mut pip = tool.pip();
    for name in LEAKS {
        pip.env_remove(name);
    }
    for name in COMPILERS {
        pip.env(name, "false");
    }
    // Not the user's: a wheel that is built here is not one that is good elsewhere.
    pip.arg("install").arg("--cache-dir").arg(tool::folder()?.join("pip"));
    pip.args(["--no-input", "--disable-pip-version-check", "--no-compile", "--progress-bar", "off"]);
    pip.args(["--python-version", GUEST, "--implementation", "cp", "--abi", "none", "--platform", "any"]);
    pip.arg("--target").arg(packages).arg("-r").arg(list);
    Ok(pip)
}

/// Removes installations that were used last before the time `kept`, and the locks of those that are not there.
fn forget_the_old(all: &Path, kept: Duration) {
    let old = |path: &Path| {
        let used = fs::metadata(path).and_then(|about| about.modified());
        used.is_ok_and(|used| used.elapsed().is_ok_and(|age| age > kept))
    };
    for entry in all.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        // What can't be removed now is removed another time.
        let _ = match path.is_dir() {
            _ if !old(&path) => Ok(()),
            true => fs::remove_dir_all(&path),
            false if path.with_extension("").exists() => Ok(()),
            false => fs::remove_file(&path),
        };
    }
}

/// A file of native code below a folder, as a path from `root`.
fn native(root: &Path, folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    for entry in folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = native(root, &path)? {
                return Ok(Some(found));
            }
        } else if path.extension().is_some_and(|end| end == "so" || end == "pyd") {
            return Ok(Some(path.strip_prefix(root).unwrap_or(&path).to_owned()));
        }
    }
    Ok(None)
}

/// The package that a file was installed by.
fn owner(packages: &Path, file: &Path) -> String {
    let wanted = file.to_string_lossy();
    for entry in packages.read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".dist-info") else { continue };
        let record = fs::read_to_string(entry.path().join("RECORD")).unwrap_or_default();
        if record.lines().any(|line| line.split(',').next() == Some(&*wanted)) {
            return normal(name.rsplit_once('-').map_or(name, |(name, _)| name));
        }
    }
    wanted.into_owned()
}

/// Where a package is asked for, by the project or, at one or more removes, by a package that is.
pub(super) fn asked<'a>(package: &str, said: &str, lines: &'a [Line]) -> Option<(&'a Line, Vec<String>)> {
    let mut chain = vec![normal(package)];
    loop {
        let last = chain.last()?;
        if let Some(line) = lines.iter().find(|line| line.package().as_ref() == Some(last)) {
            return Some((line, chain));
        }
        let above = complaint::required_by(last, said)?;
        if chain.contains(&above) {
            return None;
        }
        chain.push(above);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_long_is_forgotten() {
        let all = tempfile::tempdir().unwrap();
        let day = Duration::from_secs(24 * 60 * 60);
        for (name, age) in [("old", 100), ("new", 80)] {
            let folder = all.path().join(name);
            fs::create_dir_all(folder.join("flask")).unwrap();
            for path in [&folder, &folder.with_extension("lock")] {
                let file = if path == &folder { File::open(path) } else { File::create(path) };
                file.unwrap().set_modified(SystemTime::now() - age * day).unwrap();
            }
        }
        forget_the_old(all.path(), KEPT);
        forget_the_old(all.path(), KEPT);
        let left = |name: &str| all.path().join(name).exists();
        assert_eq!(["old", "old.lock", "new", "new.lock"].map(left), [false, false, true, true]);
    }

    #[test]
    fn what_is_named_in_the_file_system_counts_with_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        let digest = |text: &str| {
            let lines = [Line { text: text.into(), file: "requirements.txt".into(), line: 1 }];
            List { lines: &lines, folder: &project }.digest()
        };
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let absolute = format!("common @ file://{}", folder.path().join("common").display());
        let named = ["../common", "../common[x] ; python_version > '3'", &absolute];
        let digests = || named.map(digest);
        write("project/own/__init__.py", "1");
        write("common/common/__init__.py", "1");
        let (first, own) = (digests(), digest("own"));
        write("common/build/lib/common/__init__.py", "1");
        write("project/own/__init__.py", "2");
        assert_eq!((digests(), digest("own")), (first, own), "what was built, and what only has a package's name");
        write("common/common/__init__.py", "2");
        let changed = digests();
        assert!(first.iter().zip(&changed).all(|(before, after)| before != after));
        write("common/common/new.py", "");
        assert!(changed.iter().zip(digests()).all(|(before, after)| *before != after));
        let odd = format!("-c {}", folder.path().join("a;b[c]#d/pins.txt").display());
        for (path, line) in [("project/pins.txt", "-c pins.txt"), ("a;b[c]#d/pins.txt", &odd)] {
            write(path, "1");
            let pins = digest(line);
            write(path, "2");
            assert_ne!(digest(line), pins, "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_can_not_be_read_hides_none_of_the_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let closed = folder.path().join("shared/closed");
        fs::create_dir_all(&closed).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        let lines = [Line { text: "./shared".into(), file: "requirements.txt".into(), line: 1 }];
        let list = List { lines: &lines, folder: folder.path() };
        let digests = ["1", "2"].map(|text| {
            fs::write(folder.path().join("shared/setup.py"), text).unwrap();
            list.digest()
        });
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        assert_ne!(digests[0], digests[1]);
    }

    #[test]
    fn the_packages_own_requirements_are_known() {
        let own = Pyproject::parse(OWN, Path::new("")).unwrap().dependencies;
        assert_eq!(own.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["tzdata"]);
    }
}
