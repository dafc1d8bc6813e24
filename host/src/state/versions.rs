//! Copies of the components that were deployed last and were good, so that they outlast a restart even if the file in
//! the deploy directory is bad or half written by then. Their manifests are in the records.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Digest;
use super::cache::{delete_unless, write};

/// Components by digest.
#[derive(Debug)]
pub struct Versions {
    dir: PathBuf,
}

impl Versions {
    /// The copies under `folder`.
    ///
    /// # Errors
    /// Where the folder can't be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let dir = folder.join("versions");
        fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    /// Keeps `component`, on the disk when this returns.
    ///
    /// # Errors
    /// Those of writing.
    pub fn put(&self, digest: &Digest, component: &[u8]) -> io::Result<()> {
        let path = self.path(digest);
        match fs::metadata(&path) {
            Ok(there) if there.len() == component.len() as u64 => Ok(()),
            _ => write(&self.dir, &path, &[component], true),
        }
    }

    /// The component of this digest, if it is there and unchanged.
    pub fn get(&self, digest: &Digest) -> Option<Vec<u8>> {
        let path = self.path(digest);
        let bytes = fs::read(&path).ok()?;
        if Digest::of(&bytes) == *digest {
            return Some(bytes);
        }
        tracing::warn!(file = %path.display(), "the copy of a component was damaged");
        let _ = fs::remove_file(path);
        None
    }

    /// Deletes all but what `needed` tells.
    ///
    /// # Errors
    /// Where the directory can't be read.
    pub fn retain(&self, needed: impl Fn(&Digest) -> bool) -> io::Result<()> {
        delete_unless(&self.dir, |name| name.parse().is_ok_and(|digest| needed(&digest)))
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(digest.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_given_back_unchanged_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let versions = Versions::open(dir.path()).unwrap();
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        versions.put(&one, b"one").unwrap();
        versions.put(&two, b"two").unwrap();
        assert_eq!(versions.get(&one).unwrap(), b"one");
        fs::write(versions.path(&one), b"0ne").unwrap();
        assert_eq!(versions.get(&one), None);
        versions.retain(|digest| *digest == one).unwrap();
        assert_eq!(versions.get(&two), None);
    }
}
