//! The files of a project that go into its component: sources, and data such as templates.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The folder that many projects keep their packages in, and import them from unless it is one itself.
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

/// All files of the project in `folder`, sorted.
///
/// A manifest, `NAME.toml` beside `NAME.wasm`, is no part of the component: it may hold secrets.
pub(super) fn list(folder: &Path, name: &str) -> anyhow::Result<Vec<Source>> {
    let Files { mut sources, bytes, unreadable } = below(folder);
    if let Some(error) = unreadable {
        return Err(error);
    }
    sources.retain(|source| source.staged != Path::new(&format!("{name}.toml")));
    if bytes > MOST {
        bail!(
            "{}: holds {} MiB of files, and a component at most {}: build it from a folder with what it needs at run time",
            folder.display(),
            bytes >> 20,
            MOST >> 20
        );
    }
    Ok(sources)
}

/// The files below a folder, without what is no part of an application.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The files, sorted.
    pub(super) sources: Vec<Source>,
    bytes: u64,
    /// Why a folder could not be read, and so is left out.
    unreadable: Option<anyhow::Error>,
}

/// The files below a folder.
pub(super) fn below(folder: &Path) -> Files {
    let mut files = Files::default();
    walk(folder, folder, &mut files);
    files.sources.sort_by(|one, other| one.staged.cmp(&other.staged));
    files
}

fn walk(root: &Path, folder: &Path, files: &mut Files) {
    let entries = folder.read_dir().and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = match entries.with_context(|| format!("cannot read {}", folder.display())) {
        Ok(entries) => entries,
        Err(error) => {
            files.unreadable.get_or_insert(error);
            return;
        }
    };
    for entry in entries {
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
                walk(root, &path, files);
            }
            continue;
        }
        let ends = path.extension().is_some_and(|end| ENDS.iter().any(|each| end == *each));
        let manifest = path.extension().is_some_and(|end| end == "toml") && path.with_extension("wasm").exists();
        let aside = ends || manifest;
        let Some(file) = fs::metadata(&path).ok().filter(|file| file.is_file() && !aside) else { continue };
        files.bytes += file.len();
        if let Ok(inside) = path.strip_prefix(root) {
            files.sources.push(Source { staged: inside.to_owned(), file: path.clone() });
        }
    }
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
            "app.toml",
            "apps/other.wasm",
            "apps/other.toml",
            "apps/data.toml",
        ];
        assert_eq!(staged(&files), ["app.py", "apps/data.toml", "static/a.js", "templates/a.html"]);
    }

    #[test]
    fn a_source_folder_stays_where_it_is() {
        let files = ["app.py", "src/app.py", "src/shop/__init__.py"];
        assert_eq!(staged(&files), files);
    }
}
