//! What is served, and how its files are looked at and read: by their application's name, and never through a link.
//!
//! Tenants who don't trust each other may share a host, and a link is a way to have the host read what its owner can't.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::scan::{Found, Named, Part, named};
use crate::apps::{AppKey, AppName, TenantName};
use crate::state::records::{Identity, Kind, Pair};

/// What is served: every application of a directory and of the tenants' folders in it, or one component alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The canonical path that the state belongs to.
    path: PathBuf,
    dir: PathBuf,
    only: Option<AppName>,
}

/// One tenant's folder. A tenant's own was opened without following a link, so that it is reached by its descriptor.
struct Folder {
    path: PathBuf,
    _open: Option<OwnedFd>,
}

impl Source {
    /// Serves `path`: a directory, or a file `NAME.wasm`.
    ///
    /// # Errors
    /// Where it does not exist, is neither, or where the file's name is no application's.
    pub fn of(path: &Path) -> Result<Self> {
        let shown = path.display();
        let canonical = path.canonicalize().with_context(|| format!("can't serve {shown}"))?;
        if canonical.is_dir() {
            return Ok(Self { dir: canonical.clone(), path: canonical, only: None });
        }
        let (Some(dir), Some(file)) = (canonical.parent(), canonical.file_name()) else {
            bail!("can't serve {shown}: it is neither a directory nor a component");
        };
        match named(&TenantName::default(), file) {
            Named::Of(key, Part::Component) if canonical.is_file() => {
                Ok(Self { dir: dir.to_owned(), path: canonical.clone(), only: Some(key.name) })
            }
            Named::Odd(reason) => bail!("can't serve {shown}: {reason}"),
            _ => bail!("can't serve {shown}: it is neither a directory nor a file NAME.wasm"),
        }
    }

    /// The directory or file, as a canonical path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory to watch.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether one component is all there is; it answers at `/`.
    pub(super) fn is_one(&self) -> bool {
        self.only.is_some()
    }

    /// The folder whose applications are the tenant's: the directory itself, or a sub-directory of the tenant's name.
    pub(super) fn folder(&self, tenant: &TenantName) -> PathBuf {
        if tenant.is_default() { self.dir.clone() } else { self.dir.join(tenant.as_str()) }
    }

    /// What the name of a file says; `path` is relative to the directory.
    pub(super) fn named(&self, path: &Path) -> Named {
        let mut parts = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        let (named, deeper) = match (parts.next(), parts.next()) {
            (Some(file), None) => (named(&TenantName::default(), file), None),
            (Some(folder), Some(file)) => match folder.to_str().map(TenantName::new) {
                Some(Ok(tenant)) if !tenant.is_default() => (named(&tenant, file), parts.next()),
                _ => return Named::Hidden,
            },
            _ => return Named::Hidden,
        };
        match (named, &self.only) {
            _ if deeper.is_some() => Named::Hidden,
            (Named::Of(key, part), Some(only)) if key == AppKey::of_default(only.clone()) => Named::Of(key, part),
            (_, Some(_)) => Named::Hidden,
            (named, None) => named,
        }
    }

    /// Looks at everything in a tenant's folder, if that holds no more than `most` names.
    pub(super) fn scan(&self, tenant: &TenantName, most: usize) -> io::Result<Found> {
        let folder = self.open(tenant)?;
        match &self.only {
            None => Found::of(tenant, &folder.path, most),
            Some(only) => {
                fs::symlink_metadata(&self.dir)?;
                Ok(Found::one(only.clone(), self.look(&AppKey::of_default(only.clone()))?))
            }
        }
    }

    /// Looks at the two files of one application. A file that can't be looked at is not one that is gone.
    pub(super) fn look(&self, key: &AppKey) -> io::Result<Pair> {
        let folder = match self.open(&key.tenant) {
            Err(error) if is_gone(&error) => return Ok(Pair::default()),
            opened => opened?,
        };
        let identity = |part: Part| match fs::symlink_metadata(folder.path.join(part.file_name(&key.name))) {
            Ok(meta) => Ok(Some(Identity::from(&meta))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        Ok(Pair { component: identity(Part::Component)?, manifest: identity(Part::Manifest)? })
    }

    /// Reads a file that was seen as `expected`; nothing where it is not that file any more.
    ///
    /// # Errors
    /// One sentence for people, where it is no regular file, longer than `most` or unreadable.
    pub(super) fn read(&self, key: &AppKey, part: Part, expected: &Identity, most: u64) -> Result<Option<Vec<u8>>> {
        let shown = part.file_name(&key.name);
        check(key, part, expected, most)?;
        // Whatever took the file's place in the meantime is neither followed nor waited for.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let read = || -> io::Result<Option<Vec<u8>>> {
            let folder = self.open(&key.tenant)?;
            let mut file = OpenOptions::new().read(true).custom_flags(flags).open(folder.path.join(&shown))?;
            if Identity::from(&file.metadata()?) != *expected {
                return Ok(None);
            }
            let bytes = read_at_most(&mut file, expected.size)?;
            let same = Identity::from(&file.metadata()?) == *expected && bytes.len() as u64 == expected.size;
            Ok(same.then_some(bytes))
        };
        match read() {
            Err(error) if is_gone(&error) => Ok(None),
            // A link took its place: the next look tells.
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Ok(None),
            other => other.with_context(|| format!("can't read {shown}")),
        }
    }

    fn open(&self, tenant: &TenantName) -> io::Result<Folder> {
        let path = self.folder(tenant);
        if tenant.is_default() {
            return Ok(Folder { path, _open: None });
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = rustix::fs::open(&path, flags, Mode::empty())?;
        Ok(Folder { path: PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())), _open: Some(open) })
    }
}

