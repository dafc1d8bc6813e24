//! The files of a project that go into its component: sources, and data such as templates.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The folder that many projects keep their packages in.
pub(super) const SOURCE: &str = "src";

/// What all files together may have, in bytes: they are in the memory of every instance.
const MOST: u64 = 128 << 20;

/// Folders that are no part of an application, beside those that begin with a dot.
const ASIDE: &[&str] = &["__pycache__", "node_modules", "target"];

/// Files that are none: compiled ones, components, and databases, which a guest can't open.
const ENDS: &[&str] = &["pyc", "pyo", "so", "pyd", "wasm", "sqlite3"];

/// A file of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// Its path among what is staged.
    pub(super) staged: PathBuf,
    /// The file.
    pub(super) file: PathBuf,
}

/// All files of the project in `folder`, sorted. What lies in `src` is staged beside the rest, since it is imported
/// from there, unless `src` is itself a package.
///
/// The manifest, `NAME.toml` beside `NAME.wasm`, is no part of the component: it may hold secrets.
pub(super) fn list(folder: &Path, name: &str) -> anyhow::Result<Vec<Source>> {
    let mut found = BTreeMap::new();
    let mut bytes = 0;
    walk(folder, folder, &mut found, &mut bytes)?;
    found.remove(Path::new(&format!("{name}.toml")));
    if bytes > MOST {
        bail!(
            "{}: holds {} MiB of files, and a component at most {}: build it from a folder with what it needs at run time",
            folder.display(),
            bytes >> 20,
            MOST >> 20
        );
    }
    let package = found.contains_key(&Path::new(SOURCE).join("__init__.py"));
    let sources = found.into_iter().map(|(inside, file)| {
        let staged = match inside.strip_prefix(SOURCE) {
            Ok(below) if !package => below.to_owned(),
            _ => inside,
        };
        Source { staged, file }
    });
    let mut sources: Vec<_> = sources.collect();
    sources.sort_by(|one, other| one.staged.cmp(&other.staged));
    sources.dedup_by(|one, other| one.staged == other.staged);
    Ok(sources)
}

fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, PathBuf>, bytes: &mut u64) -> anyhow::Result<()> {
    let failed = || format!("cannot read {}", folder.display());
    for entry in folder.read_dir().with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let Ok(kind) = entry.file_type() else { continue };
        // A linked folder may lead out of the project, or round in circles.
        if name.starts_with('.') || (kind.is_symlink() && path.is_dir()) {
            continue;
        }
        if kind.is_dir() {
            let aside = ASIDE.contains(&&*name) || name.ends_with(".egg-info") || path.join("pyvenv.cfg").exists();
            if !aside {
                walk(root, &path, found, bytes)?;
            }
            continue;
        }
        let ends = path.extension().is_some_and(|end| ENDS.iter().any(|each| end == *each));
        let Some(file) = fs::metadata(&path).ok().filter(|file| file.is_file() && !ends) else { continue };
        *bytes += file.len();
        if let Ok(inside) = path.strip_prefix(root) {
            found.insert(inside.to_owned(), path.clone());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(files: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let sources = list(folder.path(), "shop").unwrap();
        sources.into_iter().map(|source| source.staged.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_belongs_to_an_application() {
        let files = [
            "app.py",
            "shop.toml",
            "templates/a.html",
            "static/a.js",
            ".env",
            ".git/config",
            "env/pyvenv.cfg",
            "env/lib/x.py",
            "__pycache__/app.cpython-314.pyc",
            "db.sqlite3",
            "app.wasm",
        ];
        assert_eq!(staged(&files), ["app.py", "static/a.js", "templates/a.html"]);
    }

    #[test]
    fn a_source_folder_is_where_modules_are_imported_from() {
        assert_eq!(staged(&["src/shop/__init__.py", "README"]), ["README", "shop/__init__.py"]);
        assert_eq!(staged(&["src/__init__.py", "src/a.py"]), ["src/__init__.py", "src/a.py"]);
    }
}
