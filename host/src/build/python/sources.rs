//! The files of a project that go into its component: sources, and data such as templates.

use std::fs;
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
    let (mut sources, bytes) = below(folder)?;
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

/// The files below a folder, sorted, and their bytes, without what is no part of an application.
pub(super) fn below(folder: &Path) -> anyhow::Result<(Vec<Source>, u64)> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    walk(folder, folder, &mut found, &mut bytes)?;
    found.sort_by(|one, other| one.staged.cmp(&other.staged));
    Ok((found, bytes))
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Source>, bytes: &mut u64) -> anyhow::Result<()> {
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
        let manifest = path.extension().is_some_and(|end| end == "toml") && path.with_extension("wasm").exists();
        let aside = ends || manifest;
        let Some(file) = fs::metadata(&path).ok().filter(|file| file.is_file() && !aside) else { continue };
        *bytes += file.len();
        if let Ok(inside) = path.strip_prefix(root) {
            found.push(Source { staged: inside.to_owned(), file: path.clone() });
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