/// Refuses what is no regular file, and what is longer than `most` bytes.
pub(super) fn check(key: &AppKey, part: Part, seen: &Identity, most: u64) -> Result<()> {
    let shown = part.file_name(&key.name);
    match seen.kind {
        Kind::File if seen.size > most => bail!("{shown} has {} bytes, which is more than {most}", seen.size),
        Kind::File => Ok(()),
        Kind::Link => {
            bail!("{shown} is a symbolic link, which is never followed (put the file itself there)")
        }
        Kind::Directory => bail!("{shown} is a directory"),
        Kind::Special => bail!("{shown} is a FIFO, socket or device"),
    }
}

/// Whether a path leads nowhere any more; of a folder, that it is none or a link is the same.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn read_at_most(file: &mut File, bytes: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    file.take(bytes + 1).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn key(text: &str) -> AppKey {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_very_file_that_was_seen_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let source = Source::of(dir.path()).unwrap();
        fs::create_dir(dir.path().join("acme")).unwrap();
        for (key, file) in [(key("a"), "a.wasm"), (key("acme/a"), "acme/a.wasm")] {
            let path = dir.path().join(file);
            fs::write(&path, "one").unwrap();
            let seen = source.look(&key).unwrap().component.unwrap();
            let read = |seen: &Identity, most| source.read(&key, Part::Component, seen, most);
            assert_eq!(read(&seen, 3).unwrap().unwrap(), b"one");
            assert!(read(&seen, 2).unwrap_err().to_string().contains("3 bytes"));
            fs::write(dir.path().join("new"), "two").unwrap();
            fs::rename(dir.path().join("new"), &path).unwrap();
            assert_eq!(read(&seen, 3).unwrap(), None);
            fs::remove_file(&path).unwrap();
            assert_eq!(read(&seen, 3).unwrap(), None);
            symlink("/etc/passwd", &path).unwrap();
            assert_eq!(read(&seen, 3).unwrap(), None);
            let link = source.look(&key).unwrap().component.unwrap();
            assert!(read(&link, 3).unwrap_err().to_string().contains("symbolic link"));
        }
    }

    #[test]
    fn a_folder_that_became_a_link_is_gone() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let source = Source::of(dir.path()).unwrap();
        let folder = dir.path().join("acme");
        fs::create_dir(&folder).unwrap();
        for there in [folder.as_path(), other.path()] {
            fs::write(there.join("a.wasm"), "secret").unwrap();
        }
        let seen = source.look(&key("acme/a")).unwrap().component.unwrap();
        fs::rename(&folder, dir.path().join("away")).unwrap();
        symlink(other.path(), &folder).unwrap();
        assert_eq!(source.look(&key("acme/a")).unwrap(), Pair::default());
        assert_eq!(source.read(&key("acme/a"), Part::Component, &seen, 9).unwrap(), None);
        assert!(is_gone(&source.scan(&TenantName::new("acme").unwrap(), 9).unwrap_err()));
    }

    #[test]
    fn one_component_is_all_that_its_source_sees() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["a.wasm", "a.toml", "b.wasm", "c"] {
            fs::write(dir.path().join(file), file).unwrap();
        }
        fs::create_dir(dir.path().join("acme")).unwrap();
        let source = Source::of(&dir.path().join("a.wasm")).unwrap();
        let found = source.scan(&TenantName::default(), usize::MAX).unwrap();
        assert_eq!((found.apps.len(), found.tenants.len()), (1, 0));
        assert!(found.apps.values().all(|pair| pair.manifest.is_some()) && found.odd.is_empty());
        assert_eq!(source.named(Path::new("acme/a.wasm")), Named::Hidden);
        assert!(Source::of(&dir.path().join("c")).is_err());
        assert!(Source::of(&dir.path().join("missing.wasm")).is_err());
    }

    #[test]
    fn a_path_says_whose_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let source = Source::of(dir.path()).unwrap();
        let named = |path: &str| source.named(Path::new(path));
        assert_eq!(named("a.wasm"), Named::Of(key("a"), Part::Component));
        assert_eq!(named("acme/a.toml"), Named::Of(key("acme/a"), Part::Manifest));
        for hidden in ["", ".a.wasm", "acme/.a.wasm", "acme/deep/a.wasm", "default/a.wasm", "a b/a.wasm"] {
            assert_eq!(named(hidden), Named::Hidden, "{hidden}");
        }
        assert!(matches!((named("acme"), named("acme/README")), (Named::Odd(_), Named::Odd(_))));
    }
}
